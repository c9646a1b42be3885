//! Server manifests.

use strata_media::read::ism::{self, TRACKS_MAX};
use strata_media::text::{ClosedCaptions, TextTraits};

/// Reads a server manifest and what it says beside the names of files.
pub fn run(data: &[u8]) {
    match ism::read(data) {
        Ok(manifest) => {
            assert!(!manifest.tracks.is_empty() && manifest.tracks.len() <= TRACKS_MAX);
            for track in &manifest.tracks {
                assert!(!track.src.is_empty());
                let _ = TextTraits::of(track);
            }
            for (_, content) in &manifest.metas {
                let _ = ClosedCaptions::parse(content);
            }
        }
        Err(error) => {
            assert!(error.line > 0 && error.column > 0);
            assert!(!error.to_string().is_empty());
        }
    }
}
