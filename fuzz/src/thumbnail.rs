//! Thumbnails in files of their own: JPEG images, and files of WebVTT that list parts of them.

use std::collections::HashSet;

use strata_media::read::jpeg::{self, JpegError};
use strata_media::read::text::{self, TextFormat};
use strata_media::thumbnail::{Sprite, grid, images, sprites};

/// The head of a JPEG image.
pub fn image(data: &[u8]) {
    let more = [data, &[0xff, 0xd9]].concat();
    match jpeg::size(data) {
        Ok((width, height)) => {
            assert!((1..=0xffff).contains(&width) && (1..=0xffff).contains(&height));
            assert_eq!(
                jpeg::size(&more),
                Ok((width, height)),
                "what follows changes the size"
            );
        }
        Err(JpegError::NoMarker { offset }) => assert!(offset < data.len()),
        Err(JpegError::NoFrameHeader { size }) => assert_eq!(size, data.len()),
        Err(JpegError::NotJpeg | JpegError::Empty) => {}
    }
}

/// A list of sprites.
pub fn list(data: &[u8]) {
    let Ok(file) = text::read(data, TextFormat::WebVtt) else {
        return;
    };
    let listed = match sprites(&file.document) {
        Ok(listed) => listed,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(listed.len(), file.document.cues.len());
    let names = images(&listed);
    assert_eq!(
        names.iter().collect::<HashSet<_>>().len(),
        names.len(),
        "an image is named twice"
    );
    for size in [covered(&listed), (320, 180), (1, 1), (0xffff, 0xffff)] {
        check_grid(&listed, size);
    }
}

/// The image that all parts lie in.
fn covered(listed: &[Sprite]) -> (u32, u32) {
    let areas = listed.iter().filter_map(|sprite| sprite.area);
    areas.fold((1, 1), |(right, bottom), [left, top, width, height]| {
        (
            right.max(left.saturating_add(width)),
            bottom.max(top.saturating_add(height)),
        )
    })
}

/// A grid has a place for every sprite, within its image.
fn check_grid(listed: &[Sprite], size: (u32, u32)) {
    let found = match grid(listed, size) {
        Ok(found) => found,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let count = usize::try_from(found.tiles.count()).unwrap();
    assert!(listed.len().div_ceil(count) <= images(listed).len());
    for [left, top, width, height] in listed.iter().filter_map(|sprite| sprite.area) {
        let (right, bottom) = (
            u64::from(left) + u64::from(width),
            u64::from(top) + u64::from(height),
        );
        assert!(
            right <= size.0.into() && bottom <= size.1.into(),
            "a part lies outside"
        );
    }
}
