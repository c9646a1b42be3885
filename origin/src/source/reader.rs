//! What all objects of a store are read through.

use std::fmt;
use std::sync::Arc;

use strata_cache::{Benefit, ChunkCache};

use super::{SourceError, Store};

/// How much is read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Neighbouring chunks are joined into ranges of up to this many bytes.
    pub range_bytes_max: u64,
    /// Bytes that are read ahead of a viewer who watches on; 0 for none.
    pub ahead_bytes_max: u64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            range_bytes_max: 16 << 20,
            ahead_bytes_max: 16 << 20,
        }
    }
}

/// A store and the cache in front of it. Clones are the same.
#[derive(Clone)]
pub struct SourceReader {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    chunks: ChunkCache<SourceError>,
    limits: ReadLimits,
    benefit: Benefit,
}

impl SourceReader {
    /// Reads `store` through `chunks`.
    #[must_use]
    pub fn new(store: Arc<Store>, chunks: ChunkCache<SourceError>, limits: ReadLimits) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                chunks,
                limits,
                benefit: Benefit::default(),
            }),
        }
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Forgets what was read, in memory and on disk.
    pub async fn clear(&self) {
        self.inner.chunks.clear().await;
    }

    pub(super) fn chunks(&self) -> &ChunkCache<SourceError> {
        &self.inner.chunks
    }

    pub(super) fn benefit(&self) -> &Benefit {
        &self.inner.benefit
    }

    /// Most chunks in one range.
    pub(super) fn range_chunks_max(&self) -> u32 {
        self.chunks_in(self.inner.limits.range_bytes_max).max(1)
    }

    /// Most chunks that are read ahead.
    pub(super) fn ahead_chunks_max(&self) -> u32 {
        self.chunks_in(self.inner.limits.ahead_bytes_max)
    }

    fn chunks_in(&self, bytes: u64) -> u32 {
        let chunks = bytes / u64::from(self.inner.chunks.chunk_bytes()).max(1);
        u32::try_from(chunks).unwrap_or(u32::MAX)
    }
}

impl fmt::Debug for SourceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceReader")
            .field("store", &self.inner.store.name())
            .field("limits", &self.inner.limits)
            .finish_non_exhaustive()
    }
}
