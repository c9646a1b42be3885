//! Thumbnails in files of their own, read from local files.

use std::path::Path;

use anyhow::Context as _;
use strata_media::plan::FileIndex;
use strata_media::presentation::{Presentation, Warning};
use strata_media::read::jpeg;
use strata_media::read::text::{self, TextFormat};
use strata_media::thumbnail::{self, ImageFile, NamedImages, SideImages};

use super::title::SourceFile;

/// Bytes of a picture that its size is looked for in, as an origin does.
const HEAD_BYTES: u64 = 64 << 10;

/// Adds the thumbnails that the server manifest `manifest` names to `presentation`, and
/// their files to `files`. Where an origin would serve the title without them, the
/// presentation gets a warning.
pub(super) fn add(
    manifest: &Path,
    named: &NamedImages,
    files: &mut Vec<SourceFile>,
    presentation: &mut Presentation,
) {
    let Some(reference) = named.reference() else {
        return;
    };
    let side = match named {
        NamedImages::Images(references) => {
            let names: Vec<&str> = references
                .iter()
                .map(|reference| reference.src.as_str())
                .collect();
            open(manifest, &names, files).and_then(|images| Ok(SideImages::of_images(reference, images)?))
        }
        NamedImages::Sprites(_) => sprites(manifest, named, files),
    };
    match side {
        Ok(side) => presentation.add_images(side),
        Err(error) => presentation.warnings.push(Warning::NoThumbnails {
            src: reference.src.clone(),
            reason: format!("{error:#}"),
        }),
    }
}

fn sprites(manifest: &Path, named: &NamedImages, files: &mut Vec<SourceFile>) -> anyhow::Result<SideImages> {
    let reference = named.reference().context("no file")?;
    let path = beside(manifest, &reference.src);
    let list = SourceFile::of_image(path.clone())?;
    anyhow::ensure!(list.size < text::FILE_SIZE_MAX as u64, "the file is too large");
    let bytes = list.bytes(0..list.size)?;
    files.push(list);
    let read = text::read(&bytes, TextFormat::WebVtt)?;
    let sprites = thumbnail::sprites(&read.document)?;
    let images = open(&path, &thumbnail::images(&sprites), files)?;
    Ok(SideImages::of_sprites(reference, &sprites, images)?)
}

/// Opens the images `names`, written in the file `base`.
fn open(base: &Path, names: &[&str], files: &mut Vec<SourceFile>) -> anyhow::Result<Vec<ImageFile>> {
    let mut images = Vec::new();
    for name in names {
        let file = SourceFile::of_image(beside(base, name))?;
        let head = file.bytes(0..file.size.min(HEAD_BYTES))?;
        let pixels = jpeg::size(&head).with_context(|| file.path.display().to_string())?;
        images.push(ImageFile {
            file: FileIndex(u32::try_from(files.len())?),
            size: file.size,
            pixels,
        });
        files.push(file);
    }
    Ok(images)
}

fn beside(base: &Path, name: &str) -> std::path::PathBuf {
    base.parent().unwrap_or(Path::new(".")).join(name)
}
