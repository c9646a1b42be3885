//! Examples of failed and slow requests, with what is needed to find them in
//! the nodes' logs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Failure, Measured};
use crate::number::milliseconds;

/// Failed ones kept, by reason: the first of each.
pub const FAILED_OF_A_REASON_MAX: usize = 5;

/// Slow ones kept: the slowest.
pub const SLOW_MAX: usize = 20;

/// A request worth looking at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// When it was due, in seconds from the start.
    pub at_s: f64,
    /// From then to its end.
    pub latency_ms: f64,
    /// From when it was sent to its end.
    pub service_ms: f64,
    /// Path and query.
    pub path: String,
    /// The answer's status.
    pub status: Option<u16>,
    /// Why it failed; `None`: it was slow.
    pub failure: Option<Failure>,
    /// What exactly is wrong.
    pub detail: Option<String>,
    /// `X-Request-Id` of the answer: the nodes' logs have it.
    pub request_id: Option<String>,
    /// `X-Strata-Origin` of the answer.
    pub node: Option<String>,
    /// `X-Strata-Attempts` of the answer.
    pub attempts: Option<String>,
}

/// The examples of a test.
#[derive(Debug)]
pub struct Samples {
    threshold: Duration,
    failed: Vec<Example>,
    /// Slowest first.
    slow: Vec<(Duration, Example)>,
}

impl Samples {
    /// None yet; `threshold` is where slow begins.
    #[must_use]
    pub fn new(threshold: Duration) -> Self {
        Self {
            threshold,
            failed: Vec::new(),
            slow: Vec::new(),
        }
    }

    /// Keeps the request if it is an example that is still wanted.
    pub fn offer(&mut self, measured: &Measured, latency: Duration, example: impl FnOnce() -> Example) {
        let complete = |example: Example| Example {
            at_s: measured.due.as_secs_f64(),
            latency_ms: milliseconds(latency),
            service_ms: milliseconds(measured.ended.saturating_sub(measured.sent)),
            status: (measured.status != 0).then_some(measured.status),
            failure: measured.failure,
            ..example
        };
        if let Some(failure) = measured.failure {
            self.keep_failed(failure, || complete(example()));
            return;
        }
        let is_full = self.slow.len() == SLOW_MAX;
        let is_slower = self.slow.last().is_none_or(|(least, _)| *least < latency);
        if latency < self.threshold || (is_full && !is_slower) {
            return;
        }
        let place = self.slow.partition_point(|(kept, _)| latency <= *kept);
        self.slow.insert(place, (latency, complete(example())));
        self.slow.truncate(SLOW_MAX);
    }

    /// Keeps a failed request if examples of its reason are still wanted.
    pub(super) fn keep_failed(&mut self, failure: Failure, example: impl FnOnce() -> Example) {
        let same = self.failed.iter().filter(|kept| kept.failure == Some(failure));
        if same.count() < FAILED_OF_A_REASON_MAX {
            self.failed.push(example());
        }
    }

    /// Failed ones, in the order in which they ended.
    #[must_use]
    pub fn failed(&self) -> &[Example] {
        &self.failed
    }

    /// The slowest, slowest first.
    #[must_use]
    pub fn slow(&self) -> Vec<&Example> {
        self.slow.iter().map(|(_, example)| example).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;

    fn measured(ms: u64, failure: Option<Failure>) -> Measured {
        Measured {
            kind: Kind::Other,
            due: Duration::ZERO,
            sent: Duration::ZERO,
            first_byte: None,
            ended: Duration::from_millis(ms),
            bytes: 0,
            status: 0,
            failure,
        }
    }

    fn offer(samples: &mut Samples, ms: u64, failure: Option<Failure>) {
        samples.offer(
            &measured(ms, failure),
            Duration::from_millis(ms),
            Example::default,
        );
    }

    #[test]
    fn the_slowest_are_kept_slowest_first() {
        let mut samples = Samples::new(Duration::from_millis(10));
        for ms in [5, 30, 12, 50, 40].into_iter().chain(100..200) {
            offer(&mut samples, ms, None);
        }
        let kept: Vec<f64> = samples.slow().iter().map(|example| example.latency_ms).collect();
        let expected: Vec<f64> = (180..200).rev().map(f64::from).collect();
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_few_of_each_reason_are_kept_however_many_fail() {
        let mut samples = Samples::new(Duration::from_secs(1));
        for _ in 0..1000 {
            offer(&mut samples, 1, Some(Failure::Connect));
        }
        offer(&mut samples, 1, Some(Failure::Content));
        assert_eq!(samples.failed().len(), FAILED_OF_A_REASON_MAX + 1);
    }
}
