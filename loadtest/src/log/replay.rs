//! When the requests of a log are due when it is played again.
//!
//! Pure: a schedule is a function of the log and the pace.

use std::time::Duration;

use super::Entry;
use crate::number::{float_len, seconds};

/// How fast a log is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many times as fast as it was recorded; 1: as it was.
    Speed(f64),
    /// With this mean rate, in requests a second; what came close together stays so.
    Rate(f64),
}

/// A pace that is none.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PaceError {
    /// Speeds and rates are above 0.
    #[error("a speed or rate of {0} is none: it has to be above 0")]
    NotPositive(f64),
}

/// When each entry is due, from the start of the test on. `entries` are in the order of their times.
///
/// Those that a log puts into the same second, for want of more digits, are spread over it evenly:
/// all at once is not how they came.
///
/// # Errors
/// [`PaceError`].
pub fn schedule(entries: &[Entry], pace: Pace) -> Result<Vec<Duration>, PaceError> {
    let times = spread(entries);
    let first = times.first().copied().unwrap_or_default();
    let span = times.last().copied().unwrap_or_default() - first;
    let speed = match pace {
        Pace::Speed(speed) => speed,
        // A burst in one moment has no rate: it is played as the rate says.
        Pace::Rate(rate) if span <= 0.0 && rate > 0.0 => {
            return Ok((0..entries.len())
                .map(|index| seconds(float_len(index) / rate))
                .collect());
        }
        Pace::Rate(rate) => rate * span / float_len(entries.len().saturating_sub(1).max(1)),
    };
    if !speed.is_finite() || speed <= 0.0 {
        let (Pace::Speed(given) | Pace::Rate(given)) = pace;
        return Err(PaceError::NotPositive(given));
    }
    Ok(times.iter().map(|time| seconds((time - first) / speed)).collect())
}

/// Times in seconds, spread within what the log tells apart.
fn spread(entries: &[Entry]) -> Vec<f64> {
    let mut times = Vec::with_capacity(entries.len());
    for group in entries.chunk_by(|a, b| a.at_us == b.at_us) {
        for (index, entry) in group.iter().enumerate() {
            let part = float_len(index) / float_len(group.len());
            times.push((entry.at_us as f64 + part * entry.precision_us as f64) / 1e6);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn entries(times_ms: &[i64], precision_us: i64) -> Vec<Entry> {
        let entry = |ms: &i64| Entry {
            at_us: 1_760_104_536_000_000 + ms * 1000,
            precision_us,
            method: Method::GET,
            path: "/".to_owned(),
            host: None,
            range: None,
        };
        times_ms.iter().map(entry).collect()
    }

    fn check(times_ms: &[i64], precision_us: i64, pace: Pace, expected_ms: &[u64]) {
        let due = schedule(&entries(times_ms, precision_us), pace).unwrap();
        let found: Vec<u64> = due
            .iter()
            .map(|due| crate::number::whole(due.as_secs_f64() * 1e3))
            .collect();
        assert_eq!(found, expected_ms, "{pace:?}");
    }

    #[test]
    fn the_original_timing_is_kept_or_sped_up() {
        check(&[0, 100, 1000], 1, Pace::Speed(1.0), &[0, 100, 1000]);
        check(&[0, 100, 1000], 1, Pace::Speed(4.0), &[0, 25, 250]);
    }

    #[test]
    fn a_rate_is_kept_on_average_and_bursts_stay_bursts() {
        check(&[0, 1, 1000], 1, Pace::Rate(1.0), &[0, 2, 2000]);
        check(&[5, 5, 5], 0, Pace::Rate(10.0), &[0, 100, 200]);
    }

    #[test]
    fn what_a_log_cannot_tell_apart_is_spread() {
        check(
            &[0, 0, 1000, 1000, 1000, 1000],
            1_000_000,
            Pace::Speed(1.0),
            &[0, 500, 1000, 1250, 1500, 1750],
        );
    }

    #[test]
    fn a_pace_is_above_nothing() {
        for pace in [
            Pace::Speed(0.0),
            Pace::Speed(-1.0),
            Pace::Rate(0.0),
            Pace::Speed(f64::NAN),
        ] {
            assert!(schedule(&entries(&[0, 1], 1), pace).is_err(), "{pace:?}");
        }
    }
}
