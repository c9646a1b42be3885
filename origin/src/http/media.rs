//! The body of a media segment: chunk by chunk out of the cache, uncopied.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use strata_cache::Outcome;
use strata_media::plan::{Part, Plan};
use strata_media::smooth::{Fragment, Noun};
use strata_media::track::Track;
use strata_media::write::{fmp4, smooth};

use super::fault::Fault;
use super::pieces::{ChunkId, PlanPiece, PlanPieces};
use crate::asset::Title;
use crate::source::{Piece, SourceError, SourceFault, Tally};

/// Plans media segment `segment` of `track`.
pub(super) async fn plan(
    title: &Title,
    track: &Track,
    segment: usize,
    tally: &Arc<Tally>,
) -> Result<Plan, Fault> {
    let samples = title.samples(track, segment, tally).await?;
    checked(title, fmp4::media(track, segment, &samples))
}

/// Plans what `noun` asks of `fragment`, which is one of `track`.
pub(super) async fn fragment(
    title: &Title,
    track: &Track,
    fragment: &Fragment,
    noun: Noun,
    tally: &Arc<Tally>,
) -> Result<Plan, Fault> {
    let samples = title.samples(track, fragment.segment, tally).await?;
    checked(title, smooth::fragment(track, fragment, noun, &samples))
}

/// `plan`, if the files that it reads are as long as it takes them to be.
pub(super) fn checked(title: &Title, plan: Plan) -> Result<Plan, Fault> {
    for part in &plan.parts {
        if let Part::Source { file, range } = part {
            let object = title.object(*file);
            let size = object.map_or(0, |object| object.meta().size);
            if size < range.end || range.end < range.start {
                return Err(Fault::Corrupt {
                    object: object.map_or("", |object| object.name()).to_owned(),
                    reason: format!("media at {range:?} of a file of {size} bytes"),
                });
            }
        }
    }
    Ok(plan)
}

/// Sends the pieces of a plan.
///
/// Reads from the store run up to `ahead_max` chunks ahead of what is sent.
/// What is ahead and in memory already is not held on to: a slow client must
/// not keep more alive than it is being sent.
pub(super) struct MediaBody {
    title: Arc<Title>,
    tally: Arc<Tally>,
    pieces: PlanPieces,
    /// The piece that waits for its chunk.
    waiting: Option<(ChunkId, Piece)>,
    /// The chunk that pieces are being cut from.
    current: Option<(ChunkId, Bytes)>,
    /// Walks ahead of `pieces`.
    scout: PlanPieces,
    scouted: Option<ChunkId>,
    /// The chunks after `current`, in the order they are needed.
    ahead: VecDeque<(ChunkId, Slot)>,
    ahead_max: usize,
}

enum Slot {
    /// In memory when it was looked for; taken from there when it is sent.
    Cached,
    /// On its way.
    Reading(Pin<Box<dyn Future<Output = Result<Bytes, SourceError>> + Send>>),
    /// Here.
    Done(Result<Bytes, SourceError>),
}

impl MediaBody {
    pub(super) fn new(title: Arc<Title>, parts: Vec<Part>, tally: Arc<Tally>, ahead_max: usize) -> Self {
        let pieces = PlanPieces::new(Arc::clone(&title), parts);
        Self {
            title,
            tally,
            scout: pieces.clone(),
            pieces,
            waiting: None,
            current: None,
            scouted: None,
            ahead: VecDeque::new(),
            ahead_max: ahead_max.max(1),
        }
    }

    /// Waits until the first chunk of media is here, so that a store that
    /// fails can still be answered with a status.
    pub(super) async fn first_chunk(&mut self) -> Result<(), SourceError> {
        poll_fn(|context| {
            self.look_ahead(context);
            let Some((id, chunk)) = ready!(self.poll_front(context)) else {
                return Poll::Ready(Ok(()));
            };
            Poll::Ready(chunk.map(|chunk| self.ahead.push_front((id, Slot::Done(Ok(chunk))))))
        })
        .await
    }

    /// The next bytes to send; `None` at the end.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, SourceError>>> {
        let (id, piece) = match self.waiting.take() {
            Some(waiting) => waiting,
            None => match self.pieces.next() {
                None => return Poll::Ready(None),
                Some(PlanPiece::Made(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(PlanPiece::Chunked { id, piece }) => (id, piece),
            },
        };
        if self.current.as_ref().is_none_or(|(current, _)| *current != id) {
            // Given back before the next one is taken.
            self.current = None;
            self.look_ahead(context);
            match self.poll_front(context) {
                Poll::Pending => {
                    self.waiting = Some((id, piece));
                    return Poll::Pending;
                }
                Poll::Ready(Some((front, Ok(chunk)))) if front == id => self.current = Some((id, chunk)),
                Poll::Ready(Some((_, Err(error)))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(_) => return Poll::Ready(Some(Err(self.broken(id, "chunks out of order")))),
            }
        }
        let bytes = self.current.as_ref().and_then(|(_, chunk)| piece.cut(chunk));
        let bytes = bytes.ok_or_else(|| self.broken(id, "a chunk is shorter than the object"));
        Poll::Ready(Some(bytes))
    }

    /// The title whose media this is.
    pub(super) fn title(&self) -> &Title {
        &self.title
    }

    /// Starts reading what will be needed soon.
    fn look_ahead(&mut self, context: &mut Context<'_>) {
        while self.ahead.len() < self.ahead_max {
            let Some(piece) = self.scout.next() else { return };
            let PlanPiece::Chunked { id, .. } = piece else {
                continue;
            };
            if self.scouted == Some(id) {
                continue;
            }
            self.scouted = Some(id);
            let cached = self
                .title
                .object(id.file)
                .is_some_and(|object| object.has_chunk(id.chunk));
            let slot = if cached {
                Slot::Cached
            } else {
                // Polled once, which starts the read.
                self.read(id, context)
            };
            self.ahead.push_back((id, slot));
        }
    }

    fn read(&self, id: ChunkId, context: &mut Context<'_>) -> Slot {
        let Some(object) = self.title.object(id.file) else {
            return Slot::Done(Err(self.broken(id, "no such file")));
        };
        let mut reading = Box::pin(object.chunk(id.chunk, &self.tally));
        match reading.as_mut().poll(context) {
            Poll::Ready(chunk) => Slot::Done(chunk),
            Poll::Pending => Slot::Reading(reading),
        }
    }

    /// Takes the next chunk; `None` when no more are needed.
    fn poll_front(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<(ChunkId, Result<Bytes, SourceError>)>> {
        let Some((id, mut slot)) = self.ahead.pop_front() else {
            return Poll::Ready(None);
        };
        if let Slot::Cached = slot {
            let cached = self
                .title
                .object(id.file)
                .and_then(|object| object.cached_chunk(id.chunk));
            slot = match cached {
                Some(chunk) => {
                    self.tally.looked(Outcome::Hit);
                    Slot::Done(Ok(chunk))
                }
                // Evicted meanwhile.
                None => self.read(id, context),
            };
        }
        if let Slot::Reading(reading) = &mut slot
            && let Poll::Ready(chunk) = reading.as_mut().poll(context)
        {
            slot = Slot::Done(chunk);
        }
        match slot {
            Slot::Done(chunk) => Poll::Ready(Some((id, chunk))),
            slot => {
                self.ahead.push_front((id, slot));
                Poll::Pending
            }
        }
    }

    fn broken(&self, id: ChunkId, reason: &'static str) -> SourceError {
        let name = self.title.object(id.file).map_or("", |object| object.name());
        SourceError::new(name, SourceFault::broken(reason))
    }
}

impl fmt::Debug for MediaBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaBody")
            .field("title", &self.title.path())
            .field("ahead", &self.ahead.len())
            .finish_non_exhaustive()
    }
}
