//! Tracks that stand together in MPEG-2 transport streams: which of their
//! segments go into one, what it takes to serve them, and on which clock.
//!
//! All tracks of a title are cut on one grid, yet not into the same number of
//! segments: one may start later, end earlier or lack a sync sample at a
//! boundary. A multiplex is cut where its main track is, the first with
//! pictures, and before and behind that track where another one goes on.

mod bandwidth;
mod carriage;

use std::ops::Range;

use crate::codec::MediaKind;
use crate::time::{Instant, Timescale};
use crate::track::{Bandwidth, Segment, Track};

pub(crate) use bandwidth::key_frames as key_frame_bandwidth;
pub use carriage::{AdtsProfile, Carriage, Exclusion, carriage, carriage_of};

/// The time stamp of the moment at which a presentation begins, in ticks of
/// [`Timescale::MPEG2`]: 10 s, so that what is decoded or heard before that moment
/// has one too. Text that states its place on this clock (`X-TIMESTAMP-MAP`) begins
/// with it.
pub const CLOCK_AT_START: u64 = 900_000;

/// Tracks that share one transport stream.
#[derive(Clone, Debug)]
pub struct Multiplex<'a> {
    tracks: Vec<&'a Track>,
    main: &'a Track,
    /// What plays before the main track: the first segments of another one.
    lead: &'a [Segment],
    lead_clock: Timescale,
    /// What plays behind it: the last segments of another one.
    tail: &'a [Segment],
    tail_clock: Timescale,
}

impl<'a> Multiplex<'a> {
    /// The multiplex of `tracks`, in their order; `None` without any.
    #[must_use]
    pub fn new(tracks: Vec<&'a Track>) -> Option<Self> {
        let has_pictures = |track: &&&Track| track.kind == MediaKind::Video;
        let main = *tracks.iter().find(has_pictures).or(tracks.first())?;
        let start = main.segments.first().map_or(0, |segment| segment.start);
        let (start, end) = (main.instant(start), main.instant(main.end()));
        let others = tracks.iter().filter(|track| !std::ptr::eq(**track, main));
        let (lead, lead_clock) = others
            .clone()
            .map(|track| (leading(track, start), track.timescale))
            .max_by_key(|(lead, _)| lead.len())
            .unwrap_or((&[], main.timescale));
        let (tail, tail_clock) = others
            .map(|track| (trailing(track, end), track.timescale))
            .max_by_key(|(tail, _)| tail.len())
            .unwrap_or((&[], main.timescale));
        Some(Self {
            main,
            lead,
            lead_clock,
            tail,
            tail_clock,
            tracks,
        })
    }

    /// The tracks, in the order they were given.
    #[must_use]
    pub fn tracks(&self) -> &[&'a Track] {
        &self.tracks
    }

    /// Number of segments, at least one when a track has one.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.lead.len() + self.main.segments.len() + self.tail.len()
    }

    /// Which segments of each track go into segment `segment` (0-based) of the
    /// multiplex: a range for each of [`Self::tracks`], some of them empty. Every
    /// segment of a track is in exactly one.
    #[must_use]
    pub fn parts(&self, segment: usize) -> Vec<Range<usize>> {
        let (start, end) = (self.start(segment), self.start(segment.saturating_add(1)));
        // The first one takes what comes before it, the last one what is behind.
        let start = start.filter(|_| segment > 0);
        let position = |track: &Track, bound: Instant| {
            track
                .segments
                .partition_point(|part| track.instant(part.start.saturating_add(part.duration / 2)) < bound)
        };
        let part = |track: &&Track| {
            let count = track.segments.len();
            if segment >= self.segment_count() {
                return count..count;
            }
            // Each has the segments whose middle lies in it: starts differ by
            // an audio frame or by rounding, middles never so far.
            let first = start.map_or(0, |start| position(track, start));
            first..end.map_or(count, |end| position(track, end)).max(first)
        };
        self.tracks.iter().map(part).collect()
    }

    /// Durations of the segments in microseconds. Ends are rounded, not durations,
    /// so that the sum of any run of segments is off by a microsecond at most.
    #[must_use]
    pub fn durations_us(&self) -> Vec<u64> {
        let count = self.segment_count();
        let micros = |moment: Instant| {
            let ticks = u64::try_from(moment.ticks).unwrap_or(0);
            moment.timescale.microseconds(ticks)
        };
        let starts = (0..count).filter_map(|segment| self.start(segment));
        let end = self.tracks.iter().map(|track| track.instant(track.end())).max();
        let mut moments: Vec<u64> = starts.chain(end).map(micros).collect();
        let mut last = 0;
        for moment in &mut moments {
            last = last.max(*moment);
            *moment = last;
        }
        moments
            .windows(2)
            .map(|pair| match pair {
                [start, end] => end - start,
                _ => 0,
            })
            .collect()
    }

    /// What the multiplex takes to serve as a transport stream.
    #[must_use]
    pub fn bandwidth(&self, target: std::time::Duration) -> Bandwidth {
        bandwidth::of(self, target)
    }

    /// When `segment` starts; `None` behind the last one.
    fn start(&self, segment: usize) -> Option<Instant> {
        if let Some(lead) = self.lead.get(segment) {
            return Some(self.lead_clock.instant(ticks(lead.start)));
        }
        let segment = segment.saturating_sub(self.lead.len());
        if let Some(main) = self.main.segments.get(segment) {
            return Some(self.main.instant(main.start));
        }
        let segment = segment.saturating_sub(self.main.segments.len());
        let tail = self.tail.get(segment)?;
        Some(self.tail_clock.instant(ticks(tail.start)))
    }
}

impl Track {
    fn instant(&self, time: u64) -> Instant {
        self.timescale.instant(ticks(time))
    }
}

fn ticks(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// The first segments of `track`: those that lie before `moment` but for a quarter
/// of each at most.
fn leading(track: &Track, moment: Instant) -> &[Segment] {
    let is_before = |segment: &Segment| {
        let late = segment.duration - segment.duration / 4;
        track.instant(segment.start.saturating_add(late)) <= moment
    };
    let end = track.segments.partition_point(is_before);
    track.segments.get(..end).unwrap_or_default()
}

/// The last segments of `track`: those that lie behind `moment` but for a quarter of
/// each at most.
fn trailing(track: &Track, moment: Instant) -> &[Segment] {
    let is_behind =
        |segment: &Segment| track.instant(segment.start.saturating_add(segment.duration / 4)) >= moment;
    let start = track.segments.partition_point(|segment| !is_behind(segment));
    track.segments.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
