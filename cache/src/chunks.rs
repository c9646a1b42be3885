//! Source chunks in memory.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use foyer::{Cache, CacheBuilder, S3FifoConfig};
use tokio::runtime::Handle;

use crate::chunk::Chunk;
use crate::disk::DiskTier;
use crate::fill::{FillLimits, Filling, Fills, Follower, Keep, StreamError};
use crate::flight::{Looked, Outcome};
use crate::key::{ChunkKey, ObjectKey};
use crate::metrics::{CacheMetrics, Evictions, Tier, TierMetrics};

/// What an entry of a cache in memory weighs beside its bytes: key, record, map slot.
pub const ENTRY_OVERHEAD_BYTES: usize = 256;

/// A shard (foyer splits its capacity evenly) holds at least this many
/// chunks, so that an uneven spread of keys wastes little.
const SHARD_CHUNKS_MIN: usize = 32;

/// More shards than this gain nothing on machines of the size of a node.
const SHARDS_MAX: usize = 16;

/// How often a chunk is looked for that was kept and evicted again between two
/// looks, before that is an error.
const LOOKS_MAX: u32 = 4;

/// In how many shards a [`ChunkCache`] of `capacity_bytes` keeps its chunks.
#[must_use]
pub fn chunk_shards(capacity_bytes: usize, chunk_bytes: u32) -> usize {
    let chunk_bytes = usize::try_from(chunk_bytes).unwrap_or(usize::MAX);
    let shard_bytes_min = chunk_bytes.saturating_mul(SHARD_CHUNKS_MIN).max(1);
    (capacity_bytes / shard_bytes_min).clamp(1, SHARDS_MAX)
}

/// Sizes of a [`ChunkCache`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkCacheConfig {
    /// Bytes of memory the chunks may take together.
    pub capacity_bytes: usize,
    /// Bytes in a chunk.
    pub chunk_bytes: u32,
    /// Bounds on fills.
    pub fills: FillLimits,
    /// What of memory goes to disk.
    pub admission: DiskAdmission,
}

/// What of memory goes to disk, if there is one. A chunk that is there already
/// is never written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskAdmission {
    /// Whatever is filled from the store, and, should the queue have been full
    /// then, when it leaves memory: a restart finds everything.
    #[default]
    Filled,
    /// What leaves memory: a small working set is never written.
    Evicted,
}

/// Neighbouring chunks of one object: `first` is asked for, those after it up
/// to `last` are worth having as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkSpan {
    /// Whose chunks.
    pub object: ObjectKey,
    /// Bytes of the whole object.
    pub object_size: u64,
    /// The chunk asked for, 0-based.
    pub first: u32,
    /// The last one, inclusive.
    pub last: u32,
    /// Whether those after `first` are worth reading even if whoever asks
    /// leaves: they are read ahead.
    pub is_ahead: bool,
}

/// The writing end of a fill of neighbouring chunks.
pub type ChunkFilling<E> = Filling<ChunkKey, (), E>;

/// A chunk that was found, or is on its way.
#[derive(Debug)]
pub enum Reading<E: Clone> {
    /// All of it.
    Whole(Bytes),
    /// As much as has arrived.
    Growing(Follower<(), E>),
}

/// Chunks of source objects, shared by everything that is packaged from them.
///
/// Evicted by S3-FIFO: a chunk that is read once (a viewer seeking about)
/// does not push out the ones that are read again and again.
pub struct ChunkCache<E: Clone> {
    inner: Arc<Inner>,
    fills: Fills<ChunkKey, (), E>,
}

struct Inner {
    memory: Cache<ChunkKey, Chunk>,
    disk: Option<DiskTier>,
    admission: DiskAdmission,
    metrics: TierMetrics,
    chunk_bytes: u32,
}

impl<E: Clone> Clone for ChunkCache<E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            fills: self.fills.clone(),
        }
    }
}

impl<E: Clone + Send + Sync + 'static> ChunkCache<E> {
    /// An empty cache whose fills run on `runtime`.
    #[must_use]
    pub fn new(config: &ChunkCacheConfig, runtime: Handle, metrics: &CacheMetrics) -> Self {
        Self::over_disk(config, None, runtime, metrics)
    }

    /// A cache with a disk behind it, which takes what leaves memory.
    #[must_use]
    pub fn over_disk(
        config: &ChunkCacheConfig,
        disk: Option<DiskTier>,
        runtime: Handle,
        metrics: &CacheMetrics,
    ) -> Self {
        let tier = metrics.tier(Tier::Chunks);
        tier.set_capacity(config.capacity_bytes);
        metrics.set_chunk_bytes(config.chunk_bytes);
        let mut evictions = Evictions::new(tier.clone(), Chunk::len);
        if let Some(disk) = disk.clone() {
            evictions = evictions.onward(move |key: &ChunkKey, chunk: &Chunk| {
                disk.offer(key.disk_name(), chunk.bytes().clone());
            });
        }
        let memory = CacheBuilder::new(config.capacity_bytes)
            .with_name("chunks")
            .with_shards(chunk_shards(config.capacity_bytes, config.chunk_bytes))
            .with_eviction_config(S3FifoConfig::default())
            .with_weighter(|_, chunk: &Chunk| chunk.len() + ENTRY_OVERHEAD_BYTES)
            .with_event_listener(Arc::new(evictions))
            .build();
        Self {
            inner: Arc::new(Inner {
                memory,
                disk,
                admission: config.admission,
                metrics: tier,
                chunk_bytes: config.chunk_bytes,
            }),
            fills: Fills::new(config.fills.clone(), runtime, metrics.fills(Tier::Chunks)),
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
        let chunk = self.inner.memory.get(key).map(|entry| entry.value().clone())?;
        self.inner.metrics.looked(Outcome::Hit, chunk.len());
        Some(chunk.into())
    }

    /// Puts a chunk in that came some other way than by a fill.
    pub fn insert(&self, key: ChunkKey, chunk: Chunk) {
        self.inner.memory.insert(key, chunk);
        self.inner.metrics.set_usage(self.inner.memory.usage());
    }

    /// Chunk `first` of `span`: from memory, from a fill under way, or by
    /// `fill`, which then runs as a task of its own and brings those after it
    /// as well, up to the first that is here already.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it. It is not
    /// remembered.
    pub async fn open<Fill, Fut>(
        &self,
        span: &ChunkSpan,
        fill: Fill,
    ) -> Result<Looked<Reading<E>>, StreamError<E>>
    where
        Fill: Fn(ChunkFilling<E>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let first = span.key(span.first, self.inner.chunk_bytes);
        for _ in 0..LOOKS_MAX {
            if let Some(whole) = self.get(&first) {
                return Ok(Looked {
                    value: Reading::Whole(whole),
                    outcome: Outcome::Hit,
                });
            }
            let keys = span.keys(self.inner.chunk_bytes);
            let shelf = Shelf(Arc::clone(&self.inner));
            let joined = match self.inner.on_disk(&first) {
                Some((disk, name)) => {
                    let from_disk = |filling| load(disk.clone(), name.clone(), filling, fill.clone());
                    self.fills
                        .join(keys.get(..1).unwrap_or_default(), &shelf, from_disk)
                        .await?
                }
                None => self.fills.join(self.inner.off_disk(&keys), &shelf, &fill).await?,
            };
            if let Some(joined) = joined {
                if span.is_ahead && joined.outcome == Outcome::Miss {
                    joined.follower.pin();
                }
                let size = keys.first().and_then(|(_, length)| *length).unwrap_or(0);
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                self.inner.metrics.looked(joined.outcome, size);
                return Ok(Looked {
                    value: Reading::Growing(joined.follower),
                    outcome: joined.outcome,
                });
            }
        }
        Err(StreamError::Lost)
    }

    /// Fills what is not here yet of `span`, though nobody has asked for it.
    /// Tells how many chunks that are.
    pub fn read_ahead<Fill, Fut>(&self, span: &ChunkSpan, fill: Fill) -> usize
    where
        Fill: FnOnce(ChunkFilling<E>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let keys = span.keys(self.inner.chunk_bytes);
        let keys = self.inner.off_disk(&keys);
        if keys
            .first()
            .is_some_and(|(first, _)| self.inner.on_disk(first).is_some())
        {
            return 0;
        }
        self.fills.start(keys, &Shelf(Arc::clone(&self.inner)), fill)
    }

    /// Whether the chunk is here, in memory or on disk, or on its way.
    #[must_use]
    pub fn is_coming(&self, key: &ChunkKey) -> bool {
        self.contains(key) || self.fills.is_filling(key) || self.inner.on_disk(key).is_some()
    }

    /// Bytes held, overhead included.
    #[must_use]
    pub fn usage_bytes(&self) -> usize {
        self.inner.memory.usage()
    }

    /// Forgets every chunk, in memory and on disk. Whoever reads one goes on
    /// with it.
    pub async fn clear(&self) {
        self.inner.memory.clear();
        if let Some(disk) = &self.inner.disk {
            disk.destroy().await;
        }
        self.inner.metrics.set_usage(self.inner.memory.usage());
    }

    /// Waits until no fill runs.
    pub async fn drain(&self) {
        self.fills.drain().await;
    }
}

impl Inner {
    /// The disk, if it has this chunk, and the chunk's name there.
    fn on_disk(&self, key: &ChunkKey) -> Option<(&DiskTier, Bytes)> {
        let disk = self.disk.as_ref()?;
        let name = key.disk_name();
        disk.may_hold(&name).then_some((disk, name))
    }

    /// The first of `keys`, and those behind it up to one that is on disk.
    fn off_disk<'k, L>(&self, keys: &'k [(ChunkKey, L)]) -> &'k [(ChunkKey, L)] {
        let on_disk = keys
            .iter()
            .skip(1)
            .position(|(key, _)| self.on_disk(key).is_some());
        let count = on_disk.map_or(keys.len(), |position| position + 1);
        keys.get(..count).unwrap_or(keys)
    }
}

/// Fills one chunk from the disk, and by `fill` when it is not there after all.
async fn load<E, Fill, Fut>(disk: DiskTier, name: Bytes, mut filling: ChunkFilling<E>, fill: Fill)
where
    E: Clone + Send + Sync + 'static,
    Fill: Fn(ChunkFilling<E>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    match disk.load(&name).await {
        Some(bytes) if filling.fits(bytes.len()) => {
            filling.head(&(), None);
            // Fits.
            let _ = filling.push(bytes);
        }
        _ => fill(filling).await,
    }
}

impl ChunkSpan {
    fn key(&self, index: u32, size: u32) -> ChunkKey {
        ChunkKey {
            object: self.object.clone(),
            size,
            index,
        }
    }

    /// The chunks that the object has, each with its length.
    fn keys(&self, size: u32) -> Vec<(ChunkKey, Option<u64>)> {
        let chunks = (self.first..=self.last.max(self.first)).map_while(|index| {
            let start = u64::from(index) * u64::from(size);
            let length = self.object_size.checked_sub(start)?.min(u64::from(size));
            // An empty object has one empty chunk.
            (index == self.first || 0 < length).then(|| (self.key(index, size), Some(length)))
        });
        chunks.collect()
    }
}

/// Memory, as the place that fills put chunks in.
#[derive(Clone)]
struct Shelf(Arc<Inner>);

impl Keep<ChunkKey, ()> for Shelf {
    fn has(&self, key: &ChunkKey) -> bool {
        self.0.memory.contains(key)
    }

    fn keep(&self, key: &ChunkKey, (): &(), whole: &Bytes) {
        self.0.memory.insert(key.clone(), Chunk::of_exact(whole.clone()));
        self.0.metrics.filled(true);
        if let (Some(disk), DiskAdmission::Filled) = (&self.0.disk, self.0.admission) {
            disk.offer(key.disk_name(), whole.clone());
        }
        self.0.metrics.set_usage(self.0.memory.usage());
    }
}

impl<E: Clone> fmt::Debug for ChunkCache<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkCache")
            .field("chunk_bytes", &self.inner.chunk_bytes)
            .field("usage_bytes", &self.inner.memory.usage())
            .field("fills", &self.fills)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "chunks_tests.rs"]
mod tests;
