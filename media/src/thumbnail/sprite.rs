//! Files of WebVTT that list thumbnails: a cue each, whose text names an image and,
//! behind `#xywh=`, the part of it (`Media Fragments URI §4.2.2`).

use std::collections::HashSet;
use std::time::Duration;

use thiserror::Error;

use super::Tiles;
use crate::text::{Document, plain_text};

/// How far a cue may be from where equal durations would put it: times are written
/// in milliseconds, and some tools round to more.
const TOLERANCE: Duration = Duration::from_millis(100);

/// A thumbnail as a cue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sprite {
    /// When it starts to stand for the title.
    pub start: Duration,
    /// When it no longer does.
    pub end: Duration,
    /// The image it lies in, as written: a URL relative to the file.
    pub image: String,
    /// Left, top, width and height in pixels; `None`: all of the image.
    pub area: Option<[u32; 4]>,
}

/// Why the cues of a file are no thumbnails, or none that manifests can describe.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SpriteError {
    /// No cue.
    #[error("no cue names an image")]
    None,
    /// A cue without the name of an image.
    #[error("cue {cue} names no image")]
    NoImage {
        /// 0-based.
        cue: usize,
    },
    /// What stands behind `#` is not `xywh=` with four numbers of pixels.
    #[error("cue {cue} has the fragment {fragment:?}, not xywh=left,top,width,height")]
    Fragment {
        /// 0-based.
        cue: usize,
        /// What stands there.
        fragment: String,
    },
    /// The thumbnails do not follow each other at equal distances from 0.
    #[error("cue {cue} starts at {found:?}, where equal durations would put it at {expected:?}")]
    Time {
        /// 0-based.
        cue: usize,
        /// When it starts.
        found: Duration,
        /// When it should.
        expected: Duration,
    },
    /// The thumbnails of an image do not lie row by row from its top left.
    #[error("cue {cue} does not lie where rows of equal thumbnails would put it")]
    Place {
        /// 0-based.
        cue: usize,
    },
    /// An image is named again after another one.
    #[error("cue {cue} names an image again that others follow")]
    Repeated {
        /// 0-based.
        cue: usize,
    },
    /// The images have different numbers of thumbnails, the last one aside.
    #[error("image {image} has {found} thumbnails, the first one {expected}")]
    Count {
        /// 0-based.
        image: usize,
        /// How many it has.
        found: usize,
        /// How many the first has.
        expected: usize,
    },
    /// More thumbnails in a row or below each other than a manifest may say.
    #[error("thumbnails of {width}x{height} in an image of {image_width}x{image_height}")]
    Tiles {
        /// Of a thumbnail, in pixels.
        width: u32,
        /// Of a thumbnail, in pixels.
        height: u32,
        /// In pixels.
        image_width: u32,
        /// In pixels.
        image_height: u32,
    },
}

/// Thumbnails in equal steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpriteGrid {
    /// How they lie in an image.
    pub tiles: Tiles,
    /// How long each stands for the title.
    pub tile_duration: Duration,
}

/// The thumbnails that the cues of `document` list, in their order.
///
/// # Errors
/// When a cue names no image, or there is none.
pub fn sprites(document: &Document) -> Result<Vec<Sprite>, SpriteError> {
    let sprite = |(index, cue): (usize, &crate::text::Cue)| {
        let text = plain_text(&cue.content);
        let name = text.trim();
        let (image, fragment) = match name.split_once('#') {
            Some((image, fragment)) => (image, Some(fragment)),
            None => (name, None),
        };
        if image.is_empty() || image.contains('\n') {
            return Err(SpriteError::NoImage { cue: index });
        }
        let area = fragment.map(|fragment| {
            area(fragment).ok_or_else(|| SpriteError::Fragment {
                cue: index,
                fragment: fragment.to_owned(),
            })
        });
        Ok(Sprite {
            start: cue.start,
            end: cue.end,
            image: image.to_owned(),
            area: area.transpose()?,
        })
    };
    let sprites: Vec<Sprite> = document
        .cues
        .iter()
        .enumerate()
        .map(sprite)
        .collect::<Result<_, _>>()?;
    if sprites.is_empty() {
        return Err(SpriteError::None);
    }
    Ok(sprites)
}

fn area(fragment: &str) -> Option<[u32; 4]> {
    let numbers = fragment.strip_prefix("xywh=")?;
    let numbers = numbers.strip_prefix("pixel:").unwrap_or(numbers);
    let mut numbers = numbers.split(',').map(|number| number.trim().parse().ok());
    let area = [
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
        numbers.next()??,
    ];
    let [_, _, width, height] = area;
    (numbers.next().is_none() && width > 0 && height > 0).then_some(area)
}

/// The images that `sprites` name, each once, in the order of their first mention.
#[must_use]
pub fn images(sprites: &[Sprite]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let names = sprites.iter().map(|sprite| sprite.image.as_str());
    names.filter(|name| seen.insert(*name)).collect()
}

/// The grid that `sprites` lie on, in images of `size` pixels each.
///
/// # Errors
/// When there is none.
pub fn grid(sprites: &[Sprite], size: (u32, u32)) -> Result<SpriteGrid, SpriteError> {
    let first = sprites.first().ok_or(SpriteError::None)?;
    let (image_width, image_height) = size;
    let [_, _, width, height] = first.area.unwrap_or([0, 0, image_width, image_height]);
    let tiles = tiles(size, (width, height))?;
    let tile_duration = tile_duration(sprites);
    let mut image = 0;
    let mut in_image = 0_u32;
    let mut full = None;
    let mut seen = HashSet::new();
    for (cue, sprite) in sprites.iter().enumerate() {
        let before = cue.checked_sub(1).and_then(|before| sprites.get(before));
        if before.is_some_and(|before| before.image != sprite.image) {
            let expected = *full.get_or_insert(in_image);
            if expected != in_image || in_image != tiles.count() {
                return Err(SpriteError::Count {
                    image,
                    found: usize::try_from(in_image).unwrap_or(usize::MAX),
                    expected: usize::try_from(tiles.count()).unwrap_or(usize::MAX),
                });
            }
            image += 1;
            in_image = 0;
        }
        if in_image == 0 && !seen.insert(sprite.image.as_str()) {
            return Err(SpriteError::Repeated { cue });
        }
        let expected = tile_duration.saturating_mul(u32::try_from(cue).unwrap_or(u32::MAX));
        if sprite.start.abs_diff(expected) > TOLERANCE {
            let found = sprite.start;
            return Err(SpriteError::Time { cue, found, expected });
        }
        let columns = u32::from(tiles.columns);
        let place = [
            in_image % columns * width,
            in_image / columns * height,
            width,
            height,
        ];
        if sprite.area.unwrap_or([0, 0, image_width, image_height]) != place || tiles.count() <= in_image {
            return Err(SpriteError::Place { cue });
        }
        in_image += 1;
    }
    Ok(SpriteGrid { tiles, tile_duration })
}

fn tiles((image_width, image_height): (u32, u32), (width, height): (u32, u32)) -> Result<Tiles, SpriteError> {
    let side = |whole: u32, part: u32| {
        let count = whole.checked_div(part)?;
        // Whole thumbnails only: players divide the image by their number.
        (count.checked_mul(part)? == whole).then_some(count)
    };
    side(image_width, width)
        .zip(side(image_height, height))
        .and_then(|(columns, rows)| format!("{columns}x{rows}").parse().ok())
        .ok_or(SpriteError::Tiles {
            width,
            height,
            image_width,
            image_height,
        })
}

/// The mean distance of the starts: each is rounded, and the last end may be cut off.
fn tile_duration(sprites: &[Sprite]) -> Duration {
    let (Some(first), Some(last)) = (sprites.first(), sprites.last()) else {
        return Duration::ZERO;
    };
    match u32::try_from(sprites.len().saturating_sub(1)) {
        Ok(steps @ 1..) => last.start.saturating_sub(first.start) / steps,
        _ => first.end.saturating_sub(first.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::text::{TextFormat, read};

    /// A file of thumbnails of 160 by 90, a line each: `seconds image xywh`.
    fn sprites_of(cues: &[(u64, &str)]) -> Result<Vec<Sprite>, SpriteError> {
        let mut text = String::from("WEBVTT\n");
        for (seconds, name) in cues {
            let (from, to) = (seconds, seconds + 2);
            text.push_str(&format!("\n00:{:02}.000 --> 00:{:02}.000\n{name}\n", from, to));
        }
        sprites(&read(text.as_bytes(), TextFormat::WebVtt).unwrap().document)
    }

    const FOUR: [(u64, &str); 4] = [
        (0, "a.jpg#xywh=0,0,160,90"),
        (2, "a.jpg#xywh=160,0,160,90"),
        (4, "b.jpg#xywh=0,0,160,90"),
        (6, "b.jpg#xywh=160,0,160,90"),
    ];

    fn check(cues: &[(u64, &str)], size: (u32, u32)) -> Result<SpriteGrid, SpriteError> {
        grid(&sprites_of(cues)?, size)
    }

    #[test]
    fn rows_of_equal_thumbnails_are_a_grid() {
        let grid = check(&FOUR, (320, 90)).unwrap();
        assert_eq!(grid.tiles.to_string(), "2x1");
        assert_eq!(grid.tile_duration, Duration::from_secs(2));
        assert_eq!(images(&sprites_of(&FOUR).unwrap()), ["a.jpg", "b.jpg"]);
        // The last image need not be full.
        assert!(check(&FOUR[..3], (320, 90)).is_ok());
        let whole = check(&[(0, "a.jpg"), (2, "b.jpg")], (160, 90)).unwrap();
        assert_eq!(whole.tiles, Tiles::ONE);
    }

    #[test]
    fn what_is_no_grid_is_refused_with_the_cue() {
        let mut late = FOUR;
        late[2].0 = 5;
        assert!(matches!(check(&late, (320, 90)), Err(SpriteError::Time { .. })));
        let mut elsewhere = FOUR;
        elsewhere[1].1 = "a.jpg#xywh=0,0,160,90";
        assert_eq!(check(&elsewhere, (320, 90)), Err(SpriteError::Place { cue: 1 }));
        let few = [FOUR[0], FOUR[2], FOUR[3]].map(|(_, name)| name);
        let few: Vec<(u64, &str)> = [0, 2, 4].into_iter().zip(few).collect();
        assert!(matches!(
            check(&few, (320, 90)),
            Err(SpriteError::Count { image: 0, .. })
        ));
        let again = [FOUR[0], FOUR[1], FOUR[2], FOUR[3], (8, FOUR[0].1)];
        assert_eq!(check(&again, (320, 90)), Err(SpriteError::Repeated { cue: 4 }));
        assert!(matches!(check(&FOUR, (330, 90)), Err(SpriteError::Tiles { .. })));
        assert_eq!(check(&FOUR, (160, 90)), Err(SpriteError::Place { cue: 1 }));
    }

    #[test]
    fn what_names_no_image_is_refused() {
        let fragment = |name: &'static str| sprites_of(&[(0, name)]).unwrap_err();
        for name in [
            "a.jpg#xywh=1,2,3",
            "a.jpg#t=1",
            "a.jpg#xywh=0,0,0,9",
            "a.jpg#xywh=1,2,3,4,5",
        ] {
            assert!(
                matches!(fragment(name), SpriteError::Fragment { cue: 0, .. }),
                "{name}"
            );
        }
        assert_eq!(fragment("#xywh=0,0,160,90"), SpriteError::NoImage { cue: 0 });
        assert_eq!(sprites_of(&[]), Err(SpriteError::None));
    }
}
