//! Playlists of thumbnails, as "HLS Image Media Playlist" has them: a convention of
//! players and packagers, which others pass over as tags they do not know.
//!
//! `thumbnails/film-thumbnails=5000.m3u8` lists the images beside it,
//! `film-thumbnails=5000-1.jpg` and so on.

use std::fmt::Write as _;

use crate::presentation::Presentation;
use crate::shape::Suffix;

use super::super::escape::path_segment;
use super::media_playlist::{cumulated_us, head};
use super::{Attributes, FIRST_SEGMENT_NUMBER};

/// As the convention has it.
const VERSION: u32 = 7;

/// The playlist of the presentation's thumbnails `index` (0-based); empty if there
/// are none.
#[must_use]
pub fn images(presentation: &Presentation, index: usize) -> String {
    let Some(thumbnails) = presentation.thumbnails.get(index) else {
        return String::new();
    };
    let track = &thumbnails.track;
    let stem = path_segment(&format!("{}-{}", presentation.name, track.token));
    let durations = cumulated_us(track.timescale, track.segments.iter().map(|image| image.duration));
    let mut playlist = head(VERSION, &durations);
    playlist.push_str("#EXT-X-IMAGES-ONLY\n");
    let (width, height) = thumbnails.tile_size();
    let suffix = &presentation.suffix;
    for (image, duration) in durations.iter().enumerate() {
        let tile = track.timescale.microseconds(thumbnails.tile_ticks(image));
        let number = image + FIRST_SEGMENT_NUMBER;
        // The layout is said of each: not every player carries it on. Writing to a
        // String cannot fail.
        let _ = writeln!(playlist, "#EXTINF:{},", seconds(*duration));
        Attributes::of("#EXT-X-TILES")
            .plain("RESOLUTION", format_args!("{width}x{height}"))
            .plain("LAYOUT", thumbnails.tiles)
            .plain("DURATION", seconds(tile))
            .write_to(&mut playlist);
        let _ = writeln!(playlist, "{stem}-{number}.jpg{suffix}");
    }
    playlist.push_str("#EXT-X-ENDLIST\n");
    playlist
}

/// Writes an `EXT-X-IMAGE-STREAM-INF` for each track of thumbnails; `suffix` is
/// put behind every URI.
pub(super) fn write_streams(playlist: &mut String, presentation: &Presentation, suffix: &Suffix) {
    let listed = presentation.thumbnails.iter();
    for thumbnails in listed.filter(|thumbnails| thumbnails.starts_with_presentation()) {
        let track = &thumbnails.track;
        let (width, height) = thumbnails.tile_size();
        let uri = super::playlist_uri(&presentation.name, track, suffix);
        Attributes::of("#EXT-X-IMAGE-STREAM-INF")
            .plain("BANDWIDTH", track.bandwidth.peak)
            .plain("AVERAGE-BANDWIDTH", track.bandwidth.average)
            .plain("RESOLUTION", format_args!("{width}x{height}"))
            .quoted("CODECS", "jpeg")
            .quoted("URI", &format!("thumbnails/{uri}"))
            .write_to(playlist);
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
