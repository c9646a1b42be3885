//! I-frame playlists, RFC 8216 §4.3.3.6 and §4.3.4.3.
//!
//! `keyframes/film-video=401000.m3u8` lists the key frames of a track, each in a
//! segment of its own beside it: `keyframes/film-video=401000-1.m4s`, or `-1.ts`.

use std::fmt::Write as _;

use crate::codec::MediaKind;
use crate::multiplex;
use crate::presentation::Presentation;
use crate::shape::Suffix;
use crate::text::HlsMedia;
use crate::track::{Bandwidth, Track};

use super::super::escape::path_segment;
use super::super::rendition::Rendition;
use super::media_playlist::{cumulated_us, head, write_segments};
use super::{Attributes, VERSION, allows, playlist_uri, ts};

/// `EXT-X-I-FRAMES-ONLY` needs it, `RFC 8216 §7`.
const VERSION_OF_TS: u32 = 4;

/// Whether the key frames of `track` are offered in segments of `media`.
#[must_use]
pub fn has_key_frames(track: &Track, media: HlsMedia) -> bool {
    let is_allowed = match media {
        HlsMedia::FragmentedMp4 => track.codec().is_some_and(|codec| allows(codec.codec)),
        HlsMedia::TransportStream => ts::allows(track),
    };
    is_allowed && track.kind == MediaKind::Video && track.key_frame_count() > 0
}

/// The playlist of the key frames of the presentation's track `track` (0-based) in
/// segments of `media`; empty if there is no such track.
#[must_use]
pub fn key_frames(presentation: &Presentation, track: usize, media: HlsMedia) -> String {
    let Some(track) = presentation.tracks.get(track) else {
        return String::new();
    };
    let stem = path_segment(&format!("{}-{}", presentation.name, track.token));
    let suffix = &presentation.suffix;
    let durations = track.key_frames().map(|frame| frame.duration);
    let durations = cumulated_us(track.timescale, durations);
    let (version, ending) = match media {
        HlsMedia::FragmentedMp4 => (VERSION, "m4s"),
        HlsMedia::TransportStream => (VERSION_OF_TS, "ts"),
    };
    let mut playlist = head(version, &durations);
    playlist.push_str("#EXT-X-I-FRAMES-ONLY\n");
    if media == HlsMedia::FragmentedMp4 {
        // Writing to a String cannot fail.
        let _ = writeln!(playlist, "#EXT-X-MAP:URI=\"../hls/{stem}.m4s{suffix}\"");
    }
    write_segments(&mut playlist, &durations, |number| {
        format!("{stem}-{number}.{ending}{suffix}")
    });
    playlist
}

/// Writes an `EXT-X-I-FRAME-STREAM-INF` for each of `videos` that has key frames in
/// segments of `media`; `suffix` is put behind every URI.
pub(super) fn write_streams(
    playlist: &mut String,
    presentation: &Presentation,
    videos: &[Rendition<'_>],
    media: HlsMedia,
    suffix: &Suffix,
) {
    for video in videos.iter().filter(|video| has_key_frames(video.track, media)) {
        let bandwidth = bandwidth(video.track, media);
        let mut attributes = Attributes::of("#EXT-X-I-FRAME-STREAM-INF")
            .plain("BANDWIDTH", bandwidth.peak)
            .plain("AVERAGE-BANDWIDTH", bandwidth.average)
            .quoted("CODECS", &video.rfc6381)
            .quoted_some("SUPPLEMENTAL-CODECS", video.supplemental);
        if let Some(details) = video.video() {
            if let (width @ 1.., height @ 1..) = details.display_size() {
                attributes = attributes.plain("RESOLUTION", format_args!("{width}x{height}"));
            }
            attributes = attributes.plain("VIDEO-RANGE", details.dynamic_range().name());
        }
        let uri = playlist_uri(&presentation.name, video.track, suffix);
        attributes
            .quoted("URI", &format!("keyframes/{uri}"))
            .write_to(playlist);
    }
}

fn bandwidth(track: &Track, media: HlsMedia) -> Bandwidth {
    match media {
        HlsMedia::FragmentedMp4 => track.key_frame_bandwidth(),
        HlsMedia::TransportStream => multiplex::key_frame_bandwidth(track),
    }
}
