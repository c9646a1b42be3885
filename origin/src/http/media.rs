//! The body of a media segment: out of the cache, uncopied, and as it comes
//! from the store.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use strata_cache::{Outcome, Reading};
use strata_media::plan::{FileIndex, Part, Plan};
use strata_media::smooth::{Fragment, Noun};
use strata_media::track::Track;
use strata_media::write::{fmp4, smooth};

use super::fault::Fault;
use super::pieces::{ChunkId, PlanPiece, PlanPieces};
use crate::asset::Title;
use crate::source::{SourceError, SourceFault, SourceObject, Tally};

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
/// Bytes that are still on their way from the store are sent as they arrive.
/// Reads run up to `ahead_max` chunks ahead of what is sent. What is ahead and
/// in memory already is not held on to: a slow client must not keep more alive
/// than it is being sent.
pub(super) struct MediaBody {
    title: Arc<Title>,
    tally: Arc<Tally>,
    pieces: PlanPieces,
    /// What is left of the piece that is being sent, within its chunk.
    left: Option<(ChunkId, Range<u64>)>,
    /// The chunk that pieces are being cut from.
    current: Option<(ChunkId, Reading<SourceError>)>,
    /// Walks ahead of `pieces`.
    scout: PlanPieces,
    scouted: Option<ChunkId>,
    /// The chunks after `current`, in the order they are needed.
    ahead: VecDeque<(ChunkId, Slot)>,
    ahead_max: usize,
    demands: Vec<Demand>,
}

/// What the plan takes from one file.
#[derive(Clone, Copy)]
struct Demand {
    file: FileIndex,
    /// The last chunk that is needed.
    last: u32,
    /// The last one that is worth reading with it.
    worth: u32,
}

/// A chunk, or why there is none.
type Opened = Result<Reading<SourceError>, SourceError>;

type Opening = Pin<Box<dyn Future<Output = Opened> + Send>>;

enum Slot {
    /// In memory when it was looked for; taken from there when it is sent.
    Cached,
    /// Being asked for.
    Opening(Opening),
    /// Here, or on its way.
    Open(Reading<SourceError>),
    /// Not to be had.
    Failed(SourceError),
}

impl MediaBody {
    pub(super) fn new(title: Arc<Title>, parts: Vec<Part>, tally: Arc<Tally>, ahead_max: usize) -> Self {
        let demands = demands(&title, &parts);
        let pieces = PlanPieces::new(Arc::clone(&title), parts);
        Self {
            title,
            tally,
            scout: pieces.clone(),
            pieces,
            left: None,
            current: None,
            scouted: None,
            ahead: VecDeque::new(),
            ahead_max: ahead_max.max(1),
            demands,
        }
    }

    /// Waits until the first bytes of media are here, so that a store that
    /// fails can still be answered with a status.
    pub(super) async fn first_bytes(&mut self) -> Result<(), SourceError> {
        let mut pieces = self.pieces.clone();
        let first = pieces.find_map(|piece| match piece {
            PlanPiece::Chunked { piece, .. } => Some(piece.within.start),
            PlanPiece::Made(_) => None,
        });
        let Some(first) = first else { return Ok(()) };
        poll_fn(|context| {
            self.look_ahead(context);
            let Some((id, reading)) = ready!(self.poll_front(context)) else {
                return Poll::Ready(Ok(()));
            };
            let reading = reading?;
            let polled = match &reading {
                Reading::Whole(_) => Poll::Ready(Ok(())),
                Reading::Growing(follower) => match follower.poll_at(first, context) {
                    Poll::Ready(Ok(_)) => Poll::Ready(Ok(())),
                    Poll::Ready(Err(error)) => Poll::Ready(Err(self.followed(id, error))),
                    Poll::Pending => Poll::Pending,
                },
            };
            self.ahead.push_front((id, Slot::Open(reading)));
            polled
        })
        .await?;
        self.read_on();
        Ok(())
    }

    /// The next bytes to send; `None` at the end.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, SourceError>>> {
        let (id, within) = match self.left.take() {
            Some(left) => left,
            None => match self.pieces.next() {
                None => return Poll::Ready(None),
                Some(PlanPiece::Made(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(PlanPiece::Chunked { id, piece }) => (id, piece.within),
            },
        };
        if self.current.as_ref().is_none_or(|(current, _)| *current != id) {
            // Given back before the next one is taken.
            self.current = None;
            self.look_ahead(context);
            match self.poll_front(context) {
                Poll::Pending => {
                    self.left = Some((id, within));
                    return Poll::Pending;
                }
                Poll::Ready(Some((front, Ok(reading)))) if front == id => self.current = Some((id, reading)),
                Poll::Ready(Some((_, Err(error)))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(_) => return Poll::Ready(Some(Err(self.broken(id, "chunks out of order")))),
            }
        }
        self.poll_current(id, within, context).map(Some)
    }

    /// The title whose media this is.
    pub(super) fn title(&self) -> &Title {
        &self.title
    }

    /// Bytes `within` the current chunk: as many as are here, at least one.
    fn poll_current(
        &mut self,
        id: ChunkId,
        within: Range<u64>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Bytes, SourceError>> {
        let polled = match &self.current {
            Some((_, Reading::Whole(chunk))) => Ok(cut(chunk, &within)),
            Some((_, Reading::Growing(follower))) => match follower.poll_at(within.start, context) {
                Poll::Pending => {
                    self.left = Some((id, within));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(bytes)) => Ok(bytes.map(|mut bytes| {
                    let most = usize::try_from(within.end - within.start).unwrap_or(usize::MAX);
                    bytes.truncate(most);
                    bytes
                })),
                Poll::Ready(Err(error)) => Err(self.followed(id, error)),
            },
            None => Ok(None),
        };
        let bytes = polled
            .and_then(|bytes| bytes.ok_or_else(|| self.broken(id, "a chunk is shorter than the object")));
        if let Ok(bytes) = &bytes {
            let left = within.start + bytes.len() as u64..within.end;
            self.left = (!left.is_empty()).then_some((id, left));
        }
        Poll::Ready(bytes)
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
                self.open(id, context)
            };
            self.ahead.push_back((id, slot));
        }
    }

    fn open(&self, id: ChunkId, context: &mut Context<'_>) -> Slot {
        let Some(object) = self.title.object(id.file) else {
            return Slot::Failed(self.broken(id, "no such file"));
        };
        let (needed, worth) = self.last_with(id);
        let opening = object.chunk(id.chunk, needed, worth, &self.tally);
        polled(Box::pin(opening), context)
    }

    /// Up to which chunk the plan needs what follows chunk `id` without a gap,
    /// and up to which it is worth reading: if that is all that the plan needs,
    /// with what is likely next.
    fn last_with(&self, id: ChunkId) -> (u32, u32) {
        let mut last = id.chunk;
        for piece in self.scout.clone() {
            match piece {
                PlanPiece::Chunked { id: next, .. } if next.file == id.file && last <= next.chunk => {
                    if last.saturating_add(1) < next.chunk {
                        break;
                    }
                    last = next.chunk;
                }
                _ => {}
            }
        }
        let demand = self.demands.iter().find(|demand| demand.file == id.file);
        match demand {
            Some(demand) if demand.last == last => (last, demand.worth),
            _ => (last, last),
        }
    }

    /// Reads what is likely to be asked for next, as far as it did not come with
    /// what was.
    fn read_on(&self) {
        for demand in &self.demands {
            if let Some(object) = self.title.object(demand.file)
                && demand.last < demand.worth
            {
                object.read_ahead(demand.last + 1, demand.worth, &self.tally);
            }
        }
    }

    /// Takes the next chunk; `None` when no more are needed.
    fn poll_front(&mut self, context: &mut Context<'_>) -> Poll<Option<(ChunkId, Opened)>> {
        let Some((id, mut slot)) = self.ahead.pop_front() else {
            return Poll::Ready(None);
        };
        slot = match slot {
            Slot::Cached => {
                let cached = self
                    .title
                    .object(id.file)
                    .and_then(|object| object.cached_chunk(id.chunk));
                match cached {
                    Some(chunk) => {
                        self.tally.looked(Outcome::Hit);
                        Slot::Open(Reading::Whole(chunk))
                    }
                    // Evicted meanwhile.
                    None => self.open(id, context),
                }
            }
            Slot::Opening(opening) => polled(opening, context),
            slot => slot,
        };
        match slot {
            Slot::Open(reading) => Poll::Ready(Some((id, Ok(reading)))),
            Slot::Failed(error) => Poll::Ready(Some((id, Err(error)))),
            slot => {
                self.ahead.push_front((id, slot));
                Poll::Pending
            }
        }
    }

    fn followed(&self, id: ChunkId, error: strata_cache::StreamError<SourceError>) -> SourceError {
        match self.title.object(id.file) {
            Some(object) => object.error(error),
            None => self.broken(id, "no such file"),
        }
    }

    fn broken(&self, id: ChunkId, reason: &'static str) -> SourceError {
        let name = self.title.object(id.file).map_or("", |object| object.name());
        SourceError::new(name, SourceFault::broken(reason))
    }
}

/// One step of opening a chunk.
fn polled(mut opening: Opening, context: &mut Context<'_>) -> Slot {
    match opening.as_mut().poll(context) {
        Poll::Ready(Ok(reading)) => Slot::Open(reading),
        Poll::Ready(Err(error)) => Slot::Failed(error),
        Poll::Pending => Slot::Opening(opening),
    }
}

/// Bytes `within` a chunk, without copying; `None` when it is too short.
fn cut(chunk: &Bytes, within: &Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(within.start).ok()?;
    let end = usize::try_from(within.end).ok()?;
    (start < end && end <= chunk.len()).then(|| chunk.slice(start..end))
}

/// Which chunks of which files `parts` need; tells the files.
fn demands(title: &Title, parts: &[Part]) -> Vec<Demand> {
    let mut files: Vec<(FileIndex, Range<u64>)> = Vec::new();
    for part in parts {
        let Part::Source { file, range } = part else {
            continue;
        };
        match files.iter_mut().find(|(known, _)| known == file) {
            Some((_, all)) => *all = all.start.min(range.start)..all.end.max(range.end),
            None => files.push((*file, range.clone())),
        }
    }
    let demand = |(file, range): (FileIndex, Range<u64>)| {
        let object: &SourceObject = title.object(file)?;
        let chunk = |offset: u64| u32::try_from(offset.checked_div(object.chunk_size())?).ok();
        let (first, last) = (chunk(range.start)?, chunk(range.end.checked_sub(1)?)?);
        let worth = object.demand(first, last);
        Some(Demand { file, last, worth })
    };
    files.into_iter().filter_map(demand).collect()
}

impl fmt::Debug for MediaBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaBody")
            .field("title", &self.title.path())
            .field("ahead", &self.ahead.len())
            .finish_non_exhaustive()
    }
}
