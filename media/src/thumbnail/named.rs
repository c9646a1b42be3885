//! Files of thumbnails as a server manifest names them.

use thiserror::Error;

use super::sprite::{self, Sprite, SpriteError};
use super::{ImageFile, SideImages, Tiles, TilesError};
use crate::read::ism::TrackReference;
use crate::read::jpeg::JpegError;

/// Most files of thumbnails of one title.
pub const FILES_MAX: usize = 256;

/// Files of thumbnails that a server manifest names as one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedImages {
    /// Images, in time order, each with what is said of it; at least one.
    Images(Vec<TrackReference>),
    /// A file of WebVTT that names them.
    Sprites(TrackReference),
}

/// Why files are no thumbnails.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SideImagesError {
    /// How thumbnails lie in the images makes no sense.
    #[error(transparent)]
    Tiles(#[from] TilesError),
    /// Nothing says how long a thumbnail stands for the title.
    #[error("no param tileDuration says for how many seconds of the title a thumbnail stands")]
    NoTileDuration,
    /// The cues of a WebVTT file are no thumbnails.
    #[error(transparent)]
    Sprites(#[from] SpriteError),
    /// A file is no JPEG picture.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// Images but the last are not of the size of the first.
    #[error("image {image} is not as large as the first one")]
    Size {
        /// 0-based.
        image: usize,
    },
    /// More files than the limit.
    #[error("{count} files, over the limit of {FILES_MAX}")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// No image.
    #[error("no image")]
    None,
}

impl NamedImages {
    /// Takes those of `references` that name files of thumbnails out of them: a track
    /// for each WebVTT file, and one for all images of a name.
    #[must_use]
    pub fn take(references: &mut Vec<TrackReference>) -> Vec<Self> {
        let mut named: Vec<Self> = Vec::new();
        for reference in references.extract_if(.., |reference| ending_of(reference).is_some()) {
            if ending_of(&reference) == Some(Ending::WebVtt) {
                named.push(Self::Sprites(reference));
                continue;
            }
            let same_track = named.iter_mut().find_map(|named| match named {
                Self::Images(images) if images.first().is_some_and(|first| is_same(first, &reference)) => {
                    Some(images)
                }
                _ => None,
            });
            match same_track {
                Some(images) => images.push(reference),
                None => named.push(Self::Images(vec![reference])),
            }
        }
        named
    }

    /// What the manifest says of the track.
    #[must_use]
    pub fn reference(&self) -> Option<&TrackReference> {
        match self {
            Self::Images(images) => images.first(),
            Self::Sprites(reference) => Some(reference),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Jpeg,
    WebVtt,
}

/// What a file of thumbnails is, by its name; `None` for any other track.
fn ending_of(reference: &TrackReference) -> Option<Ending> {
    reference.tiles()?.ok()?;
    let name = reference.src.split(['?', '#']).next()?;
    let (_, ending) = name.rsplit_once('.')?;
    match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => Some(Ending::Jpeg),
        "vtt" | "webvtt" => Some(Ending::WebVtt),
        _ => None,
    }
}

fn is_same(one: &TrackReference, other: &TrackReference) -> bool {
    one.track_name == other.track_name
        && one.system_bitrate == other.system_bitrate
        && one.tiles() == other.tiles()
}

impl SideImages {
    /// The track of the images `files`, of which `reference` says how their thumbnails
    /// lie and last.
    ///
    /// # Errors
    /// When it does not say, or the images differ in size.
    pub fn of_images(reference: &TrackReference, files: Vec<ImageFile>) -> Result<Self, SideImagesError> {
        check(&files)?;
        Ok(Self {
            reference: reference.clone(),
            tiles: reference.tiles().transpose()?.unwrap_or(Tiles::ONE),
            tile_duration: reference.tile_duration().ok_or(SideImagesError::NoTileDuration)?,
            files,
        })
    }

    /// The track of the images `files` that `sprites` name, in the order of
    /// [`sprite::images`].
    ///
    /// # Errors
    /// When the sprites are not rows of equal thumbnails, or the images differ in size.
    pub fn of_sprites(
        reference: &TrackReference,
        sprites: &[Sprite],
        files: Vec<ImageFile>,
    ) -> Result<Self, SideImagesError> {
        check(&files)?;
        let size = files.first().map_or((0, 0), |first| first.pixels);
        let grid = sprite::grid(sprites, size)?;
        Ok(Self {
            reference: reference.clone(),
            tiles: grid.tiles,
            tile_duration: grid.tile_duration,
            files,
        })
    }
}

/// All images have to be as large as the first; the last may have fewer rows.
fn check(files: &[ImageFile]) -> Result<(), SideImagesError> {
    if FILES_MAX < files.len() {
        return Err(SideImagesError::TooMany { count: files.len() });
    }
    let first = files.first().ok_or(SideImagesError::None)?;
    for (image, file) in files.iter().enumerate() {
        let is_last = image + 1 == files.len();
        let is_cropped = is_last && file.pixels.0 == first.pixels.0 && file.pixels.1 < first.pixels.1;
        if file.pixels != first.pixels && !is_cropped {
            return Err(SideImagesError::Size { image });
        }
    }
    Ok(())
}
