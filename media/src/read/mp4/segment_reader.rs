//! Reads the samples of one segment of a track.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use super::ReadError;
use super::fragment::{SpanReader, StretchReader, Told};
use super::reader::check_supply;
use super::windows::Halt;
use crate::sample::{FragmentPlace, Piece, Place, Sample, Samples};
use crate::track::Track;

/// Segments before one whose index entry is wrong at which its fragments are looked for.
const EARLIER_STARTS_MAX: usize = 8;

/// What a segment reader wants next.
#[derive(Debug)]
pub enum SegmentStep {
    /// The bytes of these half-open ranges of [`Track::file`], each whole. None
    /// is empty; all end within the file.
    Need(Vec<Range<u64>>),
    /// Nothing: these are the samples.
    Done(Samples),
}

/// Reads the samples of a segment, sans IO: the few entries of sample tables, or
/// the heads of the fragments, that it is made of.
///
/// A progressive file takes one round of reads, a fragmented one one or a few;
/// neither grows with the length of the title.
///
/// ```
/// # use strata_media::read::mp4::{ReadError, SegmentReader, SegmentStep};
/// # use strata_media::{sample::Samples, track::Track};
/// # fn read(track: &Track, file: &[u8]) -> Result<Samples, ReadError> {
/// let mut reader = SegmentReader::new(track, 0);
/// let mut supplied = Vec::new();
/// loop {
///     match reader.step(supplied)? {
///         SegmentStep::Done(samples) => return Ok(samples),
///         SegmentStep::Need(ranges) => {
///             let read = |range: &std::ops::Range<u64>| &file[range.start as usize..range.end as usize];
///             supplied = ranges.iter().map(|range| read(range).to_vec().into()).collect();
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct SegmentReader<'t> {
    track: &'t Track,
    segment: usize,
    /// The parts yet to be read, in order.
    parts: VecDeque<Part>,
    asked: Vec<Range<u64>>,
    samples: Vec<Sample>,
}

/// Samples of one run from one kind of place.
#[derive(Debug)]
enum Part {
    Tables {
        piece: Piece,
        ranges: Vec<Range<u64>>,
    },
    Fragments {
        piece: Piece,
        /// Number of the first sample in the run.
        first: u32,
        stretch: Box<StretchReader>,
    },
}

impl<'t> SegmentReader<'t> {
    /// A reader of segment `segment` (0-based) of `track`.
    #[must_use]
    pub fn new(track: &'t Track, segment: usize) -> Self {
        let pieces = track.pieces(segment);
        Self {
            track,
            segment,
            parts: pieces
                .into_iter()
                .flat_map(|piece| parts(track, segment, piece))
                .collect(),
            asked: Vec::new(),
            samples: Vec::new(),
        }
    }

    /// Goes on with `supplied`, the bytes of the last [`SegmentStep::Need`] in
    /// its order; none at the start. After an error or [`SegmentStep::Done`] the
    /// reader is of no more use.
    ///
    /// # Errors
    /// When the bytes are not those of the file the title was made from, or the
    /// fragments of the segment are damaged.
    pub fn step(&mut self, supplied: Vec<Bytes>) -> Result<SegmentStep, ReadError> {
        let asked = std::mem::take(&mut self.asked);
        let mut supplied = supplied.into_iter();
        let mut given = Vec::with_capacity(asked.len());
        for range in asked {
            let bytes = supplied.next().unwrap_or_default();
            check_supply(&range, &bytes)?;
            given.push((range.start, bytes));
        }
        loop {
            let Some(part) = self.parts.front_mut() else {
                return Ok(SegmentStep::Done(self.finish()));
            };
            let read = match part {
                Part::Tables { piece, ranges } => {
                    let wanted: Vec<_> = ranges
                        .iter()
                        .filter(|range| range.start < range.end)
                        .cloned()
                        .collect();
                    if given.len() < wanted.len() {
                        Err(wanted)
                    } else {
                        let (samples, decode_end) =
                            read_tables(self.track, piece, ranges, std::mem::take(&mut given))?;
                        if let Some(Part::Fragments { stretch, .. }) = self.parts.get_mut(1) {
                            stretch.follow(decode_end);
                        }
                        Ok(samples)
                    }
                }
                Part::Fragments {
                    piece,
                    first,
                    stretch,
                } => read_fragments(piece, *first, stretch, std::mem::take(&mut given))?,
            };
            match read {
                Ok(samples) => {
                    // Nearly always the only part.
                    if self.samples.is_empty() {
                        self.samples = samples;
                    } else {
                        self.samples.extend(samples);
                    }
                    self.parts.pop_front();
                }
                Err(ranges) => {
                    self.asked.clone_from(&ranges);
                    return Ok(SegmentStep::Need(ranges));
                }
            }
        }
    }

    fn finish(&mut self) -> Samples {
        let lead = self.track.samples.decode_lead;
        let mut samples = std::mem::take(&mut self.samples);
        if lead != 0 {
            for sample in &mut samples {
                sample.decode_time = sample.decode_time.saturating_sub(lead.into());
                sample.composition_offset = sample.composition_offset.saturating_add(lead);
            }
        }
        self.track.edges(self.segment).cut(&mut samples);
        Samples(samples)
    }
}

/// The samples of a part, or the ranges it needs first.
type Read = Result<Vec<Sample>, Vec<Range<u64>>>;

/// Where the samples of `piece` are read from: tables, then fragments.
fn parts(track: &Track, segment: usize, piece: Piece) -> Vec<Part> {
    let map = &track.samples;
    let mut parts = Vec::new();
    if let Place::Tables(_) = piece.start.place {
        let ranges = map.tables.ranges(&piece.start, &piece.end);
        parts.push(Part::Tables { piece, ranges });
    }
    if let (Place::Fragment(end), Some(layout)) = (piece.end.place, &map.fragments) {
        let (start, sample) = match piece.start.place {
            Place::Fragment(place) => (place, piece.start.sample),
            // Fragments that follow a moov with samples.
            Place::Tables(_) => {
                let offset = layout.start;
                (FragmentPlace { offset, used: 0 }, map.tables.sample_count)
            }
        };
        let first = sample.saturating_sub(piece.run.first.sample);
        let span = SpanReader::new(layout, start, end, piece.start.decode_time, &map.heads);
        let stretch = Box::new(StretchReader::new(span, layout, told(track, segment, &piece)));
        parts.push(Part::Fragments {
            piece,
            first,
            stretch,
        });
    }
    parts
}

/// What an index says of `piece`, which is all of `segment`; `None` when the fragments
/// themselves have been read.
fn told(track: &Track, segment: usize, piece: &Piece) -> Option<Told> {
    let run = &piece.run;
    if run.sample_count() > 0 {
        return None;
    }
    let (Place::Fragment(start), Place::Fragment(end)) = (piece.start.place, run.end.place) else {
        return None;
    };
    // An edit list may end within the last fragment: only that one's place tells its end.
    let decode_end = match piece.end.place == run.end.place {
        true => i64::MAX,
        false => piece.end.decode_time,
    };
    let earlier = (0..segment).rev().take(EARLIER_STARTS_MAX);
    let earlier = earlier.filter_map(|segment| match track.segments.get(segment)?.cursor.place {
        Place::Fragment(place) => Some(place),
        Place::Tables(_) => None,
    });
    Some(Told {
        decoded: piece.start.decode_time..decode_end,
        starts: std::iter::once(start).chain(earlier).collect(),
        end,
    })
}

/// The samples, and the decode time of what follows them as stored.
fn read_tables(
    track: &Track,
    piece: &Piece,
    ranges: &[Range<u64>],
    given: Vec<(u64, Bytes)>,
) -> Result<(Vec<Sample>, i64), ReadError> {
    // Empty ranges were not asked for.
    let mut given = given.into_iter().map(|(_, bytes)| bytes);
    let tables: Vec<Bytes> = ranges
        .iter()
        .map(|range| {
            let is_empty = range.end <= range.start;
            if is_empty { None } else { given.next() }.unwrap_or_default()
        })
        .collect();
    let end = match piece.end.place {
        Place::Tables(_) => piece.end.sample,
        Place::Fragment(_) => track.samples.tables.sample_count,
    };
    let count = usize::try_from(end.saturating_sub(piece.start.sample)).unwrap_or(0);
    let first = piece.start.sample.saturating_sub(piece.run.first.sample);
    let mut samples = Vec::with_capacity(count);
    let mut decode_end = piece.start.decode_time;
    let walk = track.samples.tables.walk(piece.start, &tables).take(count);
    for (sample, index) in walk.zip(first..) {
        let sample = sample.map_err(|source| ReadError::Table {
            track_id: track.source_id,
            source,
        })?;
        decode_end = sample.decode_end();
        samples.push(piece.run.place(sample, index));
    }
    Ok((samples, decode_end))
}

fn read_fragments(
    piece: &Piece,
    first: u32,
    stretch: &mut StretchReader,
    given: Vec<(u64, Bytes)>,
) -> Result<Read, ReadError> {
    let mut samples = match stretch.advance(given) {
        Ok(samples) => samples,
        Err(Halt::Need(range)) => return Ok(Err(stretch.ask(range))),
        Err(Halt::Failed(error)) => return Err(error),
    };
    if let Some(end) = piece.run.media_end {
        // Those behind the end that one within it follows are needed to decode it.
        let is_shown = |sample: &Sample| sample.presentation_time() < end;
        let kept = samples.iter().rposition(is_shown).map_or(0, |last| last + 1);
        samples.truncate(kept);
    }
    Ok(Ok(samples
        .into_iter()
        .zip(first..)
        .map(|(sample, index)| piece.run.place(sample, index))
        .collect()))
}
