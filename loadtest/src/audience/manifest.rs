//! Manifests, read as players read them.

mod dash;
mod hls;
mod smooth;

use super::Protocol;
use super::film::{Film, ManifestError, Segment};

/// The film that a manifest at `path` describes.
///
/// # Errors
/// When it cannot be played.
pub(super) fn read(protocol: Protocol, path: &str, body: &[u8]) -> Result<Film, ManifestError> {
    let text = std::str::from_utf8(body).map_err(|_| ManifestError::Syntax("it is not UTF-8".to_owned()))?;
    match protocol {
        Protocol::Dash => dash::read(path, text),
        Protocol::Hls => hls::read_master(path, body),
        Protocol::Smooth => smooth::read(path, text),
    }
}

/// The init segment and the segments of an HLS media playlist at `path`.
///
/// # Errors
/// When it cannot be played.
pub(super) fn read_playlist(
    path: &str,
    body: &[u8],
) -> Result<(Option<String>, Vec<Segment>), ManifestError> {
    hls::read_media(path, body)
}

/// A count from a manifest as seconds.
fn seconds(ticks: u64, timescale: u64) -> f64 {
    crate::number::float(ticks) / crate::number::float(timescale.max(1))
}
