//! A title: its tracks on one timeline, cut on one grid.

pub(crate) mod bandwidth;
mod clip;
mod cut;
mod edits;
mod images;
mod indexed;
pub(crate) mod naming;
mod shaped;
mod timeline;
mod walk;

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::codec::{self, CodecConfig, CodecError, MediaKind};
use crate::plan::FileIndex;
use crate::read::ism::TrackReference;
use crate::read::mp4::{Movie, MovieTrack, ReadError, RefusedTrack};
use crate::read::text::TextError;
use crate::segment::{self, Grid, SegmentationOptions, SyncTrack};
use crate::shape::Suffix;
use crate::text::{self, ClosedCaptions, TextTrack};
use crate::thumbnail::{IMAGES_MAX, Thumbnails, TilesError};
use crate::time::{self, Instant, Timescale};
use crate::track::Track;
use timeline::Timeline;

pub use shaped::{EdgeSegment, ShapeError, Shaping};

/// One source of a title.
#[derive(Clone, Debug)]
pub struct Source {
    /// Which file of the title it is.
    pub file: FileIndex,
    /// The file's tables, or why they cannot be read: the title is served without
    /// them then.
    pub content: Result<Movie, ReadError>,
    /// What the server manifest says of it; `None` to take every track of a
    /// file that is a title by itself.
    pub reference: Option<TrackReference>,
}

/// A title, ready to be planned and described. It holds no samples, see
/// [`crate::sample`].
#[derive(Clone, Debug)]
pub struct Presentation {
    /// What precedes the track in the names of its segments: the title's file
    /// name without its ending.
    pub name: String,
    /// The tracks of pictures and sound, in the order of the server manifest or
    /// the file.
    pub tracks: Vec<Track>,
    /// The texts: those in the files of `tracks`, then those of
    /// [`Presentation::add_side_file`].
    pub texts: Vec<TextTrack>,
    /// The thumbnails: those in the files of `tracks`, then those of
    /// [`Presentation::add_images`].
    pub thumbnails: Vec<Thumbnails>,
    /// What is known of closed captions in the pictures.
    pub closed_captions: ClosedCaptions,
    /// The tracks that were left out.
    pub skipped: Vec<SkippedTrack>,
    /// What will hurt players, though the title is served.
    pub warnings: Vec<Warning>,
    /// How long segments were asked to be.
    pub target_duration: Duration,
    /// What stands behind every URL of the title in manifests and headers: of a
    /// title that is shaped, its [shape](crate::shape::Shape).
    pub suffix: Suffix,
}

/// A track that is not served, and why; or a whole file, when nobody knows which
/// tracks it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTrack {
    /// Its file.
    pub file: FileIndex,
    /// Its identifier in the file, when that is known.
    pub source_id: Option<u32>,
    /// What it carries, when that is known.
    pub kind: Option<MediaKind>,
    /// Why it is left out.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}", self.file.0)?;
        if let Some(id) = self.source_id {
            write!(f, ", track {id}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a track is left out.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SkipReason {
    /// Its codec is unknown, encrypted or malformed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The file, or the track in it, is damaged or of an unsupported form.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is no text of its kind, or passes a limit.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The server manifest names a track that the file does not have.
    #[error("the file has no such track")]
    Missing,
    /// What the server manifest says of thumbnails makes no sense.
    #[error(transparent)]
    Tiles(#[from] TilesError),
    /// The server manifest takes it for thumbnails, and it is not.
    #[error("thumbnails have to be JPEG images")]
    NotJpeg,
    /// It has more images than thumbnails ever do.
    #[error("more than {IMAGES_MAX} images of thumbnails")]
    TooManyImages,
    /// It has no samples, or its edit list plays none of them.
    #[error("no sample of it is ever played")]
    Empty,
}

/// Something about a title that will hurt players.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The video tracks share too few sync samples, so players cannot change
    /// rendition at every segment.
    NoSharedGrid,
    /// The thumbnails that the server manifest names cannot be offered.
    NoThumbnails {
        /// The file, as it is named there.
        src: String,
        /// Why.
        reason: String,
    },
    /// Some edits are not followed: they change the speed, or are too many.
    EditsNotFollowed {
        /// The track's token.
        token: String,
        /// Number of those edits.
        edits: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSharedGrid => f.write_str(
                "the video tracks share too few sync samples: players cannot change rendition at every segment",
            ),
            Self::NoThumbnails { src, reason } => write!(f, "{src}: no thumbnails: {reason}"),
            Self::EditsNotFollowed { token, edits } => {
                write!(f, "{token}: {edits} edits are not followed: they change the speed, or are too many")
            }
        }
    }
}

/// Why sources do not make a title.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AssembleError {
    /// No track can be served.
    #[error("no track can be served{}", .skipped.iter().map(|track| format!("; {track}")).collect::<String>())]
    Nothing {
        /// The tracks and their reasons.
        skipped: Vec<SkippedTrack>,
    },
}

/// A track on its way into a presentation.
struct Candidate<'a> {
    file: FileIndex,
    movie_track: &'a MovieTrack,
    reference: Option<&'a TrackReference>,
    codecs: Vec<CodecConfig>,
    timeline: Timeline,
}

impl Presentation {
    /// Puts the tracks of `sources` on one timeline and cuts them on one grid.
    /// `name` is the title's file name without its ending. Tracks that cannot be
    /// served are left out, see [`Self::skipped`].
    ///
    /// # Errors
    /// When nothing is left to serve.
    pub fn assemble(
        name: &str,
        sources: &[Source],
        options: &SegmentationOptions,
    ) -> Result<Self, AssembleError> {
        let mut skipped = Vec::new();
        let mut candidates = Vec::new();
        let mut images = Vec::new();
        for source in sources {
            if source.is_images() {
                images.push(source.images());
                continue;
            }
            for found in source.candidates() {
                match found {
                    Ok(candidate) => candidates.push(candidate),
                    Err(track) => skipped.push(track),
                }
            }
        }
        if candidates.is_empty() {
            return Err(AssembleError::Nothing { skipped });
        }
        let target = options.target_duration;
        let (grid, shift) = lay_out(&candidates, target);
        let tokens = naming::tokens(&candidates);
        let mut warnings = Vec::new();
        if !grid.is_shared {
            warnings.push(Warning::NoSharedGrid);
        }
        let mut tracks = Vec::new();
        for (candidate, token) in candidates.into_iter().zip(tokens) {
            let edits = candidate.timeline.not_followed;
            if edits > 0 {
                let token = token.to_string();
                warnings.push(Warning::EditsNotFollowed { token, edits });
            }
            let (file, movie_track) = (candidate.file, candidate.movie_track);
            match cut::track(candidate, token, &grid, shift, target) {
                Ok(track) => tracks.push(track),
                Err(error) => skipped.push(skip(file, movie_track, error.into())),
            }
        }
        if tracks.is_empty() {
            return Err(AssembleError::Nothing { skipped });
        }
        let (tracks, texts) = text::split_off(tracks, sources, target);
        let references = sources.iter().filter_map(|source| source.reference.as_ref());
        let mut presentation = Self {
            name: naming::url_safe(name),
            tracks,
            texts,
            thumbnails: Vec::new(),
            closed_captions: ClosedCaptions::of(references),
            skipped,
            warnings,
            target_duration: target,
            suffix: Suffix::default(),
        };
        for found in images {
            let placed = found.and_then(|images| presentation.place_images(images, shift));
            presentation.skipped.extend(placed.err());
        }
        Ok(presentation)
    }

    /// How long the title plays: from the start of the presentation to the end
    /// of its longest track, or of its longest text when it has nothing else.
    #[must_use]
    pub fn duration(&self) -> Instant {
        let texts = self.texts.iter().map(|text| &text.track);
        let texts = texts.filter(|_| self.tracks.is_empty());
        let ends = self.tracks.iter().chain(texts).map(|track| {
            let ticks = track.end().saturating_sub(track.presentation_time_offset);
            track.timescale.instant(i64::try_from(ticks).unwrap_or(i64::MAX))
        });
        ends.max().unwrap_or(Timescale::MILLISECONDS.instant(0))
    }

    /// The track at `index` among the texts, if `kind` is text, or among the tracks.
    #[must_use]
    pub fn track(&self, kind: MediaKind, index: usize) -> Option<&Track> {
        match kind {
            MediaKind::Text => self.texts.get(index).map(|text| &text.track),
            MediaKind::Video | MediaKind::Audio => self.tracks.get(index),
        }
    }

    /// The track that `stem`, a file name without its ending, closes with:
    /// `film-video=401000` closes with the track `video=401000`. With it what
    /// stands before, without the `-` between them.
    #[must_use]
    pub fn track_in<'a>(&self, stem: &'a str) -> Option<(usize, &'a str)> {
        naming::token_at_end(self.tracks.iter(), stem)
    }

    /// The text that `stem` closes with, as [`Presentation::track_in`] finds a
    /// track: its place in [`Presentation::texts`].
    #[must_use]
    pub fn text_in<'a>(&self, stem: &'a str) -> Option<(usize, &'a str)> {
        naming::token_at_end(self.texts.iter().map(|text| &text.track), stem)
    }

    /// The thumbnails that `stem` closes with, as [`Presentation::track_in`] finds a
    /// track: their place in [`Presentation::thumbnails`].
    #[must_use]
    pub fn thumbnails_in<'a>(&self, stem: &'a str) -> Option<(usize, &'a str)> {
        naming::token_at_end(self.thumbnails.iter().map(|found| &found.track), stem)
    }

    /// Bytes of memory the title holds, itself included.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let tracks: usize = self
            .tracks
            .iter()
            .map(|track| size_of_val(track) + track.heap_size())
            .sum();
        let texts: usize = self
            .texts
            .iter()
            .map(|text| size_of_val(text) + text.heap_size())
            .sum();
        let thumbnails: usize = self
            .thumbnails
            .iter()
            .map(|thumbnails| size_of_val(thumbnails) + thumbnails.heap_size())
            .sum();
        let skipped = self.skipped.capacity() * size_of::<SkippedTrack>();
        let text = self.name.capacity() + self.suffix.heap_size();
        size_of_val(self) + text + tracks + texts + thumbnails + skipped
    }
}

impl Source {
    /// The tracks of the movie that belong to the title, and those that do and
    /// cannot be served.
    fn candidates(&self) -> Vec<Result<Candidate<'_>, SkippedTrack>> {
        let missing = |reason: SkipReason| self.missing(reason);
        let movie = match &self.content {
            Ok(movie) => movie,
            Err(error) => return vec![Err(missing(error.clone().into()))],
        };
        let Some(reference) = &self.reference else {
            let refused = movie.refused.iter().map(|track| Err(self.refuse(track)));
            let tracks = movie.tracks.iter().map(|track| self.candidate(track));
            return tracks.chain(refused).collect();
        };
        let refused = movie.refused.iter().find(|track| match reference.track_id {
            Some(id) => track.id == Some(id),
            None => track.kind == Some(reference.kind),
        });
        let found = movie.tracks.iter().find(|track| match reference.track_id {
            Some(id) => track.id == id,
            None => track.kind == reference.kind,
        });
        let found = found.filter(|track| track.kind == reference.kind);
        vec![match (found, refused) {
            (Some(track), _) => self.candidate(track),
            (None, Some(track)) => Err(self.refuse(track)),
            (None, None) => Err(missing(SkipReason::Missing)),
        }]
    }

    fn refuse(&self, track: &RefusedTrack) -> SkippedTrack {
        SkippedTrack {
            file: self.file,
            source_id: track.id,
            kind: track.kind,
            reason: track.error.clone().into(),
        }
    }

    /// The track that the source refers to, left out.
    fn missing(&self, reason: SkipReason) -> SkippedTrack {
        SkippedTrack {
            file: self.file,
            source_id: self.reference.as_ref().and_then(|reference| reference.track_id),
            kind: self.reference.as_ref().map(|reference| reference.kind),
            reason,
        }
    }

    /// Reads what the track needs to stand beside others.
    fn candidate<'a>(&'a self, movie_track: &'a MovieTrack) -> Result<Candidate<'a>, SkippedTrack> {
        let skip = |reason: SkipReason| skip(self.file, movie_track, reason);
        let entries = movie_track.sample_entries.iter();
        let codecs = entries.map(|entry| {
            let config = codec::read_served_entry(entry, movie_track.handler)?;
            Ok(match movie_track.mpeg_layer {
                Some(layer) => config.of_layer(layer),
                None => config,
            })
        });
        let codecs: Result<Vec<CodecConfig>, CodecError> = codecs.collect();
        let codecs = codecs.map_err(|error| skip(error.into()))?;
        let timeline = timeline::read(movie_track).map_err(|error| skip(error.into()))?;
        if timeline.is_empty() {
            return Err(skip(SkipReason::Empty));
        }
        Ok(Candidate {
            file: self.file,
            movie_track,
            reference: self.reference.as_ref(),
            codecs,
            timeline,
        })
    }
}

fn skip(file: FileIndex, track: &MovieTrack, reason: SkipReason) -> SkippedTrack {
    SkippedTrack {
        file,
        source_id: Some(track.id),
        kind: Some(track.kind),
        reason,
    }
}

/// The grid of the title, and the shift that leaves no track with a negative time.
fn lay_out(candidates: &[Candidate<'_>], target: Duration) -> (Grid, Instant) {
    let clocks: Vec<Timescale> = candidates
        .iter()
        .map(|candidate| candidate.movie_track.timescale)
        .collect();
    let needs: Vec<Instant> = candidates
        .iter()
        .map(|candidate| {
            candidate
                .movie_track
                .timescale
                .instant(candidate.timeline.earliest().saturating_neg())
        })
        .collect();
    let shift = time::common_shift(&needs, &clocks);
    let videos: Vec<SyncTrack> = candidates.iter().filter_map(Candidate::sync_track).collect();
    let instants = |ticks: fn(&Timeline) -> i64| {
        candidates.iter().map(move |candidate| {
            candidate
                .movie_track
                .timescale
                .instant(ticks(&candidate.timeline))
        })
    };
    let start = instants(|timeline| timeline.start).min();
    let end = instants(|timeline| timeline.end).max();
    let zero = Timescale::MILLISECONDS.instant(0);
    (
        segment::grid(&videos, start.unwrap_or(zero), end.unwrap_or(zero), target),
        shift,
    )
}

impl Candidate<'_> {
    fn sync_track(&self) -> Option<SyncTrack> {
        let timescale = self.movie_track.timescale;
        (self.movie_track.kind == MediaKind::Video).then(|| SyncTrack {
            timescale,
            syncs: self.timeline.syncs.clone(),
            end: self.timeline.end,
            tolerance: self.timeline.half_frame(timescale),
        })
    }
}
