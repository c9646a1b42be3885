//! What is tried again, and when.

use std::time::Duration;

use crate::source::SourceFault;

/// How often a request is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryLimits {
    /// Attempts at most, the first one included.
    pub attempts_max: u32,
    /// The longest pause before the second attempt; twice as long before each
    /// one after that.
    pub pause: Duration,
    /// The longest pause of all.
    pub pause_max: Duration,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self {
            attempts_max: 3,
            pause: Duration::from_millis(50),
            pause_max: Duration::from_secs(2),
        }
    }
}

impl RetryLimits {
    /// Whether another attempt may end otherwise. What the store says of the
    /// object is so; what befell the connection or the store may pass.
    pub(super) fn is_worth_it(fault: &SourceFault) -> bool {
        match fault {
            SourceFault::NotFound | SourceFault::Changed | SourceFault::Denied { .. } => false,
            // Waiting was what took too long, or all attempts together.
            SourceFault::Slow { limit, .. } => *limit != super::QUEUE_TIMEOUT && *limit != super::TIMEOUT,
            SourceFault::Unavailable { .. } | SourceFault::Busy { .. } | SourceFault::Broken { .. } => true,
        }
    }

    /// The pause after the `failed`th attempt (from 1): anything up to its
    /// longest, so that those who failed together do not come back together.
    /// `random` is from 0 to 1.
    pub(super) fn pause(&self, failed: u32, random: f64) -> Duration {
        let doubled = self.pause.saturating_mul(1 << failed.saturating_sub(1).min(16));
        doubled.min(self.pause_max).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread() {
        let limits = RetryLimits {
            attempts_max: 10,
            pause: Duration::from_millis(100),
            pause_max: Duration::from_millis(500),
        };
        let longest = [1, 2, 3, 4, 40].map(|failed| limits.pause(failed, 1.0).as_millis());
        assert_eq!(longest, [100, 200, 400, 500, 500]);
        assert_eq!(limits.pause(2, 0.25), Duration::from_millis(50));
        assert_eq!(limits.pause(2, 0.0), Duration::ZERO);
    }

    #[test]
    fn what_the_store_says_of_the_object_is_not_asked_twice() {
        assert!(!RetryLimits::is_worth_it(&SourceFault::NotFound));
        assert!(!RetryLimits::is_worth_it(&SourceFault::Changed));
        assert!(!RetryLimits::is_worth_it(&SourceFault::denied("no")));
        assert!(RetryLimits::is_worth_it(&SourceFault::broken("short")));
        assert!(RetryLimits::is_worth_it(&SourceFault::unavailable("reset")));
    }
}
