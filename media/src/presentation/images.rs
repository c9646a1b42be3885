//! Tracks of JPEG images in MP4 files, which become thumbnails.

use std::time::Duration;

use super::{Candidate, Presentation, SkipReason, SkippedTrack, Source, cut, skip, timeline};
use crate::codec;
use crate::read::mp4::MovieTrack;
use crate::segment::Grid;
use crate::thumbnail::{IMAGES_MAX, ImageOrigin, Thumbnails, Tiles, rates};
use crate::time::Instant;

use super::naming::Token;

/// A track of images on its way into a presentation.
pub(super) struct Images<'a> {
    candidate: Candidate<'a>,
    tiles: Tiles,
    size: (u32, u32),
}

impl Source {
    /// Whether the server manifest says that the track is one of images.
    pub(super) fn is_images(&self) -> bool {
        self.reference
            .as_ref()
            .is_some_and(|reference| reference.tiles().is_some())
    }

    /// The track of images that the source refers to.
    pub(super) fn images(&self) -> Result<Images<'_>, SkippedTrack> {
        let tiles = self.reference.as_ref().and_then(|reference| reference.tiles());
        let tiles = tiles.transpose().map_err(|error| self.missing(error.into()))?;
        let movie = self.content.as_ref();
        let movie = movie.map_err(|error| self.missing(error.clone().into()))?;
        let id = self.reference.as_ref().and_then(|reference| reference.track_id);
        let picture_size = |track: &MovieTrack| {
            let entry = track.sample_entries.first()?;
            codec::jpeg::picture_size(entry)
        };
        let found = movie.tracks.iter().find(|track| match id {
            Some(id) => track.id == id,
            None => picture_size(track).is_some(),
        });
        let track = found.ok_or_else(|| self.missing(SkipReason::Missing))?;
        let skip = |reason: SkipReason| skip(self.file, track, reason);
        let size = picture_size(track).ok_or_else(|| skip(SkipReason::NotJpeg))?;
        let timeline = timeline::read(track).map_err(|error| skip(error.into()))?;
        if timeline.is_empty() {
            return Err(skip(SkipReason::Empty));
        }
        if IMAGES_MAX < timeline.syncs.len() {
            return Err(skip(SkipReason::TooManyImages));
        }
        let candidate = Candidate {
            file: self.file,
            movie_track: track,
            reference: self.reference.as_ref(),
            codecs: Vec::new(),
            timeline,
        };
        Ok(Images {
            candidate,
            tiles: tiles.unwrap_or(Tiles::ONE),
            size,
        })
    }
}

impl Presentation {
    /// Adds a track of images, whose times are moved by `shift`.
    pub(super) fn place_images(&mut self, images: Images<'_>, shift: Instant) -> Result<(), SkippedTrack> {
        let Images {
            candidate,
            tiles,
            size,
        } = images;
        let (file, movie_track, reference) = (candidate.file, candidate.movie_track, candidate.reference);
        let moments = candidate.timeline.syncs.iter();
        let grid = Grid {
            boundaries: moments
                .map(|shown| movie_track.timescale.instant(*shown))
                .collect(),
            is_shared: true,
        };
        let token = Token {
            name: String::new(),
            bitrate: 0,
        };
        let mut track = cut::track(candidate, token, &grid, shift, Duration::ZERO)
            .map_err(|error| skip(file, movie_track, error.into()))?;
        track.key_frames = crate::trick_play::KeyFrames::default();
        track.frame_rate = None;
        // An image that is not full is often stored with less than the others last;
        // its thumbnails stand for as much as theirs.
        let usual = track.segments.first().map_or(0, |first| first.duration);
        if let Some(last) = track.segments.last_mut() {
            last.duration = last.duration.max(usual);
        }
        track.bandwidth = rates(&track.segments, track.timescale);
        (track.token, track.name, track.bitrate) = self.thumbnail_token(reference, track.bandwidth);
        self.thumbnails.push(Thumbnails {
            track,
            tiles,
            size,
            origin: ImageOrigin::Samples,
        });
        Ok(())
    }
}
