//! Misbehaviour on command: what goes wrong, for which requests, how often.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use crate::operation::Operation;

/// What a [`Fault`] does to a request it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Answer with this status and S3's XML error body instead of the object.
    Status(StatusCode),
    /// Wait before doing anything else. Other faults that match still apply.
    Delay(Duration),
    /// Break the connection with a TCP reset before a byte is answered.
    Reset,
    /// Answer as usual, with the full Content-Length, but stop in the body.
    Cut {
        /// At most this many bytes of the body are sent.
        after_bytes: u64,
        /// What happens then.
        ending: Ending,
    },
    /// Before the request is served, give the object another ETag and the same
    /// bytes: what a second upload in other parts does.
    FlipEtag,
    /// Before the request is served, put these bytes in the object's place.
    Replace(Bytes),
}

impl Effect {
    /// `503 SlowDown`, S3's way of asking for fewer requests.
    pub fn slow_down() -> Effect {
        Effect::Status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// `500 InternalError`.
    pub fn internal_error() -> Effect {
        Effect::Status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// How a body that is [cut](Effect::Cut) ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The connection is closed in order (FIN).
    Close,
    /// The connection is reset (RST).
    Reset,
    /// Nothing more comes and the connection stays open.
    Stall,
}

/// An [`Effect`] and the requests that feel it.
///
/// Default: every operation on every object, from the next request until the
/// fault is cleared.
#[derive(Clone, Debug)]
pub struct Fault {
    effect: Effect,
    operation: Option<Operation>,
    path_prefix: String,
    skip: u64,
    every: u64,
    passed: u64,
    times: Option<u64>,
    duration: Option<Duration>,
}

impl Fault {
    /// A fault that every request feels.
    pub fn new(effect: Effect) -> Fault {
        Fault {
            effect,
            operation: None,
            path_prefix: String::new(),
            skip: 0,
            every: 1,
            passed: 0,
            times: None,
            duration: None,
        }
    }

    /// Only requests of this operation. Default: any.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Fault {
        self.operation = Some(operation);
        self
    }

    /// Only objects whose `bucket/key` starts so. Default: all.
    #[must_use]
    pub fn under(mut self, path_prefix: impl Into<String>) -> Fault {
        self.path_prefix = path_prefix.into();
        self
    }

    /// Lets the first `count` requests that match pass unharmed. Default: 0.
    #[must_use]
    pub fn after(mut self, count: u64) -> Fault {
        self.skip = count;
        self
    }

    /// Only the first of each `count` requests that match feels it. Default: each.
    #[must_use]
    pub fn every(mut self, count: u64) -> Fault {
        self.every = count.max(1);
        self
    }

    /// Ends after this many requests felt it. Default: never.
    #[must_use]
    pub fn times(mut self, count: u64) -> Fault {
        self.times = Some(count);
        self
    }

    /// Ends this long after it was injected. Default: never.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Fault {
        self.duration = Some(duration);
        self
    }

    fn matches(&self, operation: Operation, path: &str) -> bool {
        self.operation.is_none_or(|wanted| wanted == operation) && path.starts_with(&self.path_prefix)
    }
}

/// Names one injected fault, to clear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultId(u64);

/// The faults of one server; inject and clear them while it runs.
#[derive(Debug, Default)]
pub struct Faults {
    injected: Mutex<Vec<Injected>>,
    last_id: AtomicU64,
}

#[derive(Debug)]
struct Injected {
    id: FaultId,
    fault: Fault,
    since: Instant,
}

impl Faults {
    /// Switches a fault on. Faults apply in the order of their injection.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let id = FaultId(self.last_id.fetch_add(1, Ordering::Relaxed));
        self.injected().push(Injected {
            id,
            fault,
            since: Instant::now(),
        });
        id
    }

    /// Switches one fault off; nothing happens when it has ended already.
    pub fn clear(&self, id: FaultId) {
        self.injected().retain(|injected| injected.id != id);
    }

    /// Switches every fault off.
    pub fn clear_all(&self) {
        self.injected().clear();
    }

    /// How many faults are on.
    pub fn count(&self) -> usize {
        self.injected().len()
    }

    /// The effects this request feels, in order; uses up their counts.
    pub(crate) fn take(&self, operation: Operation, path: &str, now: Instant) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.injected().retain_mut(|Injected { fault, since, .. }| {
            if fault
                .duration
                .is_some_and(|duration| duration <= now.saturating_duration_since(*since))
            {
                return false;
            }
            if !fault.matches(operation, path) {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            if fault.times == Some(0) {
                return false;
            }
            fault.passed += 1;
            if !(fault.passed - 1).is_multiple_of(fault.every) {
                return true;
            }
            effects.push(fault.effect.clone());
            if let Some(times) = &mut fault.times {
                *times -= 1;
            }
            fault.times != Some(0)
        });
        effects
    }

    fn injected(&self) -> std::sync::MutexGuard<'_, Vec<Injected>> {
        self.injected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Operation = Operation::GetObject;

    fn felt(faults: &Faults, operation: Operation, path: &str) -> usize {
        faults.take(operation, path, Instant::now()).len()
    }

    #[test]
    fn a_fault_is_felt_by_its_operation_and_prefix_only() {
        let faults = Faults::default();
        faults.inject(Fault::new(Effect::Reset).on(GET).under("titles/film"));
        assert_eq!(felt(&faults, GET, "titles/film.mp4"), 1);
        assert_eq!(felt(&faults, GET, "titles/other.mp4"), 0);
        assert_eq!(felt(&faults, Operation::HeadObject, "titles/film.mp4"), 0);
    }

    #[test]
    fn a_fault_skips_then_strikes_its_number_of_times_and_is_gone() {
        let faults = Faults::default();
        faults.inject(Fault::new(Effect::slow_down()).after(1).times(2));
        let struck: Vec<usize> = (0..5).map(|_| felt(&faults, GET, "b/k")).collect();
        assert_eq!(struck, [0, 1, 1, 0, 0]);
        assert_eq!(faults.count(), 0);
    }

    #[test]
    fn a_fault_strikes_one_in_so_many() {
        let faults = Faults::default();
        faults.inject(Fault::new(Effect::Reset).every(3));
        let struck: Vec<usize> = (0..7).map(|_| felt(&faults, GET, "b/k")).collect();
        assert_eq!(struck, [1, 0, 0, 1, 0, 0, 1]);
    }

    #[test]
    fn a_fault_ends_when_its_time_is_over() {
        let faults = Faults::default();
        faults.inject(Fault::new(Effect::Reset).lasting(Duration::from_secs(10)));
        let later = Instant::now() + Duration::from_secs(11);
        assert_eq!(felt(&faults, GET, "b/k"), 1);
        assert_eq!(faults.take(GET, "b/k", later).len(), 0);
    }

    #[test]
    fn one_fault_is_cleared_and_the_other_stays() {
        let faults = Faults::default();
        let first = faults.inject(Fault::new(Effect::Reset));
        faults.inject(Fault::new(Effect::FlipEtag));
        faults.clear(first);
        assert_eq!(faults.take(GET, "b/k", Instant::now()), [Effect::FlipEtag]);
    }
}
