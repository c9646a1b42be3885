//! HLS: multivariant and media playlists, RFC 8216 and draft-pantos-hls-rfc8216bis.
//!
//! A track's playlist stands beside the master (`film-video=401000.m3u8`), its
//! segments below `hls/`: `hls/film-video=401000.m4s` initializes,
//! `hls/film-video=401000-1.m4s` is the first.

mod audio_group;
mod media_playlist;
mod variant;

use std::fmt::Write as _;

use crate::codec::{Codec, MediaKind};
use crate::presentation::Presentation;

use super::escape::{path_segment, quoted_string};
use super::rendition::Rendition;

pub use media_playlist::media;

/// `EXT-X-MAP` in playlists of whole segments needs it, `RFC 8216 §7`.
const VERSION: u32 = 6;

/// The number of the first segment; the others follow.
pub const FIRST_SEGMENT_NUMBER: usize = 1;

/// Whether HLS can carry the codec in fragmented MP4; the others are left out
/// of the playlists.
#[must_use]
pub fn allows(codec: Codec) -> bool {
    // WebVTT stands in segments of its own format, and tx3g would need a conversion.
    !matches!(codec, Codec::Vp8 | Codec::Wvtt | Codec::Tx3g)
}

/// The multivariant playlist of a title: a variant for each pairing of a video
/// track with an audio group, or for each audio group when there is no video.
#[must_use]
pub fn master(presentation: &Presentation) -> String {
    let tracks = presentation.tracks.iter().enumerate();
    let renditions = tracks.filter_map(|(index, track)| Rendition::new(index, track));
    let mut by_kind = [Vec::new(), Vec::new(), Vec::new()];
    let [videos, audio, texts] = &mut by_kind;
    for rendition in renditions.filter(|rendition| allows(rendition.codec)) {
        match rendition.kind() {
            MediaKind::Video => videos.push(rendition),
            MediaKind::Audio => audio.push(rendition),
            MediaKind::Text => texts.push(rendition),
        }
    }
    let groups = audio_group::groups(audio);
    let mut playlist = format!("#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for group in &groups {
        group.write(&mut playlist, &presentation.name);
    }
    variant::write_subtitles(&mut playlist, &presentation.name, texts);
    // Players start with the first variant, so the order of the title decides.
    for video in videos.iter() {
        if groups.is_empty() {
            variant::write(&mut playlist, &presentation.name, Some(video), None, texts);
        }
        for group in &groups {
            variant::write(&mut playlist, &presentation.name, Some(video), Some(group), texts);
        }
    }
    if videos.is_empty() {
        for group in &groups {
            variant::write(&mut playlist, &presentation.name, None, Some(group), texts);
        }
    }
    playlist
}

/// The URI of a track's playlist, relative to the master's.
fn playlist_uri(name: &str, rendition: &Rendition<'_>) -> String {
    format!(
        "{}.m3u8",
        path_segment(&format!("{name}-{}", rendition.track.token))
    )
}

/// Collects the attributes of a tag, `RFC 8216 §4.2`.
struct Attributes(String);

impl Attributes {
    fn of(tag: &str) -> Self {
        Self(format!("{tag}:"))
    }

    /// A decimal or enumerated value.
    fn plain(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let comma = if self.0.ends_with(':') { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{comma}{name}={value}");
        self
    }

    /// A quoted string.
    fn quoted(self, name: &str, value: &str) -> Self {
        self.plain(name, quoted_string(value))
    }

    fn quoted_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.quoted(name, value),
            None => self,
        }
    }

    fn write_to(self, playlist: &mut String) {
        playlist.push_str(&self.0);
        playlist.push('\n');
    }
}
