//! Loads one title.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use strata_cache::DiskTier;
use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::Streams;
use strata_media::plan::FileIndex;
use strata_media::presentation::{AssembleError, Presentation, Source};
use strata_media::read::ism::{self, MANIFEST_SIZE_MAX, ServerManifest, TrackReference};
use strata_media::read::mp4::{Movie, ReadError};
use strata_media::read::text::{TextBudget, TextError, TextFormat};
use strata_media::segment::SegmentationOptions;
use strata_media::thumbnail::NamedImages;

use super::error::LoadError;
use super::formats;
use super::images::{ImageLoader, Images};
use super::location::{self, LocationError};
use super::movie::{self, Budget};
use super::packaging::Packaging;
use super::record::Record;
use super::text::{self, TextFile};
use super::title::{Parts, Title};
use crate::source::{ObjectMeta, Opened, SourceObject, SourceReader, Tally};

/// Most files a server manifest may name.
pub const FILES_MAX: usize = 128;

/// Most bytes of indexes that are read for one title, all files together.
pub const INDEX_BYTES_MAX: u64 = 256 << 20;

/// Loads titles; what it needs for that.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    pub(super) reader: SourceReader,
    /// What indexes are read from, on disk.
    pub(super) indexes: Option<DiskTier>,
    pub(super) segmentation: SegmentationOptions,
    pub(super) packaging: Packaging,
    /// Files of one title read at the same time.
    pub(super) file_concurrency: usize,
}

/// A file of a title, and the tracks that are taken from it.
struct File {
    object: String,
    /// `None` to take every track of a file that is a title by itself.
    references: Vec<Option<TrackReference>>,
    /// What it is written in, if it is a text by itself and no MP4 file.
    format: Option<TextFormat>,
}

impl File {
    /// The texts that are taken from it.
    fn texts(self) -> impl Iterator<Item = TrackReference> {
        let references = self.references.into_iter().flatten();
        references.filter(|reference| reference.kind == MediaKind::Text)
    }

    /// Whether nothing but texts are taken from it.
    fn is_text(&self) -> bool {
        let is_text = |reference: &TrackReference| reference.kind == MediaKind::Text;
        self.references
            .iter()
            .all(|one| one.as_ref().is_some_and(is_text))
    }
}

/// What is in a file.
enum Content {
    /// Its tables, or why they cannot be read.
    Movie(Result<Movie, ReadError>),
    /// All of a text, or why it is not read.
    Text(TextFormat, Result<Bytes, TextError>),
}

/// What the files of a title were found to be.
#[derive(Default)]
struct Found {
    files: Vec<(File, SourceObject, Content)>,
    /// Files that are not to be had.
    absent: Vec<String>,
    /// Why the first file with pictures or sound is not there, or cannot be one.
    missing: Option<LoadError>,
    /// Thumbnails in files of their own.
    images: Vec<Images>,
}

impl Found {
    /// Why there is nothing to serve, when all files with pictures or sound are missing.
    fn nothing(&mut self) -> Option<LoadError> {
        let is_movie = |content: &Content| matches!(content, Content::Movie(_));
        let has_movie = self.files.iter().any(|(_, _, content)| is_movie(content));
        self.missing.take().filter(|_| !has_movie)
    }
}

impl Loader {
    /// Loads `title`.
    pub(super) async fn load(&self, title: &str, tally: &Arc<Tally>) -> Result<Title, LoadError> {
        let begun = Instant::now();
        let opened = movie::open(self.reader.store(), title, tally).await;
        let opened = opened.map_err(LoadError::of_title)?;
        let budget = Budget::new();
        if !is_server_manifest(title) {
            let file = File {
                object: title.to_owned(),
                references: vec![None],
                format: None,
            };
            let object = SourceObject::opened(self.reader.clone(), title, &opened);
            let movie = self.movie(&object, &opened, &budget, tally).await?;
            let found = Found {
                files: vec![(file, object, Content::Movie(Ok(movie)))],
                ..Found::default()
            };
            return self.assemble(title, self.packaging, None, found, begun).await;
        }
        let mut manifest = self.server_manifest(title, &opened, &budget, tally).await?;
        let packaging = self.packaging.of_manifest(&manifest);
        let images = self.images(title, &mut manifest, tally).await?;
        let mut found = self.find(title, &manifest, &budget, tally).await?;
        if let Some(error) = found.nothing() {
            return Err(error);
        }
        let absent = images.iter().filter_map(Images::absent);
        found.absent.extend(absent.map(str::to_owned));
        found.images = images;
        let manifest = Some((manifest, opened.meta));
        self.assemble(title, packaging, manifest, found, begun).await
    }

    /// Reads what is needed of the files that `manifest` names.
    async fn find(
        &self,
        title: &str,
        manifest: &ServerManifest,
        budget: &Budget,
        tally: &Arc<Tally>,
    ) -> Result<Found, LoadError> {
        let Named { files, misplaced } = files(title, manifest)?;
        let loads = files.into_iter().map(|file| async move {
            let content = self.content(&file, budget, tally).await;
            Ok::<_, LoadError>((file, content))
        });
        let mut loads = stream::iter(loads).buffered(self.file_concurrency.max(1));
        let mut texts = TextBudget::default();
        let mut found = Found {
            missing: misplaced.map(LoadError::from),
            ..Found::default()
        };
        while let Some((file, content)) = loads.try_next().await? {
            match content {
                Ok((object, Content::Text(format, bytes))) => {
                    // In the order of the manifest, so that every node leaves out the same.
                    let bytes = bytes.and_then(|bytes| texts.take(bytes.len()).map(|()| bytes));
                    found.files.push((file, object, Content::Text(format, bytes)));
                }
                Ok((object, content)) => found.files.push((file, object, content)),
                // A title without one of its files is still one. A store that fails says
                // nothing of what it has.
                Err(LoadError::File(reason)) => {
                    let object = file.object.as_str();
                    tracing::warn!(title, object, %reason, "file left out");
                    if !file.is_text() {
                        found.missing.get_or_insert(LoadError::File(reason));
                    }
                    found.absent.push(file.object);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn content(
        &self,
        file: &File,
        budget: &Budget,
        tally: &Arc<Tally>,
    ) -> Result<(SourceObject, Content), LoadError> {
        let opened = movie::open(self.reader.store(), &file.object, tally).await;
        let opened = opened.map_err(LoadError::of_file)?;
        let object = SourceObject::opened(self.reader.clone(), &file.object, &opened);
        let content = match file.format {
            Some(format) => {
                let bytes = text::read(self.reader.store(), &file.object, &opened, tally).await?;
                Content::Text(format, bytes)
            }
            None => match self.movie(&object, &opened, budget, tally).await {
                Ok(movie) => Content::Movie(Ok(movie)),
                // One bad file is no reason not to serve the others.
                Err(LoadError::Mp4 { error, .. }) => Content::Movie(Err(ReadError::clone(&error))),
                Err(error) => return Err(error),
            },
        };
        Ok((object, content))
    }

    /// Reads the tables of one file, as far as they are on disk from there.
    async fn movie(
        &self,
        object: &SourceObject,
        opened: &Opened,
        budget: &Budget,
        tally: &Arc<Tally>,
    ) -> Result<Movie, LoadError> {
        let mut record = Record::load(self.indexes.as_ref(), object).await;
        let movie = movie::read(object, opened, &mut record, budget, tally).await?;
        record.keep();
        for fault in &movie.index_faults {
            tracing::warn!(object = object.name(), %fault, "index of fragments not used");
        }
        Ok(movie)
    }

    /// Loads the thumbnails that lie in files of their own, and takes them out of
    /// `manifest`.
    async fn images(
        &self,
        title: &str,
        manifest: &mut ServerManifest,
        tally: &Arc<Tally>,
    ) -> Result<Vec<Images>, LoadError> {
        let loader = ImageLoader {
            reader: &self.reader,
            title,
            concurrency: self.file_concurrency,
            tally,
        };
        let mut images = Vec::new();
        for named in NamedImages::take(&mut manifest.tracks) {
            images.push(loader.load(named).await?);
        }
        Ok(images)
    }

    async fn server_manifest(
        &self,
        title: &str,
        opened: &Opened,
        budget: &Budget,
        tally: &Tally,
    ) -> Result<ServerManifest, LoadError> {
        let size = opened.meta.size;
        let limit = MANIFEST_SIZE_MAX as u64;
        if limit < size {
            let what = "bytes of server manifest";
            return Err(LoadError::Limit { what, limit });
        }
        budget.take(size)?;
        let bytes = text::read_whole(self.reader.store(), title, opened, tally).await;
        let bytes = bytes.map_err(LoadError::of_title)?;
        ism::read(&bytes).map_err(|error| LoadError::Ism {
            object: title.into(),
            error: Arc::new(error),
        })
    }

    async fn assemble(
        &self,
        title: &str,
        packaging: Packaging,
        manifest: Option<(ServerManifest, ObjectMeta)>,
        found: Found,
        begun: Instant,
    ) -> Result<Title, LoadError> {
        let mut objects = Vec::with_capacity(found.files.len());
        let mut sources = Vec::new();
        let mut texts = Vec::new();
        for ((file, object, content), index) in found.files.into_iter().zip(0_u32..) {
            objects.push(object);
            let index = FileIndex(index);
            match content {
                Content::Movie(movie) => {
                    sources.extend(file.references.into_iter().map(|reference| Source {
                        file: index,
                        content: movie.clone(),
                        reference,
                    }))
                }
                Content::Text(format, bytes) => texts.push(TextFile {
                    index,
                    references: file.texts().collect(),
                    format,
                    bytes,
                }),
            }
        }
        let (manifest, meta) = manifest.unzip();
        let mut placed_images = Vec::new();
        for images in found.images {
            let first = u32::try_from(objects.len()).unwrap_or(u32::MAX);
            objects.extend_from_slice(images.objects());
            placed_images.push((images, first));
        }
        let name = stem(title).to_owned();
        let segmentation = self.segmentation;
        // Walks every sample of every track: milliseconds for a long film.
        let work = tokio::task::spawn_blocking(move || {
            let mut presentation = Presentation::assemble(&name, &sources, &segmentation)?;
            if presentation.tracks.is_empty() {
                let skipped = presentation.skipped;
                return Err(AssembleError::Nothing { skipped });
            }
            if let Some(manifest) = manifest {
                presentation.read_metas(&manifest);
            }
            let notes = text::add(&mut presentation, texts);
            for (images, first) in placed_images {
                images.add_to(&mut presentation, first);
            }
            let smooth = Streams::of(&presentation);
            Ok((presentation, smooth, notes))
        });
        let assembled = work.await.map_err(|_| LoadError::Lost)?;
        let (presentation, smooth, notes) =
            assembled.map_err(|error| LoadError::Assemble(Arc::new(error)))?;
        log_left_out(title, &objects, &presentation, &smooth, notes);
        let parts = Parts {
            path: title.to_owned(),
            presentation,
            smooth,
            packaging,
            objects,
            absent: found.absent,
            manifest: meta,
            segmentation: self.segmentation,
        };
        Ok(Title::new(parts, begun))
    }
}

/// Logs what of a title is not served, or not everywhere, and what will hurt players.
fn log_left_out<N: Display>(
    title: &str,
    objects: &[SourceObject],
    presentation: &Presentation,
    smooth: &Streams,
    notes: Vec<(FileIndex, N)>,
) {
    let name_of = |file: FileIndex| {
        let object = usize::try_from(file.0).ok().and_then(|file| objects.get(file));
        object.map_or("", SourceObject::name)
    };
    for (file, note) in notes {
        tracing::warn!(title, object = name_of(file), %note, "part of a text left out");
    }
    formats::log_left_out(title, presentation, smooth);
    for skipped in &presentation.skipped {
        let (object, track, reason) = (name_of(skipped.file), skipped.source_id, &skipped.reason);
        tracing::warn!(title, object, track, %reason, "track left out");
    }
    for warning in &presentation.warnings {
        tracing::warn!(title, %warning, "players will be hurt");
    }
}

/// The files that a server manifest names.
struct Named {
    /// Each once, in the order of their first mention.
    files: Vec<File>,
    /// Why the first with pictures or sound that can be no file of the store is none.
    misplaced: Option<LocationError>,
}

fn files(title: &str, manifest: &ServerManifest) -> Result<Named, LoadError> {
    let mut misplaced = None;
    let mut files: Vec<File> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for reference in &manifest.tracks {
        let object = match location::resolve(title, &reference.src) {
            Ok(object) => object,
            Err(reason) => {
                tracing::warn!(title, %reason, "file left out");
                if reference.kind != MediaKind::Text {
                    misplaced.get_or_insert(reason);
                }
                continue;
            }
        };
        if let Some(file) = known.get(&object).and_then(|position| files.get_mut(*position)) {
            file.references.push(Some(reference.clone()));
            continue;
        }
        if files.len() == FILES_MAX {
            return Err(LoadError::Limit {
                what: "files",
                limit: FILES_MAX as u64,
            });
        }
        known.insert(object.clone(), files.len());
        files.push(File {
            object,
            references: vec![Some(reference.clone())],
            format: TextFormat::of_reference(reference),
        });
    }
    Ok(Named { files, misplaced })
}

fn is_server_manifest(title: &str) -> bool {
    title
        .rsplit_once('.')
        .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("ism"))
}

/// The title's file name without its ending.
pub(super) fn stem(title: &str) -> &str {
    let name = title.rsplit_once('/').map_or(title, |(_, name)| name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
