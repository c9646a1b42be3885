//! One segment of a text: which bytes of the sources it takes, and what is sent.
//!
//! A text of a file is in memory, and its segments are made at once. The samples
//! of a text track are read when a segment is asked for; a [`TextSegment`] says
//! which ranges it needs, first of the tables, then of the samples.
//!
//! A cue is in every segment it is shown in. WebVTT of a file has its full times
//! in each of them, by which players know it again; everywhere else it is cut
//! where the segment is.

mod error;
mod fragment;
mod retime;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;

pub use error::TextSegmentError;
use fragment::Piece;

use crate::codec::{Codec, CodecConfig};
use crate::language;
use crate::multiplex::CLOCK_AT_START;
use crate::read::mp4::{SegmentReader, SegmentStep};
use crate::read::text::read_sample;
use crate::sample::Sample;
use crate::text::{
    Cue, Document, HlsMedia, SegmentForm, TextForm, TextOrigin, TextTrack, TimestampMap, join,
};
use crate::time::{Instant, Timescale};
use crate::track::{Segment, Track};
use crate::write::fmp4;
use crate::write::text::{Ttml, stpp_entry, ttml, webvtt_file, webvtt_header, webvtt_segment, wvtt_entry};

/// Most bytes of samples that one segment may take.
pub const SAMPLES_SIZE_MAX: u64 = 16 * 1024 * 1024;

/// Where time stamps of MPEG-2 start anew: 33 bits.
const MPEGTS_WRAP: u64 = 1 << 33;

/// The next step to a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The bytes of these half-open ranges of the file [`Track::file`] of the
    /// text's track, each whole. None is empty.
    Need(Vec<Range<u64>>),
    /// The segment.
    Done(Bytes),
}

/// A segment in the making.
#[derive(Debug)]
pub struct TextSegment<'a> {
    text: &'a TextTrack,
    segment: usize,
    form: SegmentForm,
    /// When it starts and ends, from the start of the presentation.
    window: (Duration, Duration),
    state: State<'a>,
}

#[derive(Debug)]
enum State<'a> {
    /// Nothing has been read.
    Start,
    /// Segments of the source track are read, the first of them now.
    Samples {
        readers: VecDeque<SegmentReader<'a>>,
        found: Vec<Sample>,
    },
    /// The bytes of these samples are asked for.
    Payloads(Vec<Sample>),
}

/// The initialization segment of a text, for segments of [`SegmentForm::Fragment`].
#[must_use]
pub fn init(text: &TextTrack) -> Bytes {
    let entry = match (&text.origin, text.form) {
        (_, TextForm::Stpp | TextForm::TtmlFile) => stpp_entry(),
        (TextOrigin::Document(document), _) => wvtt_entry(&webvtt_header(document)),
        (TextOrigin::Samples(_), _) => wvtt_entry(&webvtt_header(&Document::default())),
    };
    let mut track = text.track.clone();
    for codec in track.codecs.iter_mut().filter(|codec| codec.entry.is_empty()) {
        codec.entry = entry.clone();
    }
    fmp4::init(&track)
}

/// The text as one WebVTT file; `None` unless it comes from a file.
#[must_use]
pub fn webvtt(text: &TextTrack) -> Option<String> {
    text.document().map(webvtt_file)
}

/// The text as one TTML file; `None` unless it comes from a file.
#[must_use]
pub fn ttml_file(text: &TextTrack) -> Option<String> {
    let document = text.document()?;
    let language = language_of(text);
    Some(ttml(&Ttml {
        cues: document.cues.iter().collect(),
        regions: &document.regions,
        style_sheets: &document.style_sheets,
        language: language.as_deref(),
        ..Ttml::default()
    }))
}

fn language_of(text: &TextTrack) -> Option<String> {
    text.track.language.as_deref().and_then(language::bcp47)
}

impl<'a> TextSegment<'a> {
    /// Segment `segment` (0-based) of `text`; `None` if there is none.
    #[must_use]
    pub fn new(text: &'a TextTrack, segment: usize, form: SegmentForm) -> Option<Self> {
        Some(Self {
            text,
            segment,
            form,
            window: text.window(segment)?,
            state: State::Start,
        })
    }

    /// Takes the next step. `supplied` are the bytes of the ranges of the step
    /// before, in their order; none for the first.
    ///
    /// # Errors
    ///
    /// When tables or samples do not hold together, or are too many.
    pub fn step(&mut self, supplied: Vec<Bytes>) -> Result<Step, TextSegmentError> {
        let source = match &self.text.origin {
            TextOrigin::Document(document) => {
                let cues = document
                    .shown_within(self.window.0, self.window.1)
                    .cloned()
                    .collect();
                return self.write(document, cues).map(Step::Done);
            }
            TextOrigin::Samples(source) => source.as_ref(),
        };
        match std::mem::replace(&mut self.state, State::Start) {
            State::Start => {
                let readers = self.readers(source);
                self.read(source, readers, Vec::new(), Vec::new())
            }
            State::Samples { readers, found } => self.read(source, readers, found, supplied),
            State::Payloads(samples) => self.finish(source, &samples, &supplied),
        }
    }

    /// Readers of the source's segments that play within this one.
    fn readers(&self, source: &'a Track) -> VecDeque<SegmentReader<'a>> {
        let (start, end) = self.window;
        let plays = |segment: &Segment| {
            let until = segment.start.saturating_add(segment.duration);
            moment(source, signed(segment.start)) < end && start < moment(source, signed(until))
        };
        let segments = source.segments.iter().enumerate();
        let segments = segments.filter(|(_, segment)| plays(segment));
        segments
            .map(|(index, _)| SegmentReader::new(source, index))
            .collect()
    }

    fn read(
        &mut self,
        source: &Track,
        mut readers: VecDeque<SegmentReader<'a>>,
        mut found: Vec<Sample>,
        mut supplied: Vec<Bytes>,
    ) -> Result<Step, TextSegmentError> {
        while let Some(reader) = readers.front_mut() {
            match reader.step(std::mem::take(&mut supplied))? {
                SegmentStep::Need(ranges) => {
                    self.state = State::Samples { readers, found };
                    return Ok(Step::Need(ranges));
                }
                SegmentStep::Done(samples) => {
                    found.extend(samples.0);
                    readers.pop_front();
                }
            }
        }
        let (start, end) = self.window;
        found.retain(|sample| {
            let (from, to) = shown(source, sample);
            sample.size > 0 && from < end && start < to
        });
        let size = found.iter().map(|sample| u64::from(sample.size)).sum();
        if size > SAMPLES_SIZE_MAX {
            return Err(TextSegmentError::TooLarge { size });
        }
        if found.is_empty() {
            return self.finish(source, &[], &[]);
        }
        let range = |sample: &Sample| sample.offset..sample.offset.saturating_add(sample.size.into());
        let ranges = found.iter().map(range).collect();
        self.state = State::Payloads(found);
        Ok(Step::Need(ranges))
    }

    fn finish(
        &self,
        source: &Track,
        samples: &[Sample],
        payloads: &[Bytes],
    ) -> Result<Step, TextSegmentError> {
        if payloads.len() != samples.len() {
            return Err(TextSegmentError::Supply);
        }
        let is_kept = self.text.track.codecs.iter().all(|codec| !codec.entry.is_empty());
        if self.form == SegmentForm::Fragment && is_kept {
            return Ok(Step::Done(self.pass_on(source, samples, payloads)?));
        }
        let mut cues = Vec::new();
        for (sample, payload) in samples.iter().zip(payloads) {
            cues.extend(self.cues_of(source, sample, payload)?);
        }
        let mut cues = join(cues);
        // The parts that other segments show have other times there.
        cut(&mut cues, self.window);
        self.write(&Document::default(), cues).map(Step::Done)
    }

    /// The cues of a sample.
    fn cues_of(&self, source: &Track, sample: &Sample, payload: &[u8]) -> Result<Vec<Cue>, TextSegmentError> {
        let Some(codec) = entry_of(source, sample) else {
            return Ok(Vec::new());
        };
        let (start, end) = shown(source, sample);
        let shift = document_shift(source, signed(source.presentation_time_offset));
        read_sample(codec, payload, start, end, shift).map_err(|source| TextSegmentError::Sample {
            offset: sample.offset,
            source,
        })
    }

    /// A fragment of samples as they are, cut where the segment is.
    fn pass_on(
        &self,
        source: &Track,
        samples: &[Sample],
        payloads: &[Bytes],
    ) -> Result<Bytes, TextSegmentError> {
        let mut pieces = Vec::with_capacity(samples.len());
        // Documents tell times of the media as stored.
        let shift = document_shift(source, 0);
        for (sample, payload) in samples.iter().zip(payloads) {
            let is_document = entry_of(source, sample).is_some_and(|codec| codec.codec == Codec::Stpp);
            let payload = match is_document && shift.ticks != 0 {
                false => payload.clone(),
                true => match retime::retimed(payload, shift) {
                    Some(payload) => payload,
                    None => self.document(&Document::default(), &self.cues_of(source, sample, payload)?),
                },
            };
            let (start, end) = shown(source, sample);
            pieces.push(Piece {
                start,
                end,
                payload,
                entry: sample.entry,
            });
        }
        Ok(fragment::write(self.text, self.segment, pieces, &self.filler()))
    }

    /// A sample for a time without any.
    fn filler(&self) -> Bytes {
        match self.text.form {
            TextForm::Wvtt | TextForm::WebVttFile => crate::write::text::wvtt_empty(),
            TextForm::Stpp | TextForm::TtmlFile => self.document(&Document::default(), &[]),
        }
    }

    /// Writes the segment of `cues`; styles and regions are those of `document`.
    fn write(&self, document: &Document, mut cues: Vec<Cue>) -> Result<Bytes, TextSegmentError> {
        if let SegmentForm::WebVtt(media) = self.form {
            let map = timestamp_map(self.text, self.window.0, media);
            let cues: Vec<&Cue> = cues.iter().collect();
            return Ok(webvtt_segment(document, &cues, map).into());
        }
        cut(&mut cues, self.window);
        if self.form == SegmentForm::Ttml {
            let language = language_of(self.text);
            let document = Ttml {
                cues: cues.iter().collect(),
                regions: &document.regions,
                style_sheets: &document.style_sheets,
                language: language.as_deref(),
                start_at: Duration::ZERO,
                zero_at: self.window.0,
            };
            return Ok(ttml(&document).into());
        }
        let pieces = match self.text.form {
            TextForm::Wvtt | TextForm::WebVttFile => fragment::pieces(&cues, self.window)?,
            TextForm::Stpp | TextForm::TtmlFile => vec![Piece {
                start: self.window.0,
                end: self.window.1,
                payload: self.document(document, &cues),
                entry: 0,
            }],
        };
        Ok(fragment::write(self.text, self.segment, pieces, &self.filler()))
    }

    /// A document with times of the output timeline.
    fn document(&self, document: &Document, cues: &[Cue]) -> Bytes {
        let language = language_of(self.text);
        let track = &self.text.track;
        ttml(&Ttml {
            cues: cues.iter().collect(),
            regions: &document.regions,
            style_sheets: &document.style_sheets,
            language: language.as_deref(),
            start_at: track.timescale.duration(track.presentation_time_offset),
            zero_at: Duration::ZERO,
        })
        .into()
    }
}

fn entry_of<'a>(source: &'a Track, sample: &Sample) -> Option<&'a CodecConfig> {
    source.codecs.get(usize::try_from(sample.entry).ok()?)
}

fn signed(ticks: u64) -> i64 {
    i64::try_from(ticks).unwrap_or(i64::MAX)
}

/// `ticks` of the output timeline from the start of the presentation; the start
/// itself for what is before it.
fn moment(source: &Track, ticks: i64) -> Duration {
    let ticks = ticks.saturating_sub(signed(source.presentation_time_offset));
    source.timescale.duration(ticks.max(0).unsigned_abs())
}

/// When a sample is shown.
fn shown(source: &Track, sample: &Sample) -> (Duration, Duration) {
    let start = sample.presentation_time();
    let end = start.saturating_add(sample.duration.into());
    (moment(source, start), moment(source, end))
}

/// What is added to times within samples, which are of the media as stored, to
/// get those of the output timeline less `offset`. Where an edit list has several
/// stretches, that of the first one holds.
fn document_shift(source: &Track, offset: i64) -> Instant {
    let shift = source.samples.shift();
    source.timescale.instant(shift.saturating_sub(offset))
}

/// Cuts cues where `window` starts and ends.
fn cut(cues: &mut Vec<Cue>, window: (Duration, Duration)) {
    for cue in cues.iter_mut() {
        cue.start = cue.start.max(window.0);
        cue.end = cue.end.min(window.1);
    }
    cues.retain(|cue| cue.start < cue.end);
}

/// How the times of a segment that starts at `start` map to the clock of the
/// other media. One map holds for all segments until that clock wraps; from
/// there on each states its own place, since a player knows by it how often that
/// was.
fn timestamp_map(text: &TextTrack, start: Duration, media: HlsMedia) -> TimestampMap {
    let at_start = match media {
        HlsMedia::FragmentedMp4 => {
            let offset = text
                .track
                .timescale
                .instant(signed(text.track.presentation_time_offset));
            offset.on(Timescale::MPEG2).unsigned_abs()
        }
        HlsMedia::TransportStream => CLOCK_AT_START,
    };
    let millis = u64::try_from(start.as_millis()).unwrap_or(u64::MAX);
    let here = at_start.saturating_add(millis.saturating_mul(90));
    if here < MPEGTS_WRAP {
        return TimestampMap {
            mpegts: at_start,
            local: Duration::ZERO,
        };
    }
    TimestampMap {
        mpegts: here % MPEGTS_WRAP,
        local: Duration::from_millis(millis),
    }
}
