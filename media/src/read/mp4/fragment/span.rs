//! Reads the samples of one track from a stretch of fragments.

use std::ops::Range;

use bytes::Bytes;

use super::moof::{self, Moof};
use crate::read::mp4::boxes::BoxHeader;
use crate::read::mp4::windows::Halt;
use crate::sample::{FragmentLayout, FragmentPlace, Sample};

/// A stretch up to this size is asked for whole: its media is wanted next.
const WHOLE_SPAN_MAX: u64 = 256 << 10;

/// Most heads asked for at once.
const HEADS_MAX: usize = 64;

/// Most samples of a stretch.
const SAMPLES_MAX: usize = 1 << 22;

/// Most boxes passed on the way to fragments that are looked for by their times.
const BOXES_MAX: usize = 256;

/// Reads the `moof` boxes between two places, sans IO. It asks for the heads it
/// knows of at once, then for whatever it comes across.
#[derive(Debug)]
pub(in crate::read::mp4) struct SpanReader {
    layout: FragmentLayout,
    start: FragmentPlace,
    end: FragmentPlace,
    /// Where the next box starts.
    at: u64,
    decode_time: i64,
    /// What to ask for first.
    first_asks: Vec<Range<u64>>,
    held: Vec<(u64, Bytes)>,
    samples: Vec<Sample>,
    /// Duration in ticks of the longest fragment read.
    longest: i64,
    search: Option<Search>,
}

/// Fragments are looked for by when they are decoded.
#[derive(Debug)]
struct Search {
    decoded: Range<i64>,
    boxes: usize,
    /// A fragment was found, whenever it is decoded.
    has_begun: bool,
    /// Nothing is to be found any more.
    is_over: bool,
}

impl SpanReader {
    /// A reader of the samples from `start` up to `end`, the first of which is
    /// decoded at `decode_time` if its fragment does not say; fragments start at
    /// `heads`, as far as is known.
    pub(in crate::read::mp4) fn new(
        layout: &FragmentLayout,
        start: FragmentPlace,
        end: FragmentPlace,
        decode_time: i64,
        heads: &[u64],
    ) -> Self {
        Self {
            first_asks: first_asks(layout, start, end, heads),
            layout: layout.clone(),
            start,
            end,
            at: start.offset,
            decode_time,
            held: Vec::new(),
            samples: Vec::new(),
            longest: 0,
            search: None,
        }
    }

    /// A reader of the fragments that are decoded within `decoded`, by their own word,
    /// between `start` and `end`. It finds none when the fragment at `start` comes later, or
    /// one states no time.
    pub(in crate::read::mp4) fn decoded_within(
        layout: &FragmentLayout,
        start: FragmentPlace,
        end: FragmentPlace,
        decoded: Range<i64>,
    ) -> Self {
        Self {
            first_asks: Vec::new(),
            search: Some(Search {
                decoded,
                boxes: 0,
                has_begun: false,
                is_over: false,
            }),
            ..Self::new(layout, start, end, 0, &[])
        }
    }

    /// Whether fragments are looked for, and one was found.
    pub(in crate::read::mp4) fn has_begun(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.has_begun)
    }

    /// Duration in ticks of the longest fragment read.
    pub(in crate::read::mp4) fn longest(&self) -> i64 {
        self.longest
    }

    /// The samples follow on from what is decoded until `decode_time`.
    pub(in crate::read::mp4) fn follow(&mut self, decode_time: i64) {
        self.decode_time = decode_time;
    }

    /// Goes on with what was asked for.
    pub(in crate::read::mp4) fn advance(&mut self, given: Vec<(u64, Bytes)>) -> Result<Vec<Sample>, Halt> {
        self.held.extend(given);
        let last = match self.end.used {
            0 => self.end.offset,
            _ => self.end.offset.saturating_add(1),
        };
        while self.at < last && !self.search.as_ref().is_some_and(|search| search.is_over) {
            let left = self.layout.file_size.saturating_sub(self.at);
            if left < 8 {
                break;
            }
            let head = self.get(self.at..self.at.saturating_add(left.min(BoxHeader::SIZE_MAX)))?;
            let header = BoxHeader::read(&head, self.at, self.layout.file_size)?;
            if header.kind == moof::MOOF {
                if moof::SIZE_MAX < header.size() {
                    return Err(header.too_many("bytes", header.size(), moof::SIZE_MAX).into());
                }
                let whole = self.get(header.offset..header.end)?;
                self.read(&Moof::new(header, whole))?;
                if SAMPLES_MAX < self.samples.len() {
                    let (count, limit) = (self.samples.len() as u64, SAMPLES_MAX as u64);
                    return Err(header.too_many("samples of one segment", count, limit).into());
                }
            }
            self.at = header.end;
            if let Some(search) = &mut self.search {
                search.boxes += 1;
                search.is_over |= BOXES_MAX <= search.boxes;
                // What was passed is not looked at again.
                self.held
                    .retain(|(offset, bytes)| header.end < offset.saturating_add(bytes.len() as u64));
            }
        }
        Ok(std::mem::take(&mut self.samples))
    }

    /// What to ask for when `needed` is missing.
    pub(in crate::read::mp4) fn ask(&mut self, needed: Range<u64>) -> Vec<Range<u64>> {
        let mut ranges = std::mem::take(&mut self.first_asks);
        let is_within = |range: &Range<u64>| range.start <= needed.start && needed.end <= range.end;
        if !ranges.iter().any(is_within) {
            let wanted = needed.start.saturating_add(self.layout.head_size.into());
            ranges.push(needed.start..needed.end.max(wanted.min(self.layout.file_size)));
        }
        ranges
    }

    fn get(&self, range: Range<u64>) -> Result<Bytes, Halt> {
        let found = self.held.iter().rev().find_map(|(offset, bytes)| {
            let start = usize::try_from(range.start.checked_sub(*offset)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(*offset)?).ok()?;
            (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
        });
        found.ok_or(Halt::Need(range))
    }

    /// How far the samples of a fragment that states no time have to be moved,
    /// when what is known is not the decode time of its first one.
    fn drift(&self, moof: &Moof, samples: &[Sample]) -> i64 {
        if !self.samples.is_empty() {
            return 0;
        }
        if let Some(lag) = self.layout.lag {
            // By an index, the presentation time of the earliest one is known.
            let known = self.decode_time.saturating_add(lag);
            let found = samples.iter().map(Sample::presentation_time).min();
            return found.map_or(0, |found| known.saturating_sub(found));
        }
        if moof.offset == self.start.offset && self.start.used > 0 {
            let used = usize::try_from(self.start.used).unwrap_or(usize::MAX);
            let found = samples.get(used).map(|sample| sample.decode_time);
            return found.map_or(0, |found| self.decode_time.saturating_sub(found));
        }
        0
    }

    fn read(&mut self, moof: &Moof) -> Result<(), Halt> {
        let mut samples = moof.samples(&self.layout, self.decode_time)?;
        if let Some(search) = &mut self.search {
            let is_stated = moof.stated_time(self.layout.track_id)?.is_some();
            if !search.takes(&samples, is_stated) {
                return Ok(());
            }
        }
        let drift = self.drift(moof, &samples);
        for sample in &mut samples {
            sample.decode_time = sample.decode_time.saturating_add(drift);
        }
        self.longest = self.longest.max(duration(&samples));
        let decode_end = samples.last().map(Sample::decode_end);
        if moof.offset == self.end.offset {
            samples.truncate(usize::try_from(self.end.used).unwrap_or(usize::MAX));
        }
        if moof.offset == self.start.offset {
            let used = usize::try_from(self.start.used).unwrap_or(usize::MAX);
            samples.drain(..used.min(samples.len()));
        }
        self.samples.append(&mut samples);
        self.decode_time = decode_end.unwrap_or(self.decode_time);
        Ok(())
    }
}

impl Search {
    /// Whether a fragment with `samples` is one of those that are looked for: it begins
    /// within the time, or at most half of itself before.
    fn takes(&mut self, samples: &[Sample], is_stated: bool) -> bool {
        let Some(first) = samples.first() else {
            return false;
        };
        let middle = first.decode_time.saturating_add(duration(samples) / 2);
        let is_late =
            !self.has_begun && self.decoded.start.saturating_add(duration(samples) / 2) < first.decode_time;
        self.has_begun = true;
        self.is_over |= !is_stated || is_late || self.decoded.end <= middle;
        !self.is_over && self.decoded.start <= middle
    }
}

/// Ticks from the first sample's decode time to the last one's end.
fn duration(samples: &[Sample]) -> i64 {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return 0;
    };
    last.decode_end().saturating_sub(first.decode_time)
}

fn first_asks(
    layout: &FragmentLayout,
    start: FragmentPlace,
    end: FragmentPlace,
    heads: &[u64],
) -> Vec<Range<u64>> {
    let head_end = |offset: u64| {
        offset
            .saturating_add(layout.head_size.into())
            .min(layout.file_size)
    };
    let span_end = match end.used {
        0 => end.offset.min(layout.file_size),
        _ => head_end(end.offset),
    };
    if span_end <= start.offset.saturating_add(WHOLE_SPAN_MAX) {
        let is_empty = span_end <= start.offset;
        return Vec::from_iter((!is_empty).then_some(start.offset..span_end));
    }
    let first = heads.partition_point(|head| *head < start.offset);
    let known = heads.iter().skip(first).copied();
    let known = known.take_while(|head| *head < span_end).take(HEADS_MAX);
    let mut asks: Vec<Range<u64>> = Vec::new();
    for head in known {
        match asks.last_mut() {
            Some(last) if head <= last.end => last.end = head_end(head),
            _ => asks.push(head..head_end(head)),
        }
    }
    asks
}
