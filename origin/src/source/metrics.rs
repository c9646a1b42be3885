//! What is counted about the store.

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
}

impl StoreMetrics {
    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let requests = IntCounterVec::new(
            Opts::new(
                "strata_origin_store_requests_total",
                "Requests to the store, by operation and outcome.",
            ),
            &["operation", "outcome"],
        )?;
        let durations = HistogramVec::new(
            HistogramOpts::new(
                "strata_origin_store_request_duration_seconds",
                "Time until a request to the store was answered whole.",
            )
            .buckets(SECONDS.to_vec()),
            &["operation"],
        )?;
        let bytes = IntCounter::new(
            "strata_origin_store_bytes_total",
            "Bytes received from the store.",
        )?;
        let in_flight = IntGauge::new("strata_origin_store_in_flight", "Requests at the store now.")?;
        let waiting = IntGauge::new(
            "strata_origin_store_waiting",
            "Requests that wait for one of the permitted requests to end.",
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(bytes.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(waiting.clone()))?;
        Ok(Self {
            requests,
            durations: Operation::ALL.map(|operation| durations.with_label_values(&[operation.label()])),
            bytes,
            in_flight,
            waiting,
        })
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
                SourceFault::Slow { .. } => "slow",
                SourceFault::Broken { .. } => "broken",
            },
        };
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
