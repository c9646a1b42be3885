//! Moments of a title, as URLs state them: `346`, `346.5`, `5:46.5`, `1:05:46`.

use std::time::Duration;

use thiserror::Error;

/// Longest time that can be stated, in seconds: 31 years.
const SECONDS_MAX: u64 = 1_000_000_000;

/// Most decimals: nanoseconds.
const DECIMALS_MAX: usize = 9;

/// Hours, minutes and seconds.
const FIELDS_MAX: usize = 3;

/// Why a text is no moment.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at character {position}: expected {expected}")]
pub struct MomentError {
    /// Characters before the mistake.
    pub position: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// Reads seconds with or without decimals, or hours, minutes and seconds with
/// colons between them, from the start of the title.
///
/// # Errors
/// With the place of the first mistake.
pub fn parse_moment(text: &str) -> Result<Duration, MomentError> {
    let error = |position, expected| Err(MomentError { position, expected });
    let (clock, decimals) = match text.split_once('.') {
        Some((clock, decimals)) => (clock, Some(decimals)),
        None => (text, None),
    };
    let (mut seconds, mut position) = (0_u64, 0);
    for (index, field) in clock.split(':').enumerate() {
        if index == FIELDS_MAX {
            return error(position - 1, "nothing behind the seconds");
        }
        let value = digits(field, position)?;
        if index > 0 && value > 59 {
            return error(position, "a number below 60");
        }
        seconds = seconds.saturating_mul(60).saturating_add(value);
        position += field.chars().count() + 1;
    }
    if SECONDS_MAX < seconds {
        return error(0, "at most 1000000000 seconds");
    }
    let nanos = match decimals {
        None => 0,
        Some(decimals) if DECIMALS_MAX < decimals.len() && is_digits(decimals) => {
            return error(position + DECIMALS_MAX, "at most 9 decimals");
        }
        Some(decimals) => {
            let value = digits(decimals, position)?;
            let missing = u32::try_from(DECIMALS_MAX.saturating_sub(decimals.len())).unwrap_or(0);
            u32::try_from(value.saturating_mul(10_u64.saturating_pow(missing))).unwrap_or(0)
        }
    };
    Ok(Duration::new(seconds, nanos))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number that `text`, which starts at `position`, consists of.
fn digits(text: &str, position: usize) -> Result<u64, MomentError> {
    let other = text.chars().position(|character| !character.is_ascii_digit());
    match (other, text.is_empty()) {
        (Some(other), _) => Err(MomentError {
            position: position + other,
            expected: "a digit, `:` or `.`: a moment is 346.5 or 0:05:46.5",
        }),
        (None, true) => Err(MomentError {
            position,
            expected: "a digit",
        }),
        // Too large a number is larger than any that is allowed.
        (None, false) => Ok(text.parse().unwrap_or(u64::MAX)),
    }
}

/// The one way in which `moment` is written by us: `346`, `346.5`.
#[must_use]
pub fn moment_text(moment: Duration) -> String {
    let (seconds, nanos) = (moment.as_secs(), moment.subsec_nanos());
    if nanos == 0 {
        return seconds.to_string();
    }
    let text = format!("{seconds}.{nanos:09}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, seconds: f64, canonical: &str) {
        let moment = parse_moment(text).unwrap();
        assert_eq!(moment, Duration::from_secs_f64(seconds), "{text}");
        assert_eq!(moment_text(moment), canonical);
    }

    #[test]
    fn moments_are_seconds_or_clock_times() {
        check("346", 346.0, "346");
        check("0346.50", 346.5, "346.5");
        check("0", 0.0, "0");
        check("5:46.25", 346.25, "346.25");
        check("1:05:46", 3946.0, "3946");
        check("100:00:00", 360_000.0, "360000");
        check("0.000000001", 1e-9, "0.000000001");
    }

    #[test]
    fn a_mistake_has_its_place() {
        let cases = [
            ("", 0, "a digit"),
            ("-5", 0, "a digit"),
            ("5s", 1, "a digit"),
            ("1e3", 1, "a digit"),
            (".5", 0, "a digit"),
            ("5.", 2, "a digit"),
            ("5.5.5", 3, "a digit"),
            ("5:60", 2, "below 60"),
            ("5:", 2, "a digit"),
            ("1:2:3:4", 5, "nothing behind"),
            ("1.0123456789", 11, "9 decimals"),
            ("1000000001", 0, "at most"),
            ("99999999999999999999", 0, "at most"),
            ("12é", 2, "a digit"),
        ];
        for (text, position, expected) in cases {
            let error = parse_moment(text).unwrap_err();
            assert_eq!(error.position, position, "{text}: {error}");
            assert!(error.expected.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0..=SECONDS_MAX, nanos in 0..1_000_000_000_u32) {
            let moment = Duration::new(seconds, nanos);
            prop_assert_eq!(parse_moment(&moment_text(moment)), Ok(moment));
        }

        #[test]
        fn a_mistake_stands_within_the_text(text in "[0-9:.]{0,14}|.{0,8}") {
            if let Err(error) = parse_moment(&text) {
                prop_assert!(error.position <= text.chars().count());
            }
        }
    }
}
