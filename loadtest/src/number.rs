//! Conversions between counts and the floating point of statistics.

use std::time::Duration;

/// The nearest whole number; 0 for what is negative or not a number.
#[must_use]
pub fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates at both ends and takes NaN for 0"
    )]
    let whole = value.round() as u64;
    whole
}

/// As [`whole`], for places in lists.
#[must_use]
pub fn place(value: f64) -> usize {
    usize::try_from(whole(value)).unwrap_or(usize::MAX)
}

/// A count for division. Exact below 2^53.
#[must_use]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// A number of items for division.
#[must_use]
pub fn float_len(count: usize) -> f64 {
    count as f64
}

/// `part ÷ whole`; `None` when there is no whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole != 0).then(|| float(part) / float(whole))
}

/// Seconds as a duration; none for what is negative, a century for what is longer.
#[must_use]
pub fn seconds(value: f64) -> Duration {
    const CENTURY_SECONDS: f64 = 3.2e9;
    Duration::try_from_secs_f64(value.clamp(0.0, CENTURY_SECONDS)).unwrap_or_default()
}

/// Milliseconds with microseconds as their last digits.
#[must_use]
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_count_becomes_the_nearest_one() {
        assert_eq!(whole(-3.0), 0);
        assert_eq!(whole(f64::NAN), 0);
        assert_eq!(whole(f64::INFINITY), u64::MAX);
        assert_eq!(whole(2.5), 3);
        assert_eq!(seconds(f64::NAN), Duration::ZERO);
        assert_eq!(ratio(1, 0), None);
    }
}
