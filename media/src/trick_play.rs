//! Trick play: the key frames of a track, which players show by themselves while
//! they seek or wind.
//!
//! A key frame stands for the time until the next one. The first of a segment
//! stands for its start on, even where pictures that are shown before it, and need
//! it to be decoded, open the segment: so the key frames of a segment last exactly
//! as long as the segment, and those of a track as long as the track. Durations in
//! I-frame playlists of HLS and in the trick-mode segments of DASH are the same.
//!
//! What is kept is when each key frame is shown and what it takes; where its bytes
//! lie is read from the source's tables when it is asked for, as for any segment.

use std::ops::Range;
use std::time::Duration;

use crate::codec::FrameRate;
use crate::presentation::bandwidth;
use crate::sample::{Sample, Samples};
use crate::time::Timescale;
use crate::track::{Bandwidth, Segment, Track};

/// Key frames closer than this to the one before, or to the next segment's first, are
/// left out: no player shows more, and every picture of some sources is a key frame.
pub const SPACING_MIN: Duration = Duration::from_millis(500);

/// Bytes a key frame in a segment of its own takes beside its media: `styp`, `moof`
/// and the head of `mdat`; at most so many.
const FRAGMENT_OVERHEAD: u64 = 176;

/// The key frames of a track, in columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFrames {
    /// When each starts, ascending, in ticks on the output timeline.
    starts: Vec<u64>,
    /// Bytes of each; an estimate where [`Segment::media_size`] is one.
    sizes: Vec<u32>,
}

/// One key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFrame {
    /// In ticks on the output timeline.
    pub start: u64,
    /// Ticks until the next one, or the end of the track.
    pub duration: u64,
    /// Bytes of it; an estimate where [`Segment::media_size`] is one.
    pub size: u32,
}

impl KeyFrames {
    /// Those of `syncs`, given as when they are shown and their sizes in ascending
    /// order of time, that are kept for the track cut into `segments`. None when a
    /// segment has none.
    pub(crate) fn of(syncs: &[(u64, u32)], segments: &[Segment], timescale: Timescale) -> Self {
        let spacing = timescale.ticks_of(SPACING_MIN).unsigned_abs();
        let mut kept = Self::default();
        for segment in segments {
            let end = segment.start.saturating_add(segment.duration);
            let first = syncs.partition_point(|(start, _)| *start < segment.start);
            let behind = syncs.partition_point(|(start, _)| *start < end);
            let Some(own) = syncs.get(first..behind).filter(|own| !own.is_empty()) else {
                return Self::default();
            };
            let mut due = segment.start;
            for (start, size) in own {
                let is_first = due == segment.start;
                if is_first || due <= *start && start.saturating_add(spacing) <= end {
                    let start = if is_first { segment.start } else { *start };
                    kept.starts.push(start);
                    kept.sizes.push(*size);
                    due = start.saturating_add(spacing.max(1));
                }
            }
        }
        kept.starts.shrink_to_fit();
        kept.sizes.shrink_to_fit();
        kept
    }

    /// Bytes held on the heap.
    pub(crate) fn heap_size(&self) -> usize {
        self.starts.capacity() * size_of::<u64>() + self.sizes.capacity() * size_of::<u32>()
    }
}

impl Track {
    /// Number of key frames that the track offers; 0 unless every segment has one.
    #[must_use]
    pub fn key_frame_count(&self) -> usize {
        self.offered_key_frames().len()
    }

    /// The key frame `index` (0-based).
    #[must_use]
    pub fn key_frame(&self, index: usize) -> Option<KeyFrame> {
        let offered = self.offered_key_frames();
        let at = offered
            .start
            .checked_add(index)
            .filter(|at| offered.contains(at))?;
        let start = *self.key_frames.starts.get(at)?;
        // Where a clip begins between two, the one before stands for its start.
        let start = start.max(self.segments.first()?.start);
        let next = offered
            .contains(&(at + 1))
            .then(|| self.key_frames.starts.get(at + 1));
        let end = next.flatten().copied().unwrap_or_else(|| self.end());
        Some(KeyFrame {
            start,
            duration: end.saturating_sub(start),
            size: *self.key_frames.sizes.get(at)?,
        })
    }

    /// All key frames.
    pub fn key_frames(&self) -> impl Iterator<Item = KeyFrame> {
        (0..self.key_frame_count()).filter_map(|index| self.key_frame(index))
    }

    /// The segment (0-based) that key frame `index` lies in.
    #[must_use]
    pub fn segment_of_key_frame(&self, index: usize) -> Option<usize> {
        let start = self.key_frame(index)?.start;
        let behind = self.segments.partition_point(|segment| segment.start <= start);
        behind.checked_sub(1)
    }

    /// The key frames of segment `index` by their own indexes; empty for a segment that does
    /// not exist.
    #[must_use]
    pub fn key_frames_of(&self, index: usize) -> Range<usize> {
        let Some(segment) = self.segments.get(index) else {
            return 0..0;
        };
        let offered = self.offered_key_frames();
        let index_at = |time: u64| {
            let behind = self.key_frames.starts.partition_point(|start| *start < time);
            behind.clamp(offered.start, offered.end) - offered.start
        };
        let first = if index == 0 { 0 } else { index_at(segment.start) };
        first..index_at(segment.start.saturating_add(segment.duration)).max(first)
    }

    /// The samples that show the key frames `frames`; `samples` are those of their
    /// segment. Times are the key frames'; nothing is reordered, so each is shown
    /// when it is decoded. Empty when the segment has no sample to start from.
    #[must_use]
    pub fn key_frame_samples(&self, frames: Range<usize>, samples: &Samples) -> Samples {
        let syncs: Vec<&Sample> = samples.0.iter().filter(|sample| sample.is_sync).collect();
        let frames = frames.filter_map(|index| self.key_frame(index));
        let shown = frames.filter_map(|frame| {
            let start = i64::try_from(frame.start).ok()?;
            // By far the nearest: key frames are not close to one another.
            let nearest = syncs
                .iter()
                .min_by_key(|sync| sync.presentation_time().abs_diff(start))?;
            Some(Sample {
                decode_time: start,
                composition_offset: 0,
                duration: u32::try_from(frame.duration).unwrap_or(u32::MAX),
                ..**nearest
            })
        });
        Samples(shown.collect())
    }

    /// The rates of the key frames as fragmented MP4, a segment each.
    #[must_use]
    pub fn key_frame_bandwidth(&self) -> Bandwidth {
        self.key_frame_bandwidth_with(|size| size.saturating_add(FRAGMENT_OVERHEAD))
    }

    /// The rates of the key frames in segments that are as large as `served` makes
    /// of their own size.
    pub(crate) fn key_frame_bandwidth_with(&self, served: impl Fn(u64) -> u64) -> Bandwidth {
        let frames: Vec<(u64, u64)> = self
            .key_frames()
            .map(|frame| (served(frame.size.into()), frame.duration))
            .collect();
        let longest = frames.iter().map(|(_, duration)| *duration).max();
        let target = self.timescale.duration(longest.unwrap_or(0));
        bandwidth::of(&frames, self.timescale, target)
    }

    /// Pictures a second of the key frames alone, when they are all equally far
    /// apart but for the last.
    #[must_use]
    pub fn key_frame_rate(&self) -> Option<FrameRate> {
        let count = self.key_frame_count();
        let first = self.key_frame(0)?.duration;
        let mut others = self.key_frames().take(count.saturating_sub(1));
        (first > 0 && others.all(|frame| frame.duration == first))
            .then(|| FrameRate::reduced(self.timescale.get().into(), first))
    }

    /// How many pictures there are for each key frame, rounded down, at least 1: so
    /// much faster than usual a decoder that is up to the track plays them.
    #[must_use]
    pub fn pictures_per_key_frame(&self) -> u64 {
        let (Some(rate), Some(first)) = (self.frame_rate, self.key_frame(0)) else {
            return 1;
        };
        let ticks = u128::from(self.end().saturating_sub(first.start));
        let pictures = ticks * u128::from(rate.numerator);
        let each = u128::from(rate.denominator)
            * u128::from(self.timescale.get())
            * self.key_frame_count().max(1) as u128;
        u64::try_from(pictures / each.max(1)).unwrap_or(u64::MAX).max(1)
    }

    /// Places in `key_frames` of those that lie in the track's segments.
    fn offered_key_frames(&self) -> Range<usize> {
        let starts = &self.key_frames.starts;
        let first = self.segments.first().map_or(0, |segment| segment.start);
        let end = self.end();
        let at_start = starts.partition_point(|start| *start <= first);
        let first = at_start.saturating_sub(1);
        let behind = starts.partition_point(|start| *start < end);
        first..behind.max(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Cursor;

    fn segments(durations: &[u64]) -> Vec<Segment> {
        let mut start = 100;
        let segment = |duration: &u64| {
            let segment = Segment {
                start,
                duration: *duration,
                media_size: 0,
                cursor: Cursor::default(),
            };
            start += duration;
            segment
        };
        durations.iter().map(segment).collect()
    }

    fn starts(syncs: &[u64], durations: &[u64]) -> Vec<u64> {
        let syncs: Vec<(u64, u32)> = syncs.iter().map(|start| (*start, 7)).collect();
        KeyFrames::of(&syncs, &segments(durations), Timescale::MILLISECONDS).starts
    }

    #[test]
    fn every_sync_sample_is_a_key_frame() {
        assert_eq!(
            starts(&[100, 2100, 4100, 6100], &[6000, 2000]),
            [100, 2100, 4100, 6100]
        );
    }

    #[test]
    fn of_sync_samples_close_together_some_are_left_out() {
        let every_40_ms: Vec<u64> = (0..100).map(|index| 100 + index * 40).collect();
        assert_eq!(
            starts(&every_40_ms, &[2000, 2000]),
            [100, 620, 1140, 2100, 2620, 3140]
        );
    }

    #[test]
    fn the_first_of_a_segment_stands_for_what_is_shown_before_it_too() {
        assert_eq!(starts(&[180, 2180], &[2000, 2000]), [100, 2100]);
    }

    #[test]
    fn a_track_with_a_segment_without_a_key_frame_offers_none() {
        assert!(starts(&[100], &[2000, 2000]).is_empty());
        assert!(starts(&[], &[2000]).is_empty());
        assert!(starts(&[2100], &[2000, 2000]).is_empty());
    }
}
