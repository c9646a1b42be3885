//! HLS: multivariant and media playlists, RFC 8216 and draft-pantos-hls-rfc8216bis.
//!
//! A track's playlist stands beside the master (`film-video=401000.m3u8`), its
//! segments below `hls/`: `hls/film-video=401000.m4s` initializes,
//! `hls/film-video=401000-1.m4s` is the first. Those of a text are WebVTT,
//! `hls/film-textstream_eng=1000-1.webvtt`; beside transport streams they have
//! another clock and stand where those do, beside the playlist. Who asks for texts in
//! fragmented MP4 ([`HlsText`]) is given the segments of DASH. Key frames have a
//! folder of their own, `keyframes/`, and so have thumbnails. What differs for transport streams is in [`ts`].

mod audio_group;
mod image_playlist;
mod key_frames;
mod media_playlist;
mod offer;
mod text_playlist;
pub mod ts;
mod variant;

use std::fmt::Write as _;

use crate::codec::{Codec, MediaKind};
use crate::presentation::Presentation;
use crate::shape::Suffix;
use crate::text::{HlsMedia, HlsText};
use crate::track::Track;

use super::escape::{path_segment, quoted_string};
use super::rendition::Rendition;
use offer::Offer;

pub use image_playlist::images;
pub use key_frames::{has_key_frames, key_frames};
pub use media_playlist::media;
pub use offer::texts_in;
pub use text_playlist::{text, text_fragments};

/// `EXT-X-MAP` in playlists of whole segments needs it, `RFC 8216 §7`.
const VERSION: u32 = 6;

/// The number of the first segment; the others follow.
pub const FIRST_SEGMENT_NUMBER: usize = 1;

/// Whether HLS can carry the codec in fragmented MP4; the others are left out
/// of the playlists.
#[must_use]
pub fn allows(codec: Codec) -> bool {
    // Text stands in segments of WebVTT.
    codec != Codec::Vp8 && codec.kind() != MediaKind::Text
}

/// The multivariant playlist of a title: a variant for each pairing of a video
/// track with an audio group, or for each audio group when there is no video.
#[must_use]
pub fn master(presentation: &Presentation) -> String {
    master_with(presentation, HlsText::default(), &presentation.suffix)
}

/// [`master`] with texts in `texts`, as far as [`texts_in`] allows, and `suffix` behind
/// every URI, which holds the presentation's own.
#[must_use]
pub fn master_with(presentation: &Presentation, texts: HlsText, suffix: &Suffix) -> String {
    let tracks = presentation.tracks.iter().enumerate();
    let renditions = tracks.filter_map(|(index, track)| Rendition::new(index, track));
    let renditions = renditions.filter(|rendition| allows(rendition.codec));
    let (videos, audio): (Vec<_>, Vec<_>) =
        renditions.partition(|rendition| rendition.kind() == MediaKind::Video);
    let groups = audio_group::groups(&audio);
    let offer = Offer::of(presentation, texts);
    let version = VERSION.max(offer.version());
    let mut playlist = format!("#EXTM3U\n#EXT-X-VERSION:{version}\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let uri = |rendition: &Rendition<'_>| playlist_uri(&presentation.name, rendition.track, suffix);
    for group in &groups {
        group.write(&mut playlist, |_, rendition| Some(uri(rendition)));
    }
    offer.write(&mut playlist, presentation, suffix);
    // Players start with the first variant, so the order of the title decides.
    for video in &videos {
        if groups.is_empty() {
            variant::write(&mut playlist, uri, Some(video), None, &offer);
        }
        for group in &groups {
            variant::write(&mut playlist, uri, Some(video), Some(group), &offer);
        }
    }
    if videos.is_empty() {
        for group in &groups {
            variant::write(&mut playlist, uri, None, Some(group), &offer);
        }
    }
    let media = HlsMedia::FragmentedMp4;
    key_frames::write_streams(&mut playlist, presentation, &videos, media, suffix);
    image_playlist::write_streams(&mut playlist, presentation, suffix);
    playlist
}

/// The URI of a track's playlist, relative to the master's.
fn playlist_uri(name: &str, track: &Track, suffix: &Suffix) -> String {
    let stem = path_segment(&format!("{name}-{}", track.token));
    format!("{stem}.m3u8{suffix}")
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
