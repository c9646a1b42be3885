//! Playlists of texts: segments of WebVTT, RFC 8216 §3.5.

use crate::presentation::Presentation;
use crate::text::HlsMedia;

use super::super::escape::path_segment;
use super::media_playlist::{durations_us, head, write_segments};

/// `EXTINF` with decimals needs it, `RFC 8216 §7`.
const VERSION: u32 = 3;

/// The playlist of the presentation's text `text` (0-based) beside media of this
/// kind; empty if there is no such text.
#[must_use]
pub fn text(presentation: &Presentation, text: usize, media: HlsMedia) -> String {
    let Some(text) = presentation.texts.get(text) else {
        return String::new();
    };
    let folder = match media {
        HlsMedia::FragmentedMp4 => "hls/",
        HlsMedia::TransportStream => "",
    };
    let stem = path_segment(&format!("{}-{}", presentation.name, text.track.token));
    let suffix = &presentation.suffix;
    let durations = durations_us(&text.track);
    let mut playlist = head(VERSION, &durations);
    write_segments(&mut playlist, &durations, |number| {
        format!("{folder}{stem}-{number}.webvtt{suffix}")
    });
    playlist
}
