//! The retry budget: retries are a share of the requests, so that a pool in
//! trouble is not asked twice as much by way of help. Pure: time is given.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One retry in the budget's unit, a thousandth of a retry.
const RETRY: i64 = 1000;

/// For how long the floor is saved up while nothing fails.
const SAVED_TIME: Duration = Duration::from_secs(10);

/// Retries that may be saved up at least, whatever the floor is.
const SAVED_RETRIES_MIN: i64 = 100;

/// How many retries there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Retries in percent of requests.
    pub share_percent: u32,
    /// Retries a second that are there whatever the share comes to, so that a
    /// balancer with few requests can retry too.
    pub floor_per_second: u32,
}

/// What is left of the budget, shared by all threads.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: BudgetLimits,
    started: Instant,
    /// Thousandths of retries. Below zero after retries that nobody was asked about.
    left: AtomicI64,
    /// Until when the floor has been paid in, in milliseconds after the start.
    paid_until: AtomicU64,
}

impl Budget {
    /// A budget that is full at `started`.
    pub(crate) fn new(limits: BudgetLimits, started: Instant) -> Self {
        Self {
            limits,
            started,
            left: AtomicI64::new(most(limits)),
            paid_until: AtomicU64::new(0),
        }
    }

    /// Pays in for a request.
    pub(crate) fn request(&self) {
        self.pay_in(i64::from(self.limits.share_percent) * (RETRY / 100));
    }

    /// Takes a retry out, if there is one.
    pub(crate) fn take(&self, now: Instant) -> bool {
        self.pay_floor(now);
        let take = |left| (RETRY <= left).then_some(left - RETRY);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Takes a retry out that happens whatever is left.
    pub(crate) fn overdraw(&self, now: Instant) {
        self.pay_floor(now);
        let least = -most(self.limits);
        let take = |left: i64| Some((left - RETRY).max(least));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
    }

    fn pay_floor(&self, now: Instant) {
        let now = now.saturating_duration_since(self.started).as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let before = self.paid_until.fetch_max(now, Ordering::Relaxed);
        // A retry a second is a thousandth of one a millisecond.
        let passed = i64::try_from(now.saturating_sub(before)).unwrap_or(i64::MAX);
        self.pay_in(passed.saturating_mul(i64::from(self.limits.floor_per_second)));
    }

    fn pay_in(&self, amount: i64) {
        let most = most(self.limits);
        // Full nearly always: then nothing is written, and threads do not wait for each other.
        if amount == 0 || most <= self.left.load(Ordering::Relaxed) {
            return;
        }
        let pay = |left: i64| Some(left.saturating_add(amount).min(most));
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
    }
}

/// The fullest a budget can be. One without share and floor is always empty.
fn most(limits: BudgetLimits) -> i64 {
    if limits.share_percent == 0 && limits.floor_per_second == 0 {
        return 0;
    }
    let seconds = i64::try_from(SAVED_TIME.as_secs()).unwrap_or(i64::MAX);
    (i64::from(limits.floor_per_second) * seconds).max(SAVED_RETRIES_MIN) * RETRY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(share_percent: u32, floor_per_second: u32) -> (Budget, Instant) {
        let now = Instant::now();
        let limits = BudgetLimits {
            share_percent,
            floor_per_second,
        };
        (Budget::new(limits, now), now)
    }

    fn take_all(budget: &Budget, now: Instant) -> usize {
        (0..100_000).take_while(|_| budget.take(now)).count()
    }

    #[test]
    fn retries_are_a_share_of_the_requests() {
        let (budget, now) = budget(20, 0);
        assert_eq!(take_all(&budget, now), 100);
        for _ in 0..50 {
            budget.request();
        }
        assert_eq!(take_all(&budget, now), 10);
    }

    #[test]
    fn there_is_a_floor_per_second_that_is_saved_up_for_a_while() {
        let (budget, now) = budget(0, 30);
        assert_eq!(take_all(&budget, now), 300);
        assert_eq!(take_all(&budget, now + Duration::from_millis(500)), 15);
        assert_eq!(take_all(&budget, now + Duration::from_millis(500)), 0);
        assert_eq!(take_all(&budget, now + Duration::from_secs(3600)), 300);
    }

    #[test]
    fn time_that_goes_back_pays_nothing() {
        let (budget, now) = budget(0, 1000);
        let later = now + Duration::from_secs(1);
        take_all(&budget, later);
        assert_eq!(take_all(&budget, now), 0);
    }

    #[test]
    fn no_budget_is_no_retry() {
        let (budget, now) = budget(0, 0);
        budget.request();
        assert!(!budget.take(now + Duration::from_secs(60)));
    }

    #[test]
    fn what_is_overdrawn_is_paid_back_first() {
        let (budget, now) = budget(100, 0);
        take_all(&budget, now);
        for _ in 0..3 {
            budget.overdraw(now);
        }
        for _ in 0..3 {
            budget.request();
        }
        assert!(!budget.take(now));
        budget.request();
        assert!(budget.take(now));
    }

    #[test]
    fn threads_take_no_more_than_there_is() {
        let (budget, now) = budget(0, 10);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| take_all(&budget, now))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 100);
    }
}
