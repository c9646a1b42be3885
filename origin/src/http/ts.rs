//! Segments of transport streams: planned to the byte, then muxed as they are sent.

use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::{fmt, future};

use bytes::Bytes;
use strata_media::plan::Plan;
use strata_media::presentation::Presentation;
use strata_media::sample::Samples;
use strata_media::track::Track;
use strata_media::write::ts::{self, Muxer, Planned, TsError, TsPlan, TsTrack, Unmeasured};

use super::fault::Fault;
use super::hls::TsTracks;
use super::media::{self, MediaBody};
use crate::asset::Title;
use crate::source::{SourceError, SourceFault, Tally};

/// Plans segment `segment` of the stream of `tracks`. Media that has to be
/// measured is read with up to `ahead_max` chunks at a time.
pub(super) async fn plan(
    title: &Arc<Title>,
    tracks: TsTracks,
    segment: usize,
    ahead_max: usize,
    tally: &Arc<Tally>,
) -> Result<TsPlan, Fault> {
    let presentation = title.presentation();
    let multiplex = tracks.multiplex(presentation).ok_or(Fault::Resource)?;
    let mut samples = Vec::new();
    for (track, parts) in multiplex.tracks().iter().zip(multiplex.parts(segment)) {
        samples.push(samples_of(title, track, parts, tally).await?);
    }
    plan_of(title, tracks, segment, &samples, ahead_max, tally).await
}

/// Plans a segment, number `segment`, of these samples of each of `tracks`, see
/// [`plan`].
pub(super) async fn plan_of(
    title: &Arc<Title>,
    tracks: TsTracks,
    segment: usize,
    samples: &[Samples],
    ahead_max: usize,
    tally: &Arc<Tally>,
) -> Result<TsPlan, Fault> {
    let streams = tracks.of(title.presentation());
    let pairs = streams.iter().zip(samples);
    let streams: Vec<TsTrack<'_>> = pairs.map(|(track, samples)| TsTrack { track, samples }).collect();
    let planned = ts::plan(segment, &streams).map_err(|error| corrupt(title, tracks, &error))?;
    let plan = match planned {
        Planned::Ready(plan) => plan,
        Planned::Unmeasured(unmeasured) => {
            let media = media::checked(title, unmeasured.media())?;
            let body = MediaBody::new(Arc::clone(title), media.parts, Arc::clone(tally), ahead_max);
            measure(unmeasured, body, title, tracks).await?
        }
    };
    media::checked(title, plan.media(0..plan.length()))?;
    Ok(plan)
}

/// The samples of several segments of a track, one after the other.
async fn samples_of(
    title: &Title,
    track: &Track,
    segments: Range<usize>,
    tally: &Arc<Tally>,
) -> Result<Samples, Fault> {
    let mut all = Vec::new();
    for segment in segments {
        all.extend(title.samples(track, segment, tally).await?.0);
    }
    Ok(Samples(all))
}

/// Reads the media once to learn its size; none of it is kept.
async fn measure(
    mut unmeasured: Unmeasured,
    mut media: MediaBody,
    title: &Title,
    tracks: TsTracks,
) -> Result<TsPlan, Fault> {
    while let Some(bytes) = future::poll_fn(|context| media.poll_next(context)).await {
        let supplied = unmeasured.supply(bytes?);
        supplied.map_err(|error| corrupt(title, tracks, &error))?;
    }
    unmeasured
        .finish()
        .map_err(|error| corrupt(title, tracks, &error))
}

fn corrupt(title: &Title, tracks: TsTracks, error: &TsError) -> Fault {
    Fault::Corrupt {
        object: object_name(title, tracks.of(title.presentation()).first().copied()),
        reason: error.to_string(),
    }
}

fn object_name(title: &Title, track: Option<&Track>) -> String {
    let object = track.and_then(|track| title.object(track.file));
    object.map_or(title.path(), |object| object.name()).to_owned()
}

/// Sends a stretch of a segment.
///
/// No more of it is in memory than the chunk that is being muxed, what is read
/// ahead of it, and a block of packets.
pub(super) struct TsBody {
    media: MediaBody,
    muxer: Muxer,
}

impl TsBody {
    /// Bytes `range` of the segment `plan`.
    pub(super) fn new(
        title: Arc<Title>,
        plan: &TsPlan,
        range: Range<u64>,
        tally: Arc<Tally>,
        ahead_max: usize,
    ) -> Self {
        let Plan { parts, .. } = plan.media(range.clone());
        Self {
            media: MediaBody::new(title, parts, tally, ahead_max),
            muxer: plan.muxer(range),
        }
    }

    /// Waits until the first bytes of media are here, see [`MediaBody::first_bytes`].
    pub(super) async fn first_bytes(&mut self) -> Result<(), SourceError> {
        self.media.first_bytes().await
    }

    /// The next bytes to send; `None` at the end.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, SourceError>>> {
        loop {
            match self.muxer.next_block() {
                Ok(Some(block)) => return Poll::Ready(Some(Ok(block))),
                Ok(None) if self.muxer.is_done() => return Poll::Ready(None),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Some(Err(self.broken(&error)))),
            }
            match std::task::ready!(self.media.poll_next(context)) {
                Some(Ok(bytes)) => self.muxer.supply(bytes),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(Some(Err(self.broken(&TsError::MediaMissing)))),
            }
        }
    }

    /// The title whose media this is.
    pub(super) fn title(&self) -> &Title {
        self.media.title()
    }

    fn broken(&self, error: &TsError) -> SourceError {
        SourceError::new(self.title().path(), SourceFault::broken(error.to_string()))
    }
}

impl fmt::Debug for TsBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TsBody")
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

/// Whether the stream of `tracks` has a segment `segment` (0-based).
pub(super) fn has_segment(presentation: &Presentation, tracks: TsTracks, segment: usize) -> bool {
    let multiplex = tracks.multiplex(presentation);
    multiplex.is_some_and(|multiplex| segment < multiplex.segment_count())
}
