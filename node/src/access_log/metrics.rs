//! What the access log counts.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

#[derive(Debug)]
pub(super) struct Metrics {
    /// Lines handed to the system.
    pub(super) written: IntCounter,
    /// Lines that found the queue full or were too long.
    pub(super) dropped: IntCounter,
    /// Lines that the system refused.
    pub(super) failed: IntCounter,
}

impl Metrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let opts = Opts::new(
            "strata_access_log_lines_total",
            "Access log lines, by what became of them",
        );
        let lines = IntCounterVec::new(opts, &["outcome"])?;
        registry.register(Box::new(lines.clone()))?;
        Ok(Self {
            written: lines.with_label_values(&["written"]),
            dropped: lines.with_label_values(&["dropped"]),
            failed: lines.with_label_values(&["failed"]),
        })
    }
}
