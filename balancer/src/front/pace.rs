//! How fast a client must take its answer.

use std::io;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The slowest that a client may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PaceLimits {
    /// Bytes a second. 0: as slow as it likes.
    pub(super) rate: u64,
    /// The time over which they are counted, so that a hiccup is forgiven.
    pub(super) window: Duration,
}

/// Watches one client. Its clock runs only while the client keeps us waiting.
#[derive(Debug)]
pub(super) struct Pace {
    limits: PaceLimits,
    /// Since when the client has been behind, and what it has taken since.
    behind: Option<(Instant, u64)>,
}

impl Pace {
    pub(super) fn new(limits: PaceLimits) -> Self {
        Self { limits, behind: None }
    }

    /// A new answer: what was is forgotten.
    pub(super) fn restart(&mut self) {
        self.behind = None;
    }

    /// Takes the outcome of a write into account.
    pub(super) fn watch(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(size)) => {
                if let Some((_, taken)) = &mut self.behind {
                    *taken = taken.saturating_add(u64::try_from(*size).unwrap_or(u64::MAX));
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if self.is_too_slow(Instant::now()) {
                    let error =
                        io::Error::new(io::ErrorKind::TimedOut, "the client takes its answer too slowly");
                    return Poll::Ready(Err(error));
                }
            }
        }
        written
    }

    /// Whether a client that keeps us waiting has been too slow for a whole window.
    fn is_too_slow(&mut self, now: Instant) -> bool {
        let (since, taken) = *self.behind.get_or_insert((now, 0));
        let passed = now.saturating_duration_since(since);
        if self.limits.rate == 0 || passed < self.limits.window {
            return false;
        }
        self.behind = Some((now, 0));
        let expected = u128::from(self.limits.rate) * passed.as_millis() / 1000;
        u128::from(taken) < expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(rate: u64) -> Pace {
        Pace::new(PaceLimits {
            rate,
            window: Duration::from_secs(10),
        })
    }

    fn takes(pace: &mut Pace, size: usize) {
        assert!(pace.watch(Poll::Ready(Ok(size))).is_ready());
    }

    #[test]
    fn a_client_below_the_rate_for_a_whole_window_is_too_slow() {
        let mut pace = pace(100);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!pace.is_too_slow(start));
        takes(&mut pace, 400);
        assert!(!pace.is_too_slow(after(9)));
        takes(&mut pace, 599);
        assert!(pace.is_too_slow(after(10)));
    }

    #[test]
    fn a_client_that_makes_up_for_it_is_not() {
        let mut pace = pace(100);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!pace.is_too_slow(start));
        takes(&mut pace, 1000);
        assert!(!pace.is_too_slow(after(10)));
        // The next window begins with nothing.
        assert!(pace.is_too_slow(after(20)));
        pace.restart();
        assert!(!pace.is_too_slow(after(40)));
    }

    #[test]
    fn without_a_rate_nobody_is() {
        let mut pace = pace(0);
        let start = Instant::now();
        assert!(!pace.is_too_slow(start));
        assert!(!pace.is_too_slow(start + Duration::from_secs(3600)));
    }
}
