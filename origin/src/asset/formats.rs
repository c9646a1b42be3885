//! Which of a title's tracks a format cannot carry. They are served in the
//! formats that can, and the log says so once a load.

use strata_media::manifest::smooth::Streams;
use strata_media::manifest::{dash, hls};
use strata_media::multiplex::carriage_of;
use strata_media::presentation::Presentation;

/// Logs each track that a format is without, and why.
pub(super) fn log_left_out(title: &str, presentation: &Presentation, smooth: &Streams) {
    let log = |format: &str, track: &str, reason: &dyn std::fmt::Display| {
        tracing::info!(title, format, track, %reason, "track left out of a format");
    };
    for track in &presentation.tracks {
        let Some(codec) = track.codec().map(|config| config.codec) else {
            continue;
        };
        let no_mapping = format!("{} has no mapping to it", codec.name());
        if !dash::allows(codec) {
            log("dash", &track.token, &no_mapping);
        }
        if !hls::allows(codec) {
            log("hls", &track.token, &no_mapping);
        }
        if let Err(reason) = carriage_of(track) {
            log("hls_ts", &track.token, &reason);
        }
    }
    for left_out in &smooth.left_out {
        if let Some(track) = presentation.tracks.get(left_out.track) {
            log("smooth", &track.token, &left_out.reason);
        }
    }
}
