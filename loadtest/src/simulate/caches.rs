//! What a node holds: foyer with the policies of the origin's own caches, holding sizes in place of bytes.

use foyer::{Cache, CacheBuilder, LruConfig, S3FifoConfig};
use strata_cache::{DERIVED_SHARDS, ENTRY_OVERHEAD_BYTES, chunk_shards};

use super::CacheSpec;
use crate::number::whole;

/// A chunk of a file of a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ChunkId(u64);

impl ChunkId {
    /// Chunk `index` of file `file` of title `title`.
    pub(super) fn new(title: u32, file: u8, index: u32) -> Self {
        Self(u64::from(title) << 40 | u64::from(file) << 32 | u64::from(index))
    }

    /// The first bytes of a file, which are kept apart from its chunks.
    pub(super) fn head(title: u32, file: u8) -> Self {
        Self::new(title, file, u32::MAX)
    }
}

/// A chunk that is there, or on its way.
#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: u32,
    /// When it is there, in seconds.
    ready_s: f64,
}

/// The caches of one node.
pub(super) struct Caches {
    chunks: Cache<ChunkId, Held>,
    indexes: Cache<u32, Index>,
}

/// A title's index.
#[derive(Debug, Clone, Copy)]
struct Index {
    bytes: u32,
    /// When the store was last asked about it, in seconds.
    checked_s: f64,
    /// When it is read, in seconds.
    ready_s: f64,
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
        Self {
            chunks: CacheBuilder::new(capacity)
                .with_shards(chunk_shards(capacity, spec.chunk_bytes))
                .with_eviction_config(S3FifoConfig::default())
                .with_weighter(|_: &ChunkId, held: &Held| held.bytes as usize + ENTRY_OVERHEAD_BYTES)
                .build(),
            indexes: CacheBuilder::new(usize::try_from(spec.index_bytes).unwrap_or(usize::MAX))
                .with_shards(DERIVED_SHARDS)
                .with_eviction_config(LruConfig::default())
                .with_weighter(|_: &u32, index: &Index| index.bytes as usize + ENTRY_OVERHEAD_BYTES)
                .build(),
        }
    }

    /// When a chunk that was asked for before is there, which counts as a use of it; `None`: it has to be read.
    pub(super) fn get(&self, chunk: ChunkId) -> Option<f64> {
        self.chunks.get(&chunk).map(|entry| entry.value().ready_s)
    }

    /// Whether a chunk is there or on its way, which does not.
    pub(super) fn contains(&self, chunk: ChunkId) -> bool {
        self.chunks.contains(&chunk)
    }

    /// A chunk is read, and will be there at `ready_s`.
    pub(super) fn insert(&self, chunk: ChunkId, bytes: u32, ready_s: f64) {
        self.chunks.insert(chunk, Held { bytes, ready_s });
    }

    /// What asking for the index of `title`, of `bytes`, at `now_s` means, and when it is there: what has to be
    /// loaded after `load_s`.
    pub(super) fn index(
        &self,
        title: u32,
        bytes: f64,
        now_s: f64,
        ttl_s: f64,
        load_s: f64,
    ) -> (Indexed, f64) {
        let found = self.indexes.get(&title).map(|entry| *entry.value());
        let (outcome, ready_s) = match found {
            Some(index) if now_s - index.checked_s < ttl_s => return (Indexed::Held, index.ready_s),
            // While the title is served as it is.
            Some(index) => (Indexed::Checked, index.ready_s),
            None => (Indexed::Loaded, now_s + load_s),
        };
        let index = Index {
            bytes: u32::try_from(whole(bytes)).unwrap_or(u32::MAX),
            checked_s: now_s,
            ready_s,
        };
        self.indexes.insert(title, index);
        (outcome, ready_s)
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
            ahead_bytes_max: 0,
            head_bytes: 64 << 10,
        }
    }

    #[test]
    fn no_more_is_held_than_fits() {
        let caches = Caches::new(&spec(), 64 << 20);
        let chunk = |index| ChunkId::new(1, 2, index);
        for index in 0..1000 {
            assert_eq!(caches.get(chunk(index)), None);
            caches.insert(chunk(index), 1 << 20, 0.5);
            assert_eq!(caches.get(chunk(index)), Some(0.5));
        }
        let held = (0..1000).filter(|index| caches.contains(chunk(*index))).count();
        assert!((32..=64).contains(&held), "{held}");
    }

    #[test]
    fn an_index_is_checked_when_it_is_old() {
        let caches = Caches::new(&spec(), 1 << 20);
        let index = |now_s| caches.index(1, 100.0, now_s, 60.0, 0.25);
        assert_eq!(index(0.0), (Indexed::Loaded, 0.25));
        assert_eq!(index(0.1), (Indexed::Held, 0.25));
        assert_eq!(index(61.0), (Indexed::Checked, 0.25));
        assert_eq!(index(62.0), (Indexed::Held, 0.25));
    }
}
