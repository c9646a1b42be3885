//! Cuts tracks to a stretch of time: the part of a title that a URL asks for.
//!
//! Times stay those of the title's output timeline: the presentation begins at a
//! later moment of it. Segments within the stretch are the title's own, as they
//! are; only the first and the last are cut, and those too short to be by
//! themselves are part of their neighbour.

use std::ops::Range;
use std::time::Duration;

use super::bandwidth;
use crate::codec::MediaKind;
use crate::sample::{Edges, Head, Sample, Samples, Tail};
use crate::time::Instant;
use crate::track::{Segment, Track};

/// A segment shorter than the target duration divided by this is part of its
/// neighbour.
const SHORT_DIVISOR: u32 = 10;

/// Samples of sound before the first one that is heard, when a track does not say
/// how many its decoder needs.
const WARM_UP_DEFAULT: usize = 1;

/// The stretch that is left, from the start of the title.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) begin: Duration,
    /// `None`: to the end of the title.
    pub(super) end: Option<Duration>,
}

/// Where all tracks are cut.
#[derive(Clone, Debug)]
pub(super) struct Cuts {
    stretch: Stretch,
    /// Shortest first or last segment.
    shortest: Duration,
    /// Where the track that all go by has boundaries, and whether they are kept.
    boundaries: Vec<(Instant, bool)>,
}

/// What is left of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// Its segments that are at least partly played.
    played: Range<usize>,
    /// Those of them that start a segment, besides the first.
    starts: Vec<usize>,
    /// Where the clip begins and ends, in ticks on the output timeline.
    begin: u64,
    end: Option<u64>,
}

impl Cuts {
    /// The cuts of `tracks`, which go by the first of them with pictures.
    pub(super) fn of<'t>(
        tracks: impl Iterator<Item = &'t Track> + Clone,
        stretch: Stretch,
        target: Duration,
    ) -> Self {
        let has_pictures = |track: &&Track| track.kind == MediaKind::Video;
        let reference = tracks.clone().find(has_pictures).or(tracks.clone().next());
        let shortest = target / SHORT_DIVISOR;
        let mut cuts = Self {
            stretch,
            shortest,
            boundaries: Vec::new(),
        };
        if let Some(track) = reference {
            let boundaries = track.segments.iter().skip(1);
            let moments = boundaries.map(|segment| moment(track, segment.start));
            let kept = moments.map(|moment| (moment, cuts.is_far_from_edges(moment)));
            cuts.boundaries = kept.collect();
        }
        cuts
    }

    /// What is left of `track`; `None` when it does not play in the stretch.
    pub(super) fn cut(&self, track: &Track) -> Option<Cut> {
        let ticks = |time: Duration| {
            let ticks = track.timescale.ticks_of(time).unsigned_abs();
            track.presentation_time_offset.saturating_add(ticks)
        };
        let begin = ticks(self.stretch.begin);
        let end = self.stretch.end.map(ticks).filter(|end| *end < track.end());
        let is_over = |segment: &Segment| segment.start.saturating_add(segment.duration) <= begin;
        let first = track.segments.partition_point(is_over);
        let behind = end.map_or(track.segments.len(), |end| {
            track.segments.partition_point(|segment| segment.start < end)
        });
        if behind <= first {
            return None;
        }
        let is_kept = |index: &usize| {
            let segment = track.segments.get(*index);
            segment.is_some_and(|segment| self.keeps(moment(track, segment.start)))
        };
        Some(Cut {
            starts: (first + 1..behind).filter(is_kept).collect(),
            played: first..behind,
            begin,
            end,
        })
    }

    /// Whether a boundary at `moment` is kept: as the track that all go by has it,
    /// when that one has a boundary there.
    fn keeps(&self, moment: Instant) -> bool {
        let next = self.boundaries.partition_point(|(at, _)| *at < moment);
        let neighbours = [next.checked_sub(1), Some(next)].into_iter().flatten();
        let neighbours = neighbours.filter_map(|index| self.boundaries.get(index));
        let nearest = neighbours.min_by_key(|(at, _)| at.distance(moment));
        match nearest {
            Some((at, is_kept)) if at.distance(moment) <= self.shortest / 2 => *is_kept,
            _ => self.is_far_from_edges(moment),
        }
    }

    fn is_far_from_edges(&self, moment: Instant) -> bool {
        let clock = moment.timescale;
        let at = |time: Duration| clock.instant(clock.ticks_of(time));
        let is_late = at(self.stretch.begin).after(self.shortest) <= moment;
        let is_early = |end: Duration| moment.after(self.shortest) <= at(end);
        is_late && self.stretch.end.is_none_or(is_early)
    }
}

impl Cut {
    /// The segments of the track that the clip begins and ends within: their samples
    /// are needed to cut it.
    pub(super) fn needs(&self, track: &Track) -> Vec<usize> {
        let mut needs = Vec::new();
        let first = track.segments.get(self.played.start);
        if first.is_some_and(|first| first.start < self.begin) {
            needs.push(self.played.start);
        }
        if self.end.is_some() && !needs.contains(&self.last()) {
            needs.push(self.last());
        }
        needs
    }

    /// The track, cut; `samples` are those of the segment of that number, when it is
    /// one of [`Cut::needs`].
    pub(super) fn apply<'s>(
        &self,
        track: &Track,
        samples: impl Fn(usize) -> Option<&'s Samples>,
        target: Duration,
    ) -> Track {
        let mut left = track.clone();
        left.presentation_time_offset = self.begin;
        let mut segments = self.segments(track);
        let first = samples(self.played.start);
        let last = samples(self.last()).filter(|_| self.end.is_some());
        let edges = self.edges(track, first, last);
        if let (Some(segment), None) = (segments.first_mut(), edges.head) {
            // Texts are cut anywhere.
            let late = self.begin.saturating_sub(segment.start).min(segment.duration);
            segment.start += late;
            segment.duration -= late;
        }
        if let (Some(segment), Some(samples), Some(head)) = (segments.first_mut(), first, edges.head) {
            let skipped = usize::try_from(head.skipped).unwrap_or(usize::MAX);
            let skipped = samples.0.get(..skipped).unwrap_or_default();
            segment.media_size = segment.media_size.saturating_sub(size(skipped));
            let end = segment.start.saturating_add(segment.duration);
            segment.start = self.start(track, samples, &edges).min(end);
            segment.duration = end - segment.start;
        }
        if let (Some(segment), Some(samples), Some(tail)) = (segments.last_mut(), last, edges.tail) {
            let dropped = samples.0.get(tail.kept(&samples.0)..).unwrap_or_default();
            segment.media_size = segment.media_size.saturating_sub(size(dropped));
        }
        left.segments = segments;
        let behind = track.segments.get(self.played.end);
        left.end = behind.map_or(track.end, |segment| segment.cursor);
        left.samples.edges = edges;
        let sizes: Vec<(u64, u64)> = left
            .segments
            .iter()
            .enumerate()
            .map(|(index, segment)| {
                let size = bandwidth::served_size(segment, left.sample_count(index));
                (size, segment.duration)
            })
            .collect();
        left.bandwidth = bandwidth::of(&sizes, track.timescale, target);
        left
    }

    fn last(&self) -> usize {
        self.played.end.saturating_sub(1)
    }

    /// The segments, the first and the last of them not cut yet but at the end.
    fn segments(&self, track: &Track) -> Vec<Segment> {
        let all = |range: Range<usize>| track.segments.get(range).unwrap_or_default();
        let starts = std::iter::once(self.played.start).chain(self.starts.iter().copied());
        let ends = self.starts.iter().copied().chain([self.played.end]);
        let joined = starts.zip(ends).filter_map(|(start, end)| {
            let parts = all(start..end);
            let (first, last) = (parts.first()?, parts.last()?);
            let behind = last.start.saturating_add(last.duration);
            let behind = self.end.map_or(behind, |end| behind.min(end));
            let sizes = parts.iter().map(|part| part.media_size);
            Some(Segment {
                duration: behind.saturating_sub(first.start),
                media_size: sizes.fold(0, u64::saturating_add),
                ..*first
            })
        });
        joined.collect()
    }

    fn edges(&self, track: &Track, first: Option<&Samples>, last: Option<&Samples>) -> Edges {
        let signed = |ticks: u64| i64::try_from(ticks).unwrap_or(i64::MAX);
        let has_pictures = track.kind == MediaKind::Video;
        let begins_within = |_: &&Samples| {
            let first = track.segments.get(self.played.start);
            first.is_some_and(|first| first.start < self.begin)
        };
        let head = first.filter(begins_within).map(|samples| match has_pictures {
            true => Head::of_pictures(&samples.0, signed(self.begin)),
            false => Head::of_sound(&samples.0, signed(self.begin), warm_up(track)),
        });
        let end = self.end.map(signed);
        let tail = last
            .zip(end)
            .map(|(samples, end)| Tail::of(&samples.0, end, has_pictures));
        let edges = Edges { head, tail };
        match (head, tail, last) {
            (Some(head), Some(tail), Some(samples)) if self.played.len() == 1 => {
                cut_together(head, tail, &samples.0)
            }
            _ => edges,
        }
    }

    /// When the first segment starts, given the samples of the segment it is cut from.
    fn start(&self, track: &Track, samples: &Samples, edges: &Edges) -> u64 {
        let mut left = samples.0.clone();
        let is_only = self.played.len() == 1;
        let tail = edges.tail.filter(|_| is_only);
        Edges { tail, ..*edges }.cut(&mut left);
        let shown = left.iter().map(Sample::presentation_time);
        let earliest = shown.min().map_or(0, |time| time.max(0).unsigned_abs());
        match track.kind {
            // Pictures may have begun before, or have been hurried along.
            MediaKind::Video => earliest.max(self.begin),
            MediaKind::Audio | MediaKind::Text => earliest,
        }
    }
}

/// The edges of the one segment of a clip: each bounds the times that the other gives.
fn cut_together(head: Head, tail: Tail, samples: &[Sample]) -> Edges {
    let edges = |head, tail| Edges {
        head: Some(head),
        tail: Some(tail),
    };
    let mut left = samples.to_vec();
    edges(head, tail).cut(&mut left);
    let decode_time = left.first().map_or(head.decode_time, |first| first.decode_time);
    let decode_end = left.last().map_or(tail.decode_end, Sample::decode_end);
    edges(Head { decode_time, ..head }, Tail { decode_end, ..tail })
}

fn moment(track: &Track, ticks: u64) -> Instant {
    let offset = track.presentation_time_offset;
    let signed = |ticks: u64| i64::try_from(ticks).unwrap_or(i64::MAX);
    track.timescale.instant(signed(ticks) - signed(offset))
}

fn size(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| u64::from(sample.size)).sum()
}

/// How many samples the decoder of a sound needs before one that is heard.
fn warm_up(track: &Track) -> usize {
    let distance = track.roll_distance.map(|distance| distance.unsigned_abs());
    distance.map_or(WARM_UP_DEFAULT, usize::from)
}
