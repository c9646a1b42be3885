//! What the cache counts.

use std::time::Duration;

use foyer::{Event, EventListener};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

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

    fn disk_label(self) -> &'static str {
        match self {
            Self::Chunks => "chunks_disk",
            Self::Indexes => "indexes_disk",
            Self::Shapes => "shapes_disk",
            Self::Manifests => "manifests_disk",
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
    chunk_bytes: IntGauge,
    fill_waits: HistogramVec,
    fill_room: IntCounterVec,
    disk: DiskVecs,
}

/// Upper bounds of waits for a fill's head, in seconds.
const WAIT_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0];

impl CacheMetrics {
    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| counters(registry, name, help, labels);
        let gauge = |name: &str, help: &str| gauges(registry, name, help);
        let fill_waits = HistogramVec::new(
            HistogramOpts::new(
                "strata_cache_fill_wait_seconds",
                "Time from asking for a fill to its head.",
            )
            .buckets(WAIT_SECONDS.to_vec()),
            &["tier"],
        )?;
        registry.register(Box::new(fill_waits.clone()))?;
        let chunk_bytes = IntGauge::new("strata_cache_chunk_bytes", "Bytes in a chunk.")?;
        registry.register(Box::new(chunk_bytes.clone()))?;
        Ok(Self {
            disk: DiskVecs::register(registry)?,
            chunk_bytes,
            fill_waits,
            fill_room: counter(
                "strata_cache_fill_room_total",
                "Waits for a fill that ended otherwise, by tier and event: expired (the wait limit passed), crowded (too many waited already).",
                &["tier", "event"],
            )?,
            requests: counter(
                "strata_cache_requests_total",
                "Lookups by tier and outcome: hit, miss (led a fill), joined (followed another's fill), stale (a hit that is due to be looked at again, counted as hit too).",
                &["tier", "outcome"],
            )?,
            bytes: counter(
                "strata_cache_bytes_total",
                "Bytes handed out by tier and outcome.",
                &["tier", "outcome"],
            )?,
            fills: counter(
                "strata_cache_fills_total",
                "Fills that ended, by tier and result: filled, failed, aborted (nobody wanted it any more).",
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

    pub(crate) fn set_chunk_bytes(&self, bytes: u32) {
        self.chunk_bytes.set(i64::from(bytes));
    }

    /// The metrics of the fills of one tier.
    #[must_use]
    pub fn fills(&self, tier: Tier) -> FillMetrics {
        let label = tier.label();
        FillMetrics {
            failed: self.fills.with_label_values(&[label, "failed"]),
            aborted: self.fills.with_label_values(&[label, "aborted"]),
            expired: self.fill_room.with_label_values(&[label, "expired"]),
            crowded: self.fill_room.with_label_values(&[label, "crowded"]),
            waits: self.fill_waits.with_label_values(&[label]),
        }
    }

    /// The metrics of one tier on disk.
    pub(crate) fn disk(&self, tier: Tier) -> DiskMetrics {
        let label = tier.disk_label();
        DiskMetrics {
            hits: self.requests.with_label_values(&[label, "hit"]),
            hit_bytes: self.bytes.with_label_values(&[label, "hit"]),
            misses: self.requests.with_label_values(&[label, "miss"]),
            written: self.disk.written.with_label_values(&[label]),
            written_bytes: self.disk.written_bytes.with_label_values(&[label]),
            dropped_by_queue: self.disk.dropped.with_label_values(&[label, "queue"]),
            dropped_by_engine: self.disk.dropped.with_label_values(&[label, "engine"]),
            failures: self.disk.failures.with_label_values(&[label]),
            on: self.disk.on.with_label_values(&[label]),
            free: self.disk.free.with_label_values(&[label]),
        }
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
            stale: self.requests.with_label_values(&[label, "stale"]),
            stale_bytes: self.bytes.with_label_values(&[label, "stale"]),
            usage: self.usage.with_label_values(&[label]),
            capacity: self.capacity.with_label_values(&[label]),
        }
    }
}

/// The metrics of the fills of one tier.
#[derive(Clone, Debug)]
pub struct FillMetrics {
    failed: IntCounter,
    aborted: IntCounter,
    expired: IntCounter,
    crowded: IntCounter,
    waits: Histogram,
}

impl FillMetrics {
    pub(crate) fn failed(&self) {
        self.failed.inc();
    }

    pub(crate) fn aborted(&self) {
        self.aborted.inc();
    }

    pub(crate) fn expired(&self) {
        self.expired.inc();
    }

    pub(crate) fn crowded(&self) {
        self.crowded.inc();
    }

    pub(crate) fn waited(&self, wait: Duration) {
        self.waits.observe(wait.as_secs_f64());
    }
}

/// The metrics of all tiers on disk.
#[derive(Clone, Debug)]
struct DiskVecs {
    written: IntCounterVec,
    written_bytes: IntCounterVec,
    dropped: IntCounterVec,
    failures: IntCounterVec,
    on: IntGaugeVec,
    free: IntGaugeVec,
}

impl DiskVecs {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| counters(registry, name, help, labels);
        let gauge = |name: &str, help: &str| gauges(registry, name, help);
        Ok(Self {
            written: counter(
                "strata_cache_disk_written_total",
                "Entries written to disk.",
                &["tier"],
            )?,
            written_bytes: counter(
                "strata_cache_disk_written_bytes_total",
                "Bytes written to disk.",
                &["tier"],
            )?,
            dropped: counter(
                "strata_cache_disk_dropped_total",
                "Entries that were not written, by reason: queue (too many waited), engine (foyer's buffers were full).",
                &["tier", "reason"],
            )?,
            failures: counter(
                "strata_cache_disk_failures_total",
                "Reads, writes and probes of the disk that failed or took too long.",
                &["tier"],
            )?,
            on: gauge(
                "strata_cache_disk_on",
                "1 while the disk tier is used, 0 while it is being opened or switched off.",
            )?,
            free: gauge(
                "strata_cache_disk_free_bytes",
                "Bytes free on the volume that the tier lies on, when it was looked at last.",
            )?,
        })
    }
}

/// The metrics of one tier on disk.
#[derive(Clone, Debug)]
pub(crate) struct DiskMetrics {
    hits: IntCounter,
    hit_bytes: IntCounter,
    misses: IntCounter,
    written: IntCounter,
    written_bytes: IntCounter,
    dropped_by_queue: IntCounter,
    dropped_by_engine: IntCounter,
    failures: IntCounter,
    on: IntGauge,
    free: IntGauge,
}

impl DiskMetrics {
    pub(crate) fn hit(&self, bytes: usize) {
        self.hits.inc();
        self.hit_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn missed(&self) {
        self.misses.inc();
    }

    pub(crate) fn written(&self, bytes: usize) {
        self.written.inc();
        self.written_bytes
            .inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    pub(crate) fn dropped_by_queue(&self) {
        self.dropped_by_queue.inc();
    }

    pub(crate) fn dropped_by_engine(&self, count: u64) {
        self.dropped_by_engine.inc_by(count);
    }

    pub(crate) fn failed(&self) {
        self.failures.inc();
    }

    pub(crate) fn set_on(&self, is_on: bool) {
        self.on.set(i64::from(is_on));
    }

    pub(crate) fn set_free(&self, bytes: u64) {
        self.free.set(i64::try_from(bytes).unwrap_or(i64::MAX));
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
    stale: IntCounter,
    stale_bytes: IntCounter,
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

    pub(crate) fn stale(&self, bytes: usize) {
        self.stale.inc();
        self.stale_bytes.inc_by(u64::try_from(bytes).unwrap_or(u64::MAX));
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

/// What else becomes of an entry that is evicted.
type Onward<K, V> = Box<dyn Fn(&K, &V) + Send + Sync>;

/// Counts what foyer evicts, and hands it on.
pub(crate) struct Evictions<K, V> {
    metrics: TierMetrics,
    size: fn(&V) -> usize,
    onward: Option<Onward<K, V>>,
}

impl<K, V> Evictions<K, V> {
    pub(crate) fn new(metrics: TierMetrics, size: fn(&V) -> usize) -> Self {
        Self {
            metrics,
            size,
            onward: None,
        }
    }

    /// Hands what is evicted to `onward`.
    pub(crate) fn onward(mut self, onward: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.onward = Some(Box::new(onward));
        self
    }
}

impl<K: 'static, V: 'static> EventListener for Evictions<K, V> {
    type Key = K;
    type Value = V;

    fn on_leave(&self, reason: Event, key: &K, value: &V) {
        if reason == Event::Evict {
            self.metrics.evicted((self.size)(value));
            if let Some(onward) = &self.onward {
                onward(key, value);
            }
        }
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

/// By tier.
fn gauges(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGaugeVec> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), &["tier"])?;
    registry.register(Box::new(gauges.clone()))?;
    Ok(gauges)
}
