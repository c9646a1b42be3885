//! One client's request and what it takes to answer it: the attempts made, the
//! place held on a node, the times. Pingora calls this the context.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::attempt::{Ending, Failure, RetryLimits, is_retried};
use crate::bound::InFlight;
use crate::metrics::{Metrics, Outcome};
use crate::node::Node;
use crate::pool::{Choice, Pick};
use crate::ring::Key;

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the request's head had arrived.
    pub(crate) started: Instant,
    pub(crate) request_id: HeaderValue,
    /// `None` until the path has been read and found well formed.
    pub(crate) key: Option<Key>,
    /// From the head's arrival to the head of the answer that was passed on.
    pub(crate) first_byte: Option<Duration>,
    /// Set when the balancer itself answers.
    pub(crate) outcome: Option<Outcome>,
    /// Attempts that have ended.
    ended: Vec<Ended>,
    current: Option<Current>,
    /// Nodes not to be asked again.
    tried: Vec<Arc<Node>>,
    failures: Vec<Failure>,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) node: Arc<Node>,
    pub(crate) choice: Choice,
    pub(crate) ending: Ending,
    pub(crate) duration: Duration,
}

/// The attempt under way.
#[derive(Debug)]
struct Current {
    node: Arc<Node>,
    choice: Choice,
    /// Of the kept connections it may use.
    generation: u64,
    started: Instant,
    source_fault: bool,
    // Released when the attempt ends, and by drop whatever happens.
    _in_flight: InFlight,
}

impl Exchange {
    pub(crate) fn new(request_id: HeaderValue) -> Self {
        Self {
            started: Instant::now(),
            request_id,
            key: None,
            first_byte: None,
            outcome: None,
            ended: Vec::new(),
            current: None,
            tried: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// The nodes that have failed this request.
    pub(crate) fn tried(&self) -> &[Arc<Node>] {
        &self.tried
    }

    /// Attempts made, the one under way included.
    pub(crate) fn attempts(&self) -> usize {
        self.ended.len() + usize::from(self.current.is_some())
    }

    /// Attempts that have ended.
    pub(crate) fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// The node asked last.
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        let current = self.current.as_ref().map(|current| &current.node);
        current.or_else(|| self.ended.last().map(|ended| &ended.node))
    }

    /// Why the last attempt that failed did.
    pub(crate) fn last_failure(&self) -> Option<Failure> {
        self.failures.last().copied()
    }

    /// The last status that an origin answered with and that was held back for a retry.
    pub(crate) fn last_status(&self) -> Option<u16> {
        self.failures.iter().rev().find_map(|failure| match failure {
            Failure::Status(status) => Some(*status),
            _ => None,
        })
    }

    /// Time left for one more attempt, if there may be one.
    pub(crate) fn time_left(&self, limits: &RetryLimits) -> Option<Duration> {
        limits.time_left(self.started, Instant::now(), &self.failures)
    }

    /// Whether a status may be held back and another node asked: one more
    /// failure would leave room for an attempt.
    pub(crate) fn may_fail(&self, failure: Failure, limits: &RetryLimits) -> bool {
        let mut failures = self.failures.clone();
        failures.push(failure);
        limits
            .time_left(self.started, Instant::now(), &failures)
            .is_some()
    }

    /// Starts an attempt. One that is still under way is over by then.
    pub(crate) fn begin(&mut self, pick: Pick, generation: u64, metrics: &Metrics) {
        self.end(Ending::Abandoned);
        if let Some(reason) = self.last_failure() {
            metrics.retry(reason);
        }
        pick.node.metrics().choice(pick.choice);
        self.current = Some(Current {
            node: pick.node,
            choice: pick.choice,
            generation,
            started: Instant::now(),
            source_fault: false,
            _in_flight: pick.in_flight,
        });
    }

    /// Notes that the node's answer has begun, and whether it complains about the source.
    pub(crate) fn answer_begins(&mut self, source_fault: bool) {
        self.first_byte = Some(self.started.elapsed());
        if let Some(current) = &mut self.current {
            current.source_fault = source_fault;
            current
                .node
                .metrics()
                .first_byte
                .observe(current.started.elapsed().as_secs_f64());
        }
    }

    /// Ends the attempt under way with a failure: its node is free and will
    /// not be asked again, unless all that failed was a kept connection.
    pub(crate) fn fail(&mut self, failure: Failure) {
        let Some(current) = &self.current else { return };
        if failure == Failure::Stale {
            current.node.retire(current.generation);
        } else {
            self.tried.push(Arc::clone(&current.node));
        }
        self.failures.push(failure);
        self.end(Ending::Failed(failure));
    }

    /// Ends the attempt under way, if there is one, with its answer passed on.
    pub(crate) fn succeed(&mut self, status: u16) {
        let Some(current) = &self.current else { return };
        let ending = if current.source_fault {
            Ending::SourceFault
        } else if is_retried(status) {
            Ending::Failed(Failure::Status(status))
        } else {
            Ending::Answered
        };
        self.end(ending);
    }

    /// Ends the attempt under way, if there is one, and leaves its node.
    pub(crate) fn end(&mut self, ending: Ending) {
        let Some(Current {
            node,
            choice,
            started,
            ..
        }) = self.current.take()
        else {
            return;
        };
        node.metrics().attempt(ending);
        self.ended.push(Ended {
            node,
            choice,
            ending,
            duration: started.elapsed(),
        });
    }
}
