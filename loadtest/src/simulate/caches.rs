//! What a node holds: foyer with the policies of the origin's own caches, holding sizes in place of bytes.

use foyer::{Cache, CacheBuilder, LruConfig, S3FifoConfig};

use super::CacheSpec;
use crate::number::whole;

/// What an entry costs beside its bytes, as in the origin's cache.
const ENTRY_OVERHEAD_BYTES: usize = 256;
/// A shard holds at least this many chunks, as in the origin's cache.
const SHARD_CHUNKS_MIN: usize = 32;
/// Most shards, as in the origin's cache.
const SHARDS_MAX: usize = 16;

/// A chunk of a file of a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChunkId(u64);

impl ChunkId {
    /// Chunk `index` of file `file` of title `title`.
    pub(super) fn new(title: u32, file: u8, index: u32) -> Self {
        Self(u64::from(title) << 40 | u64::from(file) << 32 | u64::from(index))
    }
}

/// The caches of one node.
pub(super) struct Caches {
    chunks: Cache<ChunkId, u32>,
    indexes: Cache<u32, Index>,
}

/// A title's index.
#[derive(Debug, Clone, Copy)]
struct Index {
    bytes: u32,
    /// When the store was last asked about it, in seconds.
    checked_s: f64,
}

/// What asking for a title's index meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexed {
    /// It was there.
    Held,
    /// It was there, and the store was asked whether it still holds.
    Checked,
    /// It was read.
    Loaded,
}

impl Caches {
    pub(super) fn new(spec: &CacheSpec, capacity_bytes: u64) -> Self {
        let capacity = usize::try_from(capacity_bytes).unwrap_or(usize::MAX);
        let chunk_bytes = usize::try_from(spec.chunk_bytes).unwrap_or(usize::MAX);
        let shard_bytes_min = chunk_bytes.saturating_mul(SHARD_CHUNKS_MIN).max(1);
        Self {
            chunks: CacheBuilder::new(capacity)
                .with_shards((capacity / shard_bytes_min).clamp(1, SHARDS_MAX))
                .with_eviction_config(S3FifoConfig::default())
                .with_weighter(|_: &ChunkId, bytes: &u32| *bytes as usize + ENTRY_OVERHEAD_BYTES)
                .build(),
            indexes: CacheBuilder::new(usize::try_from(spec.index_bytes).unwrap_or(usize::MAX))
                .with_shards(1)
                .with_eviction_config(LruConfig::default())
                .with_weighter(|_: &u32, index: &Index| index.bytes as usize + ENTRY_OVERHEAD_BYTES)
                .build(),
        }
    }

    /// Whether a chunk is there; afterwards it is.
    pub(super) fn look(&self, chunk: ChunkId, bytes: u32) -> bool {
        if self.chunks.get(&chunk).is_some() {
            return true;
        }
        self.chunks.insert(chunk, bytes);
        false
    }

    /// What asking for the index of `title`, of `bytes`, at `now_s` means.
    pub(super) fn index(&self, title: u32, bytes: f64, now_s: f64, ttl_s: f64) -> Indexed {
        let found = self.indexes.get(&title).map(|entry| *entry.value());
        let outcome = match found {
            Some(index) if now_s - index.checked_s < ttl_s => return Indexed::Held,
            Some(_) => Indexed::Checked,
            None => Indexed::Loaded,
        };
        let index = Index {
            bytes: u32::try_from(whole(bytes)).unwrap_or(u32::MAX),
            checked_s: now_s,
        };
        self.indexes.insert(title, index);
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn spec() -> CacheSpec {
        CacheSpec {
            chunk_bytes: 1 << 20,
            index_bytes: 1 << 20,
            ttl: Duration::from_secs(60),
            get_bytes_max: 1 << 20,
        }
    }

    #[test]
    fn what_was_looked_for_is_there_the_next_time() {
        let caches = Caches::new(&spec(), 64 << 20);
        let chunk = |index| ChunkId::new(1, 2, index);
        assert!(!caches.look(chunk(0), 1 << 20));
        assert!(caches.look(chunk(0), 1 << 20));
        assert!(!caches.look(chunk(1), 1 << 20));
    }

    #[test]
    fn no_more_is_held_than_fits() {
        let caches = Caches::new(&spec(), 64 << 20);
        let chunks = |caches: &Caches| {
            (0..1000)
                .filter(|index| caches.look(ChunkId::new(0, 0, *index), 1 << 20))
                .count()
        };
        assert_eq!(chunks(&caches), 0);
        assert!(chunks(&caches) <= 64);
    }

    #[test]
    fn an_index_is_checked_when_it_is_old() {
        let caches = Caches::new(&spec(), 1 << 20);
        assert_eq!(caches.index(1, 100.0, 0.0, 60.0), Indexed::Loaded);
        assert_eq!(caches.index(1, 100.0, 59.0, 60.0), Indexed::Held);
        assert_eq!(caches.index(1, 100.0, 61.0, 60.0), Indexed::Checked);
        assert_eq!(caches.index(1, 100.0, 62.0, 60.0), Indexed::Held);
    }
}
