//! Second by second.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Measured, new_histogram};
use crate::number::milliseconds;

/// Longest test that is kept second by second: a day. What ends later counts
/// for the last second.
pub const SECONDS_MAX: usize = 86_400;

/// Two digits are enough for a plot.
const DIGITS: u8 = 2;

/// What happened in one second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Requests that were due.
    pub due: u64,
    /// Requests that ended.
    pub ended: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Median latency of those that were due in this second; 0 when there are none.
    pub p50_ms: f64,
    /// 99 of a hundred of them took no longer.
    pub p99_ms: f64,
    /// The longest of them took this long.
    pub max_ms: f64,
    /// Viewers present, in tests with an audience.
    pub viewers: u64,
}

/// Seconds from the start of the test on.
#[derive(Debug, Default)]
pub struct Timeline {
    seconds: Vec<Second>,
    /// Of the seconds that requests may still end for; freed by [`Timeline::settle`].
    open: Vec<Option<Histogram<u64>>>,
    settled: usize,
}

impl Timeline {
    /// Adds so many alike requests that have ended.
    pub(super) fn add(&mut self, measured: &Measured, latency: Duration, times: u64) {
        let due = place(measured.due);
        if let Some(second) = self.second(due) {
            second.due += times;
        }
        let failed = if measured.failure.is_some() { times } else { 0 };
        if let Some(second) = self.second(place(measured.ended)) {
            second.ended += times;
            second.failed += failed;
            second.bytes += times * measured.bytes;
        }
        if self.open.len() <= due {
            self.open.resize_with(due + 1, || None);
        }
        if let Some(open) = self.open.get_mut(due).filter(|_| self.settled <= due) {
            let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            open.get_or_insert_with(|| new_histogram(DIGITS))
                .saturating_record_n(microseconds.max(1), times);
        }
    }

    /// States how many viewers there are in the second of `at`.
    pub fn viewers(&mut self, at: Duration, viewers: u64) {
        if let Some(second) = self.second(place(at)) {
            second.viewers = viewers;
        }
    }

    /// Condenses the histograms of the seconds before `before`: none of the
    /// requests that were due then is still on its way.
    pub fn settle(&mut self, before: Duration) {
        let before = place(before).min(self.open.len());
        for index in self.settled..before {
            let histogram = self.open.get_mut(index).and_then(Option::take);
            if let (Some(histogram), Some(second)) = (histogram, self.seconds.get_mut(index)) {
                condense(&histogram, second);
            }
        }
        self.settled = self.settled.max(before);
    }

    /// All seconds as they are now.
    #[must_use]
    pub fn seconds(&self) -> Vec<Second> {
        let mut seconds = self.seconds.clone();
        for (histogram, second) in self.open.iter().zip(&mut seconds) {
            if let Some(histogram) = histogram {
                condense(histogram, second);
            }
        }
        seconds
    }

    /// The second of `at`, if something happened up to then.
    #[must_use]
    pub fn at(&self, at: Duration) -> Option<&Second> {
        self.seconds.get(place(at))
    }

    fn second(&mut self, place: usize) -> Option<&mut Second> {
        if self.seconds.len() <= place {
            self.seconds.resize(place + 1, Second::default());
        }
        self.seconds.get_mut(place)
    }
}

fn condense(histogram: &Histogram<u64>, second: &mut Second) {
    let at = |quantile| milliseconds(Duration::from_micros(histogram.value_at_quantile(quantile)));
    second.p50_ms = at(0.5);
    second.p99_ms = at(0.99);
    second.max_ms = milliseconds(Duration::from_micros(histogram.max()));
}

fn place(at: Duration) -> usize {
    usize::try_from(at.as_secs())
        .unwrap_or(SECONDS_MAX)
        .min(SECONDS_MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;

    fn add(timeline: &mut Timeline, due: f64, ended: f64) {
        let measured = Measured {
            kind: Kind::Other,
            due: Duration::from_secs_f64(due),
            sent: Duration::from_secs_f64(due),
            first_byte: None,
            ended: Duration::from_secs_f64(ended),
            bytes: 1,
            status: 200,
            failure: None,
        };
        timeline.add(&measured, measured.ended - measured.due, 1);
    }

    #[test]
    fn a_stall_shows_in_the_seconds_in_which_requests_were_due() {
        let mut timeline = Timeline::default();
        add(&mut timeline, 0.5, 0.51);
        add(&mut timeline, 1.5, 3.5);
        add(&mut timeline, 2.5, 3.5);
        let seconds = timeline.seconds();
        let ended: Vec<u64> = seconds.iter().map(|second| second.ended).collect();
        assert_eq!(ended, [1, 0, 0, 2]);
        assert!((seconds[1].p50_ms - 2000.0).abs() < 20.0, "{seconds:?}");
        assert!((seconds[2].p50_ms - 1000.0).abs() < 10.0, "{seconds:?}");
    }

    #[test]
    fn a_settled_second_keeps_its_figures() {
        let mut timeline = Timeline::default();
        add(&mut timeline, 0.0, 0.1);
        timeline.settle(Duration::from_secs(1));
        add(&mut timeline, 0.0, 30.0);
        let seconds = timeline.seconds();
        assert!((seconds[0].p99_ms - 100.0).abs() < 1.0);
        assert_eq!(seconds[0].due, 2);
    }
}
