//! Loads one title.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use strata_cache::ChunkCache;
use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::Streams;
use strata_media::plan::FileIndex;
use strata_media::presentation::{AssembleError, Presentation, Source};
use strata_media::read::ism::{self, MANIFEST_SIZE_MAX, ServerManifest, TrackReference};
use strata_media::read::mp4::{Movie, ReadError};
use strata_media::segment::SegmentationOptions;

use super::error::LoadError;
use super::formats;
use super::location;
use super::movie::{self, Budget};
use super::packaging::Packaging;
use super::title::{Parts, Title};
use crate::source::{ObjectMeta, Opened, SourceError, SourceObject, Store, Tally};

/// Most files a server manifest may name.
pub const FILES_MAX: usize = 128;

/// Most bytes of indexes that are read for one title, all files together.
pub const INDEX_BYTES_MAX: u64 = 256 << 20;

/// Loads titles; what it needs for that.
#[derive(Clone, Debug)]
pub(super) struct Loader {
    pub(super) store: Arc<Store>,
    pub(super) chunks: ChunkCache<SourceError>,
    pub(super) segmentation: SegmentationOptions,
    pub(super) packaging: Packaging,
    /// Files of one title read at the same time.
    pub(super) file_concurrency: usize,
}

/// A file of a title, and the tracks that are taken from it.
struct File {
    object: String,
    references: Vec<Option<TrackReference>>,
}

impl Loader {
    /// Loads `title`.
    pub(super) async fn load(&self, title: &str, tally: &Arc<Tally>) -> Result<Title, LoadError> {
        let opened = movie::open(&self.store, title, tally).await;
        let opened = opened.map_err(LoadError::of_title)?;
        let budget = Budget::new();
        if !is_server_manifest(title) {
            let file = File {
                object: title.to_owned(),
                references: vec![None],
            };
            let movie = movie::read(&self.store, title, &opened, &budget, tally).await?;
            return self
                .assemble(title, self.packaging, None, vec![(file, opened.meta, Ok(movie))])
                .await;
        }
        let manifest = self.server_manifest(title, &opened, &budget, tally).await?;
        let packaging = self.packaging.of_manifest(&manifest);
        let files = files(title, manifest)?;
        let loads = files.into_iter().map(|file| {
            let budget = &budget;
            async move {
                let opened = movie::open(&self.store, &file.object, tally).await;
                let opened = opened.map_err(LoadError::of_file)?;
                let movie = match movie::read(&self.store, &file.object, &opened, budget, tally).await {
                    Ok(movie) => Ok(movie),
                    // One bad file is no reason not to serve the others.
                    Err(LoadError::Mp4 { error, .. }) => Err(ReadError::clone(&error)),
                    Err(error) => return Err(error),
                };
                Ok::<_, LoadError>((file, opened.meta, movie))
            }
        });
        let concurrency = self.file_concurrency.max(1);
        let movies: Vec<_> = stream::iter(loads).buffered(concurrency).try_collect().await?;
        self.assemble(title, packaging, Some(opened.meta), movies).await
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
        let head: Bytes = opened.head.bytes().clone();
        let bytes = if head.len() as u64 == size {
            head
        } else {
            budget.take(size)?;
            let rest = head.len() as u64..size;
            let rest = self.store.read(title, &opened.meta.version, rest, tally).await;
            let rest = rest.map_err(LoadError::of_title)?;
            [head, rest.into()].concat().into()
        };
        ism::read(&bytes).map_err(|error| LoadError::Ism {
            object: title.into(),
            error: Arc::new(error),
        })
    }

    async fn assemble(
        &self,
        title: &str,
        packaging: Packaging,
        manifest: Option<ObjectMeta>,
        files: Vec<(File, ObjectMeta, Result<Movie, ReadError>)>,
    ) -> Result<Title, LoadError> {
        let mut objects = Vec::with_capacity(files.len());
        let mut sources = Vec::new();
        for ((file, meta, movie), index) in files.into_iter().zip(0_u32..) {
            let object = SourceObject::new(Arc::clone(&self.store), self.chunks.clone(), &file.object, meta);
            objects.push(object);
            for reference in file.references {
                sources.push(Source {
                    file: FileIndex(index),
                    content: movie.clone(),
                    reference,
                });
            }
        }
        let name = stem(title).to_owned();
        let segmentation = self.segmentation;
        // Walks every sample of every track: milliseconds for a long film.
        let work = tokio::task::spawn_blocking(move || {
            let mut presentation = Presentation::assemble(&name, &sources, &segmentation)?;
            // What has no route yet must not stand in a manifest.
            let texts = std::mem::take(&mut presentation.texts);
            if presentation.tracks.is_empty() {
                let skipped = presentation.skipped;
                return Err(AssembleError::Nothing { skipped });
            }
            let smooth = Streams::of(&presentation);
            Ok((presentation, smooth, texts))
        });
        let assembled = work.await.map_err(|_| LoadError::Lost)?;
        let (presentation, smooth, texts) =
            assembled.map_err(|error| LoadError::Assemble(Arc::new(error)))?;
        for text in &texts {
            let track = text.track.token.as_str();
            tracing::warn!(title, track, "text track left out: not served yet");
        }
        formats::log_left_out(title, &presentation, &smooth);
        for skipped in &presentation.skipped {
            let file = usize::try_from(skipped.file.0).ok();
            let object = file
                .and_then(|file| objects.get(file))
                .map_or("", SourceObject::name);
            let (track, reason) = (skipped.source_id, &skipped.reason);
            tracing::warn!(title, object, track, %reason, "track left out");
        }
        for warning in &presentation.warnings {
            tracing::warn!(title, %warning, "players will be hurt");
        }
        let parts = Parts {
            path: title.to_owned(),
            presentation,
            smooth,
            packaging,
            objects,
            manifest,
            segmentation: self.segmentation,
        };
        Ok(Title::new(parts, Instant::now()))
    }
}

/// The files that `manifest` names, each once, in the order of their first
/// mention.
fn files(title: &str, manifest: ServerManifest) -> Result<Vec<File>, LoadError> {
    let mut files: Vec<File> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for reference in manifest.tracks {
        if reference.kind == MediaKind::Text {
            tracing::warn!(title, src = reference.src, "text track left out: not served yet");
            continue;
        }
        let object = location::resolve(title, &reference.src)?;
        if let Some(file) = known.get(&object).and_then(|position| files.get_mut(*position)) {
            file.references.push(Some(reference));
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
            references: vec![Some(reference)],
        });
    }
    Ok(files)
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
