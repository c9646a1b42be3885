//! What is counted about titles.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

use super::LoadError;

/// Upper bounds of load durations, in seconds.
const SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How a comparison of a title with the store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// The store has the same versions.
    Unchanged,
    /// The store has others: the title is loaded anew.
    Changed,
    /// The store does not tell: the title is kept.
    Kept,
}

/// Metrics of the catalog.
#[derive(Clone, Debug)]
pub struct CatalogMetrics {
    loads: IntCounterVec,
    checks: IntCounterVec,
    pub(super) seconds: Histogram,
    pub(super) loading: IntGauge,
}

impl CatalogMetrics {
    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let loads = IntCounterVec::new(
            Opts::new("strata_origin_title_loads_total", "Titles loaded, by outcome."),
            &["outcome"],
        )?;
        let checks = IntCounterVec::new(
            Opts::new(
                "strata_origin_title_checks_total",
                "Comparisons of loaded titles with the store, by outcome.",
            ),
            &["outcome"],
        )?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "strata_origin_title_load_duration_seconds",
                "Time to load a title, waiting for its turn included.",
            )
            .buckets(SECONDS.to_vec()),
        )?;
        let loading = IntGauge::new("strata_origin_titles_loading", "Titles being loaded now.")?;
        registry.register(Box::new(loads.clone()))?;
        registry.register(Box::new(checks.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        registry.register(Box::new(loading.clone()))?;
        Ok(Self {
            loads,
            checks,
            seconds,
            loading,
        })
    }

    pub(super) fn loaded<T>(&self, result: &Result<T, LoadError>) {
        let outcome = match result {
            Ok(_) => "loaded",
            Err(LoadError::Title(_)) => "absent",
            Err(LoadError::File(_) | LoadError::Location(_)) => "file_absent",
            Err(
                LoadError::Ism { .. }
                | LoadError::Mp4 { .. }
                | LoadError::Assemble(_)
                | LoadError::Limit { .. },
            ) => "corrupt",
            Err(LoadError::Store(_)) => "store",
            Err(LoadError::Deadline { .. }) => "deadline",
            Err(LoadError::Lost) => "lost",
        };
        self.loads.with_label_values(&[outcome]).inc();
    }

    pub(super) fn checked(&self, check: Check) {
        let outcome = match check {
            Check::Unchanged => "unchanged",
            Check::Changed => "changed",
            Check::Kept => "kept",
        };
        self.checks.with_label_values(&[outcome]).inc();
    }
}
