//! Tracks of a title, cut into segments.

mod traits;

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::codec::{CodecConfig, FrameRate, MediaKind, together};
use crate::plan::FileIndex;
use crate::sample::{Cursor, Edges, Piece, SampleMap, Samples, TableError};
use crate::time::Timescale;
use crate::trick_play::KeyFrames;

pub use traits::{AudioPurpose, AudioTraits};

/// Bits a second a track takes as it is served, container included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// The largest rate of any run of segments that lasts between half and one
    /// and a half target durations (`RFC 8216 §4.1`).
    pub peak: u64,
    /// The rate over the whole track.
    pub average: u64,
}

/// One segment: where its samples start and what manifests say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Earliest presentation time, in ticks on the output timeline. Segments
    /// are named by it (`$Time$`).
    pub start: u64,
    /// Ticks until the next segment starts, or the track ends.
    pub duration: u64,
    /// Bytes of media, without container; an estimate in a fragmented file that
    /// is read by its index.
    pub media_size: u64,
    pub(crate) cursor: Cursor,
}

/// One track of a title.
///
/// The output timeline is the track's own clock, moved by a shift all tracks of
/// the title share: presentation begins at `presentation_time_offset`, and no
/// time is negative.
#[derive(Clone, Debug)]
pub struct Track {
    /// What it carries.
    pub kind: MediaKind,
    /// The source file it comes from.
    pub file: FileIndex,
    /// Its identifier in that file.
    pub source_id: u32,
    /// What names it in URLs, `name=bitrate`, unique in the title; letters,
    /// digits and `_-.~` only besides the `=`.
    pub token: String,
    /// The token's part before the `=`.
    pub name: String,
    /// The token's part after the `=`, bits a second.
    pub bitrate: u64,
    /// Language as the source states it: a BCP 47 tag or an ISO 639-2 code.
    pub language: Option<String>,
    /// What the server manifest says of it, if it is a sound.
    pub audio: AudioTraits,
    /// Clock of its times.
    pub timescale: Timescale,
    /// Its sample entries, at least one, all of the same kind.
    pub codecs: Vec<CodecConfig>,
    /// Width and height for display in pixels; 0 unless pictures.
    pub display_size: (u32, u32),
    /// Pictures a second; `None` unless pictures.
    pub frame_rate: Option<FrameRate>,
    /// Pre-roll distance in samples, see [`crate::read::mp4::MovieTrack::roll_distance`].
    pub roll_distance: Option<i16>,
    /// Where the presentation begins on the output timeline, in ticks: the
    /// same moment for every track of the title.
    pub presentation_time_offset: u64,
    /// What it takes to serve.
    pub bandwidth: Bandwidth,
    /// The segments in time order, at least one.
    pub segments: Vec<Segment>,
    /// Its key frames, unless it is sound; see [`Track::key_frame`].
    pub key_frames: KeyFrames,
    /// How its samples are found again.
    pub(crate) samples: SampleMap,
    /// Behind the last sample.
    pub(crate) end: Cursor,
}

impl Track {
    /// The sample entry that manifests describe: of pictures the largest, of sound the
    /// one with most channels.
    ///
    /// `None` cannot happen for a track of a presentation.
    #[must_use]
    pub fn codec(&self) -> Option<&CodecConfig> {
        together::described(&self.codecs)
    }

    /// The `codecs` parameter of RFC 6381: what a decoder needs for all of its sample
    /// entries.
    #[must_use]
    pub fn rfc6381(&self) -> Cow<'_, str> {
        together::rfc6381(&self.codecs)
    }

    /// End of the last segment in ticks on the output timeline.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.segments
            .last()
            .map_or(0, |last| last.start.saturating_add(last.duration))
    }

    /// The segment whose name is the time `start`.
    #[must_use]
    pub fn segment_at(&self, start: u64) -> Option<usize> {
        self.segments
            .binary_search_by_key(&start, |segment| segment.start)
            .ok()
    }

    /// Number of samples of `segment`; by their mean duration where nobody counts
    /// them before the segment is read, as in a fragmented file with an index.
    #[must_use]
    pub fn sample_count(&self, segment: usize) -> u32 {
        let edges = self.edges(segment);
        let cut = edges.head.map_or(0, |head| head.skipped) + edges.tail.map_or(0, |tail| tail.dropped);
        let count = self
            .cursors(segment)
            .map_or(0, |(start, end)| self.samples.sample_count(start, end));
        count.saturating_sub(cut)
    }

    /// Ranges of [`Track::file`] with the table entries that `segment` needs in a
    /// progressive file, some of them empty; none for a segment that does not exist.
    #[must_use]
    pub fn table_ranges(&self, segment: usize) -> Vec<Range<u64>> {
        let pieces = self.pieces(segment).into_iter();
        pieces
            .flat_map(|piece| self.samples.tables.ranges(&piece.start, &piece.end))
            .collect()
    }

    /// The samples of `segment` of a progressive file, read from `tables`: the
    /// bytes of each of [`Track::table_ranges`], in order.
    ///
    /// # Errors
    /// When the tables are not those the presentation was made from.
    pub fn samples(&self, segment: usize, tables: &[Bytes]) -> Result<Samples, TableError> {
        let mut samples = Vec::new();
        let mut tables = tables.iter().cloned();
        let lead = self.samples.decode_lead;
        for piece in self.pieces(segment) {
            let count = self.samples.tables.ranges(&piece.start, &piece.end).len();
            let tables: Vec<Bytes> = tables.by_ref().take(count).collect();
            let first = piece.start.sample.saturating_sub(piece.run.first.sample);
            let count = piece.end.sample.saturating_sub(piece.start.sample);
            let walk = self.samples.tables.walk(piece.start, &tables);
            for (sample, index) in walk.take(usize::try_from(count).unwrap_or(0)).zip(first..) {
                let mut sample = piece.run.place(sample?, index);
                sample.decode_time = sample.decode_time.saturating_sub(lead.into());
                sample.composition_offset = sample.composition_offset.saturating_add(lead);
                samples.push(sample);
            }
        }
        self.edges(segment).cut(&mut samples);
        Ok(Samples(samples))
    }

    /// When `segment` starts to be decoded and when what follows it does, in
    /// ticks on the output timeline; `None` for a segment that does not exist.
    #[must_use]
    pub fn decode_times(&self, segment: usize) -> Option<Range<i64>> {
        let (start, end) = self.cursors(segment)?;
        let output = |cursor: Cursor| self.samples.decode_time(&cursor);
        let edges = self.edges(segment);
        let start = edges.head.map_or_else(|| output(start), |head| head.decode_time);
        let end = edges.tail.map_or_else(|| output(end), |tail| tail.decode_end);
        Some(start..end)
    }

    /// The parts of `segment`; none for a segment that does not exist.
    pub(crate) fn pieces(&self, segment: usize) -> Vec<Piece> {
        self.cursors(segment)
            .map(|(start, end)| self.samples.pieces(start, end))
            .unwrap_or_default()
    }

    /// What a clip cuts off `segment`.
    pub(crate) fn edges(&self, segment: usize) -> Edges {
        let Edges { head, tail } = self.samples.edges;
        Edges {
            head: head.filter(|_| segment == 0),
            tail: tail.filter(|_| segment + 1 == self.segments.len()),
        }
    }

    /// Bytes of memory the track holds on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let text = self.token.capacity() + self.name.capacity();
        let language = self.language.as_ref().map_or(0, String::capacity);
        let codecs: usize = self
            .codecs
            .iter()
            .map(|codec| size_of_val(codec) + codec.heap_size())
            .sum();
        let segments = self.segments.capacity() * size_of::<Segment>();
        let key_frames = self.key_frames.heap_size();
        self.audio.heap_size() + text + language + codecs + segments + key_frames + self.samples.heap_size()
    }

    fn cursors(&self, segment: usize) -> Option<(Cursor, Cursor)> {
        let start = self.segments.get(segment)?.cursor;
        let end = self
            .segments
            .get(segment + 1)
            .map_or(self.end, |next| next.cursor);
        Some((start, end))
    }
}
