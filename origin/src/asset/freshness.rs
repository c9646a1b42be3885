//! How long ago a title was compared with the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a title was last found to be what the store has.
#[derive(Debug)]
pub(super) struct Freshness {
    loaded: Instant,
    /// Milliseconds from `loaded` to the last check.
    checked_ms: AtomicU64,
    checking: AtomicBool,
    doubted: AtomicBool,
}

/// What a title's age asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Nothing.
    Fresh,
    /// A check, while the title is served as it is.
    Stale,
    /// A check before the title is served: nobody has asked for it in a while.
    Old,
}

impl Freshness {
    /// Loaded at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            loaded: now,
            checked_ms: AtomicU64::new(0),
            checking: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
        }
    }

    /// When it was loaded.
    pub(super) fn loaded(&self) -> Instant {
        self.loaded
    }

    /// How old the last check is. Stale for one lifetime beyond `lifetime`.
    pub(super) fn age(&self, now: Instant, lifetime: Duration) -> Age {
        if self.doubted.load(Ordering::Relaxed) {
            return Age::Old;
        }
        let checked = Duration::from_millis(self.checked_ms.load(Ordering::Relaxed));
        let age = now.saturating_duration_since(self.loaded).saturating_sub(checked);
        if age < lifetime {
            Age::Fresh
        } else if age < lifetime.saturating_mul(2) {
            Age::Stale
        } else {
            Age::Old
        }
    }

    /// Found to be what the store has, or not comparable: looked at again
    /// after another lifetime.
    pub(super) fn renew(&self, now: Instant) {
        self.doubted.store(false, Ordering::Relaxed);
        let age = now.saturating_duration_since(self.loaded).as_millis();
        self.checked_ms
            .store(u64::try_from(age).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Found to be no longer what the store has: old at once.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Claims the check; false when another one is under way. To be
    /// [released](Self::release).
    pub(super) fn claim(&self) -> bool {
        !self.checking.swap(true, Ordering::AcqRel)
    }

    /// Gives the claim back.
    pub(super) fn release(&self) {
        self.checking.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_ages_from_its_last_check() {
        let start = Instant::now();
        let lifetime = Duration::from_secs(60);
        let at = |seconds| start + Duration::from_secs(seconds);
        let freshness = Freshness::new(start);
        assert_eq!(freshness.age(at(59), lifetime), Age::Fresh);
        assert_eq!(freshness.age(at(60), lifetime), Age::Stale);
        assert_eq!(freshness.age(at(120), lifetime), Age::Old);
        freshness.renew(at(130));
        assert_eq!(freshness.age(at(189), lifetime), Age::Fresh);
        assert_eq!(freshness.age(at(190), lifetime), Age::Stale);
    }

    #[test]
    fn a_lifetime_of_zero_checks_each_time() {
        let now = Instant::now();
        assert_eq!(Freshness::new(now).age(now, Duration::ZERO), Age::Old);
    }

    #[test]
    fn a_doubted_title_is_old_until_it_is_checked() {
        let now = Instant::now();
        let freshness = Freshness::new(now);
        freshness.doubt();
        assert_eq!(freshness.age(now, Duration::from_secs(60)), Age::Old);
        freshness.renew(now);
        assert_eq!(freshness.age(now, Duration::from_secs(60)), Age::Fresh);
    }

    #[test]
    fn one_check_runs_at_a_time() {
        let freshness = Freshness::new(Instant::now());
        assert!(freshness.claim() && !freshness.claim());
        freshness.release();
        assert!(freshness.claim());
    }
}
