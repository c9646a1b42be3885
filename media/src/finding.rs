//! What will hurt about the files of a title, with numbers: for people who make
//! such files, not for who serves them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::codec::MediaKind;
use crate::read::mp4::{IndexFault, MoovPlace, Movie, MovieTrack, ReadError};
use crate::segment::{self, SyncTrack};

/// Reading a segment may take this much more than its media for a file to count as
/// well interleaved, in percent of the media.
const INTERLEAVE_PERCENT_MAX: u64 = 125;

/// Pictures whose times decide where the first one is shown: none is moved further.
const REORDER_MAX: usize = 64;

/// Something about a file that will hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The `moov` stands behind the media.
    IndexLast(MoovPlace),
    /// An index of its fragments is wrong.
    WrongIndex(IndexFault),
    /// The tracks of the file are not interleaved finely: what plays together lies
    /// apart.
    Interleave {
        /// Bytes of media of all segments.
        needed: u64,
        /// Bytes from the first to the last one needed, of all segments.
        spanned: u64,
    },
    /// Sync samples that pictures refer to which are shown before them: whoever starts
    /// there cannot show those.
    OpenGroups {
        /// The track's identifier.
        track: u32,
        /// Number of such sync samples.
        open: usize,
        /// Number of all sync samples.
        syncs: usize,
    },
    /// The edit list leaves out the start of the track: priming of sound, or pictures
    /// that are only decoded.
    Trimmed {
        /// The track's identifier.
        track: u32,
        /// What it carries.
        kind: MediaKind,
        /// How much is left out.
        time: Duration,
    },
    /// The edit list lets the track start late.
    Delayed {
        /// The track's identifier.
        track: u32,
        /// How late.
        time: Duration,
    },
    /// The edit list plays several stretches.
    Edited {
        /// The track's identifier.
        track: u32,
        /// Their number.
        stretches: usize,
    },
    /// The track has sync samples where others have none: it is cut at few of its own.
    NoSharedGrid {
        /// Number of its sync samples.
        syncs: usize,
        /// Number of them that all tracks with pictures have.
        shared: usize,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IndexLast(place) => write!(
                f,
                "its index (moov, {} bytes) stands behind {} bytes of media: each load takes a request more \
                 (ffmpeg: -movflags +faststart)",
                place.size, place.media_before
            ),
            Self::WrongIndex(fault) => write!(
                f,
                "{fault}: each load reads the head of every fragment, unless another index is right"
            ),
            Self::Interleave { needed, spanned } => write!(
                f,
                "what plays together lies apart: its segments span {spanned} bytes for {needed} bytes of media, {} \
                 times as many (one track a file, or a finer interleave)",
                ratio(*spanned, *needed)
            ),
            Self::OpenGroups { track, open, syncs } => write!(
                f,
                "track {track}: {open} of {syncs} groups of pictures are open: what changes rendition there loses \
                 pictures (x264: open-gop=0)"
            ),
            Self::Trimmed {
                track,
                kind: MediaKind::Audio,
                time,
            } => write!(
                f,
                "track {track}: the first {} ms of sound are priming, which only an edit list says",
                millis(*time)
            ),
            Self::Trimmed { track, time, .. } => write!(
                f,
                "track {track}: the edit list leaves out the first {} ms, which are decoded all the same",
                millis(*time)
            ),
            Self::Delayed { track, time } => {
                write!(
                    f,
                    "track {track}: the edit list lets it start {} ms late",
                    millis(*time)
                )
            }
            Self::Edited { track, stretches } => write!(
                f,
                "track {track}: the edit list plays {stretches} stretches of it"
            ),
            Self::NoSharedGrid { syncs, shared } => write!(
                f,
                "no shared grid: of the {syncs} sync samples of the video track with the fewest, the others have \
                 {shared} too, so players cannot change rendition at every segment (encode all with the same fixed \
                 keyframes)"
            ),
        }
    }
}

/// What there is to say of one file; segments are about `target` long.
///
/// # Errors
/// When a sample table does not hold together.
pub fn of_file(movie: &Movie, moov: Option<MoovPlace>, target: Duration) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    findings.extend(
        moov.filter(|place| place.media_before > 0)
            .map(Finding::IndexLast),
    );
    findings.extend(movie.index_faults.iter().cloned().map(Finding::WrongIndex));
    findings.extend(interleave(movie, target)?);
    for track in &movie.tracks {
        findings.extend(edits(track)?);
        if track.kind == MediaKind::Video {
            findings.extend(open_groups(track)?);
        }
    }
    Ok(findings)
}

/// What there is to say of all `videos` of a title together, one each.
///
/// # Errors
/// When a sample table does not hold together.
pub fn of_title<'m>(videos: impl Iterator<Item = &'m MovieTrack>) -> Result<Option<Finding>, ReadError> {
    let tracks = videos.map(sync_track).collect::<Result<Vec<SyncTrack>, _>>()?;
    let Some(reference) = tracks.iter().min_by_key(|track| track.syncs.len()) else {
        return Ok(None);
    };
    let (syncs, shared) = (
        reference.syncs.len(),
        segment::shared_syncs(reference, &tracks).len(),
    );
    Ok((shared < syncs).then_some(Finding::NoSharedGrid { syncs, shared }))
}

/// Presentation times from the first picture on: edit lists may move them apart, but
/// encoders that share no keyframes are found all the same.
fn sync_track(track: &MovieTrack) -> Result<SyncTrack, ReadError> {
    let (mut syncs, mut start, mut end, mut longest) = (Vec::new(), i64::MAX, 0, 0);
    for sample in track.samples() {
        let sample = sample?;
        let time = sample.presentation_time();
        start = start.min(time);
        end = end.max(time.saturating_add(sample.duration.into()));
        longest = longest.max(sample.duration);
        if sample.is_sync {
            syncs.push(time);
        }
    }
    syncs
        .iter_mut()
        .for_each(|sync| *sync = sync.saturating_sub(start));
    syncs.sort_unstable();
    Ok(SyncTrack {
        timescale: track.timescale,
        syncs,
        end: end.saturating_sub(start),
        tolerance: track.timescale.duration(u64::from(longest) / 2),
    })
}

fn interleave(movie: &Movie, target: Duration) -> Result<Option<Finding>, ReadError> {
    if movie.tracks.len() < 2 {
        return Ok(None);
    }
    // First and last byte, and bytes of media, of what plays in each stretch.
    let mut stretches: BTreeMap<i64, (u64, u64, u64)> = BTreeMap::new();
    for track in &movie.tracks {
        let target = track.timescale.ticks_of(target).max(1);
        // What starts late lies with what plays then.
        let late = track.timescale.rescale(delay(track), track.movie_timescale);
        for sample in track.samples() {
            let sample = sample?;
            let end = sample.offset.saturating_add(sample.size.into());
            let stretch = stretches
                .entry(sample.decode_time.saturating_add(late).div_euclid(target))
                .or_insert((u64::MAX, 0, 0));
            stretch.0 = stretch.0.min(sample.offset);
            stretch.1 = stretch.1.max(end);
            stretch.2 = stretch.2.saturating_add(sample.size.into());
        }
    }
    let sum = |value: fn(&(u64, u64, u64)) -> u64| stretches.values().map(value).fold(0, u64::saturating_add);
    let needed = sum(|(_, _, size)| *size);
    let spanned = sum(|(start, end, _)| end.saturating_sub(*start));
    let is_apart = needed.saturating_mul(INTERLEAVE_PERCENT_MAX) < spanned.saturating_mul(100);
    Ok(is_apart.then_some(Finding::Interleave { needed, spanned }))
}

/// How long the track's edit list pauses before it, in ticks of the movie.
fn delay(track: &MovieTrack) -> i64 {
    let pauses = track.edits.iter().take_while(|edit| edit.media_time.is_none());
    let ticks = pauses.map(|edit| edit.duration).fold(0, u64::saturating_add);
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

fn open_groups(track: &MovieTrack) -> Result<Option<Finding>, ReadError> {
    let (mut syncs, mut open) = (0, 0);
    // When the last sync sample is shown, until something leads it.
    let mut group = None;
    for sample in track.samples() {
        let sample = sample?;
        if sample.is_sync {
            syncs += 1;
            group = Some(sample.presentation_time());
        } else if group.is_some_and(|sync| sample.presentation_time() < sync) {
            open += 1;
            group = None;
        }
    }
    let track = track.id;
    Ok((open > 0).then_some(Finding::OpenGroups { track, open, syncs }))
}

fn edits(track: &MovieTrack) -> Result<Vec<Finding>, ReadError> {
    let mut findings = Vec::new();
    let id = track.id;
    let delay = delay(track);
    let playing: Vec<i64> = track.edits.iter().filter_map(|edit| edit.media_time).collect();
    if delay > 0 {
        let time = track.movie_timescale.duration(delay.unsigned_abs());
        findings.push(Finding::Delayed { track: id, time });
    }
    if playing.len() > 1 {
        let stretches = playing.len();
        findings.push(Finding::Edited { track: id, stretches });
    }
    let mut first = i64::MAX;
    for sample in track.samples().take(REORDER_MAX) {
        first = first.min(sample?.presentation_time());
    }
    // Reordered pictures are moved by their edit list, which leaves none out.
    let trimmed = playing
        .first()
        .map_or(0, |start| start.saturating_sub(first))
        .max(0);
    if trimmed > 0 && first != i64::MAX {
        let time = track.timescale.duration(trimmed.unsigned_abs());
        let kind = track.kind;
        findings.push(Finding::Trimmed {
            track: id,
            kind,
            time,
        });
    }
    Ok(findings)
}

/// `a / b` with two decimals.
fn ratio(a: u64, b: u64) -> String {
    let hundredths = u128::from(a) * 100 / u128::from(b.max(1));
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> String {
    let tenths = (time.as_micros() + 50) / 100;
    format!("{}.{}", tenths / 10, tenths % 10)
}
