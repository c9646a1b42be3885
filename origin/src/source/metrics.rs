//! What is counted about the store.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::{SourceError, SourceFault};

/// Upper bounds of request durations, in seconds: from a page cache to a
/// deadline.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Head,
    Open,
    Read,
    Probe,
}

impl Operation {
    const ALL: [Self; 4] = [Self::Head, Self::Open, Self::Read, Self::Probe];

    fn label(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Open => "open",
            Self::Read => "read",
            Self::Probe => "probe",
        }
    }
}

/// Metrics of the requests to the store.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    requests: IntCounterVec,
    durations: [Histogram; Operation::ALL.len()],
    bytes: IntCounter,
    pub(super) in_flight: IntGauge,
    pub(super) waiting: IntGauge,
    pub(super) retries: IntCounter,
    pub(super) spared: IntCounter,
    hedges: IntCounterVec,
    ahead: IntCounterVec,
    concurrency: IntGauge,
    tripped: IntGauge,
}

impl StoreMetrics {
    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| registered(registry, IntCounter::new(name, help)?);
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let durations = HistogramOpts::new(
            "strata_origin_store_request_duration_seconds",
            "Time until a request to the store was answered whole.",
        );
        let durations = HistogramVec::new(durations.buckets(SECONDS.to_vec()), &["operation"])?;
        let durations = registered(registry, durations)?;
        let metrics = Self {
            requests: counters(
                "strata_origin_store_requests_total",
                "Requests to the store, by operation and outcome.",
                &["operation", "outcome"],
            )?,
            durations: Operation::ALL.map(|operation| durations.with_label_values(&[operation.label()])),
            bytes: counter(
                "strata_origin_store_bytes_total",
                "Bytes received from the store.",
            )?,
            in_flight: gauge("strata_origin_store_in_flight", "Requests at the store now.")?,
            waiting: gauge(
                "strata_origin_store_waiting",
                "Requests that wait for one of the permitted requests to end.",
            )?,
            retries: counter(
                "strata_origin_store_retries_total",
                "Attempts after the first one of a request.",
            )?,
            spared: counter(
                "strata_origin_store_spared_total",
                "Requests that were not sent because the store failed too often in a row.",
            )?,
            hedges: counters(
                "strata_origin_store_hedges_total",
                "Second requests sent beside slow ones, by result: won, lost. Not among the requests.",
                &["result"],
            )?,
            ahead: counters(
                "strata_origin_read_ahead_chunks_total",
                "Chunks read before anybody asked, by result: read, used (asked for since), wasted (the viewer left).",
                &["result"],
            )?,
            concurrency: gauge(
                "strata_origin_store_concurrency",
                "Requests permitted at once; lowered when the store asks for that.",
            )?,
            tripped: gauge(
                "strata_origin_store_tripped",
                "1 while the store is left alone after many failures in a row.",
            )?,
        };
        // Seen from the start, so that a rate over them is 0 and not absent.
        for result in ["won", "lost"] {
            metrics.hedges.with_label_values(&[result]);
        }
        for result in ["read", "used", "wasted"] {
            metrics.ahead.with_label_values(&[result]);
        }
        Ok(metrics)
    }

    pub(super) fn ended<T>(
        &self,
        operation: Operation,
        result: &Result<T, SourceError>,
        seconds: f64,
        bytes: u64,
    ) {
        let outcome = match result {
            Ok(_) => "ok",
            Err(error) => match error.fault {
                SourceFault::NotFound => "not_found",
                SourceFault::Changed => "changed",
                SourceFault::Denied { .. } => "denied",
                SourceFault::Unavailable { .. } => "unavailable",
                SourceFault::Busy { .. } => "busy",
                SourceFault::Slow { .. } => "slow",
                SourceFault::Broken { .. } => "broken",
            },
        };
        self.count(operation, outcome, seconds, bytes);
    }

    /// A request that nobody wanted any more.
    pub(super) fn given_up(&self, operation: Operation, seconds: f64, bytes: u64) {
        self.count(operation, "given_up", seconds, bytes);
    }

    /// A second request has been answered first, or not.
    pub(super) fn hedged(&self, has_won: bool) {
        let result = if has_won { "won" } else { "lost" };
        self.hedges.with_label_values(&[result]).inc();
    }

    /// Chunks have been read ahead, used, or read in vain.
    pub(super) fn read_ahead(&self, read: u32, used: u32, wasted: u32) {
        for (result, count) in [("read", read), ("used", used), ("wasted", wasted)] {
            if 0 < count {
                self.ahead.with_label_values(&[result]).inc_by(count.into());
            }
        }
    }

    /// How much is asked of the store by now.
    pub(super) fn learned(&self, concurrency: f64, is_tripped: bool) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and small, see `Gate::limit`"
        )]
        self.concurrency.set(concurrency as i64);
        self.tripped.set(i64::from(is_tripped));
    }

    fn count(&self, operation: Operation, outcome: &str, seconds: f64, bytes: u64) {
        self.requests
            .with_label_values(&[operation.label(), outcome])
            .inc();
        let position = Operation::ALL.iter().position(|known| *known == operation);
        if let Some(histogram) = position.and_then(|position| self.durations.get(position)) {
            histogram.observe(seconds);
        }
        self.bytes.inc_by(bytes);
    }
}

fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> prometheus::Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
