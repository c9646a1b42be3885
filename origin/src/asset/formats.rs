//! Says in the log, once a load, which tracks a format is without.

use strata_media::manifest::left_out;
use strata_media::manifest::smooth::Streams;
use strata_media::presentation::Presentation;

/// Logs each track that a format is without, and why.
pub(super) fn log_left_out(title: &str, presentation: &Presentation, smooth: &Streams) {
    for left_out in left_out(presentation, smooth) {
        let (format, track, reason) = (left_out.format, left_out.track, left_out.reason);
        tracing::info!(title, format, track, reason, "track left out of a format");
    }
}
