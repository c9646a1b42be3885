//! Cuts a track on the grid.

use std::time::Duration;

use super::naming::Token;
use super::timeline::Timeline;
use super::{AssembleError, Candidate, bandwidth, table_error};
use crate::codec::{FrameRate, MediaKind};
use crate::read::mp4::MovieTrack;
use crate::sample::TableError;
use crate::segment::Grid;
use crate::time::{Instant, Timescale};
use crate::track::{Segment, Track};

/// Makes the track, its times moved by `shift`.
pub(super) fn track(
    candidate: Candidate<'_>,
    token: Token,
    grid: &Grid,
    shift: Instant,
    target: Duration,
) -> Result<Track, AssembleError> {
    let language = candidate.language();
    let Candidate {
        file,
        movie_track,
        codecs,
        timeline,
        ..
    } = candidate;
    let timescale = movie_track.timescale;
    let offset = shift.on(timescale);
    let total_shift = timeline.shift.saturating_add(offset);
    let segments = cut(movie_track, &timeline, grid, offset, target);
    let mut segments = segments.map_err(|error| table_error(file, movie_track, error))?;
    close(&mut segments, timeline.end.saturating_add(offset));
    let sizes: Vec<(u64, u64)> = segments
        .iter()
        .zip(
            segments
                .iter()
                .skip(1)
                .map(|next| next.cursor)
                .chain([timeline.last]),
        )
        .map(|(segment, next)| {
            let count = next.sample.saturating_sub(segment.cursor.sample);
            (bandwidth::served_size(segment, count), segment.duration)
        })
        .collect();
    Ok(Track {
        kind: movie_track.kind,
        file,
        source_id: movie_track.id,
        token: token.to_string(),
        name: token.name,
        bitrate: token.bitrate,
        language,
        timescale,
        codecs,
        display_size: movie_track.display_size,
        frame_rate: (movie_track.kind == MediaKind::Video).then(|| frame_rate(&timeline, timescale)),
        roll_distance: movie_track.roll_distance,
        presentation_time_offset: offset.unsigned_abs(),
        bandwidth: bandwidth::of(&sizes, timescale, target),
        segments,
        decode_shift: total_shift.saturating_sub(timeline.decode_lead.into()),
        decode_lead: timeline.decode_lead,
        layout: movie_track.layout,
        end: timeline.last,
    })
}

/// A boundary less than the target duration divided by this after a track's
/// first sample does not cut it.
const PRIMING_DIVISOR: u32 = 10;

/// Walks the samples that are sent and starts a segment at the first sync
/// sample at or behind each boundary; pictures may come half a frame early,
/// since renditions round their times each their own way.
fn cut(
    track: &MovieTrack,
    timeline: &Timeline,
    grid: &Grid,
    offset: i64,
    target: Duration,
) -> Result<Vec<Segment>, TableError> {
    let early = match track.kind {
        MediaKind::Video => track.timescale.ticks_of(timeline.half_frame(track.timescale)),
        MediaKind::Audio | MediaKind::Text => 0,
    };
    // Sound begins a moment before the pictures, with its priming: what comes
    // this early belongs to the first segment, not in one of its own.
    let first = track
        .timescale
        .instant(timeline.start)
        .after(target / PRIMING_DIVISOR);
    let boundaries = grid.boundaries.iter();
    let mut boundaries = boundaries.skip_while(|boundary| **boundary < first).peekable();
    let mut segments: Vec<Segment> = Vec::new();
    let mut samples = track.samples().starting_at(timeline.first);
    for _ in 0..timeline.sample_count() {
        let cursor = samples.cursor();
        let Some(sample) = samples.next().transpose()? else {
            break;
        };
        let shown = sample.presentation_time().saturating_add(timeline.shift);
        let moment = track.timescale.instant(shown.saturating_add(early));
        let mut starts = segments.is_empty();
        if sample.is_sync {
            while boundaries.next_if(|boundary| **boundary <= moment).is_some() {
                starts = true;
            }
        }
        let start = shown.saturating_add(offset).max(0).unsigned_abs();
        if starts {
            segments.push(Segment {
                start,
                duration: 0,
                media_size: 0,
                cursor,
            });
        }
        if let Some(segment) = segments.last_mut() {
            segment.start = segment.start.min(start);
            segment.media_size += u64::from(sample.size);
        }
    }
    Ok(segments)
}

/// Lets each segment last until the next one starts, the last until `end`.
fn close(segments: &mut [Segment], end: i64) {
    let mut next = end.max(0).unsigned_abs();
    for segment in segments.iter_mut().rev() {
        // Pictures shown before the ones of the segment before would run time backwards.
        segment.start = segment.start.min(next);
        segment.duration = next - segment.start;
        next = segment.start;
    }
}

/// Rates that durations in a coarse clock round to.
const COMMON_RATES: [(u64, u64); 11] = [
    (24_000, 1001),
    (24, 1),
    (25, 1),
    (30_000, 1001),
    (30, 1),
    (48, 1),
    (50, 1),
    (60_000, 1001),
    (60, 1),
    (100, 1),
    (120, 1),
];

/// The rate by the durations: exact when they are all the same, else the mean,
/// taken to a common rate less than a thousandth away.
fn frame_rate(timeline: &Timeline, timescale: Timescale) -> FrameRate {
    let scale = u64::from(timescale.get());
    if let Some(duration) = timeline.constant_duration().filter(|duration| *duration > 0) {
        return reduced(scale, duration.into());
    }
    let frames = u64::from(timeline.sample_count()).saturating_mul(scale);
    let ticks = timeline.media_duration.max(1);
    for (numerator, denominator) in COMMON_RATES {
        let (mean, common) = (
            u128::from(frames) * u128::from(denominator),
            u128::from(numerator) * u128::from(ticks),
        );
        if mean.abs_diff(common) * 1000 < common {
            return FrameRate {
                numerator,
                denominator,
            };
        }
    }
    let thousandths = u128::from(frames) * 1000 / u128::from(ticks);
    reduced(u64::try_from(thousandths).unwrap_or(u64::MAX).max(1), 1000)
}

fn reduced(numerator: u64, denominator: u64) -> FrameRate {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    FrameRate {
        numerator: numerator / a.max(1),
        denominator: denominator / a.max(1),
    }
}
