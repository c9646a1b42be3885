//! The disk tier: what leaves memory, kept on the node's disk.
//!
//! ```text
//! memory ── evicted ──▶ queue (bytes bounded) ──▶ writer, paced ──▶ foyer's block engine
//! miss in memory ──▶ may_hold? ──▶ load (timed, panics caught) ──▶ bytes, or a miss
//!                                                                     ▲
//! guard: a probe, failures, slowness ── switches the engine off and on ┘
//! ```
//!
//! The engine has no memory of its own here: memory is a cache of its own in
//! front, so that whatever befalls the disk, memory goes on.
//!
//! # Invariants
//!
//! - Only what leaves memory, and is not on disk yet, is written: a hit in
//!   memory never writes.
//! - No error and no panic of the engine reaches whoever asks: the tier has
//!   the bytes, or it does not.
//! - The files are allocated in full before the tier is used, within a share of
//!   the volume: it cannot fill the disk, and somebody else who does cannot
//!   break it.
//! - A directory belongs to one process at a time.

mod engine;
mod guard;
mod health;
mod scan;
mod writer;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::engine::{Geometry, OpenError};
pub use self::health::{DiskState, Trouble};
pub use self::scan::{Scan, ScannedKind, clear, inspect, verify};

use self::engine::Engine;
use self::health::Health;
use self::writer::Offer;
use crate::metrics::{CacheMetrics, DiskMetrics, Tier};

/// Longest wait for what is queued to be written when the tier is closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// How the disk tier is laid out and watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskConfig {
    /// The folder of its files, which belongs to it alone. Made if absent.
    pub directory: PathBuf,
    /// Bytes of disk that are allocated; rounded down to whole blocks.
    pub capacity_bytes: u64,
    /// Bytes in a block, the unit of eviction. An entry fits into one.
    pub block_bytes: u64,
    /// Share of the volume that may be allocated, in percent.
    pub volume_percent_max: u8,
    /// Bytes of memory for what waits to be written; more is dropped.
    pub queue_bytes: usize,
    /// Bytes of memory that are written from.
    pub buffer_bytes: usize,
    /// Longest time to load an entry; the store is quicker than that.
    pub load_timeout: Duration,
    /// Time between two looks at the disk.
    pub check_interval: Duration,
    /// Failures in a row after which the tier is switched off.
    pub failures_max: u32,
}

impl DiskConfig {
    /// A tier of `capacity_bytes` in `directory`, else with defaults.
    #[must_use]
    pub fn new(directory: PathBuf, capacity_bytes: u64) -> Self {
        Self {
            directory,
            capacity_bytes,
            block_bytes: block_bytes(capacity_bytes),
            volume_percent_max: 85,
            queue_bytes: 64 << 20,
            buffer_bytes: 32 << 20,
            load_timeout: Duration::from_millis(500),
            check_interval: Duration::from_secs(2),
            failures_max: 5,
        }
    }
}

/// Blocks of 64 MiB, smaller in a small tier so that there are some to evict,
/// larger in a large one, each being an open file.
fn block_bytes(capacity_bytes: u64) -> u64 {
    (capacity_bytes / 1024)
        .next_multiple_of(1 << 20)
        .max(64 << 20)
        .min((capacity_bytes / 16).next_multiple_of(4 << 10).max(4 << 20))
}

/// Bytes by name, on disk. Clones are the same tier.
#[derive(Clone)]
pub struct DiskTier {
    inner: Arc<Inner>,
}

struct Inner {
    config: DiskConfig,
    tier: Tier,
    engine: RwLock<Option<Arc<Engine>>>,
    health: Mutex<Health>,
    queue: mpsc::UnboundedSender<Offer>,
    queued_bytes: AtomicUsize,
    metrics: DiskMetrics,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl DiskTier {
    /// A tier that begins to open its files, on `runtime`. Until they are open
    /// it holds nothing.
    #[must_use]
    pub fn start(config: DiskConfig, tier: Tier, runtime: &Handle, metrics: &CacheMetrics) -> Self {
        let (queue, offers) = mpsc::unbounded_channel();
        let metrics = metrics.disk(tier);
        let inner = Arc::new(Inner {
            health: Mutex::new(Health::new(config.failures_max)),
            config,
            tier,
            engine: RwLock::default(),
            queue,
            queued_bytes: AtomicUsize::new(0),
            metrics,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        inner
            .tasks
            .spawn_on(writer::run(Arc::clone(&inner), offers), runtime);
        inner.tasks.spawn_on(guard::run(Arc::clone(&inner)), runtime);
        inner.tasks.close();
        Self { inner }
    }

    /// How the tier is.
    #[must_use]
    pub fn state(&self) -> DiskState {
        self.inner.health().state()
    }

    /// Waits until the tier is on, or has found out that it cannot be.
    pub async fn opened(&self) -> DiskState {
        let changed = self.inner.health().changed();
        let mut changed = changed;
        loop {
            let state = self.state();
            if state != DiskState::Warming {
                return state;
            }
            if changed.changed().await.is_err() {
                return self.state();
            }
        }
    }

    /// Whether the tier has an entry of this name, as far as its memory knows.
    #[must_use]
    pub fn may_hold(&self, name: &Bytes) -> bool {
        self.inner.engine().is_some_and(|engine| engine.may_hold(name))
    }

    /// The entry of this name. Damaged ones are misses.
    pub async fn load(&self, name: &Bytes) -> Option<Bytes> {
        let inner = &self.inner;
        let engine = inner.engine()?;
        // A task of its own, on the engine's runtime: a disk that hangs must
        // not take the asker with it, and neither must a panic.
        let loading = engine.load(name);
        let loaded = AssertUnwindSafe(timeout(inner.config.load_timeout, loading));
        let trouble = match futures_util::FutureExt::catch_unwind(loaded).await {
            Ok(Ok(Ok(Some(bytes)))) => {
                inner.health().worked();
                inner.metrics.hit(bytes.len());
                return Some(bytes);
            }
            Ok(Ok(Ok(None))) => {
                inner.metrics.missed();
                return None;
            }
            Ok(Ok(Err(error))) => Trouble::Failing(error),
            Ok(Err(_elapsed)) => Trouble::Slow(inner.config.load_timeout),
            Err(_panic) => Trouble::Failing("the engine panicked".to_owned()),
        };
        inner.metrics.missed();
        inner.trouble(trouble);
        None
    }

    /// Offers an entry that has left memory. It is written if it is not there
    /// yet and there is room in the queue.
    pub fn offer(&self, name: Bytes, bytes: Bytes) {
        let inner = &self.inner;
        let Some(engine) = inner.engine() else { return };
        if engine.may_hold(&name) {
            return;
        }
        let size = name.len() + bytes.len();
        let queued = inner.queued_bytes.fetch_add(size, Ordering::AcqRel);
        if inner.config.queue_bytes < queued.saturating_add(size) {
            inner.queued_bytes.fetch_sub(size, Ordering::AcqRel);
            inner.metrics.dropped_by_queue();
            return;
        }
        if inner.queue.send(Offer::Entry { name, bytes }).is_err() {
            inner.queued_bytes.fetch_sub(size, Ordering::AcqRel);
        }
    }

    /// Waits until everything offered so far is on disk or dropped.
    pub async fn written(&self) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        if self.inner.queue.send(Offer::Wait(done)).is_ok() {
            let _ = is_done.await;
        }
    }

    /// Forgets every entry.
    pub async fn destroy(&self) {
        if let Some(engine) = self.inner.engine()
            && let Err(error) = engine.destroy().await
        {
            self.inner.trouble(Trouble::Failing(error));
        }
    }

    /// Writes what is queued, for a while at most, and gives the files back.
    pub async fn close(&self) {
        let _ = timeout(CLOSE_LIMIT, self.written()).await;
        self.inner.closing.cancel();
        let _ = timeout(CLOSE_LIMIT, self.inner.tasks.wait()).await;
        if let Some(engine) = self.inner.set_engine(None) {
            engine.close(CLOSE_LIMIT).await;
        }
    }
}

impl Inner {
    fn engine(&self) -> Option<Arc<Engine>> {
        // Replaced as a whole.
        self.engine.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts an engine in place, and returns the one that was.
    fn set_engine(&self, engine: Option<Arc<Engine>>) -> Option<Arc<Engine>> {
        std::mem::replace(
            &mut *self.engine.write().unwrap_or_else(PoisonError::into_inner),
            engine,
        )
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something went wrong; too often in a row, and the tier is switched off.
    fn trouble(&self, trouble: Trouble) {
        self.metrics.failed();
        let is_off = self.health().failed(trouble);
        if is_off {
            self.switch_off();
        }
    }

    /// Lets the engine go, and says why.
    fn switch_off(&self) {
        self.metrics.set_on(false);
        let (tier, state) = (self.tier, self.health().state());
        let directory = self.config.directory.display();
        tracing::error!(?tier, %directory, %state, "disk tier switched off; serving goes on without it");
        drop(self.set_engine(None));
    }
}

impl fmt::Debug for DiskTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskTier")
            .field("config", &self.inner.config)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
