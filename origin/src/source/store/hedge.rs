//! When a second request is sent because the first one is slow.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many answers are remembered for the percentile.
const SAMPLES: usize = 256;

/// Fewer answers than this do not tell what is slow.
const SAMPLES_MIN: usize = 32;

/// The percentile is looked up anew after this many answers.
const RENEWED_EVERY: usize = 16;

/// After the store asked for fewer requests, none is doubled for this long.
const OFF_AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// Most requests that may be saved up, so that a calm hour does not pay for a
/// storm.
const SAVED_MAX: f64 = 4.0;

/// When requests are doubled, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HedgeLimits {
    /// Never before this long, however quick the store is otherwise.
    pub floor: Duration,
    /// At most this many in a thousand requests; 0 for none.
    pub budget_permille: u32,
}

impl Default for HedgeLimits {
    fn default() -> Self {
        Self {
            floor: Duration::from_millis(100),
            budget_permille: 20,
        }
    }
}

/// Knows how long answers take, and pays for second requests.
#[derive(Debug)]
pub(super) struct Hedges {
    state: Mutex<State>,
    limits: HedgeLimits,
}

#[derive(Debug)]
struct State {
    /// The last answers' times to their heads, in no order.
    samples: Vec<Duration>,
    next: usize,
    until_renewed: usize,
    /// The 99th percentile of the samples.
    percentile: Option<Duration>,
    saved: f64,
    off_until: Option<Instant>,
}

impl Hedges {
    pub(super) fn new(limits: HedgeLimits) -> Self {
        Self {
            state: Mutex::new(State {
                samples: Vec::with_capacity(SAMPLES),
                next: 0,
                until_renewed: SAMPLES_MIN,
                percentile: None,
                saved: 0.0,
                off_until: None,
            }),
            limits,
        }
    }

    /// An answer's head came after `took`.
    pub(super) fn answered(&self, took: Duration) {
        let mut state = self.lock();
        state.saved = (state.saved + f64::from(self.limits.budget_permille) / 1000.0).min(SAVED_MAX);
        let next = state.next;
        match state.samples.get_mut(next) {
            Some(sample) => *sample = took,
            None => state.samples.push(took),
        }
        state.next = (next + 1) % SAMPLES;
        state.until_renewed -= 1;
        if state.until_renewed == 0 {
            state.until_renewed = RENEWED_EVERY;
            let mut sorted = state.samples.clone();
            sorted.sort_unstable();
            let rank = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
            state.percentile = sorted.get(rank).copied();
        }
    }

    /// After how long without an answer a second request is worth its price;
    /// `None` when none is to be sent.
    pub(super) fn delay(&self, now: Instant) -> Option<Duration> {
        let state = self.lock();
        if self.limits.budget_permille == 0 || state.off_until.is_some_and(|until| now < until) {
            return None;
        }
        state
            .percentile
            .map(|percentile| percentile.max(self.limits.floor))
    }

    /// Pays for one second request, if that can be afforded.
    pub(super) fn pay(&self) -> bool {
        let mut state = self.lock();
        let can = 1.0 <= state.saved;
        if can {
            state.saved -= 1.0;
        }
        can
    }

    /// The store asked for fewer requests.
    pub(super) fn refused(&self, now: Instant) {
        self.lock().off_until = Some(now + OFF_AFTER_REFUSAL);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole between any two statements that could panic: there are none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_delay_is_the_99th_percentile_and_never_below_the_floor() {
        let hedges = Hedges::new(HedgeLimits::default());
        let now = Instant::now();
        for _ in 0..SAMPLES_MIN - 1 {
            hedges.answered(ms(10));
            assert_eq!(hedges.delay(now), None);
        }
        hedges.answered(ms(10));
        assert_eq!(hedges.delay(now), Some(ms(100)));
        for index in 0..512 {
            hedges.answered(if index % 64 == 0 { ms(700) } else { ms(20) });
        }
        assert_eq!(hedges.delay(now), Some(ms(700)));
    }

    #[test]
    fn second_requests_stay_within_their_budget() {
        let hedges = Hedges::new(HedgeLimits::default());
        let sent = (0..10_000)
            .filter(|_| {
                hedges.answered(ms(10));
                hedges.pay()
            })
            .count();
        assert!((190..=200).contains(&sent), "{sent} of 10000");
    }

    #[test]
    fn none_is_sent_while_the_store_asks_for_fewer_requests() {
        let hedges = Hedges::new(HedgeLimits::default());
        let now = Instant::now();
        for _ in 0..64 {
            hedges.answered(ms(10));
        }
        hedges.refused(now);
        assert_eq!(hedges.delay(now + ms(9_999)), None);
        assert!(hedges.delay(now + ms(10_000)).is_some());
    }
}
