//! Leaves a store alone that does not answer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A pause grows up to this many times its first length.
const PAUSE_GROWTH_MAX: u32 = 8;

/// When the breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// Failures in a row after which the store is left alone.
    pub failures: u32,
    /// For how long, the first time; twice as long each time after, up to
    /// eight times.
    pub pause: Duration,
}

impl Default for BreakerLimits {
    fn default() -> Self {
        Self {
            failures: 32,
            pause: Duration::from_millis(500),
        }
    }
}

/// After a number of failures in a row nothing is asked of the store for a
/// while; then one request tries.
#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    limits: BreakerLimits,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Nothing is asked before then.
    closed_until: Option<Instant>,
    growth: u32,
}

impl Breaker {
    pub(super) fn new(limits: BreakerLimits) -> Self {
        Self {
            state: Mutex::default(),
            limits,
        }
    }

    /// Whether a request may go to the store now. The first to ask after a
    /// pause may, and the others wait for what becomes of it.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.lock();
        match state.closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_until = Some(now + self.pause(&state));
                true
            }
        }
    }

    /// The store answered, whatever it said of the object.
    pub(super) fn succeeded(&self) {
        *self.lock() = State::default();
    }

    /// The store did not answer. True when it is left alone from now on.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        if state.failures < self.limits.failures {
            return false;
        }
        let was_open = state.closed_until.is_none();
        if !was_open {
            state.growth = (state.growth + 1).min(PAUSE_GROWTH_MAX.ilog2());
        }
        state.closed_until = Some(now + self.pause(&state));
        was_open
    }

    /// Whether the store is being left alone.
    pub(super) fn is_tripped(&self) -> bool {
        self.lock().closed_until.is_some()
    }

    fn pause(&self, state: &State) -> Duration {
        self.limits.pause.saturating_mul(1 << state.growth)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Replaced or changed in single steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_fails_in_a_row_is_left_alone_and_tried_by_one() {
        let second = Duration::from_secs(1);
        let breaker = Breaker::new(BreakerLimits {
            failures: 3,
            pause: second,
        });
        let start = Instant::now();
        assert!(!breaker.failed(start));
        breaker.succeeded();
        assert!(!breaker.failed(start) && !breaker.failed(start));
        assert!(breaker.allows(start));
        assert!(breaker.failed(start));
        assert!(breaker.is_tripped());
        assert!(!breaker.allows(start + second / 2));
        // One tries, and the others do not.
        assert!(breaker.allows(start + second));
        assert!(!breaker.allows(start + second));
        // It fails: twice as long.
        breaker.failed(start + second);
        assert!(!breaker.allows(start + second * 2));
        assert!(breaker.allows(start + second * 3));
        breaker.succeeded();
        assert!(breaker.allows(start + second * 3) && breaker.allows(start + second * 3));
        assert!(!breaker.is_tripped());
    }
}
