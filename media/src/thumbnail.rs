//! Thumbnails: small pictures of a title, several to a JPEG image, which players show
//! above their seek bar.
//!
//! The images are a track of an MP4 file, one a sample, or files of their own. They
//! are sent as they are: an image is a range of a file.

mod named;
mod side_files;
mod sprite;
mod tiles;

pub use named::{FILES_MAX, NamedImages, SideImagesError};
pub use side_files::{ImageFile, SideImages};
pub use sprite::{Sprite, SpriteError, SpriteGrid, grid, images, sprites};
pub use tiles::{Tiles, TilesError};

pub(crate) use side_files::rates;

use std::time::Duration;

use crate::plan::{FileIndex, Plan};
use crate::sample::Samples;
use crate::track::{Segment, Track};

/// Most images of one track: at a thumbnail each and one every 2 s, eleven hours.
pub const IMAGES_MAX: usize = 20_000;

/// A track of thumbnails.
#[derive(Clone, Debug)]
pub struct Thumbnails {
    /// What names it and when its images are shown: a segment each. It has no sample
    /// entry.
    pub track: Track,
    /// How the thumbnails lie in an image.
    pub tiles: Tiles,
    /// Width and height of a whole image in pixels.
    pub size: (u32, u32),
    /// Where the images are.
    pub origin: ImageOrigin,
}

/// Where the images of a track of thumbnails are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageOrigin {
    /// Samples of the track, read as images are asked for; one each.
    Samples,
    /// Whole files, in the order of the segments.
    Files(Vec<FileIndex>),
}

impl Thumbnails {
    /// Width and height of one thumbnail in pixels.
    #[must_use]
    pub fn tile_size(&self) -> (u32, u32) {
        let (width, height) = self.size;
        (
            width / u32::from(self.tiles.columns).max(1),
            height / u32::from(self.tiles.rows).max(1),
        )
    }

    /// How many ticks of [`Track::timescale`] each thumbnail of image `image` (0-based)
    /// stands for.
    #[must_use]
    pub fn tile_ticks(&self, image: usize) -> u64 {
        let duration = self.track.segments.get(image).map_or(0, |image| image.duration);
        duration / u64::from(self.tiles.count()).max(1)
    }

    /// Plans image `image` (0-based); `samples` are those of its segment when
    /// [`Thumbnails::reads_samples`]. Empty when there is no such image.
    #[must_use]
    pub fn plan(&self, image: usize, samples: &Samples) -> Plan {
        let mut plan = Plan::default();
        match &self.origin {
            ImageOrigin::Samples => {
                // One image to a segment: several would be no picture.
                if let [sample] = samples.0.as_slice() {
                    let end = sample.offset.saturating_add(u64::from(sample.size));
                    plan.push_source(self.track.file, sample.offset..end);
                }
            }
            ImageOrigin::Files(files) => {
                let size = self.track.segments.get(image).map(|image| image.media_size);
                if let (Some(file), Some(size)) = (files.get(image), size) {
                    plan.push_source(*file, 0..size);
                }
            }
        }
        plan
    }

    /// Whether the first image starts when the presentation does: a playlist of HLS
    /// cannot say anything else.
    #[must_use]
    pub fn starts_with_presentation(&self) -> bool {
        let first = self.track.segments.first();
        first.is_some_and(|first| first.start == self.track.presentation_time_offset)
    }

    /// Leaves the images that are shown between `begin` and `end`, from the start of
    /// the presentation, which then begins at `begin`; false when there are none.
    pub(crate) fn clip(&mut self, begin: Duration, end: Option<Duration>) -> bool {
        let track = &mut self.track;
        let (clock, offset) = (track.timescale, track.presentation_time_offset);
        let ticks = |time: Duration| offset.saturating_add(clock.ticks_of(time).unsigned_abs());
        let begin = ticks(begin);
        let segments = &track.segments;
        let is_over = |image: &Segment| image.start.saturating_add(image.duration) <= begin;
        let first = segments.partition_point(is_over);
        let behind = end.map(ticks).map_or(segments.len(), |end| {
            segments.partition_point(|image| image.start < end)
        });
        let kept = first..behind.max(first);
        if let Some(next) = segments.get(kept.end) {
            track.end = next.cursor;
        }
        track.segments = segments.get(kept.clone()).unwrap_or_default().to_vec();
        track.presentation_time_offset = begin;
        if let ImageOrigin::Files(files) = &mut self.origin {
            *files = files.get(kept).unwrap_or_default().to_vec();
        }
        !self.track.segments.is_empty()
    }

    /// Whether planning an image takes the samples of its segment.
    #[must_use]
    pub fn reads_samples(&self) -> bool {
        self.origin == ImageOrigin::Samples
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let files = match &self.origin {
            ImageOrigin::Samples => 0,
            ImageOrigin::Files(files) => files.capacity() * size_of::<FileIndex>(),
        };
        self.track.heap_size() + files
    }
}
