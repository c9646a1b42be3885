//! An object read through the chunk cache.

use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use strata_cache::{
    ChunkFilling, ChunkKey, ChunkSpan, Follower, ObjectKey, Outcome, Reading, Runs, StreamError,
};

use super::{ObjectMeta, Opened, SourceError, SourceFault, SourceReader, Tally};

/// Bytes that are read when an object is opened. A server manifest is whole
/// within it, and so is the `moov` of a short file; both then cost one request.
pub const HEAD_BYTES: u64 = 64 << 10;

/// One version of an object; its bytes come chunk by chunk through the cache.
#[derive(Clone, Debug)]
pub struct SourceObject {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reader: SourceReader,
    name: Arc<str>,
    meta: ObjectMeta,
    key: ObjectKey,
    runs: Mutex<Runs>,
}

impl SourceObject {
    /// Version `meta` of object `name`.
    #[must_use]
    pub fn new(reader: SourceReader, name: &str, meta: ObjectMeta) -> Self {
        let key = ObjectKey::new(reader.store().name(), name, &meta.version);
        Self {
            inner: Arc::new(Inner {
                reader,
                name: name.into(),
                meta,
                key,
                runs: Mutex::default(),
            }),
        }
    }

    /// An object that has just been opened. Its first [`HEAD_BYTES`] stay in the
    /// cache: tables in there are not read again, and neither are those bytes
    /// with the first chunk.
    #[must_use]
    pub fn opened(reader: SourceReader, name: &str, opened: &Opened) -> Self {
        let object = Self::new(reader, name, opened.meta.clone());
        if opened.head.len() as u64 == opened.meta.size.min(HEAD_BYTES) {
            let chunks = object.inner.reader.chunks();
            chunks.insert(object.head_key(), opened.head.clone());
        }
        object
    }

    /// The object's name in the store.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Names this version of it in caches.
    #[must_use]
    pub fn key(&self) -> &ObjectKey {
        &self.inner.key
    }

    /// What it is.
    #[must_use]
    pub fn meta(&self) -> &ObjectMeta {
        &self.inner.meta
    }

    /// Bytes in a chunk.
    #[must_use]
    pub fn chunk_size(&self) -> u64 {
        u64::from(self.inner.reader.chunks().chunk_bytes())
    }

    /// Whether chunk `index` is in memory. Does not count as a use of it.
    #[must_use]
    pub fn has_chunk(&self, index: u32) -> bool {
        self.inner.reader.chunks().contains(&self.chunk_key(index))
    }

    /// Chunk `index`, if it is in memory.
    #[must_use]
    pub fn cached_chunk(&self, index: u32) -> Option<Bytes> {
        self.inner.reader.chunks().get(&self.chunk_key(index))
    }

    /// Chunk `index`: whole, or as it comes from the store, then with those up
    /// to `worth` in the same request as far as they are not here either. Those
    /// up to `needed` are given up when nobody wants them any more.
    ///
    /// The future does nothing before it is polled; once polled, the read goes
    /// on even if the future is dropped and somebody else wants it.
    pub fn chunk(
        &self,
        index: u32,
        needed: u32,
        worth: u32,
        tally: &Arc<Tally>,
    ) -> impl Future<Output = Result<Reading<SourceError>, SourceError>> + Send + 'static {
        let (object, tally) = (self.clone(), Arc::clone(tally));
        async move {
            let span = ChunkSpan {
                is_ahead: needed < worth,
                ..object.span(index, worth)
            };
            let fill = object.fill(&tally);
            let looked = object.inner.reader.chunks().open(&span, fill).await;
            let looked = looked.map_err(|error| object.error(error))?;
            tally.looked(looked.outcome);
            Ok(looked.value)
        }
    }

    /// Somebody asks for chunks `first` to `last`, as one stretch. Returns up to
    /// which chunk it is worth to read on with what is missing of them.
    #[must_use]
    pub fn demand(&self, first: u32, last: u32) -> u32 {
        let (inner, reader) = (&self.inner, &self.inner.reader);
        let count = self.meta().size.div_ceil(self.chunk_size().max(1));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let worth = lock(&inner.runs).worth(first, last, count, reader.ahead_chunks_max(), reader.benefit());
        reader.store().read_ahead(worth.ahead, worth.used, worth.wasted);
        worth.last
    }

    /// Reads what is not here yet of chunks `first` to `last`, which nobody has
    /// asked for.
    pub fn read_ahead(&self, first: u32, last: u32, tally: &Arc<Tally>) {
        let chunks = self.inner.reader.chunks();
        let missing = (first..=last).find(|index| !chunks.is_coming(&self.chunk_key(*index)));
        if let Some(missing) = missing {
            chunks.read_ahead(&self.span(missing, last), self.fill(tally));
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
        if let Some(bytes) = self.at_hand(&range, tally) {
            return Ok(bytes);
        }
        let last = range.end.saturating_sub(1) / self.chunk_size().max(1);
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        let mut pieces = self.pieces(range.clone());
        let Some(first) = pieces.next() else {
            return Ok(Bytes::new());
        };
        let first_bytes = self.piece(&first, last, tally).await?;
        if first.offset_end() == range.end {
            return Ok(first_bytes);
        }
        let mut joined = BytesMut::from(&*first_bytes);
        for piece in pieces {
            joined.extend_from_slice(&self.piece(&piece, last, tally).await?);
        }
        Ok(joined.freeze())
    }

    /// Bytes `range`, if they are in memory in one piece.
    #[must_use]
    pub fn at_hand(&self, range: &Range<u64>, tally: &Tally) -> Option<Bytes> {
        let bytes = self.within_head(range).or_else(|| {
            let piece = self.pieces(range.clone()).next()?;
            if piece.offset_end() != range.end {
                return None;
            }
            piece.cut(&self.cached_chunk(piece.chunk)?)
        })?;
        tally.looked(Outcome::Hit);
        Some(bytes)
    }

    /// Cuts `range` where chunks meet.
    pub fn pieces(&self, range: Range<u64>) -> Pieces {
        Pieces {
            chunk_size: self.chunk_size(),
            range,
        }
    }

    /// What a follower's error is to those who asked.
    #[must_use]
    pub fn error(&self, error: StreamError<SourceError>) -> SourceError {
        let fault = match error {
            StreamError::Failed(error) => return error,
            StreamError::Lost => SourceFault::unavailable("the read was lost"),
            StreamError::Short { .. } | StreamError::Long { .. } => SourceFault::broken(error.to_string()),
            StreamError::Waited { after, .. } => SourceFault::Slow {
                limit: "cache.fill_wait",
                after,
            },
            StreamError::Crowded { .. } => SourceFault::unavailable(error.to_string()),
        };
        SourceError::new(self.name(), fault)
    }

    async fn piece(&self, piece: &Piece, last: u32, tally: &Arc<Tally>) -> Result<Bytes, SourceError> {
        let reading = match self.cached_chunk(piece.chunk) {
            Some(chunk) => {
                tally.looked(Outcome::Hit);
                Reading::Whole(chunk)
            }
            None => self.chunk(piece.chunk, last, last, tally).await?,
        };
        let cut = match reading {
            Reading::Whole(chunk) => piece.cut(&chunk),
            Reading::Growing(follower) => self.gather(piece, &follower).await?,
        };
        cut.ok_or_else(|| {
            let fault = SourceFault::broken("a chunk is shorter than the object");
            SourceError::new(self.name(), fault)
        })
    }

    /// The piece's bytes, as soon as all of them are here; `None` when the
    /// chunk ends before.
    async fn gather(
        &self,
        piece: &Piece,
        follower: &Follower<(), SourceError>,
    ) -> Result<Option<Bytes>, SourceError> {
        let Range { mut start, end } = piece.within;
        let mut gathered = BytesMut::new();
        while start < end {
            let bytes = follower.at(start).await.map_err(|error| self.error(error))?;
            let Some(mut bytes) = bytes else { return Ok(None) };
            bytes.truncate(usize::try_from(end - start).unwrap_or(usize::MAX));
            start += bytes.len() as u64;
            if start == end && gathered.is_empty() {
                return Ok(Some(bytes));
            }
            gathered.extend_from_slice(&bytes);
        }
        Ok(Some(gathered.freeze()))
    }

    /// Bytes `range`, if they are among the first and those are here.
    fn within_head(&self, range: &Range<u64>) -> Option<Bytes> {
        if HEAD_BYTES < range.end {
            return None;
        }
        let head = self.inner.reader.chunks().get(&self.head_key())?;
        let start = usize::try_from(range.start).ok()?;
        let end = usize::try_from(range.end).ok()?;
        (start <= end && end <= head.len()).then(|| head.slice(start..end))
    }

    /// The head is a chunk too, of another size; where that is the size of
    /// chunks, it is the first of them.
    fn head_key(&self) -> ChunkKey {
        ChunkKey {
            object: self.inner.key.clone(),
            size: u32::try_from(HEAD_BYTES).unwrap_or(u32::MAX),
            index: 0,
        }
    }

    fn chunk_key(&self, index: u32) -> ChunkKey {
        ChunkKey {
            object: self.inner.key.clone(),
            size: self.inner.reader.chunks().chunk_bytes(),
            index,
        }
    }

    fn span(&self, first: u32, last: u32) -> ChunkSpan {
        let most = self.inner.reader.range_chunks_max() - 1;
        ChunkSpan {
            object: self.inner.key.clone(),
            object_size: self.inner.meta.size,
            first,
            last: last.min(first.saturating_add(most)).max(first),
            is_ahead: false,
        }
    }

    /// Fills chunks from the store.
    fn fill(
        &self,
        tally: &Arc<Tally>,
    ) -> impl Fn(ChunkFilling<SourceError>) -> BoxFuture<'static, ()> + Clone + Send + Sync + 'static {
        let (object, tally) = (self.clone(), Arc::clone(tally));
        move |mut filling| {
            let (object, tally) = (object.clone(), Arc::clone(&tally));
            Box::pin(async move { object.bring(&mut filling, &tally).await })
        }
    }

    async fn bring(&self, filling: &mut ChunkFilling<SourceError>, tally: &Tally) {
        let (Some(first), Some(last)) = (filling.keys().next(), filling.keys().last()) else {
            return;
        };
        let size = self.inner.meta.size;
        let end = (u64::from(last.index) + 1)
            .saturating_mul(self.chunk_size())
            .min(size);
        let mut start = (u64::from(first.index) * self.chunk_size()).min(end);
        if start == 0 {
            let chunks = self.inner.reader.chunks();
            if let Some(mut head) = chunks.get(&self.head_key()) {
                head.truncate(usize::try_from(end).unwrap_or(usize::MAX));
                start = head.len() as u64;
                filling.head(&(), None);
                // Never longer than what it is the head of.
                let _ = filling.push(head);
            }
        }
        if start < end || size == 0 {
            let (inner, store) = (&self.inner, self.inner.reader.store());
            let version = &inner.meta.version;
            store.fill(&inner.name, version, start..end, filling, tally).await;
        }
    }
}

/// What the locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
