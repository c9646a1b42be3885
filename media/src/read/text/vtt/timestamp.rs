//! Timestamps, `W3C WebVTT §6.3`: `00:01.500`, `1:00:01.500`.

use std::time::Duration;

/// Most digits of the hours.
const HOUR_DIGITS_MAX: usize = 6;

/// Reads a timestamp; the hours may be left out.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let (clock, fraction) = text.split_once('.')?;
    let millis = number(fraction, 3..=3)?;
    let mut parts = clock.rsplit(':');
    let (seconds, minutes) = (number(parts.next()?, 2..=2)?, number(parts.next()?, 2..=2)?);
    let hours = parts
        .next()
        .map_or(Some(0), |hours| number(hours, 1..=HOUR_DIGITS_MAX))?;
    let is_valid = seconds < 60 && minutes < 60 && parts.next().is_none();
    is_valid.then(|| Duration::from_millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis))
}

/// A number of so many digits.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u64> {
    let is_number = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_be_left_out_and_have_any_number_of_digits() {
        for (text, millis) in [
            ("00:01.500", 1500),
            ("59:59.999", 3_599_999),
            ("1:00:00.000", 3_600_000),
            ("100:00:00.001", 360_000_001),
        ] {
            assert_eq!(read(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "1.000",
            "00:60.000",
            "60:00.000",
            "00:01",
            "00:01.5",
            "00:01,500",
            "a0:01.000",
            "1:2:00:00.000",
            "0000000:00:00.000",
            "+1:00.000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
