//! Golden playlists of transport streams.

use super::hls::ts::{self, Streams};
use super::{audio, golden, oracle, presentation, video};
use crate::codec::{AudioSpecificConfig, Codec, Details};
use crate::presentation::Presentation;
use crate::track::Track;

/// Makes the playlists of a title and compares them with the files in
/// `tests/golden/manifest/<case>/`; every stream of the multivariant playlist must be
/// named so that its tracks are found again.
fn check(case: &str, presentation: &Presentation, streams: Streams, query: &str) {
    let mut presentation = presentation.clone();
    if let Some((name, value)) = query.trim_start_matches('?').split_once('=') {
        presentation.suffix = presentation.suffix.and(name, value);
    }
    let presentation = &presentation;
    let master = ts::master(presentation, streams, &presentation.suffix);
    golden(case, "title.m3u8", &master);
    let (rest, playlist) = m3u8_rs::parse_master_playlist(master.as_bytes()).unwrap();
    assert!(rest.is_empty());
    let variants = playlist.variants.iter().map(|variant| Some(variant.uri.clone()));
    let alternatives = playlist.alternatives.iter().map(|media| media.uri.clone());
    for uri in variants.chain(alternatives).flatten() {
        let file = uri.strip_suffix(query).unwrap();
        let stem = file.strip_suffix(".m3u8").unwrap();
        let tracks = ts::tracks_in(presentation, stem).unwrap();
        let media = ts::media(presentation, &tracks);
        let (rest, parsed) = m3u8_rs::parse_media_playlist(media.as_bytes()).unwrap();
        assert!(rest.is_empty() && parsed.end_list);
        assert_eq!(parsed.segments[0].uri, format!("{stem}-1.ts{query}"));
        if let [track] = tracks[..] {
            oracle::check_media(&presentation.tracks[track], &media);
        }
        golden(case, file, &media);
    }
}

/// The track with a configuration for ADTS headers, if it is sound, and media in its
/// segments.
fn filled(mut track: Track) -> Track {
    for segment in &mut track.segments {
        segment.media_size = track.bitrate * segment.duration / u64::from(track.timescale.get()) / 8;
    }
    if let Details::Audio(details) = &mut track.codecs[0].details {
        details.aac = Some(AudioSpecificConfig::read(&[0x11, 0x90]).unwrap());
    }
    track
}

fn sound(name: &str, language: &str, bitrate: u64) -> Track {
    filled(audio(name, language, bitrate))
}

fn ladder() -> Presentation {
    presentation(vec![
        filled(video(426, 240, 401_000, "avc1.42c015")),
        filled(video(1280, 720, 2_501_000, "avc1.64001f")),
        sound("audio_eng", "eng", 64_008),
    ])
}

#[test]
fn one_language_stands_with_the_pictures_for_players_of_version_3() {
    check("ts-muxed", &ladder(), Streams::Muxed, "");
}

#[test]
fn streams_of_their_own_are_grouped() {
    check("ts-demuxed", &ladder(), Streams::Demuxed, "?vbegin=5");
}

#[test]
fn other_languages_have_streams_of_their_own() {
    let mut title = ladder();
    title.tracks.push(sound("audio_fra", "fra", 64_008));
    check("ts-languages", &title, Streams::Muxed, "");
}

#[test]
fn sound_alone_has_no_groups() {
    let title = presentation(vec![sound("audio", "", 64_000), sound("audio", "", 128_000)]);
    check("ts-sound", &title, Streams::Muxed, "");
}

#[test]
fn what_transport_streams_cannot_carry_is_left_out() {
    let mut title = ladder();
    let mut other = sound("audio_swe", "swe", 96_000);
    other.codecs[0].codec = Codec::Opus;
    title.tracks.push(other);
    title.tracks.remove(2);
    let master = ts::master(&title, Streams::Muxed, &title.suffix);
    assert!(!master.contains("audio"), "{master}");
    assert!(master.contains("film-video=401000.m3u8"));
}

#[test]
fn names_are_read_from_their_end() {
    let title = ladder();
    let found = |stem| ts::tracks_in(&title, stem);
    assert_eq!(found("film-audio_eng=64008-video=401000"), Some(vec![2, 0]));
    assert_eq!(found("anything-video=2501000"), Some(vec![1]));
    assert_eq!(found("video=401000-video=401000"), Some(vec![0]));
    assert_eq!(found("film-video=7"), None);
}
