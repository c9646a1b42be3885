//! A stream that grows while it is read.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

/// Pieces smaller than this are joined with the one before: a source that
/// sends byte by byte must not cost a record a byte.
const PIECE_BYTES_MIN: usize = 4 << 10;

/// Why a follower gets no more bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError<E> {
    /// The fill reported an error. All who follow get the same one.
    #[error("{0}")]
    Failed(E),
    /// The fill ended without a result: it panicked, or its runtime stopped.
    #[error("the fill ended without a result")]
    Lost,
    /// The source ended before the length that was announced.
    #[error("{received} bytes arrived where {expected} were announced")]
    Short {
        /// Bytes announced.
        expected: u64,
        /// Bytes that came.
        received: u64,
    },
    /// The source sent more than the length that was announced.
    #[error("more than the announced {expected} bytes arrived")]
    Long {
        /// Bytes announced.
        expected: u64,
    },
    /// No head came within the wait limit, of this fill and of the next ones.
    #[error("no answer after waiting {after:?} for each of {fills} fills")]
    Waited {
        /// The limit.
        after: Duration,
        /// How many fills were waited for.
        fills: u32,
    },
    /// Too many wait for heads already.
    #[error("{limit} wait for a fill already")]
    Crowded {
        /// The limit.
        limit: usize,
    },
}

/// What the streams of one fill share: whether anybody is interested.
#[derive(Debug, Default)]
pub(super) struct Interest {
    followers: AtomicUsize,
    /// Bytes that are yet to come; `u64::MAX` while unknown.
    pub(super) remaining: AtomicU64,
    pub(super) left: Notify,
    /// Goes on without followers: read-ahead.
    pub(super) is_pinned: AtomicBool,
}

impl Interest {
    pub(super) fn followers(&self) -> usize {
        self.followers.load(Ordering::Acquire)
    }
}

/// One key's bytes.
pub(super) struct Stream<H, E> {
    state: Mutex<State<H, E>>,
    pub(super) interest: Arc<Interest>,
}

struct State<H, E> {
    head: Option<H>,
    /// Bytes announced; `None` while unknown.
    length: Option<u64>,
    pieces: Vec<Piece>,
    received: u64,
    end: Option<Result<(), StreamError<E>>>,
    wakers: HashMap<u64, Waker>,
    last_follower: u64,
}

struct Piece {
    start: u64,
    bytes: Bytes,
}

impl<H: Clone, E: Clone> Stream<H, E> {
    pub(super) fn new(length: Option<u64>, interest: Arc<Interest>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                head: None,
                length,
                pieces: Vec::new(),
                received: 0,
                end: None,
                wakers: HashMap::new(),
                last_follower: 0,
            }),
            interest,
        })
    }

    pub(super) fn follow(self: &Arc<Self>) -> Follower<H, E> {
        self.interest.followers.fetch_add(1, Ordering::AcqRel);
        let mut state = self.lock();
        state.last_follower += 1;
        Follower {
            id: state.last_follower,
            stream: Arc::clone(self),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<H, E>> {
        // Changed in steps that cannot panic in between.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes everyone who waits for a change.
    fn change(&self, change: impl FnOnce(&mut State<H, E>)) {
        let wakers = {
            let mut state = self.lock();
            change(&mut state);
            std::mem::take(&mut state.wakers)
        };
        // Outside the lock, which those who are woken will want.
        wakers.into_values().for_each(Waker::wake);
    }

    fn end(&self, end: Result<(), StreamError<E>>) {
        self.change(|state| {
            state.end.get_or_insert(end);
        });
    }
}

impl<H, E> State<H, E> {
    fn append(&mut self, bytes: Bytes) {
        let start = self.received;
        self.received += bytes.len() as u64;
        if let Some(last) = self.pieces.last_mut()
            && last.bytes.len() < PIECE_BYTES_MIN
            && bytes.len() < PIECE_BYTES_MIN
        {
            let mut joined = BytesMut::with_capacity(last.bytes.len() + bytes.len());
            joined.extend_from_slice(&last.bytes);
            joined.extend_from_slice(&bytes);
            last.bytes = joined.freeze();
            return;
        }
        self.pieces.push(Piece { start, bytes });
    }

    /// What is here from `offset` on: to the end of the piece that holds it.
    fn at(&self, offset: u64) -> Option<Bytes> {
        let position = self.pieces.partition_point(|piece| piece.start <= offset);
        let piece = self.pieces.get(position.checked_sub(1)?)?;
        let within = usize::try_from(offset - piece.start).ok()?;
        (within < piece.bytes.len()).then(|| piece.bytes.slice(within..))
    }

    /// All bytes in one allocation of exactly their size.
    fn whole(&self) -> Bytes {
        let size = usize::try_from(self.received).unwrap_or(usize::MAX);
        let mut whole = Vec::with_capacity(size);
        for piece in &self.pieces {
            whole.extend_from_slice(&piece.bytes);
        }
        Bytes::from(whole.into_boxed_slice())
    }
}

/// Reads a stream from wherever it likes, as it grows.
///
/// Clones are followers of their own.
pub struct Follower<H: Clone, E: Clone> {
    stream: Arc<Stream<H, E>>,
    id: u64,
}

impl<H: Clone, E: Clone> Follower<H, E> {
    pub(super) fn stream(&self) -> &Arc<Stream<H, E>> {
        &self.stream
    }

    /// Has the fill go on to its end, whoever follows it.
    pub fn pin(&self) {
        self.stream.interest.is_pinned.store(true, Ordering::Release);
    }

    /// Waits for the head.
    ///
    /// # Errors
    /// The fill ended without one.
    pub async fn head(&self) -> Result<H, StreamError<E>> {
        poll_fn(|context| {
            let mut state = self.stream.lock();
            match (&state.head, &state.end) {
                (Some(head), _) => Poll::Ready(Ok(head.clone())),
                (None, Some(Err(error))) => Poll::Ready(Err(error.clone())),
                (None, Some(Ok(()))) => Poll::Ready(Err(StreamError::Lost)),
                (None, None) => {
                    state.wakers.insert(self.id, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Bytes from `offset` on, as soon as there is one; `None` behind the last.
    ///
    /// # Errors
    /// The fill failed, and the byte at `offset` has not come before.
    pub fn poll_at(
        &self,
        offset: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, StreamError<E>>> {
        let mut state = self.stream.lock();
        if let Some(bytes) = state.at(offset) {
            return Poll::Ready(Ok(Some(bytes)));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(Ok(None)),
            Some(Err(error)) => Poll::Ready(Err(error.clone())),
            None => {
                state.wakers.insert(self.id, context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Bytes from `offset` on; see [`Follower::poll_at`].
    ///
    /// # Errors
    /// Those of [`Follower::poll_at`].
    pub async fn at(&self, offset: u64) -> Result<Option<Bytes>, StreamError<E>> {
        poll_fn(|context| self.poll_at(offset, context)).await
    }

    /// All bytes, once all are here.
    ///
    /// # Errors
    /// The fill failed.
    pub async fn whole(&self) -> Result<Bytes, StreamError<E>> {
        poll_fn(|context| {
            let mut state = self.stream.lock();
            match &state.end {
                Some(Ok(())) => Poll::Ready(Ok(match state.pieces.as_slice() {
                    [] => Bytes::new(),
                    [one] => one.bytes.clone(),
                    _ => state.whole(),
                })),
                Some(Err(error)) => Poll::Ready(Err(error.clone())),
                None => {
                    state.wakers.insert(self.id, context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl<H: Clone, E: Clone> Clone for Follower<H, E> {
    fn clone(&self) -> Self {
        self.stream.follow()
    }
}

impl<H: Clone, E: Clone> Drop for Follower<H, E> {
    fn drop(&mut self) {
        self.stream.lock().wakers.remove(&self.id);
        if self.stream.interest.followers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.stream.interest.left.notify_one();
        }
    }
}

impl<H: Clone, E: Clone> fmt::Debug for Follower<H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.stream.lock();
        f.debug_struct("Follower")
            .field("received", &state.received)
            .field("length", &state.length)
            .field("has_ended", &state.end.is_some())
            .finish_non_exhaustive()
    }
}

/// What becomes of a stream that is whole.
pub(super) trait Land<K, H>: Send + Sync {
    /// Keeps the bytes of `key`, before anybody hears that they are whole.
    fn land(&self, key: &K, head: &H, whole: &Bytes);
    /// The stream of `key` takes no more followers.
    fn leave(&self, key: &K);
    /// The fill has failed.
    fn failed(&self);
}

/// The writing end of a fill: of one stream, or of several that come one
/// after the other in one body.
///
/// Dropped before all of them are whole, it leaves those that are not with
/// [`StreamError::Lost`].
pub struct Filling<K, H: Clone, E: Clone> {
    streams: VecDeque<(K, Arc<Stream<H, E>>)>,
    land: Arc<dyn Land<K, H>>,
    interest: Arc<Interest>,
}

impl<K: Clone + Eq + Hash, H: Clone, E: Clone> Filling<K, H, E> {
    pub(super) fn new(
        streams: VecDeque<(K, Arc<Stream<H, E>>)>,
        land: Arc<dyn Land<K, H>>,
        interest: Arc<Interest>,
    ) -> Self {
        let filling = Self {
            streams,
            land,
            interest,
        };
        filling.measure();
        filling
    }

    /// The keys whose streams are not whole yet, in the order of their bytes.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.streams.iter().map(|(key, _)| key)
    }

    /// Whether one piece of `size` bytes makes the first stream whole.
    #[must_use]
    pub fn fits(&self, size: usize) -> bool {
        let first = self.streams.front();
        first.is_some_and(|(_, stream)| {
            let state = stream.lock();
            state.received == 0 && state.length == u64::try_from(size).ok()
        })
    }

    /// Whether every stream is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.streams.is_empty()
    }

    /// Announces the head, and with it the length of the stream if it is known
    /// by now. Streams whose length was given at the start keep it.
    pub fn head(&mut self, head: &H, length: Option<u64>) {
        for (_, stream) in &self.streams {
            stream.change(|state| {
                state.head.get_or_insert_with(|| head.clone());
                state.length = state.length.or(length);
            });
        }
        self.measure();
        self.end_full();
    }

    /// Appends the next bytes, across streams where one ends. Followers see
    /// them at once.
    ///
    /// # Errors
    /// [`StreamError::Long`] when there is no room for them, or when they come
    /// before the head; the streams have failed then.
    pub fn push(&mut self, mut bytes: Bytes) -> Result<(), StreamError<E>> {
        while !bytes.is_empty() {
            let Some((_, stream)) = self.streams.front() else {
                return Err(StreamError::Long { expected: 0 });
            };
            let room = {
                let state = stream.lock();
                state.length.map(|length| length.saturating_sub(state.received))
            };
            let fits = room
                .and_then(|room| usize::try_from(room).ok())
                .unwrap_or(bytes.len());
            if fits == 0 || (fits < bytes.len() && self.streams.len() == 1) {
                let expected = stream.lock().length.unwrap_or(0);
                let error = StreamError::Long { expected };
                self.fail_with(&error);
                return Err(error);
            }
            let piece = bytes.split_to(fits.min(bytes.len()));
            stream.change(|state| state.append(piece));
            self.end_full();
        }
        self.measure();
        Ok(())
    }

    /// The source has ended. A stream of unknown length is whole by that.
    ///
    /// # Errors
    /// [`StreamError::Short`] when bytes are missing; the streams that miss
    /// them have failed then.
    pub fn finish(&mut self) -> Result<(), StreamError<E>> {
        let Some((_, stream)) = self.streams.front() else {
            return Ok(());
        };
        let (length, received) = {
            let state = stream.lock();
            (state.length, state.received)
        };
        if let Some(expected) = length {
            let error = StreamError::Short { expected, received };
            self.fail_with(&error);
            return Err(error);
        }
        self.end_first();
        Ok(())
    }

    /// The source has failed: so have the streams that are not whole.
    pub fn fail(&mut self, error: E) {
        self.fail_with(&StreamError::Failed(error));
    }

    fn fail_with(&mut self, error: &StreamError<E>) {
        self.land.failed();
        for (key, stream) in self.streams.drain(..) {
            // Off the map before anyone hears of it, so that whoever tries
            // again starts a new fill instead of joining this one.
            self.land.leave(&key);
            stream.end(Err(error.clone()));
        }
    }

    /// Ends the streams that have all of their bytes.
    fn end_full(&mut self) {
        while let Some((_, stream)) = self.streams.front() {
            let state = stream.lock();
            let is_full = state.head.is_some() && state.length == Some(state.received);
            drop(state);
            if !is_full {
                return;
            }
            self.end_first();
        }
    }

    fn end_first(&mut self) {
        let Some((key, stream)) = self.streams.pop_front() else {
            return;
        };
        let (head, whole) = {
            let state = stream.lock();
            (state.head.clone(), state.whole())
        };
        if let Some(head) = head {
            self.land.land(&key, &head, &whole);
        }
        self.land.leave(&key);
        stream.change(|state| {
            // The pieces are slices of buffers larger than they are.
            state.pieces = vec![Piece {
                start: 0,
                bytes: whole,
            }];
            state.end.get_or_insert(Ok(()));
        });
    }

    /// Notes how much is yet to come.
    fn measure(&self) {
        let remaining = self.streams.iter().try_fold(0_u64, |sum, (_, stream)| {
            let state = stream.lock();
            Some(sum + state.length?.saturating_sub(state.received))
        });
        self.interest
            .remaining
            .store(remaining.unwrap_or(u64::MAX), Ordering::Release);
    }
}

impl<K, H: Clone, E: Clone> Drop for Filling<K, H, E> {
    fn drop(&mut self) {
        for (key, stream) in self.streams.drain(..) {
            self.land.leave(&key);
            stream.end(Err(StreamError::Lost));
        }
    }
}

impl<K, H: Clone, E: Clone> fmt::Debug for Filling<K, H, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling")
            .field("streams", &self.streams.len())
            .finish_non_exhaustive()
    }
}
