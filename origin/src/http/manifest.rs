//! Manifests, rendered once a version of a title.

use std::sync::Arc;

use bytes::Bytes;
use strata_cache::{CacheMetrics, DerivedCache, HeapSize, Tier};
use strata_media::manifest::dash::Addressing;
use strata_media::manifest::{dash, hls, smooth};
use strata_media::text::HlsMedia;
use tokio::runtime::Handle;

use super::coding::{self, Coding};
use super::fault::Fault;
use super::query::{suffix_for, suffix_for_texts};
use super::route::Resource;
use super::thumbnails::Thumbnail;
use super::trick_play::TrickPlay;
use crate::asset::Title;
use crate::source::Tally;

/// A manifest in both codings.
#[derive(Debug)]
pub(super) struct Rendered {
    text: Bytes,
    gzip: Bytes,
}

impl Rendered {
    fn new(text: String) -> Self {
        let text = Bytes::from(text.into_boxed_str().into_boxed_bytes());
        // Compressing into memory cannot fail; if it does, text is right too
        // wherever gzip is not insisted on, and nobody does.
        let gzip = coding::gzip(&text).map_or_else(|_| text.clone(), Bytes::from);
        Self { text, gzip }
    }

    /// The bytes to send in `coding`.
    pub(super) fn bytes(&self, coding: Coding) -> Bytes {
        match coding {
            Coding::Identity => self.text.clone(),
            Coding::Gzip => self.gzip.clone(),
        }
    }
}

impl HeapSize for Rendered {
    fn heap_size(&self) -> usize {
        self.text.len() + self.gzip.len()
    }
}

/// Rendering panicked.
#[derive(Clone, Copy, Debug)]
pub(super) struct RenderError;

/// The manifests in memory.
#[derive(Clone, Debug)]
pub(super) struct Manifests {
    cache: DerivedCache<Rendered, RenderError>,
}

impl Manifests {
    pub(super) fn new(capacity_bytes: usize, runtime: Handle, metrics: &CacheMetrics) -> Self {
        Self {
            cache: DerivedCache::new(capacity_bytes, runtime, Tier::Manifests, metrics),
        }
    }

    /// The manifest `resource` of `title`.
    pub(super) async fn get(
        &self,
        title: &Arc<Title>,
        resource: Resource,
        tally: &Tally,
    ) -> Result<Arc<Rendered>, Fault> {
        // The fingerprint, so that a title loaded anew is rendered anew.
        if !resource.is_rendered() {
            return Err(Fault::Bug("media is no manifest"));
        }
        let tag = u128::from_le_bytes(*resource.tag().last_chunk().unwrap_or(&[0; 16]));
        let kind = resource.tag().first().copied().unwrap_or(0);
        let name = format!("{:032x}/{kind}/{tag:x}", title.fingerprint());
        let title = Arc::clone(title);
        let looked = self.cache.get_or_fill(&name, move || async move {
            // Milliseconds for a long title, which other requests would wait.
            let rendering =
                tokio::task::spawn_blocking(move || Arc::new(Rendered::new(render(&title, resource))));
            rendering.await.map_err(|_| RenderError)
        });
        let looked = looked.await.map_err(|_| Fault::Bug("rendering was lost"))?;
        tally.looked(looked.outcome);
        Ok(looked.value)
    }
}

fn render(title: &Title, resource: Resource) -> String {
    let presentation = title.presentation();
    match resource {
        Resource::Mpd => dash::mpd(presentation),
        Resource::NumberedMpd => dash::mpd_with(presentation, Addressing::Number),
        Resource::Master {
            media,
            texts,
            is_default,
        } => {
            let mut suffix = presentation.suffix.clone();
            if !is_default {
                suffix = suffix_for(media, &suffix);
            }
            match media {
                HlsMedia::FragmentedMp4 => {
                    if texts != title.packaging().hls_text {
                        suffix = suffix_for_texts(texts, &suffix);
                    }
                    hls::master_with(presentation, texts, &suffix)
                }
                HlsMedia::TransportStream => {
                    hls::ts::master(presentation, title.packaging().hls_streams, &suffix)
                }
            }
        }
        Resource::MediaPlaylist { track } => hls::media(presentation, track),
        // The names of segments say what they are.
        Resource::TsPlaylist { tracks } => hls::ts::media(presentation, &tracks.places()),
        Resource::Text(text) => text.render(presentation),
        Resource::ClientManifest => smooth::client_manifest(presentation, title.smooth()),
        Resource::TrickPlay(TrickPlay::Playlist { track, media }) => {
            hls::key_frames(presentation, track, media)
        }
        Resource::Thumbnail(Thumbnail::Playlist { track }) => hls::images(presentation, track),
        Resource::TrickPlay(_)
        | Resource::Thumbnail(_)
        | Resource::Init { .. }
        | Resource::Segment { .. }
        | Resource::TsSegment { .. }
        | Resource::Fragment { .. } => String::new(),
    }
}
