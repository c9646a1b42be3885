//! Checks what an index says against the first and the last fragments.

use super::moof::{self, Moof, StatedTime};
use super::{FragmentIndex, IndexedFragment};
use crate::codec::MediaKind;
use crate::read::mp4::windows::{Halt, Windows};
use crate::read::mp4::{Movie, MovieTrack, ReadError};
use crate::sample::{FragmentClock, FragmentLayout, Sample};

/// Bytes asked for where a fragment starts.
const ASK: u64 = 8 << 10;

/// Most boxes read at the start, and at the end, to meet every track's.
const BOXES_MAX: usize = 256;

/// The fragments of a track by an index of the file.
#[derive(Clone, Debug)]
pub(super) struct RawIndex {
    /// In file order.
    pub(super) entries: Vec<RawEntry>,
    /// File offset behind the last fragment.
    pub(super) end: u64,
}

/// An entry of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawEntry {
    pub(super) offset: u64,
    /// In ticks of the track: on whatever timeline the packager thought right.
    pub(super) time: i64,
    pub(super) is_sync: bool,
}

/// Reads the first and the last fragments of every track.
#[derive(Debug)]
pub(super) struct Calibration {
    tracks: Vec<RawIndex>,
    head: Stretch,
    tail: Stretch,
}

/// The `moof` boxes of a stretch of the file.
#[derive(Debug)]
struct Stretch {
    start: u64,
    at: u64,
    end: u64,
    boxes: usize,
    moofs: Vec<Moof>,
    is_read: bool,
}

/// What came of it.
pub(super) enum Calibrated {
    /// The index of each track, and how its fragments are read.
    Indexed(Vec<(FragmentIndex, FragmentLayout)>),
    /// The index is not to be trusted.
    Rejected,
}

impl Calibration {
    /// `tracks` has the index of each track of the movie. `None` when one of
    /// them is empty.
    pub(super) fn new(tracks: Vec<RawIndex>) -> Option<Self> {
        let firsts = tracks.iter().map(|track| track.entries.first());
        let lasts = tracks.iter().map(|track| track.entries.last());
        let start = |offsets: Option<Vec<u64>>| offsets.and_then(|offsets| offsets.into_iter().min());
        let head = start(firsts.map(|entry| Some(entry?.offset)).collect())?;
        let tail = start(lasts.map(|entry| Some(entry?.offset)).collect())?;
        let end = tracks.iter().map(|track| track.end).max()?;
        Some(Self {
            tracks,
            head: Stretch::new(head, end),
            tail: Stretch::new(tail, end),
        })
    }

    pub(super) fn advance(
        &mut self,
        windows: &Windows,
        movie: &Movie,
        layout: impl Fn(&MovieTrack) -> FragmentLayout,
    ) -> Result<Calibrated, Halt> {
        let layouts: Vec<FragmentLayout> = movie.tracks.iter().map(layout).collect();
        self.head.read(windows, |moofs| has_all(moofs, &layouts))?;
        self.tail.read(windows, |_| Ok(false))?;
        if !self.head.is_read || !self.tail.is_read {
            return Ok(Calibrated::Rejected);
        }
        let mut indexed = Vec::new();
        for ((raw, mut layout), track) in self.tracks.iter().zip(layouts).zip(&movie.tracks) {
            let Some(index) = self.index(raw, &mut layout, track)? else {
                return Ok(Calibrated::Rejected);
            };
            indexed.push((index, layout));
        }
        Ok(Calibrated::Indexed(indexed))
    }

    /// The checked index of one track; `None` when it disagrees with the
    /// fragments.
    fn index(
        &self,
        raw: &RawIndex,
        layout: &mut FragmentLayout,
        track: &MovieTrack,
    ) -> Result<Option<FragmentIndex>, ReadError> {
        let Some(ends) = self.ends(raw, layout)? else {
            return Ok(None);
        };
        let Some(fragments) = ends.correct(raw, track) else {
            return Ok(None);
        };
        let (media, total) = self.head_bytes(layout)?;
        let (key_frame_share, key_frame_share_of) = ends.key_frame_share();
        let last = raw.entries.last().map_or(0, |entry| entry.offset);
        let samples = || ends.first.iter().chain(&ends.last);
        let lead = samples().map(|sample| sample.composition_offset.saturating_neg());
        let durations = ends.first.iter().map(|sample| u64::from(sample.duration));
        let mean = durations.sum::<u64>() / (ends.first.len().max(1) as u64);
        let Some(first_sample) = ends.first.first().copied() else {
            return Ok(None);
        };
        Ok(Some(FragmentIndex {
            fragments,
            first_sample,
            end: raw.end,
            end_time: self.end_time(layout, last, ends.last_expected)?,
            decode_lead: lead.max().unwrap_or(0).max(0),
            constant_duration: constant_duration(&ends.first),
            mean_duration: u32::try_from(mean).unwrap_or(u32::MAX).max(1),
            share_of: total.max(1),
            share: media,
            key_frame_share_of: key_frame_share_of.max(1),
            key_frame_share,
        }))
    }

    /// Reads the first and the last fragment of a track, and settles how its
    /// fragments are read; `None` when they are not where the index says.
    fn ends(&self, raw: &RawIndex, layout: &mut FragmentLayout) -> Result<Option<Ends>, ReadError> {
        let (Some(first), Some(last)) = (raw.entries.first(), raw.entries.last()) else {
            return Ok(None);
        };
        let Some((head, samples)) = first_with_samples(&self.head.moofs, first.offset, layout, 0)? else {
            return Ok(None);
        };
        let first_offset = samples.first().map_or(0, |sample| sample.composition_offset);
        let stated = head.stated_time(layout.track_id)?;
        layout.clock = clock(stated, first_offset);
        // A fragment that does not say when it is decoded is decoded at 0, if the
        // index means its presentation time, or by the index.
        let is_presentation = first.time == i64::from(first_offset);
        let samples = head.samples(layout, if is_presentation { 0 } else { first.time })?;
        let decode_time = samples.first().map_or(0, |sample| sample.decode_time);
        let last_expected = decode_time.saturating_add(last.time.saturating_sub(first.time));
        let found = first_with_samples(&self.tail.moofs, last.offset, layout, last_expected)?;
        let Some((tail, mut last_samples)) = found else {
            return Ok(None);
        };
        layout.head_size = head_size(head.size().max(tail.size()));
        let mut last_expected = last_expected;
        if let (None, Some(shown), Some(last_shown)) = (stated, earliest(&samples), earliest(&last_samples)) {
            // Where only the index tells times, it tells that of the last fragment.
            layout.lag = Some(shown.saturating_sub(decode_time));
            let known = shown.saturating_add(last.time.saturating_sub(first.time));
            let off = known.saturating_sub(last_shown);
            last_expected = last_expected.saturating_add(off);
            last_samples = tail.samples(layout, last_expected)?;
        }
        Ok(Some(Ends {
            first: samples,
            last: last_samples,
            last_expected,
        }))
    }

    /// Bytes of the track's media in the first fragments, and of everything there.
    fn head_bytes(&self, layout: &FragmentLayout) -> Result<(u64, u64), ReadError> {
        let mut media = 0_u64;
        for moof in &self.head.moofs {
            let samples = moof.samples(layout, 0)?;
            media += samples.iter().map(|sample| u64::from(sample.size)).sum::<u64>();
        }
        Ok((media, self.head.at.saturating_sub(self.head.start)))
    }

    /// When the presentation of the last sample ends.
    fn end_time(&self, layout: &FragmentLayout, from: u64, expected: i64) -> Result<i64, ReadError> {
        let mut end = i64::MIN;
        let mut expected = expected;
        for moof in self.tail.moofs.iter().filter(|moof| from <= moof.offset) {
            let samples = moof.samples(layout, expected)?;
            for sample in &samples {
                end = end.max(sample.presentation_time().saturating_add(sample.duration.into()));
                expected = sample.decode_end();
            }
        }
        Ok(end)
    }
}

/// The samples of a track at both ends of the file.
struct Ends {
    first: Vec<Sample>,
    last: Vec<Sample>,
    /// When the last fragment is decoded by the index.
    last_expected: i64,
}

impl Ends {
    /// Bytes of the first sync sample, and of all samples, of the fragment in which
    /// it takes the larger share.
    fn key_frame_share(&self) -> (u64, u64) {
        let share = |samples: &[Sample]| {
            let sync = samples.iter().find(|sample| sample.is_sync);
            let size = samples.iter().map(|sample| u64::from(sample.size)).sum::<u64>();
            (sync.map_or(size, |sync| sync.size.into()), size)
        };
        let (first, last) = (share(&self.first), share(&self.last));
        let is_first_larger =
            u128::from(first.0) * u128::from(last.1) >= u128::from(last.0) * u128::from(first.1);
        if is_first_larger { first } else { last }
    }

    /// The entries of `raw` at the times of the media as stored; `None` when they
    /// cannot be right.
    fn correct(&self, raw: &RawIndex, track: &MovieTrack) -> Option<Vec<IndexedFragment>> {
        let (first, last) = (raw.entries.first()?, raw.entries.last()?);
        let (first_shown, last_shown) = (earliest(&self.first)?, earliest(&self.last)?);
        // The last fragment tells best which timeline the index is on: times before
        // the start of the presentation are often clamped in the first entry.
        let drift = last_shown.saturating_sub(last.time);
        let clamped = track.edits.iter().filter_map(|edit| edit.media_time).max();
        let longest = self.first.iter().map(|sample| sample.duration).max()?;
        let tolerance = i64::from(longest) * 2 + clamped.unwrap_or(0).max(0);
        let off = first.time.saturating_add(drift).saturating_sub(first_shown);
        if tolerance < off.saturating_abs() {
            return None;
        }
        // Not every packager marks the sync samples of sound, where it goes
        // without saying.
        let is_marked = raw.entries.iter().any(|entry| entry.is_sync);
        let is_unmarked_sound = !is_marked && track.kind == MediaKind::Audio;
        let mut fragments: Vec<IndexedFragment> = raw
            .entries
            .iter()
            .map(|entry| IndexedFragment {
                offset: entry.offset,
                time: entry.time.saturating_add(drift),
                is_sync: entry.is_sync || is_unmarked_sound,
            })
            .collect();
        fragments.first_mut()?.time = first_shown;
        let is_ascending = fragments.is_sorted_by(|a, b| a.time < b.time && a.offset < b.offset);
        (is_ascending && (is_marked || is_unmarked_sound)).then_some(fragments)
    }
}

impl Stretch {
    fn new(start: u64, end: u64) -> Self {
        Self {
            start,
            at: start,
            end,
            boxes: 0,
            moofs: Vec::new(),
            is_read: false,
        }
    }

    /// Reads `moof` boxes until `is_enough` of them, and of what follows the last.
    fn read(
        &mut self,
        windows: &Windows,
        is_enough: impl Fn(&[Moof]) -> Result<bool, ReadError>,
    ) -> Result<(), Halt> {
        let mut enough = is_enough(&self.moofs)?;
        while !self.is_read && self.boxes < BOXES_MAX {
            let header = windows.header(self.at, ASK)?;
            let header = header.filter(|header| header.offset < self.end);
            let Some(header) = header.filter(|header| !enough || header.kind.0 == *b"mdat") else {
                self.is_read = true;
                break;
            };
            if header.kind == moof::MOOF {
                let moof = windows.whole(header, moof::SIZE_MAX)?;
                self.moofs.push(Moof::copied(header, &moof.whole));
                enough = is_enough(&self.moofs)?;
            }
            self.boxes += 1;
            self.at = header.end;
        }
        Ok(())
    }
}

/// What the times of `tfxd` boxes are times of, by the first fragment of a track.
pub(super) fn clock(stated: Option<StatedTime>, first_offset: i32) -> FragmentClock {
    match stated {
        // The media starts at 0: what is at the composition offset is shown then.
        Some(StatedTime::SmoothStreaming(time)) if time > 0 && time == i64::from(first_offset) => {
            FragmentClock::Presentation
        }
        _ => FragmentClock::Decode,
    }
}

/// Bytes to ask for where a `moof` of about `size` bytes starts.
pub(super) fn head_size(size: u64) -> u32 {
    let wanted = (size + size / 4 + 64).next_multiple_of(1024);
    u32::try_from(wanted.clamp(1 << 10, 64 << 10)).unwrap_or(64 << 10)
}

fn has_all(moofs: &[Moof], layouts: &[FragmentLayout]) -> Result<bool, ReadError> {
    for layout in layouts {
        if first_with_samples(moofs, 0, layout, 0)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first `moof` at or behind `from` with samples of the track.
fn first_with_samples<'a>(
    moofs: &'a [Moof],
    from: u64,
    layout: &FragmentLayout,
    expected: i64,
) -> Result<Option<(&'a Moof, Vec<Sample>)>, ReadError> {
    for moof in moofs.iter().filter(|moof| from <= moof.offset) {
        let samples = moof.samples(layout, expected)?;
        if !samples.is_empty() {
            return Ok(Some((moof, samples)));
        }
    }
    Ok(None)
}

fn earliest(samples: &[Sample]) -> Option<i64> {
    samples.iter().map(Sample::presentation_time).min()
}

/// The duration of all samples but the last, when it is the same.
fn constant_duration(samples: &[Sample]) -> Option<u32> {
    let (last, others) = samples.split_last()?;
    let first = others.first().unwrap_or(last).duration;
    others
        .iter()
        .all(|sample| sample.duration == first)
        .then_some(first)
}
