//! An object read through the chunk cache.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use strata_cache::{ChunkCache, ChunkKey, FillError, ObjectKey};

use super::{ObjectMeta, SourceError, SourceFault, Store, Tally};

/// One version of an object; its bytes come chunk by chunk through the cache.
#[derive(Clone, Debug)]
pub struct SourceObject {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    chunks: ChunkCache<SourceError>,
    name: Arc<str>,
    meta: ObjectMeta,
    key: ObjectKey,
}

impl SourceObject {
    /// Version `meta` of object `name`.
    #[must_use]
    pub fn new(store: Arc<Store>, chunks: ChunkCache<SourceError>, name: &str, meta: ObjectMeta) -> Self {
        let key = ObjectKey::new(store.name(), name, &meta.version);
        Self {
            inner: Arc::new(Inner {
                store,
                chunks,
                name: name.into(),
                meta,
                key,
            }),
        }
    }

    /// The object's name in the store.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What it is.
    #[must_use]
    pub fn meta(&self) -> &ObjectMeta {
        &self.inner.meta
    }

    /// Bytes in a chunk.
    #[must_use]
    pub fn chunk_size(&self) -> u64 {
        u64::from(self.inner.chunks.chunk_bytes())
    }

    /// Whether chunk `index` is in memory. Does not count as a use of it.
    #[must_use]
    pub fn has_chunk(&self, index: u32) -> bool {
        self.inner.chunks.contains(&self.chunk_key(index))
    }

    /// Chunk `index`, if it is in memory.
    #[must_use]
    pub fn cached_chunk(&self, index: u32) -> Option<Bytes> {
        self.inner.chunks.get(&self.chunk_key(index))
    }

    /// Chunk `index`, read from the store when it is not in memory.
    ///
    /// The future does nothing before it is polled; once polled, the read goes
    /// on even if the future is dropped.
    pub fn chunk(
        &self,
        index: u32,
        tally: &Arc<Tally>,
    ) -> impl Future<Output = Result<Bytes, SourceError>> + Send + 'static {
        let (object, tally) = (self.clone(), Arc::clone(tally));
        async move {
            let key = object.chunk_key(index);
            let fill = {
                let (inner, tally) = (Arc::clone(&object.inner), Arc::clone(&tally));
                let range = object.chunk_range(index);
                move || async move {
                    let version = &inner.meta.version;
                    inner.store.read(&inner.name, version, range, &tally).await
                }
            };
            let looked = object.inner.chunks.get_or_fill(&key, fill).await;
            let looked = looked.map_err(|error| match error {
                FillError::Failed(error) => error,
                FillError::Lost => {
                    SourceError::new(object.name(), SourceFault::unavailable("the read was lost"))
                }
            })?;
            tally.looked(looked.outcome);
            Ok(looked.value)
        }
    }

    /// Bytes `range`: a slice of a chunk, or a copy where it crosses chunks.
    ///
    /// For tables and other small ranges; media is streamed chunk by chunk.
    ///
    /// # Errors
    /// The store's; [`SourceFault::Broken`] when the range exceeds the object.
    pub async fn read(&self, range: Range<u64>, tally: &Arc<Tally>) -> Result<Bytes, SourceError> {
        if self.inner.meta.size < range.end {
            let reason = format!("bytes {range:?} of an object of {} bytes", self.inner.meta.size);
            return Err(SourceError::new(self.name(), SourceFault::broken(reason)));
        }
        let mut pieces = self.pieces(range.clone());
        let Some(first) = pieces.next() else {
            return Ok(Bytes::new());
        };
        let first_bytes = self.piece(&first, tally).await?;
        if first.offset_end() == range.end {
            return Ok(first_bytes);
        }
        let mut joined = BytesMut::from(&*first_bytes);
        for piece in pieces {
            joined.extend_from_slice(&self.piece(&piece, tally).await?);
        }
        Ok(joined.freeze())
    }

    /// Cuts `range` where chunks meet.
    pub fn pieces(&self, range: Range<u64>) -> Pieces {
        Pieces {
            chunk_size: self.chunk_size(),
            range,
        }
    }

    async fn piece(&self, piece: &Piece, tally: &Arc<Tally>) -> Result<Bytes, SourceError> {
        let chunk = match self.cached_chunk(piece.chunk) {
            Some(chunk) => {
                tally.looked(strata_cache::Outcome::Hit);
                chunk
            }
            None => self.chunk(piece.chunk, tally).await?,
        };
        piece.cut(&chunk).ok_or_else(|| {
            let fault = SourceFault::broken("a chunk is shorter than the object");
            SourceError::new(self.name(), fault)
        })
    }

    fn chunk_key(&self, index: u32) -> ChunkKey {
        ChunkKey {
            object: self.inner.key.clone(),
            size: self.inner.chunks.chunk_bytes(),
            index,
        }
    }

    fn chunk_range(&self, index: u32) -> Range<u64> {
        let start = u64::from(index) * self.chunk_size();
        let end = start.saturating_add(self.chunk_size());
        start.min(self.inner.meta.size)..end.min(self.inner.meta.size)
    }
}

/// Bytes of one chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The chunk's index.
    pub chunk: u32,
    /// Which of the chunk's bytes.
    pub within: Range<u64>,
    chunk_size: u64,
}

impl Piece {
    /// These bytes of the chunk, without copying; `None` when it is too short.
    #[must_use]
    pub fn cut(&self, chunk: &Bytes) -> Option<Bytes> {
        let start = usize::try_from(self.within.start).ok()?;
        let end = usize::try_from(self.within.end).ok()?;
        (start <= end && end <= chunk.len()).then(|| chunk.slice(start..end))
    }

    fn offset_end(&self) -> u64 {
        u64::from(self.chunk) * self.chunk_size + self.within.end
    }
}

/// The pieces of a range, in order.
#[derive(Clone, Debug)]
pub struct Pieces {
    chunk_size: u64,
    range: Range<u64>,
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.range.is_empty() {
            return None;
        }
        let chunk = self.range.start.checked_div(self.chunk_size)?;
        let base = chunk * self.chunk_size;
        let end = self.range.end.min(base.saturating_add(self.chunk_size));
        let piece = Piece {
            // Beyond u32 the object exceeds what chunks can name: nothing is
            // left, and the reader finds the body short.
            chunk: u32::try_from(chunk).ok()?,
            within: self.range.start - base..end - base,
            chunk_size: self.chunk_size,
        };
        self.range.start = end;
        Some(piece)
    }
}

#[cfg(test)]
#[path = "object_tests.rs"]
mod tests;
