//! Thumbnails: what their paths mean, and what is sent for them.

use std::sync::Arc;

use strata_media::plan::Plan;
use strata_media::sample::Samples;

use super::fault::Fault;
use super::media;
use super::route::{Resource, numbered};
use crate::asset::Title;
use crate::source::Tally;

/// A path to thumbnails, decoded as far as it can be without the title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ThumbnailPath<'p> {
    /// `thumbnails/film-thumbnails=5000.m3u8`.
    Playlist { stem: &'p str },
    /// `thumbnails/film-thumbnails=5000-1.jpg`.
    Image { stem: &'p str },
}

/// Thumbnails that a title offers; tracks and images are 0-based indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thumbnail {
    /// The HLS playlist of a track.
    Playlist { track: usize },
    /// An image, with all thumbnails in it.
    Image { track: usize, image: usize },
}

impl<'p> ThumbnailPath<'p> {
    /// Decodes the part of a path after the title; `None`: it is something else.
    pub(super) fn parse(resource: &'p str) -> Option<Self> {
        let file = resource.strip_prefix("thumbnails/")?;
        match file.rsplit_once('.')? {
            (stem, _) if stem.contains('/') => None,
            (stem, "m3u8") => Some(Self::Playlist { stem }),
            (stem, "jpg") => Some(Self::Image { stem }),
            _ => None,
        }
    }

    /// Finds what the path means in `title`; `None`: the title lacks it.
    pub(super) fn resolve(self, title: &Title) -> Option<Resource> {
        let presentation = title.presentation();
        let found = match self {
            Self::Playlist { stem } => {
                let (track, _) = presentation.thumbnails_in(stem)?;
                Thumbnail::Playlist { track }
            }
            Self::Image { stem } => {
                let (stem, number) = numbered(stem)?;
                let (track, _) = presentation.thumbnails_in(stem)?;
                let image = usize::try_from(number.checked_sub(1)?).ok()?;
                let segments = &presentation.thumbnails.get(track)?.track.segments;
                segments.get(image).map(|_| Thumbnail::Image { track, image })?
            }
        };
        Some(Resource::Thumbnail(found))
    }
}

impl Thumbnail {
    pub(super) fn is_playlist(self) -> bool {
        matches!(self, Self::Playlist { .. })
    }

    /// Numbers that name it among all thumbnails of the title.
    pub(super) fn tag(self) -> (u8, usize, usize) {
        match self {
            Self::Playlist { track } => (36, track, 0),
            Self::Image { track, image } => (37, track, image),
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Playlist { .. } => "application/vnd.apple.mpegurl",
            Self::Image { .. } => "image/jpeg",
        }
    }
}

/// Plans an image.
pub(super) async fn plan(title: &Title, wanted: Thumbnail, tally: &Arc<Tally>) -> Result<Plan, Fault> {
    let Thumbnail::Image { track, image } = wanted else {
        return Err(Fault::Bug("a playlist is no media"));
    };
    let thumbnails = title.presentation().thumbnails.get(track);
    let thumbnails = thumbnails.ok_or(Fault::Resource)?;
    let samples = if thumbnails.reads_samples() {
        title.samples(&thumbnails.track, image, tally).await?
    } else {
        Samples::default()
    };
    let plan = media::checked(title, thumbnails.plan(image, &samples))?;
    if plan.length == 0 {
        return Err(Fault::Corrupt {
            object: title
                .object(thumbnails.track.file)
                .map_or(title.path(), |object| object.name())
                .to_owned(),
            reason: format!("image {image} of thumbnails is not one sample"),
        });
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_thumbnails_are_told_from_others() {
        let playlist = ThumbnailPath::Playlist {
            stem: "film-thumbnails=1",
        };
        let image = ThumbnailPath::Image {
            stem: "film-thumbnails=1-1",
        };
        let cases = [
            ("thumbnails/film-thumbnails=1.m3u8", Some(playlist)),
            ("thumbnails/film-thumbnails=1-1.jpg", Some(image)),
            ("thumbnails/film-thumbnails=1-1.png", None),
            ("thumbnails/x/film-thumbnails=1-1.jpg", None),
            ("film-thumbnails=1-1.jpg", None),
            ("thumbnails/film", None),
        ];
        for (path, expected) in cases {
            assert_eq!(ThumbnailPath::parse(path), expected, "{path}");
        }
    }
}
