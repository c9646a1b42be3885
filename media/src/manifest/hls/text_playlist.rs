//! Playlists of texts: segments of WebVTT, RFC 8216 §3.5, or those of DASH.

use std::fmt::Write as _;

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

/// The playlist of the presentation's text `text` (0-based) in fragmented MP4, whose
/// segments are those of DASH; empty if there is no such text, or it has none.
#[must_use]
pub fn text_fragments(presentation: &Presentation, text: usize) -> String {
    let found = presentation.texts.get(text);
    let Some(text) = found.filter(|text| text.form.is_segmented()) else {
        return String::new();
    };
    let stem = path_segment(&format!("{}-{}", presentation.name, text.track.token));
    let suffix = &presentation.suffix;
    let durations = durations_us(&text.track);
    let mut playlist = head(super::VERSION, &durations);
    // Writing to a String cannot fail.
    let _ = writeln!(playlist, "#EXT-X-MAP:URI=\"dash/{stem}.dash{suffix}\"");
    write_segments(&mut playlist, &durations, |number| {
        format!("dash/{stem}-{number}.m4s{suffix}")
    });
    playlist
}
