//! The `moov` (`ISO/IEC 14496-12 §8.2`): the movie's clock and its tracks.

use std::sync::Arc;

use bytes::Bytes;

use super::boxes::BoxBytes;
use super::fragment::{FragmentIndex, IndexFault, Moof, track_extends};
use super::samples::MovieSamples;
use super::{Edit, ReadError, track_box};
use crate::codec::{FourCc, MediaKind, MpegLayer};
use crate::sample::{FragmentLayout, TableLayout, TrackExtends};
use crate::time::Timescale;

/// Most tracks a file may have.
const TRACKS_MAX: usize = 256;

/// The tables of a file.
#[derive(Clone, Debug, Default)]
pub struct Movie {
    /// The tracks that carry video, audio or text, in file order.
    pub tracks: Vec<MovieTrack>,
    /// Tracks that cannot be read, in file order; there is another one that can.
    pub refused: Vec<RefusedTrack>,
    /// What is wrong with its indexes of fragments, which are not used then.
    pub index_faults: Vec<IndexFault>,
}

/// A track of a file that cannot be read, though others of it can.
#[derive(Clone, Debug)]
pub struct RefusedTrack {
    /// Its identifier, when that is known.
    pub id: Option<u32>,
    /// What it carries, when that is known.
    pub kind: Option<MediaKind>,
    /// Why it cannot be read.
    pub error: ReadError,
}

/// One track of a file.
#[derive(Clone, Debug)]
pub struct MovieTrack {
    /// Identifier, unique in the file (`tkhd`).
    pub id: u32,
    /// What the track carries, by its handler.
    pub kind: MediaKind,
    /// The handler, `vide` or `soun` and so on (`hdlr`).
    pub handler: FourCc,
    /// Clock of the track's times (`mdhd`).
    pub timescale: Timescale,
    /// Clock of the edits' durations (`mvhd`).
    pub movie_timescale: Timescale,
    /// BCP 47 tag (`elng`) or ISO 639-2/T code (`mdhd`); `None` when undetermined.
    pub language: Option<String>,
    /// Name of the track's handler, when it has one.
    pub handler_name: Option<String>,
    /// Width and height for display in whole pixels (`tkhd`); 0 for sound.
    pub display_size: (u32, u32),
    /// The edit list, empty when there is none (`elst`).
    pub edits: Vec<Edit>,
    /// Sample entries as they stand in the `stsd`, whole boxes.
    pub sample_entries: Vec<Bytes>,
    /// The layer of its first sample, of sound whose entries do not tell it.
    pub mpeg_layer: Option<MpegLayer>,
    /// Roll distance in samples of the group all samples belong to, when the
    /// track has one (`sgpd` of type `roll`, §10.1).
    pub roll_distance: Option<i16>,
    /// Where the sample tables lie.
    pub layout: TableLayout,
    /// How its fragments are read; `None` in a file without.
    pub fragments: Option<FragmentLayout>,
    /// Where the fragments start, when an index of the file says so; they have
    /// not been read then.
    pub index: Option<FragmentIndex>,
    /// The whole tables, in the order of [`TableLayout::ranges`].
    pub(super) tables: Vec<Bytes>,
    /// Every `moof` of the file, in a file that was read without an index.
    pub(super) moofs: Arc<[Moof]>,
    /// File offsets of fragments, ascending, of any track: all of them or, by an
    /// index, those it names.
    pub(crate) fragment_heads: Arc<[u64]>,
    /// File offset behind the last fragment.
    pub(super) fragments_end: u64,
}

impl MovieTrack {
    /// All samples in decode order, times as stored; of a track with an
    /// [`Self::index`] none that is in a fragment.
    #[must_use]
    pub fn samples(&self) -> MovieSamples {
        MovieSamples::new(self)
    }

    /// Number of `moof` boxes that were read.
    #[must_use]
    pub fn fragments_read(&self) -> usize {
        self.moofs.len()
    }
}

/// A `moov` that was read.
pub(super) struct MovieBox {
    pub(super) movie: Movie,
    /// Defaults for fragments (`mvex`, §8.8.1); `None` where there can be none.
    pub(super) extends: Option<Vec<TrackExtends>>,
}

/// Reads a `moov` of a file of `file_size` bytes.
pub(super) fn read(moov: &BoxBytes, file_size: u64) -> Result<MovieBox, ReadError> {
    let mut timescale = None;
    let mut extends = None;
    let mut traks = Vec::new();
    for child in moov.children(0) {
        let child = child?;
        match &child.kind() {
            b"mvhd" => timescale = Some(movie_timescale(&child)?),
            b"trak" => traks.push(child),
            b"cmov" => return Err(unsupported(&child, "a compressed movie header")),
            b"mvex" => extends = Some(movie_extends(&child)?),
            _ => {}
        }
        if traks.len() > TRACKS_MAX {
            return Err(moov.too_many("tracks", traks.len() as u64, TRACKS_MAX as u64));
        }
    }
    let Some(timescale) = timescale else {
        return Err(moov
            .required(*b"mvhd")
            .err()
            .unwrap_or(moov.bad("no movie header")));
    };
    let (mut tracks, mut refused) = (Vec::new(), Vec::new());
    for trak in &traks {
        match track_box::read(trak, timescale, file_size) {
            Ok(track) => tracks.extend(track),
            // One bad track is no reason not to serve the others.
            Err(error) => refused.push(track_box::refused(trak, error)),
        }
    }
    if let (true, Some(first)) = (tracks.is_empty(), refused.first()) {
        return Err(first.error.clone());
    }
    let movie = Movie {
        tracks,
        refused,
        index_faults: Vec::new(),
    };
    Ok(MovieBox { movie, extends })
}

fn movie_extends(mvex: &BoxBytes) -> Result<Vec<TrackExtends>, ReadError> {
    let mut extends = Vec::new();
    for child in mvex.children(0) {
        let child = child?;
        if child.kind() == *b"trex" {
            extends.push(track_extends(&child)?);
        }
        if extends.len() > TRACKS_MAX {
            return Err(mvex.too_many("tracks", extends.len() as u64, TRACKS_MAX as u64));
        }
    }
    Ok(extends)
}

fn movie_timescale(mvhd: &BoxBytes) -> Result<Timescale, ReadError> {
    let mut full = mvhd.full()?;
    full.fields.by_version(full.version)?;
    full.fields.by_version(full.version)?;
    Timescale::new(full.fields.u32()?).ok_or(mvhd.bad("the timescale is 0"))
}

pub(super) fn unsupported(found: &BoxBytes, what: &'static str) -> ReadError {
    ReadError::Unsupported {
        kind: found.header.kind,
        offset: found.header.offset,
        what,
    }
}
