//! Which of a title's tracks a format cannot carry. They are served in the formats
//! that can.

use crate::multiplex::carriage_of;
use crate::presentation::Presentation;

use super::smooth::Streams;
use super::{dash, hls};

/// A track that a format is without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// `dash`, `hls`, `hls_ts` or `smooth`.
    pub format: &'static str,
    /// The track's token.
    pub track: String,
    /// Why.
    pub reason: String,
}

/// All of them; `smooth` are the streams of the presentation.
#[must_use]
pub fn left_out(presentation: &Presentation, smooth: &Streams) -> Vec<LeftOut> {
    let mut all = Vec::new();
    let mut add = |format, track: &str, reason: String| {
        let track = track.to_owned();
        all.push(LeftOut {
            format,
            track,
            reason,
        });
    };
    for track in &presentation.tracks {
        let Some(codec) = track.codec().map(|config| config.codec) else {
            continue;
        };
        let no_mapping = format!("{} has no mapping to it", codec.name());
        if !dash::allows(codec) {
            add("dash", &track.token, no_mapping.clone());
        }
        if !hls::allows(codec) {
            add("hls", &track.token, no_mapping);
        }
        if let Err(reason) = carriage_of(track) {
            add("hls_ts", &track.token, reason.to_string());
        }
    }
    for left_out in &smooth.left_out {
        if let Some(track) = presentation.tracks.get(left_out.track) {
            add("smooth", &track.token, left_out.reason.to_string());
        }
    }
    all
}
