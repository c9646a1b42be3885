//! Cuts a track on the grid.

use std::sync::Arc;
use std::time::Duration;

use super::naming::Token;
use super::timeline::Timeline;
use super::{Candidate, bandwidth, indexed};
use crate::codec::{FrameRate, MediaKind};
use crate::read::mp4::{FragmentIndex, MovieTrack, ReadError};
use crate::sample::{Cursor, Edges, SampleMap};
use crate::segment::Grid;
use crate::time::{Instant, Timescale};
use crate::track::{AudioTraits, Segment, Track};
use crate::trick_play::KeyFrames;

/// Fragments have to last this long on average for where they start to be kept:
/// 8 bytes a fragment are much for one of a few samples.
const KEPT_FRAGMENT_MIN: Duration = Duration::from_millis(500);

/// Makes the track, its times moved by `shift`.
pub(super) fn track(
    candidate: Candidate<'_>,
    token: Token,
    grid: &Grid,
    shift: Instant,
    target: Duration,
) -> Result<Track, ReadError> {
    let language = candidate.language();
    let Candidate {
        file,
        movie_track,
        reference,
        codecs,
        timeline,
    } = candidate;
    let is_sound = movie_track.kind == MediaKind::Audio;
    let timescale = movie_track.timescale;
    let offset = shift.on(timescale);
    let mut cut = Cut::new(movie_track, &timeline, grid, offset, target);
    match &movie_track.index {
        Some(index) => cut.fragments(movie_track, &timeline, index),
        None => cut.samples(movie_track, &timeline)?,
    }
    let mut syncs = std::mem::take(&mut cut.syncs);
    syncs.sort_unstable();
    let (segments, counts) = cut.close(timeline.end.saturating_add(offset));
    let sizes: Vec<(u64, u64)> = segments
        .iter()
        .zip(counts)
        .map(|(segment, count)| (bandwidth::served_size(segment, count), segment.duration))
        .collect();
    Ok(Track {
        kind: movie_track.kind,
        file,
        source_id: movie_track.id,
        token: token.to_string(),
        name: token.name,
        bitrate: token.bitrate,
        language,
        audio: reference
            .filter(|_| is_sound)
            .map(AudioTraits::of)
            .unwrap_or_default(),
        timescale,
        codecs,
        display_size: movie_track.display_size,
        frame_rate: (movie_track.kind == MediaKind::Video).then(|| frame_rate(&timeline, timescale)),
        roll_distance: movie_track.roll_distance,
        presentation_time_offset: offset.unsigned_abs(),
        bandwidth: bandwidth::of(&sizes, timescale, target),
        key_frames: KeyFrames::of(&syncs, &segments, timescale),
        segments,
        end: timeline.runs.last().map(|run| run.end).unwrap_or_default(),
        samples: SampleMap {
            tables: movie_track.layout,
            fragments: movie_track.fragments.clone(),
            heads: heads(movie_track, &timeline),
            decode_lead: timeline.decode_lead,
            edges: Edges::default(),
            mean_duration: timeline.mean_duration(),
            runs: timeline.runs.iter().map(|run| run.later(offset)).collect(),
        },
    })
}

/// Where fragments start, unless there are very many of them.
fn heads(track: &MovieTrack, timeline: &Timeline) -> Arc<[u64]> {
    let heads = &track.fragment_heads;
    let mean = timeline.media_duration / (heads.len().max(1) as u64);
    let shortest = track.timescale.ticks_of(KEPT_FRAGMENT_MIN).unsigned_abs();
    if mean < shortest {
        Arc::default()
    } else {
        Arc::clone(heads)
    }
}

/// A boundary less than the target duration divided by this after a track's
/// first sample does not cut it.
const PRIMING_DIVISOR: u32 = 10;

/// A track on its way into segments: one starts at the first place where decoding
/// can start at or behind each boundary. Pictures may come half a frame early,
/// since renditions round their times each their own way.
struct Cut<'g> {
    timescale: Timescale,
    /// The boundaries that have not been passed.
    boundaries: std::iter::Peekable<std::slice::Iter<'g, Instant>>,
    early: i64,
    /// Added to times to get those of the output timeline.
    offset: i64,
    segments: Vec<Segment>,
    /// Number of samples of each segment.
    counts: Vec<u32>,
    /// When each key frame is shown, on the output timeline, and its size.
    syncs: Vec<(u64, u32)>,
}

/// A sample, or a fragment.
struct Item {
    /// Its presentation time from the start of the presentation.
    shown: i64,
    is_sync: bool,
    /// Bytes of the picture to show when one is all that is shown; `None`: not this
    /// one.
    key_frame: Option<u64>,
    size: u64,
    samples: u32,
    cursor: Cursor,
}

impl<'g> Cut<'g> {
    fn new(track: &MovieTrack, timeline: &Timeline, grid: &'g Grid, offset: i64, target: Duration) -> Self {
        let timescale = track.timescale;
        // Sound begins a moment before the pictures, with its priming: what comes
        // this early belongs to the first segment, not in one of its own.
        let first = timescale.instant(timeline.start).after(target / PRIMING_DIVISOR);
        let passed = grid.boundaries.partition_point(|boundary| *boundary < first);
        let boundaries = grid.boundaries.get(passed..).unwrap_or_default();
        Self {
            timescale,
            boundaries: boundaries.iter().peekable(),
            early: match track.kind {
                MediaKind::Video => timescale.ticks_of(timeline.half_frame(timescale)),
                MediaKind::Audio | MediaKind::Text => 0,
            },
            offset,
            segments: Vec::new(),
            counts: Vec::new(),
            syncs: Vec::new(),
        }
    }

    /// Cuts between samples.
    fn samples(&mut self, track: &MovieTrack, timeline: &Timeline) -> Result<(), ReadError> {
        for (run, number) in timeline.runs.iter().zip(0..) {
            let mut samples = track.samples().starting_at(run.first);
            for index in 0..run.sample_count() {
                let cursor = samples.cursor().in_run(number);
                let Some(sample) = samples.next().transpose()? else {
                    break;
                };
                // What a run only decodes first stands for its start.
                let is_shown = index < run.lead_in || run.shows(&sample);
                let is_key_frame = track.kind == MediaKind::Video && sample.is_sync && is_shown;
                let sample = run.place(sample, index);
                let shown = sample.presentation_time();
                self.add(&Item {
                    // What comes right before a run is part of it.
                    shown: run.opens.map_or(shown, |opens| shown.max(opens)),
                    is_sync: sample.is_sync,
                    key_frame: is_key_frame.then(|| sample.size.into()),
                    size: sample.size.into(),
                    samples: 1,
                    cursor,
                });
            }
        }
        Ok(())
    }

    /// Cuts between fragments.
    fn fragments(&mut self, track: &MovieTrack, timeline: &Timeline, index: &FragmentIndex) {
        let Some(run) = timeline.runs.first() else { return };
        let played = indexed::played(index, run);
        for fragment in played {
            let behind = indexed::offset_behind(index, fragment);
            let duration = indexed::duration(index, fragment);
            let samples = duration / u64::from(index.mean_duration.max(1));
            let size = index.media_size(behind.saturating_sub(fragment.offset));
            let is_key_frame = track.kind == MediaKind::Video && fragment.is_sync;
            self.add(&Item {
                shown: fragment.time.saturating_add(run.shift),
                is_sync: fragment.is_sync || track.kind != MediaKind::Video,
                key_frame: is_key_frame.then(|| index.key_frame_size(size)),
                size,
                samples: u32::try_from(samples).unwrap_or(u32::MAX),
                cursor: Cursor::at_fragment(fragment.offset, 0, index.decode_time(fragment)),
            });
        }
    }

    fn add(&mut self, item: &Item) {
        let moment = self.timescale.instant(item.shown.saturating_add(self.early));
        let mut starts = self.segments.is_empty();
        if item.is_sync {
            while self.boundaries.next_if(|boundary| **boundary <= moment).is_some() {
                starts = true;
            }
        }
        let start = item.shown.saturating_add(self.offset).max(0).unsigned_abs();
        if let Some(size) = item.key_frame {
            self.syncs.push((start, u32::try_from(size).unwrap_or(u32::MAX)));
        }
        if starts {
            self.segments.push(Segment {
                start,
                duration: 0,
                media_size: 0,
                cursor: item.cursor,
            });
            self.counts.push(0);
        }
        if let (Some(segment), Some(count)) = (self.segments.last_mut(), self.counts.last_mut()) {
            segment.start = segment.start.min(start);
            segment.media_size = segment.media_size.saturating_add(item.size);
            *count = count.saturating_add(item.samples);
        }
    }

    /// Lets each segment last until the next one starts, the last until `end`.
    /// One that would last no time is part of the one before.
    fn close(self, end: i64) -> (Vec<Segment>, Vec<u32>) {
        let end = end.max(0).unsigned_abs();
        let mut segments: Vec<Segment> = Vec::with_capacity(self.segments.len());
        let mut counts: Vec<u32> = Vec::with_capacity(self.counts.len());
        for (segment, count) in self.segments.into_iter().zip(self.counts) {
            let is_instant = |last: &Segment| segment.start <= last.start || end <= segment.start;
            match (segments.last_mut(), counts.last_mut()) {
                (Some(last), Some(total)) if is_instant(last) => {
                    last.media_size = last.media_size.saturating_add(segment.media_size);
                    *total = total.saturating_add(count);
                }
                _ => {
                    segments.push(segment);
                    counts.push(count);
                }
            }
        }
        let mut next = end;
        for segment in segments.iter_mut().rev() {
            segment.start = segment.start.min(next);
            segment.duration = next - segment.start;
            next = segment.start;
        }
        (segments, counts)
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
        return FrameRate::reduced(scale, duration.into());
    }
    let frames = timeline.sample_count.saturating_mul(scale);
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
    FrameRate::reduced(u64::try_from(thousandths).unwrap_or(u64::MAX).max(1), 1000)
}
