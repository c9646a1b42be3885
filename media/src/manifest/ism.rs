//! Writes server manifests: what [`crate::read::ism`] reads.

use std::fmt::Write as _;

use super::smooth::private_data;
use super::xml::Element;
use crate::codec::{Codec, CodecConfig, Details, MediaKind};
use crate::read::ism::{ServerManifest, TrackReference};
use crate::track::Track;

/// `AudioTag` of AAC without framing.
const RAW_AAC: &str = "255";

/// The server manifest as a document of SMIL.
#[must_use]
pub fn server_manifest(manifest: &ServerManifest) -> String {
    let metas = manifest
        .metas
        .iter()
        .map(|(name, content)| Element::new("meta").with("name", name).with("content", content));
    let switch = Element::new("switch").containing(manifest.tracks.iter().map(track));
    Element::new("smil")
        .with("xmlns", "http://www.w3.org/2001/SMIL20/Language")
        .containing([
            Element::new("head").containing(metas),
            Element::new("body").containing([switch]),
        ])
        .into_document()
}

fn track(reference: &TrackReference) -> Element {
    let name = match reference.kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Text => "textstream",
    };
    let param = |(name, value): &(String, String)| {
        Element::new("param")
            .with("name", name)
            .with("value", value)
            .with("valueType", "data")
    };
    Element::new(name)
        .with("src", &reference.src)
        .with_some("systemBitrate", reference.system_bitrate)
        .with_some("systemLanguage", reference.system_language.as_deref())
        .containing(reference.params.iter().map(param))
}

/// What server manifests say of `track` beside its names, as params.
#[must_use]
pub fn params(track: &Track) -> Vec<(String, String)> {
    let mut params = vec![("TimeScale", track.timescale.get().to_string())];
    if let Some(codec) = track.codec() {
        params.push(("FourCC", four_cc(codec)));
        match &codec.details {
            Details::Video(video) => {
                let shown = match track.display_size {
                    (0, _) | (_, 0) => video.display_size(),
                    size => size,
                };
                params.push(("MaxWidth", video.width.to_string()));
                params.push(("MaxHeight", video.height.to_string()));
                params.push(("DisplayWidth", shown.0.to_string()));
                params.push(("DisplayHeight", shown.1.to_string()));
            }
            Details::Audio(audio) => {
                params.push(("SamplingRate", audio.sample_rate.to_string()));
                params.push(("Channels", audio.channels.to_string()));
                if codec.codec == Codec::Aac {
                    params.push(("AudioTag", RAW_AAC.to_owned()));
                }
            }
            Details::Text => {}
        }
        if matches!(codec.codec, Codec::Avc | Codec::Hevc | Codec::Aac) {
            params.push((
                "CodecPrivateData",
                hexadecimal(&private_data(codec, track.bitrate)),
            ));
        }
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    params.into_iter().map(owned).collect()
}

/// The codes that server manifests have.
fn four_cc(codec: &CodecConfig) -> String {
    let is_replicated = match &codec.details {
        Details::Audio(audio) => audio.aac.is_some_and(|aac| aac.spectral_band_replication),
        Details::Video(_) | Details::Text => false,
    };
    match codec.codec {
        Codec::Avc => "AVC1".to_owned(),
        Codec::Hevc => "HVC1".to_owned(),
        Codec::Aac if is_replicated => "AACH".to_owned(),
        Codec::Aac => "AACL".to_owned(),
        Codec::Stpp => "TTML".to_owned(),
        _ => codec.four_cc().to_string().to_ascii_uppercase(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::ism;

    #[test]
    fn what_is_written_reads_back() {
        let param = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let reference = |kind, src: &str| TrackReference {
            kind,
            src: src.to_owned(),
            system_bitrate: Some(128_002),
            system_language: Some("eng".to_owned()),
            track_id: Some(2),
            track_name: Some("a & \"b\"<".to_owned()),
            params: vec![
                param("trackID", "2"),
                param("trackName", "a & \"b\"<"),
                param("FourCC", "AACL"),
            ],
        };
        let manifest = ServerManifest {
            metas: vec![param("hls_client_manifest_version", "4")],
            tracks: vec![
                reference(MediaKind::Audio, "film%20a.mp4"),
                reference(MediaKind::Video, "b/film.mp4"),
                reference(MediaKind::Text, "film-é.vtt"),
            ],
        };
        let text = server_manifest(&manifest);
        assert_eq!(ism::read(text.as_bytes()).unwrap(), manifest, "{text}");
    }
}
