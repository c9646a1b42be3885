//! A file that a server manifest is made for.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use strata_media::read::mp4::{MoovPlace, Movie};
use strata_media::read::text::{self, FILE_SIZE_MAX, TextError, TextFormat};
use strata_media::text::Document;

use crate::local_file::{find_moov, read_movie, read_range};

/// What stays as it is in `src`, which is a URL.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'=')
    .remove(b'(')
    .remove(b')');

/// A file.
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// As the manifest names it.
    pub(super) src: String,
    pub(super) content: Content,
}

/// What is in it.
pub(super) enum Content {
    /// MP4.
    Movie {
        movie: Box<Movie>,
        moov: Option<MoovPlace>,
    },
    /// A side text, and what was left out of it.
    Text {
        document: Document,
        notes: Vec<TextError>,
    },
}

impl Input {
    /// Reads the file at `path` for a manifest in `folder`.
    pub(super) fn open(path: &Path, folder: &Path) -> anyhow::Result<Self> {
        let read = || -> anyhow::Result<Self> {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.context("its name is not UTF-8")?;
            let content = match TextFormat::of_name(name) {
                Some(format) => read_text(&file, size, format)?,
                None => movie_of(&file, size)?,
            };
            Ok(Self {
                path: path.to_owned(),
                src: src(path, folder)?,
                content,
            })
        };
        read().with_context(|| path.display().to_string())
    }

    pub(super) fn movie(&self) -> Option<&Movie> {
        match &self.content {
            Content::Movie { movie, .. } => Some(movie.as_ref()),
            Content::Text { .. } => None,
        }
    }

    /// The file's name without its ending.
    pub(super) fn stem(&self) -> String {
        let stem = self.path.file_stem();
        stem.map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

fn read_text(file: &File, size: u64, format: TextFormat) -> anyhow::Result<Content> {
    ensure!(size <= FILE_SIZE_MAX as u64, "longer than {FILE_SIZE_MAX} bytes");
    let read = text::read(&read_range(file, 0..size)?, format)?;
    Ok(Content::Text {
        document: read.document,
        notes: read.notes,
    })
}

fn movie_of(file: &File, size: u64) -> anyhow::Result<Content> {
    let movie = read_movie(file, size)??;
    ensure!(!movie.tracks.is_empty(), "has no track of video, sound or text");
    Ok(Content::Movie {
        movie: Box::new(movie),
        moov: find_moov(file, size)?,
    })
}

/// How a manifest in `folder` names `path`: an origin reads nothing outside of its store,
/// which the folder may be all of.
fn src(path: &Path, folder: &Path) -> anyhow::Result<String> {
    let folder_path = folder
        .canonicalize()
        .with_context(|| folder.display().to_string())?;
    let full = path.canonicalize()?;
    let relative = full.strip_prefix(&folder_path).ok().with_context(|| {
        format!(
            "stands outside of {}, the folder of the manifest",
            folder.display()
        )
    })?;
    let parts = relative.components().map(|part| match part {
        Component::Normal(part) => part.to_str().context("its path is not UTF-8"),
        _ => bail!("its path is not plain"),
    });
    let parts = parts.collect::<anyhow::Result<Vec<&str>>>()?;
    Ok(utf8_percent_encode(&parts.join("/"), &KEPT).to_string())
}
