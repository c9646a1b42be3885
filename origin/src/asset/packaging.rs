//! How a title is offered where a format leaves a choice: as the configuration
//! says, unless its server manifest says otherwise.

use strata_media::manifest::dash::Addressing;
use strata_media::manifest::hls::ts::Streams;
use strata_media::read::ism::ServerManifest;
use strata_media::text::{HlsMedia, HlsText};

/// Server manifests that want a lower version of HLS than this were written for
/// players without fragmented MP4: `EXT-X-MAP` in playlists of whole segments
/// came with it (`RFC 8216 §7`).
const FRAGMENTED_MP4_SINCE: u32 = 6;

/// How a title is offered where a format leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packaging {
    /// How an MPD names segments. Default: by their times.
    pub addressing: Addressing,
    /// What the segments of HLS are made of. Default: fragmented MP4.
    pub hls_media: HlsMedia,
    /// What stands together in transport streams. Default: muxed.
    pub hls_streams: Streams,
    /// What texts beside fragmented MP4 come in. Default: WebVTT.
    pub hls_text: HlsText,
}

impl Default for Packaging {
    fn default() -> Self {
        Self {
            addressing: Addressing::Time,
            hls_media: HlsMedia::FragmentedMp4,
            hls_streams: Streams::Muxed,
            hls_text: HlsText::WebVtt,
        }
    }
}

impl Packaging {
    /// With what the metas of `manifest` want: `hls_client_manifest_version` below 6
    /// is transport streams, from 6 on fragmented MP4; `mpd_segment_template` is `time`
    /// or `number`; `hls_text` is `fmp4` or `vtt`.
    #[must_use]
    pub fn of_manifest(self, manifest: &ServerManifest) -> Self {
        let version = manifest.meta("hls_client_manifest_version");
        let version: Option<u32> = version.and_then(|version| version.trim().parse().ok());
        let hls_media = match version {
            Some(..FRAGMENTED_MP4_SINCE) => HlsMedia::TransportStream,
            Some(_) => HlsMedia::FragmentedMp4,
            None => self.hls_media,
        };
        let addressing = match manifest.meta("mpd_segment_template").map(str::trim) {
            Some("time") => Addressing::Time,
            Some("number") => Addressing::Number,
            _ => self.addressing,
        };
        Self {
            addressing,
            hls_media,
            hls_text: match manifest.meta("hls_text").map(str::trim) {
                Some("fmp4") => HlsText::FragmentedMp4,
                Some("vtt") => HlsText::WebVtt,
                _ => self.hls_text,
            },
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_meta_wants_transport_streams() {
        let cases = [
            ("1", HlsMedia::TransportStream),
            ("4", HlsMedia::TransportStream),
            (" 5 ", HlsMedia::TransportStream),
            ("6", HlsMedia::FragmentedMp4),
            ("7", HlsMedia::FragmentedMp4),
            ("new", HlsMedia::FragmentedMp4),
        ];
        for (version, expected) in cases {
            let metas = vec![("HLS_client_manifest_version".to_owned(), version.to_owned())];
            let manifest = ServerManifest {
                metas,
                tracks: Vec::new(),
            };
            let packaging = Packaging::default().of_manifest(&manifest);
            assert_eq!(packaging.hls_media, expected, "{version}");
        }
    }
}
