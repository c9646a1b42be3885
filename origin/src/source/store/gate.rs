//! How many requests may be at the store at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Between two reductions: what was in flight when the store first complained
/// complains too, and says nothing new.
const LOWERED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Fewest requests at once, however often the store complains.
const LIMIT_MIN: f64 = 1.0;

/// Lets a number of requests through at once: fewer when the store asks for
/// that, by half each time, and one more for each that many that went well
/// (additive increase, multiplicative decrease).
#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    freed: Notify,
    limit_max: f64,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    limit: f64,
    lowered: Option<Instant>,
}

impl Gate {
    pub(super) fn new(limit_max: usize) -> Self {
        let limit = f64::from(u32::try_from(limit_max).unwrap_or(u32::MAX)).max(LIMIT_MIN);
        Self {
            state: Mutex::new(State {
                in_flight: 0,
                limit,
                lowered: None,
            }),
            freed: Notify::new(),
            limit_max: limit,
        }
    }

    /// A place, if there is one now.
    pub(super) fn try_enter(&self) -> Option<Place<'_>> {
        let mut state = self.lock();
        let taken = f64::from(u32::try_from(state.in_flight).unwrap_or(u32::MAX));
        (taken + 1.0 <= state.limit).then(|| {
            state.in_flight += 1;
            Place(self)
        })
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Place<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Before looking, so that nothing is missed in between.
            freed.as_mut().enable();
            if let Some(place) = self.try_enter() {
                return place;
            }
            freed.await;
        }
    }

    /// A request went well.
    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        let before = state.limit;
        state.limit = (before + 1.0 / before).min(self.limit_max);
        if before.floor() < state.limit.floor() {
            drop(state);
            self.freed.notify_one();
        }
    }

    /// The store asked for fewer requests.
    pub(super) fn refused(&self, now: Instant) {
        let mut state = self.lock();
        let is_new = state
            .lowered
            .is_none_or(|at| LOWERED_AGAIN_AFTER <= now.saturating_duration_since(at));
        if is_new {
            state.lowered = Some(now);
            state.limit = (state.limit / 2.0).max(LIMIT_MIN);
        }
    }

    /// How many may be at the store now.
    pub(super) fn limit(&self) -> f64 {
        self.lock().limit.floor()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Numbers that are whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request at the store, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'g>(&'g Gate);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.lock().in_flight -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_halves_once_a_second_and_grows_by_one_a_round() {
        let gate = Gate::new(64);
        let start = Instant::now();
        for _ in 0..10 {
            gate.refused(start);
        }
        assert_eq!(gate.limit(), 32.0);
        gate.refused(start + Duration::from_secs(1));
        assert_eq!(gate.limit(), 16.0);
        for _ in 0..17 {
            gate.succeeded();
        }
        assert_eq!(gate.limit(), 17.0);
        for _ in 0..10_000 {
            gate.succeeded();
        }
        assert_eq!(gate.limit(), 64.0);
        for second in 2..100 {
            gate.refused(start + Duration::from_secs(second));
        }
        assert_eq!(gate.limit(), 1.0);
    }

    #[tokio::test]
    async fn a_place_that_is_given_back_goes_to_one_who_waits() {
        let gate = Gate::new(1);
        let place = gate.enter().await;
        assert!(gate.try_enter().is_none());
        let ((), _second) = tokio::join!(async { drop(place) }, gate.enter());
        assert!(gate.try_enter().is_none());
    }
}
