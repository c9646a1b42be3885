//! A test that runs: who asks, since when, and what was found so far.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::check::Copies;
use crate::client::{Ask, Client, Reply};
use crate::record::{Example, Failure, Kind, Measured, Record};

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub enum Ending {
    /// It ran its length.
    Complete,
    /// It has not ended: what was found so far.
    Running,
    /// It was interrupted by its user.
    Interrupted,
    /// It was given up; why.
    GivenUp(String),
}

impl Ending {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }
}

/// A test that runs.
pub struct Trial {
    /// Asks.
    pub client: Client,
    /// Told to stop by this.
    pub stop: CancellationToken,
    /// Most requests on their way at once.
    pub waiting_max: u64,
    /// Requests on their way.
    pub in_flight: AtomicU64,
    /// First copies, when answers are compared.
    copies: Option<Copies>,
    record: Mutex<Record>,
    start: Instant,
    tasks: TaskTracker,
    /// When the last answer came, in milliseconds from the start.
    answered_ms: AtomicU64,
}

/// Counts a request in, and out when dropped.
pub struct Entered {
    trial: Arc<Trial>,
    _token: TaskTrackerToken,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.trial.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Trial {
    /// Starts the clock.
    #[must_use]
    pub fn start(client: Client, copies: Option<Copies>, slow: Duration, waiting_max: u64) -> Arc<Self> {
        Arc::new(Self {
            client,
            stop: CancellationToken::new(),
            waiting_max,
            in_flight: AtomicU64::new(0),
            copies,
            record: Mutex::new(Record::new(slow)),
            start: Instant::now(),
            tasks: TaskTracker::new(),
            answered_ms: AtomicU64::new(0),
        })
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// What was found so far.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// URLs whose first copy later ones are compared with.
    #[must_use]
    pub fn copies_count(&self) -> Option<usize> {
        self.copies.as_ref().map(Copies::count)
    }

    /// Counts something in that the end of the test waits for.
    pub fn enter(self: &Arc<Self>) -> Entered {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Entered {
            trial: Arc::clone(self),
            _token: self.tasks.token(),
        }
    }

    /// Waits, for `limit` at most, until everything that was counted in is out.
    pub async fn drain(&self, limit: Duration) {
        self.tasks.close();
        // What is not out by then is left out of the record.
        let _ = tokio::time::timeout(limit, self.tasks.wait()).await;
    }

    /// For how long no answer has come.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let answered = Duration::from_millis(self.answered_ms.load(Ordering::Relaxed));
        self.now().saturating_sub(answered)
    }

    /// Whether something was to be asked since then: a test without requests is not given up for silence.
    #[must_use]
    pub fn has_asked_since(&self, at: Duration) -> bool {
        let now = self.now();
        let record = self.record();
        let mut second = at;
        while second < now {
            if record.timeline.at(second).is_some_and(|second| second.due > 0) {
                return true;
            }
            second += Duration::from_secs(1);
        }
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Asks, checks the answer and records how it went.
    pub async fn measure(&self, ask: &Ask, kind: Kind, due: Duration) -> Reply {
        let mut reply = self.client.ask(ask).await;
        let mut detail = reply.detail.take();
        if reply.failure.is_none()
            && let Some(Err(fault)) = self.copies.as_ref().map(|copies| copies.check(ask, &reply))
        {
            reply.failure = Some(fault.failure);
            detail = Some(fault.detail);
        }
        self.note(ask, kind, due, &reply, detail);
        reply
    }

    /// Records an answer that [`Trial::measure`] found good and whose content is not.
    pub fn note_fault(&self, ask: &Ask, reply: &Reply, failure: Failure, detail: String) {
        let mut record = self.record();
        record.fault(failure, || Example {
            detail: Some(detail),
            failure: Some(failure),
            at_s: reply.sent.saturating_duration_since(self.start).as_secs_f64(),
            status: reply.status.map(|status| status.as_u16()),
            ..example(ask, &reply.headers)
        });
    }

    /// Records a request that was not sent.
    pub fn fail_unsent(&self, ask: &Ask, kind: Kind, due: Duration, failure: Failure) {
        let now = self.now();
        let measured = Measured {
            kind,
            due,
            sent: now,
            first_byte: None,
            ended: now,
            bytes: 0,
            status: 0,
            failure: Some(failure),
        };
        self.record().add(&measured, || example(ask, &HeaderMap::new()));
    }

    fn note(&self, ask: &Ask, kind: Kind, due: Duration, reply: &Reply, detail: Option<String>) {
        let since_start = |at: Instant| at.saturating_duration_since(self.start);
        let ended = since_start(reply.ended);
        if reply.status.is_some() {
            let ms = u64::try_from(ended.as_millis()).unwrap_or(u64::MAX);
            self.answered_ms.fetch_max(ms, Ordering::Relaxed);
        }
        let measured = Measured {
            kind,
            due,
            sent: since_start(reply.sent),
            first_byte: reply.first_byte.map(since_start),
            ended,
            bytes: reply.bytes,
            status: reply.status.map_or(0, |status| status.as_u16()),
            failure: reply.failure,
        };
        self.record().add(&measured, || Example {
            detail,
            ..example(ask, &reply.headers)
        });
    }
}

fn example(ask: &Ask, headers: &HeaderMap) -> Example {
    let text = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    Example {
        path: ask.path.clone(),
        request_id: text("x-request-id"),
        node: text("x-strata-origin"),
        attempts: text("x-strata-attempts"),
        ..Example::default()
    }
}
