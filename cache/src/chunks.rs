//! Source chunks in memory.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use foyer::{Cache, CacheBuilder, S3FifoConfig};
use tokio::runtime::Handle;

use crate::chunk::Chunk;
use crate::flight::{FillError, Flights, Looked, Outcome};
use crate::key::ChunkKey;
use crate::metrics::{CacheMetrics, Evictions, Tier, TierMetrics};

/// What an entry costs beside its bytes: key, record, map slot.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// A shard (foyer splits its capacity evenly) holds at least this many
/// chunks, so that an uneven spread of keys wastes little.
const SHARD_CHUNKS_MIN: usize = 32;

/// More shards than this gain nothing on machines of the size of a node.
const SHARDS_MAX: usize = 16;

/// Sizes of a [`ChunkCache`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkCacheConfig {
    /// Bytes of memory the chunks may take together.
    pub capacity_bytes: usize,
    /// Bytes in a chunk.
    pub chunk_bytes: u32,
}

/// Chunks of source objects, shared by everything that is packaged from them.
///
/// Evicted by S3-FIFO: a chunk that is read once (a viewer seeking about)
/// does not push out the ones that are read again and again.
#[derive(Clone)]
pub struct ChunkCache<E> {
    inner: Arc<Inner<E>>,
}

struct Inner<E> {
    memory: Cache<ChunkKey, Chunk>,
    flights: Flights<ChunkKey, Chunk, E>,
    metrics: TierMetrics,
    chunk_bytes: u32,
}

impl<E: Clone + Send + Sync + 'static> ChunkCache<E> {
    /// An empty cache whose fills run on `runtime`.
    #[must_use]
    pub fn new(config: &ChunkCacheConfig, runtime: Handle, metrics: &CacheMetrics) -> Self {
        let metrics = metrics.tier(Tier::Chunks);
        metrics.set_capacity(config.capacity_bytes);
        let chunk_bytes = usize::try_from(config.chunk_bytes).unwrap_or(usize::MAX);
        let shard_bytes_min = chunk_bytes.saturating_mul(SHARD_CHUNKS_MIN).max(1);
        let memory = CacheBuilder::new(config.capacity_bytes)
            .with_name("chunks")
            .with_shards((config.capacity_bytes / shard_bytes_min).clamp(1, SHARDS_MAX))
            .with_eviction_config(S3FifoConfig::default())
            .with_weighter(|_, chunk: &Chunk| chunk.len() + ENTRY_OVERHEAD_BYTES)
            .with_event_listener(Arc::new(Evictions::new(metrics.clone(), Chunk::len)))
            .build();
        let flights = Flights::new(runtime);
        Self {
            inner: Arc::new(Inner {
                memory,
                flights,
                metrics,
                chunk_bytes: config.chunk_bytes,
            }),
        }
    }

    /// Bytes in a chunk, except an object's last.
    #[must_use]
    pub fn chunk_bytes(&self) -> u32 {
        self.inner.chunk_bytes
    }

    /// Whether the chunk is in memory. Neither counted nor taken for a use of
    /// it.
    #[must_use]
    pub fn contains(&self, key: &ChunkKey) -> bool {
        self.inner.memory.contains(key)
    }

    /// The chunk, if it is in memory.
    #[must_use]
    pub fn get(&self, key: &ChunkKey) -> Option<Bytes> {
        let chunk = self.inner.peek(key)?;
        self.inner.metrics.looked(Outcome::Hit, chunk.len());
        Some(chunk.into())
    }

    /// The chunk, from memory, from a fill under way, or by `fill`, which
    /// then runs as a task of its own: leaving does not cancel it.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it. It is not
    /// remembered.
    pub async fn get_or_fill<F, Fut>(&self, key: &ChunkKey, fill: F) -> Result<Looked<Bytes>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Chunk, E>> + Send + 'static,
    {
        if let Some(value) = self.get(key) {
            return Ok(Looked {
                value,
                outcome: Outcome::Hit,
            });
        }
        let inner = Arc::clone(&self.inner);
        let land = move |key: &ChunkKey, result: &Result<Chunk, FillError<E>>| {
            inner.metrics.filled(result.is_ok());
            if let Ok(chunk) = result {
                inner.memory.insert(key.clone(), chunk.clone());
                inner.metrics.set_usage(inner.memory.usage());
            }
        };
        let looked = self
            .inner
            .flights
            .get(key, || self.inner.peek(key), fill, land)
            .await?;
        self.inner.metrics.looked(looked.outcome, looked.value.len());
        Ok(Looked {
            value: looked.value.into(),
            outcome: looked.outcome,
        })
    }

    /// Bytes held, overhead included.
    #[must_use]
    pub fn usage_bytes(&self) -> usize {
        self.inner.memory.usage()
    }

    /// Waits until no fill runs.
    pub async fn drain(&self) {
        self.inner.flights.drain().await;
    }
}

impl<E> Inner<E> {
    fn peek(&self, key: &ChunkKey) -> Option<Chunk> {
        self.memory.get(key).map(|entry| entry.value().clone())
    }
}

impl<E> fmt::Debug for ChunkCache<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkCache")
            .field("chunk_bytes", &self.inner.chunk_bytes)
            .field("usage_bytes", &self.inner.memory.usage())
            .field("flights", &self.inner.flights)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
