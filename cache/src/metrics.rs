//! What the cache counts.

use std::marker::PhantomData;

use foyer::{Event, EventListener};
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::flight::Outcome;

/// A part of the cache with a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Source chunks in memory.
    Chunks,
    /// Parsed title indexes in memory.
    Indexes,
    /// Titles shaped by the query of a URL, in memory.
    Shapes,
    /// Rendered manifests in memory.
    Manifests,
}

impl Tier {
    fn label(self) -> &'static str {
        match self {
            Self::Chunks => "chunks_memory",
            Self::Indexes => "indexes_memory",
            Self::Shapes => "shapes_memory",
            Self::Manifests => "manifests_memory",
        }
    }
}

/// The cache's metrics, registered once and handed to each tier.
#[derive(Clone, Debug)]
pub struct CacheMetrics {
    requests: IntCounterVec,
    bytes: IntCounterVec,
    fills: IntCounterVec,
    evictions: IntCounterVec,
    evicted_bytes: IntCounterVec,
    usage: IntGaugeVec,
    capacity: IntGaugeVec,
}

impl CacheMetrics {
    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["tier"])?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        Ok(Self {
            requests: counter(
                "strata_cache_requests_total",
                "Lookups by tier and outcome: hit, miss (led a fill), joined (waited for another's fill).",
                &["tier", "outcome"],
            )?,
            bytes: counter(
                "strata_cache_bytes_total",
                "Bytes handed out by tier and outcome.",
                &["tier", "outcome"],
            )?,
            fills: counter(
                "strata_cache_fills_total",
                "Fills that ended, by tier and result.",
                &["tier", "result"],
            )?,
            evictions: counter(
                "strata_cache_evictions_total",
                "Entries evicted for room.",
                &["tier"],
            )?,
            evicted_bytes: counter(
                "strata_cache_evicted_bytes_total",
                "Bytes evicted for room.",
                &["tier"],
            )?,
            usage: gauge("strata_cache_usage_bytes", "Bytes held, overhead included.")?,
            capacity: gauge("strata_cache_capacity_bytes", "Bytes that may be held.")?,
        })
    }

    /// The metrics of one tier, its labels resolved once.
    pub(crate) fn tier(&self, tier: Tier) -> TierMetrics {
        let label = tier.label();
        let by_outcome = |counter: &IntCounterVec| ByOutcome {
            hit: counter.with_label_values(&[label, "hit"]),
            miss: counter.with_label_values(&[label, "miss"]),
            joined: counter.with_label_values(&[label, "joined"]),
        };
        TierMetrics {
            requests: by_outcome(&self.requests),
            bytes: by_outcome(&self.bytes),
            filled: self.fills.with_label_values(&[label, "filled"]),
            failed: self.fills.with_label_values(&[label, "failed"]),
            evictions: self.evictions.with_label_values(&[label]),
            evicted_bytes: self.evicted_bytes.with_label_values(&[label]),
            usage: self.usage.with_label_values(&[label]),
            capacity: self.capacity.with_label_values(&[label]),
        }
    }
}

#[derive(Clone, Debug)]
struct ByOutcome {
    hit: IntCounter,
    miss: IntCounter,
    joined: IntCounter,
}

impl ByOutcome {
    fn of(&self, outcome: Outcome) -> &IntCounter {
        match outcome {
            Outcome::Hit => &self.hit,
            Outcome::Miss => &self.miss,
            Outcome::Joined => &self.joined,
        }
    }
}

/// The metrics of one tier.
#[derive(Clone, Debug)]
pub(crate) struct TierMetrics {
    requests: ByOutcome,
    bytes: ByOutcome,
    filled: IntCounter,
    failed: IntCounter,
    evictions: IntCounter,
    evicted_bytes: IntCounter,
    usage: IntGauge,
    capacity: IntGauge,
}

impl TierMetrics {
    pub(crate) fn looked(&self, outcome: Outcome, bytes: usize) {
        self.requests.of(outcome).inc();
        self.bytes
            .of(outcome)
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn filled(&self, ok: bool) {
        if ok { &self.filled } else { &self.failed }.inc();
    }

    pub(crate) fn set_usage(&self, bytes: usize) {
        self.usage.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn set_capacity(&self, bytes: usize) {
        self.capacity.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    fn evicted(&self, bytes: usize) {
        self.evictions.inc();
        self.evicted_bytes
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// Counts what foyer evicts.
pub(crate) struct Evictions<K, V> {
    metrics: TierMetrics,
    size: fn(&V) -> usize,
    key: PhantomData<fn(K)>,
}

impl<K, V> Evictions<K, V> {
    pub(crate) fn new(metrics: TierMetrics, size: fn(&V) -> usize) -> Self {
        Self {
            metrics,
            size,
            key: PhantomData,
        }
    }
}

impl<K: 'static, V: 'static> EventListener for Evictions<K, V> {
    type Key = K;
    type Value = V;

    fn on_leave(&self, reason: Event, _key: &K, value: &V) {
        if reason == Event::Evict {
            self.metrics.evicted((self.size)(value));
        }
    }
}
