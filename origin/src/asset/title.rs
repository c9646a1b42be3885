//! A title in memory.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use strata_cache::HeapSize;
use strata_media::manifest::smooth::Streams;
use strata_media::plan::FileIndex;
use strata_media::presentation::Presentation;
use strata_media::segment::SegmentationOptions;
use xxhash_rust::xxh3::Xxh3;

use super::freshness::{Age, Freshness};
use super::load::stem;
use super::packaging::Packaging;
use crate::source::{ObjectMeta, SourceObject};

/// Changes with everything that changes the bytes of an answer to the same
/// request on the same sources, so that caches do not mix the two.
const PACKAGING_VERSION: u32 = 1;

/// A title: its presentation and the objects that its media lies in.
#[derive(Debug)]
pub struct Title {
    path: String,
    presentation: Presentation,
    smooth: Streams,
    packaging: Packaging,
    objects: Vec<SourceObject>,
    absent: Vec<String>,
    manifest: Option<ObjectMeta>,
    fingerprint: u128,
    modified: Option<SystemTime>,
    /// That of the title as a whole, when this is a shape of it.
    freshness: Arc<Freshness>,
}

/// What a title is made of.
pub(super) struct Parts {
    pub(super) path: String,
    pub(super) presentation: Presentation,
    pub(super) smooth: Streams,
    pub(super) packaging: Packaging,
    /// By [`FileIndex`].
    pub(super) objects: Vec<SourceObject>,
    /// Objects that the title would have if they were there.
    pub(super) absent: Vec<String>,
    /// The server manifest, which is at `path`.
    pub(super) manifest: Option<ObjectMeta>,
    pub(super) segmentation: SegmentationOptions,
}

impl Title {
    /// A title whose load began at `begun`.
    pub(super) fn new(parts: Parts, begun: Instant) -> Self {
        let metas = || {
            let objects = parts.objects.iter().map(|object| (object.name(), object.meta()));
            let manifest = parts.manifest.as_ref().map(|meta| (parts.path.as_str(), meta));
            manifest.into_iter().chain(objects)
        };
        let mut hasher = Xxh3::new();
        hasher.update(&PACKAGING_VERSION.to_le_bytes());
        hasher.update(&parts.segmentation.target_duration.as_nanos().to_le_bytes());
        for (name, meta) in metas() {
            for text in [name, &meta.version] {
                hasher.update(&text.len().to_le_bytes());
                hasher.update(text.as_bytes());
            }
            hasher.update(&meta.size.to_le_bytes());
        }
        let fingerprint = hasher.digest128();
        let modified = metas().filter_map(|(_, meta)| meta.modified).max();
        Self {
            path: parts.path,
            presentation: parts.presentation,
            smooth: parts.smooth,
            packaging: parts.packaging,
            objects: parts.objects,
            absent: parts.absent,
            manifest: parts.manifest,
            fingerprint,
            modified,
            freshness: Arc::new(Freshness::new(begun)),
        }
    }

    /// A shape of the title: of the same sources, and doubted and renewed with it.
    pub(super) fn with_presentation(&self, presentation: Presentation) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&self.fingerprint.to_le_bytes());
        hasher.update(presentation.suffix.as_str().as_bytes());
        Self {
            path: self.path.clone(),
            smooth: Streams::of(&presentation),
            presentation,
            packaging: self.packaging,
            objects: self.objects.clone(),
            absent: self.absent.clone(),
            manifest: self.manifest.clone(),
            fingerprint: hasher.digest128(),
            modified: self.modified,
            freshness: Arc::clone(&self.freshness),
        }
    }

    /// The title's name in the store.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last segment of the path, without its ending.
    #[must_use]
    pub fn stem(&self) -> &str {
        stem(&self.path)
    }

    /// Tracks, segments, codecs.
    #[must_use]
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// What of it is offered over Smooth Streaming.
    #[must_use]
    pub fn smooth(&self) -> &Streams {
        &self.smooth
    }

    /// How it is offered where a format leaves a choice.
    #[must_use]
    pub fn packaging(&self) -> Packaging {
        self.packaging
    }

    /// The object that a plan or a track means by `file`.
    #[must_use]
    pub fn object(&self, file: FileIndex) -> Option<&SourceObject> {
        self.objects.get(usize::try_from(file.0).ok()?)
    }

    /// Names everything that the bytes of an answer depend on besides the
    /// request: how titles are packaged, and which versions of which sources.
    /// The same on every node.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// When the youngest of the sources was changed.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// A read found that the title is no longer what the store has: it is
    /// compared with the store before it is served again.
    pub fn doubt(&self) {
        self.freshness.doubt();
    }

    /// Every object that the title was made from, with what it was then.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &ObjectMeta)> {
        let objects = self.objects.iter().map(|object| (object.name(), object.meta()));
        let manifest = self.manifest.as_ref().map(|meta| (self.path.as_str(), meta));
        manifest.into_iter().chain(objects)
    }

    /// The objects that were not to be had when the title was made, which is without
    /// what is in them.
    pub(super) fn absent(&self) -> impl Iterator<Item = &str> {
        self.absent.iter().map(String::as_str)
    }

    /// Whether a file that its server manifest names is not to be had.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        !self.absent.is_empty()
    }

    /// When its load began: what it knows of the store is not older.
    pub(super) fn loaded(&self) -> Instant {
        self.freshness.loaded()
    }

    pub(super) fn age(&self, now: Instant, lifetime: Duration) -> Age {
        self.freshness.age(now, lifetime)
    }

    pub(super) fn renew(&self, now: Instant) {
        self.freshness.renew(now);
    }

    /// The right to compare this title with the store, until it is dropped;
    /// `None` when somebody else has it.
    pub(super) fn claim_check(self: &Arc<Self>) -> Option<CheckClaim> {
        self.freshness.claim().then(|| CheckClaim(Arc::clone(self)))
    }
}

/// The right to compare a title with the store.
#[derive(Debug)]
pub(super) struct CheckClaim(Arc<Title>);

impl CheckClaim {
    pub(super) fn title(&self) -> &Arc<Title> {
        &self.0
    }
}

impl Drop for CheckClaim {
    fn drop(&mut self) {
        self.0.freshness.release();
    }
}

impl HeapSize for Title {
    fn heap_size(&self) -> usize {
        let text = |name: &str, meta: &ObjectMeta| name.len() + meta.version.len();
        let objects: usize = self
            .objects
            .iter()
            .map(|object| 2 * text(object.name(), object.meta()) + OBJECT_BYTES)
            .sum();
        self.presentation.heap_size() + self.smooth.heap_size() + self.path.len() + objects
    }
}

/// What an object holds beside its names: handles and counts.
const OBJECT_BYTES: usize = 256;
