//! A track's samples on the presentation's timeline, by its edit list.

use std::time::Duration;

use super::edits::{self, Stretch};
use super::{indexed, walk};
use crate::codec::MediaKind;
use crate::read::mp4::{MovieTrack, ReadError};
use crate::sample::{Run, Sample};
use crate::time::Timescale;

/// What the edit list makes of a track. Times are ticks of the track from the
/// start of the presentation.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    /// What plays, in time order; none when nothing does.
    pub(super) runs: Vec<Run>,
    /// How far decode times have to move back for no picture to be shown before
    /// it is decoded; 0 unless composition offsets are negative.
    pub(super) decode_lead: i32,
    /// The earliest presentation time sent.
    pub(super) start: i64,
    /// The latest moment at which a sample's presentation ends.
    pub(super) end: i64,
    /// Presentation times of sync samples, ascending; only of video.
    pub(super) syncs: Vec<i64>,
    /// Bytes of media sent.
    pub(super) media_size: u64,
    /// Sum of the samples' durations.
    pub(super) media_duration: u64,
    /// Number of samples; by their mean duration where they have not been counted.
    pub(super) sample_count: u64,
    /// Number of edits that are not followed as they are.
    pub(super) not_followed: usize,
    pub(super) durations: Durations,
}

/// Whether all samples but the last have the same duration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Durations {
    constant: Option<u32>,
    last: Option<u32>,
    is_variable: bool,
}

/// Reads a track's edit list and places its samples by it.
pub(super) fn read(track: &MovieTrack) -> Result<Timeline, ReadError> {
    let edited = edits::read(&track.edits, track.movie_timescale, track.timescale);
    let mut timeline = match &track.index {
        Some(index) => indexed::place(track, index, edited.first()),
        None => walk::place(track, &edited.stretches)?,
    };
    timeline.not_followed += edited.not_followed;
    Ok(timeline)
}

impl Timeline {
    pub(super) fn empty() -> Self {
        Self {
            runs: Vec::new(),
            decode_lead: 0,
            start: i64::MAX,
            end: i64::MIN,
            syncs: Vec::new(),
            media_size: 0,
            media_duration: 0,
            sample_count: 0,
            not_followed: 0,
            durations: Durations::default(),
        }
    }

    /// Counts a sample in that is sent: shown from `shown` until `end`, or sent
    /// only to be decoded.
    pub(super) fn add(&mut self, sample: &Sample, shown: Option<(i64, i64)>, kind: MediaKind) {
        self.decode_lead = self.decode_lead.max(sample.composition_offset.saturating_neg());
        self.media_size = self.media_size.saturating_add(sample.size.into());
        self.media_duration = self.media_duration.saturating_add(sample.duration.into());
        self.sample_count += 1;
        self.durations.add(sample.duration);
        if let Some((start, end)) = shown {
            self.start = self.start.min(start);
            self.end = self.end.max(end);
        }
        if let (true, MediaKind::Video, Some((start, _))) = (sample.is_sync, kind, shown) {
            self.syncs.push(start);
        }
    }

    /// The earliest decode or presentation time sent.
    pub(super) fn earliest(&self) -> i64 {
        let decode_time = self.runs.first().map_or(i64::MAX, Run::first_decode_time);
        decode_time
            .saturating_sub(self.decode_lead.into())
            .min(self.start)
    }

    /// The duration of every sample but the last, when it is the same.
    pub(super) fn constant_duration(&self) -> Option<u32> {
        self.durations.constant()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty() || self.end <= self.start
    }

    /// The mean duration of a sample.
    pub(super) fn mean_duration(&self) -> u32 {
        u32::try_from(self.media_duration / self.sample_count.max(1)).unwrap_or(u32::MAX)
    }

    /// Half of it.
    pub(super) fn half_frame(&self, timescale: Timescale) -> Duration {
        let ticks = self.media_duration / self.sample_count.max(1) / 2;
        Duration::from_micros(timescale.microseconds(ticks))
    }
}

impl Durations {
    /// All the same.
    pub(super) fn all(duration: Option<u32>) -> Self {
        Self {
            constant: duration,
            last: duration,
            is_variable: duration.is_none(),
        }
    }

    fn add(&mut self, duration: u32) {
        // The last sample's duration may differ, so each is judged by its successor.
        match (self.last, self.constant) {
            (Some(last), None) => self.constant = Some(last),
            (Some(last), Some(constant)) => self.is_variable |= last != constant,
            (None, _) => {}
        }
        self.last = Some(duration);
    }

    fn constant(&self) -> Option<u32> {
        self.constant.or(self.last).filter(|_| !self.is_variable)
    }
}

impl edits::Edited {
    fn first(&self) -> Stretch {
        // There is always one.
        self.stretches.first().copied().unwrap_or(Stretch {
            at: 0,
            until: None,
            start: 0,
            is_held: false,
        })
    }
}
