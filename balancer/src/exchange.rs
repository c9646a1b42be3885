//! One client's request and what it takes to answer it: the attempts made, the
//! place held on a node, the times. Pingora calls this the context.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::attempt::{Ending, Failure, is_retried};
use crate::bound::InFlight;
use crate::choice::Choice;
use crate::metrics::{Metrics, Outcome};
use crate::node::Node;
use crate::pool::Pick;
use crate::resume::{Rest, Resumable};
use crate::ring::Key;
use crate::settings::Settings;

/// A request from its head to the last byte of its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// When the request's head had arrived.
    pub(crate) started: Instant,
    pub(crate) request_id: HeaderValue,
    /// What is in force for it.
    pub(crate) settings: Arc<Settings>,
    /// The `traceparent` of a trace that begins here. `None`: the client's is passed on.
    pub(crate) trace: Option<HeaderValue>,
    /// `None` until the path has been read and found well formed.
    pub(crate) key: Option<Key>,
    /// From the head's arrival to the head of the answer that was passed on.
    pub(crate) first_byte: Option<Duration>,
    /// Set when the balancer itself answers.
    pub(crate) outcome: Option<Outcome>,
    /// Bytes of body sent to the client.
    pub(crate) sent: u64,
    /// Of these, those that attempts which have ended have been credited with.
    credited: u64,
    /// Attempts that have ended.
    ended: Vec<Ended>,
    current: Option<Current>,
    /// An attempt beside the one under way, at another node.
    second: Option<Current>,
    /// Nodes not to be asked again.
    tried: Vec<Arc<Node>>,
    failures: Vec<Failure>,
    /// Since when the client has been waiting: from the request on, or since
    /// its answer broke off.
    waiting_since: Instant,
    /// How to go on with the answer at the client, should it break off.
    resumable: Option<Resumable>,
    /// What the client still lacks of an answer that broke off.
    rest: Option<Rest>,
    /// The next attempt has been taken out of the budget.
    paid: bool,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) node: Arc<Node>,
    pub(crate) choice: Choice,
    pub(crate) ending: Ending,
    pub(crate) duration: Duration,
    /// Bytes of body that went from it to the client.
    pub(crate) bytes: u64,
}

/// The attempt under way.
#[derive(Debug)]
struct Current {
    node: Arc<Node>,
    choice: Choice,
    /// Of the kept connections it may use.
    generation: u64,
    started: Instant,
    /// Its answer is on the way to the client.
    answering: bool,
    source_fault: bool,
    // Released when the attempt ends, and by drop whatever happens.
    _in_flight: InFlight,
}

impl Current {
    fn begin(pick: Pick, generation: u64) -> Self {
        pick.node.metrics().choice(pick.choice);
        Self {
            node: pick.node,
            choice: pick.choice,
            generation,
            started: Instant::now(),
            answering: false,
            source_fault: false,
            _in_flight: pick.in_flight,
        }
    }
}

impl Exchange {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        let now = Instant::now();
        Self {
            started: now,
            request_id: HeaderValue::from_static("-"),
            settings,
            trace: None,
            key: None,
            first_byte: None,
            outcome: None,
            sent: 0,
            credited: 0,
            ended: Vec::new(),
            current: None,
            second: None,
            tried: Vec::new(),
            failures: Vec::new(),
            waiting_since: now,
            resumable: None,
            rest: None,
            paid: false,
        }
    }

    /// Takes the next attempt out of the budget, unless that has been done.
    /// False: the budget has none left.
    pub(crate) fn pay(&mut self) -> bool {
        self.paid = self.paid || self.settings.budget.take(Instant::now());
        self.paid
    }

    /// Whether a status may be another node's good answer.
    pub(crate) fn is_retried(&self, status: u16) -> bool {
        is_retried(status, &self.failures)
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
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.settings
            .retry
            .time_left(self.waiting_since, Instant::now(), &self.failures)
    }

    /// Whether a status may be held back and another node asked: one more
    /// failure would leave room for an attempt.
    pub(crate) fn may_fail(&self, failure: Failure) -> bool {
        let mut failures = self.failures.clone();
        failures.push(failure);
        self.settings
            .retry
            .time_left(self.waiting_since, Instant::now(), &failures)
            .is_some()
    }

    /// Starts an attempt. One that is still under way is over by then.
    pub(crate) fn begin(&mut self, pick: Pick, generation: u64, metrics: &Metrics) {
        self.end(Ending::Abandoned);
        self.paid = false;
        if let Some(reason) = self.last_failure() {
            metrics.retry(reason);
        }
        self.current = Some(Current::begin(pick, generation));
    }

    /// Starts an attempt beside the one under way.
    pub(crate) fn begin_second(&mut self, pick: Pick, generation: u64) {
        self.second = Some(Current::begin(pick, generation));
    }

    /// Ends the attempt beside the one under way, if there is one.
    pub(crate) fn end_second(&mut self, ending: Ending) {
        if let Some(second) = self.second.take() {
            self.close(second, ending);
        }
    }

    /// Goes on with the attempt beside the one under way, which ends.
    pub(crate) fn prefer_second(&mut self, ending: Ending) {
        self.end(ending);
        self.current = self.second.take();
    }

    /// Whether nothing has failed yet, and nothing is at the client: what may be asked of two nodes at once.
    pub(crate) fn is_first_attempt(&self) -> bool {
        self.ended.is_empty() && self.rest.is_none()
    }

    /// Notes that the node's answer goes to the client, whether it complains
    /// about the source, and how it could be gone on with.
    pub(crate) fn answer_begins(&mut self, source_fault: bool, resumable: Option<Resumable>) {
        self.first_byte.get_or_insert_with(|| self.started.elapsed());
        self.resumable = resumable;
        self.goes_on(source_fault);
    }

    /// Notes that the node's answer goes to the client as the rest of one that broke off.
    pub(crate) fn answer_goes_on(&mut self) {
        self.goes_on(false);
        if let Some(current) = &self.current {
            current.node.metrics().resumes.inc();
        }
    }

    fn goes_on(&mut self, source_fault: bool) {
        if let Some(current) = &mut self.current {
            current.answering = true;
            current.source_fault = source_fault;
            let seconds = current.started.elapsed().as_secs_f64();
            current.node.metrics().first_byte.observe(seconds);
        }
    }

    /// Whether the attempt under way has begun to answer.
    pub(crate) fn is_answering(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.answering)
    }

    /// What the next attempt is to bring: the rest of an answer, or `None`: all of one.
    pub(crate) fn rest(&self) -> Option<&Rest> {
        self.rest.as_ref()
    }

    /// Prepares to go on with an answer that broke off. False: it cannot be gone on with.
    pub(crate) fn resume(&mut self) -> bool {
        let sent = self.sent;
        self.rest = self.resumable.as_ref().and_then(|resumable| resumable.rest(sent));
        self.waiting_since = Instant::now();
        self.rest.is_some()
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
        } else if is_retried(status, &[]) {
            Ending::Failed(Failure::Status(status))
        } else {
            Ending::Answered
        };
        self.end(ending);
    }

    /// Ends the attempt under way, if there is one, and leaves its node.
    pub(crate) fn end(&mut self, ending: Ending) {
        if let Some(current) = self.current.take() {
            self.close(current, ending);
        }
    }

    fn close(&mut self, attempt: Current, ending: Ending) {
        let Current {
            node,
            choice,
            started,
            ..
        } = attempt;
        let bytes = self.sent.saturating_sub(self.credited);
        self.credited = self.sent;
        node.metrics().attempt(ending);
        node.metrics().body.inc_by(bytes);
        self.ended.push(Ended {
            node,
            choice,
            ending,
            duration: started.elapsed(),
            bytes,
        });
    }
}
