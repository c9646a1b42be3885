//! Samples of text in a fragment: one after the other, without a gap.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{SAMPLES_SIZE_MAX, TextSegmentError};
use crate::plan::Part;
use crate::sample::{Sample, Samples};
use crate::text::{Cue, TextTrack};
use crate::write::fmp4;
use crate::write::text::wvtt_cue;

/// A sample on its way into a fragment.
#[derive(Debug)]
pub(super) struct Piece {
    /// When it is shown, from the start of the presentation.
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) payload: Bytes,
    /// 0-based index into the track's sample entries.
    pub(super) entry: u32,
}

/// Samples of WebVTT in which `cues` are shown, all of them between `window`'s
/// start and end: a new one wherever one appears or goes, `ISO/IEC 14496-30 §7.3`.
///
/// # Errors
///
/// When so many are shown at once that they would take more than
/// [`SAMPLES_SIZE_MAX`] bytes.
pub(super) fn pieces(cues: &[Cue], window: (Duration, Duration)) -> Result<Vec<Piece>, TextSegmentError> {
    let mut moments: Vec<Duration> = cues.iter().flat_map(|cue| [cue.start, cue.end]).collect();
    moments.extend([window.0, window.1]);
    moments.sort_unstable();
    moments.dedup();
    let mut cues: Vec<&Cue> = cues.iter().collect();
    cues.sort_by_key(|cue| cue.start);
    let mut waiting = cues.into_iter().peekable();
    let mut shown: Vec<(Duration, Bytes)> = Vec::new();
    let mut pieces = Vec::new();
    let mut size = 0;
    for (start, end) in moments.iter().zip(moments.iter().skip(1)) {
        shown.retain(|(until, _)| start < until);
        while let Some(cue) = waiting.next_if(|cue| cue.start <= *start) {
            shown.push((cue.end, wvtt_cue(cue, Some(source_of(cue)))));
        }
        let payload: BytesMut = shown.iter().flat_map(|(_, cue)| cue.iter().copied()).collect();
        size += payload.len() as u64;
        if size > SAMPLES_SIZE_MAX {
            return Err(TextSegmentError::TooLarge { size });
        }
        if !payload.is_empty() {
            pieces.push(Piece {
                start: *start,
                end: *end,
                payload: payload.freeze(),
                entry: 0,
            });
        }
    }
    Ok(pieces)
}

/// Tells a cue from others, alike in all its parts.
fn source_of(cue: &Cue) -> u32 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let whole = wvtt_cue(cue, None);
    hasher.update(&whole);
    let [a, b, c, d, ..] = hasher.digest().to_be_bytes();
    // A signed field, and negative numbers are odd names.
    u32::from_be_bytes([a & 0x7F, b, c, d])
}

/// Writes media segment `segment` of `text`: `pieces`, which are in order, with
/// `filler` between them.
pub(super) fn write(text: &TextTrack, segment: usize, pieces: Vec<Piece>, filler: &Bytes) -> Bytes {
    let track = &text.track;
    let Some(window) = track.segments.get(segment) else {
        return Bytes::new();
    };
    let (start, end) = (window.start, window.start.saturating_add(window.duration));
    let ticks = |moment: Duration| {
        let ticks = track.timescale.ticks_of(moment).unsigned_abs();
        ticks
            .saturating_add(track.presentation_time_offset)
            .clamp(start, end)
    };
    let mut fragment = Fragment::default();
    let mut at = start;
    for piece in pieces {
        let (from, to) = (ticks(piece.start).max(at), ticks(piece.end));
        if from < to {
            fragment.push(at, from, filler, 0);
            fragment.push(from, to, &piece.payload, piece.entry);
            at = to;
        }
    }
    fragment.push(at, end, filler, 0);
    let plan = fmp4::media(track, segment, &Samples(fragment.samples));
    let mut bytes = BytesMut::with_capacity(usize::try_from(plan.length).unwrap_or(0));
    for part in plan.parts {
        match part {
            Part::Bytes(made) => bytes.extend_from_slice(&made),
            Part::Source { range, .. } => {
                let range = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
                let media = fragment.media.get(range[0]..range[1]);
                bytes.extend_from_slice(media.unwrap_or_default());
            }
        }
    }
    bytes.freeze()
}

/// Samples, and their bytes one after the other.
#[derive(Default)]
struct Fragment {
    samples: Vec<Sample>,
    media: BytesMut,
}

impl Fragment {
    fn push(&mut self, start: u64, end: u64, payload: &Bytes, entry: u32) {
        let mut at = start;
        while at < end {
            // Longer than a sample can last only on the fastest clocks.
            let duration = u32::try_from(end - at).unwrap_or(u32::MAX);
            self.samples.push(Sample {
                offset: self.media.len() as u64,
                size: u32::try_from(payload.len()).unwrap_or(u32::MAX),
                duration,
                decode_time: i64::try_from(at).unwrap_or(i64::MAX),
                composition_offset: 0,
                is_sync: true,
                entry,
            });
            self.media.extend_from_slice(payload);
            at = at.saturating_add(duration.into());
        }
    }
}
