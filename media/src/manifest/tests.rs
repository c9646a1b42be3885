//! Golden manifests. `STRATA_BLESS=1` writes what the code makes; look at the
//! difference before it is committed.

mod oracle;
mod texts;
mod transport;

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;

use super::{dash, hls};
use crate::codec::{
    AudioDetails, ChannelLayout, Codec, CodecConfig, Colour, Details, DolbyVision, FrameRate, PixelAspect,
    VideoDetails,
};
use crate::plan::FileIndex;
use crate::presentation::Presentation;
use crate::sample::{Cursor, SampleMap};
use crate::text::{ClosedCaptions, HlsMedia};
use crate::time::Timescale;
use crate::track::{AudioPurpose, Bandwidth, Segment, Track};
use crate::trick_play::KeyFrames;

/// Makes all manifests of a title and compares them with the files in
/// `tests/golden/manifest/<case>/`; parsers of other people must read them too.
fn check(case: &str, presentation: &Presentation) {
    let mpd = dash::mpd(presentation);
    let master = hls::master(presentation);
    oracle::check_mpd(presentation, &mpd);
    oracle::check_master(presentation, &master);
    golden(case, "title.mpd", &mpd);
    golden(case, "title.m3u8", &master);
    for (index, track) in presentation.tracks.iter().enumerate() {
        let playlist = hls::media(presentation, index);
        oracle::check_media(track, &playlist);
        golden(case, &format!("{}.m3u8", track.token), &playlist);
    }
    for (index, text) in presentation.texts.iter().enumerate() {
        for (media, name) in [
            (HlsMedia::FragmentedMp4, "fmp4"),
            (HlsMedia::TransportStream, "ts"),
        ] {
            let playlist = hls::text(presentation, index, media);
            oracle::check_media(&text.track, &playlist);
            golden(case, &format!("{}-{name}.m3u8", text.track.token), &playlist);
        }
    }
}

fn golden(case: &str, file: &str, actual: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/manifest")
        .join(case);
    let path = folder.join(file);
    if std::env::var_os("STRATA_BLESS").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs from what is made now:\n{actual}",
        path.display()
    );
}

fn presentation(tracks: Vec<Track>) -> Presentation {
    Presentation {
        name: "film".to_owned(),
        tracks,
        texts: Vec::new(),
        thumbnails: Vec::new(),
        closed_captions: ClosedCaptions::default(),
        skipped: Vec::new(),
        warnings: Vec::new(),
        target_duration: Duration::from_secs(6),
        suffix: crate::shape::Suffix::default(),
    }
}

/// Segments of these durations, the first at `start`.
fn segments(start: u64, durations: &[u64]) -> Vec<Segment> {
    let mut next = start;
    let segment = |duration: &u64| {
        let start = next;
        next += duration;
        Segment {
            start,
            duration: *duration,
            media_size: 0,
            cursor: Cursor::default(),
        }
    };
    durations.iter().map(segment).collect()
}

fn track(name: &str, bitrate: u64, timescale: u32, config: CodecConfig, segments: Vec<Segment>) -> Track {
    Track {
        kind: config.kind(),
        file: FileIndex(0),
        source_id: 1,
        token: format!("{name}={bitrate}"),
        name: name.to_owned(),
        bitrate,
        language: None,
        audio: crate::track::AudioTraits::default(),
        timescale: Timescale::new(timescale).unwrap(),
        codecs: vec![config],
        display_size: (0, 0),
        frame_rate: None,
        roll_distance: None,
        presentation_time_offset: 0,
        bandwidth: Bandwidth {
            peak: bitrate + bitrate / 10,
            average: bitrate,
        },
        segments,
        key_frames: KeyFrames::default(),
        samples: SampleMap::default(),
        end: Cursor::default(),
    }
}

fn config(codec: Codec, rfc6381: &str, details: Details) -> CodecConfig {
    let (entry, record) = (Bytes::new(), Bytes::new());
    CodecConfig {
        codec,
        rfc6381: rfc6381.to_owned(),
        supplemental: None,
        details,
        entry,
        record,
    }
}

/// A minute of H.264 at 25 pictures a second, in clock 12 800.
fn video(width: u32, height: u32, bitrate: u64, rfc6381: &str) -> Track {
    let details = Details::Video(VideoDetails {
        width,
        height,
        ..VideoDetails::default()
    });
    let mut track = track(
        "video",
        bitrate,
        12_800,
        config(Codec::Avc, rfc6381, details),
        segments(0, &[76_800; 10]),
    );
    track.frame_rate = Some(FrameRate {
        numerator: 25,
        denominator: 1,
    });
    track
}

/// A minute of stereo AAC-LC cut on frames.
fn audio(name: &str, language: &str, bitrate: u64) -> Track {
    let layout = ChannelLayout::Cicp(2);
    let details = AudioDetails {
        sample_rate: 48_000,
        channels: 2,
        layout,
        ..AudioDetails::default()
    };
    let durations = [
        288_768, 287_744, 287_744, 288_768, 287_744, 287_744, 288_768, 287_744, 287_744, 287_232,
    ];
    let aac = config(Codec::Aac, "mp4a.40.2", Details::Audio(details));
    let mut track = track(name, bitrate, 48_000, aac, segments(0, &durations));
    track.language = Some(language.to_owned()).filter(|language| !language.is_empty());
    track
}

#[test]
fn a_title_with_four_renditions_and_two_languages() {
    let tracks = vec![
        video(426, 240, 401_000, "avc1.42c015"),
        video(640, 360, 801_000, "avc1.4d401e"),
        video(1280, 720, 2_501_000, "avc1.64001f"),
        video(1920, 1080, 4_434_000, "avc1.640028"),
        audio("audio_eng", "eng", 128_002),
        audio("audio_fra", "fra", 128_002),
    ];
    check("languages", &presentation(tracks));
}

#[test]
fn a_title_of_sound_alone_has_audio_variants() {
    let tracks = vec![audio("audio", "", 64_000), audio("audio", "", 128_000)];
    check("audio-only", &presentation(tracks));
}

#[test]
fn a_title_of_pictures_alone_has_no_audio_group() {
    let mut wide = video(720, 576, 1_500_000, "avc1.4d401e");
    if let Details::Video(details) = &mut wide.codecs[0].details {
        details.pixel_aspect = Some(PixelAspect {
            horizontal: 16,
            vertical: 11,
        });
    }
    check("video-only", &presentation(vec![wide]));
}

#[test]
fn a_commentary_is_an_alternate_of_the_same_language() {
    let tracks = vec![
        video(640, 360, 801_000, "avc1.4d401e"),
        audio("audio_eng", "eng", 64_000),
        audio("audio_eng", "eng", 128_000),
        audio("commentary", "eng", 64_000),
    ];
    check("commentary", &presentation(tracks));
}

#[test]
fn codecs_and_dynamic_ranges_stand_in_sets_of_their_own() {
    let mut hdr = video(3840, 2160, 12_000_000, "hvc1.2.4.L153.B0");
    hdr.codecs[0].codec = Codec::Hevc;
    hdr.codecs[0].supplemental = Some("dvh1.08.07/db1p".to_owned());
    hdr.frame_rate = Some(FrameRate {
        numerator: 60_000,
        denominator: 1001,
    });
    if let Details::Video(details) = &mut hdr.codecs[0].details {
        details.colour = Some(Colour {
            primaries: 9,
            transfer: 16,
            matrix: 9,
            full_range: false,
        });
        details.dolby_vision = Some(DolbyVision {
            profile: 8,
            level: 7,
            compatibility: 1,
        });
    }
    let mut surround = audio("audio_eng", "eng", 768_000);
    surround.codecs[0].codec = Codec::Eac3;
    surround.codecs[0].rfc6381 = "ec-3".to_owned();
    if let Details::Audio(details) = &mut surround.codecs[0].details {
        details.channels = 6;
        details.layout = ChannelLayout::Dolby(0xF801);
        details.joc_complexity = Some(16);
    }
    let avc = video(1920, 1080, 4_434_000, "avc1.640028");
    check(
        "codecs",
        &presentation(vec![avc, hdr, audio("audio_eng", "eng", 128_002), surround]),
    );
}

#[test]
fn an_hour_in_thirds_of_a_tick_does_not_drift() {
    let mut odd = video(640, 360, 801_000, "avc1.4d401e");
    odd.timescale = Timescale::new(30_000).unwrap();
    odd.presentation_time_offset = 2002;
    odd.segments = segments(2002, &vec![180_180; 599]);
    odd.frame_rate = Some(FrameRate {
        numerator: 30_000,
        denominator: 1001,
    });
    check("drift", &presentation(vec![odd]));
}

#[test]
fn hostile_names_cannot_break_out() {
    let mut hostile = audio("audio", "e\"n\n#EXT", 64_000);
    hostile.codecs[0].rfc6381 = "mp4a\"\n#EXT<&".to_owned();
    let mut presentation = presentation(vec![hostile]);
    presentation.name = "a \"b\"$&<>%?#/\r\n".to_owned();
    check("hostile", &presentation);
}

#[test]
fn sounds_that_serve_a_purpose_say_so() {
    let described = |purpose, label: Option<&str>| {
        let mut track = audio("description", "eng", 64_000);
        track.audio.purpose = purpose;
        track.audio.label = label.map(str::to_owned);
        track
    };
    let title = presentation(vec![
        video(640, 360, 801_000, "avc1.4d401e"),
        audio("audio_eng", "eng", 128_000),
        described(AudioPurpose::Description, Some("Audio description")),
    ]);
    let mpd = dash::mpd(&title);
    oracle::check_mpd(&title, &mpd);
    for stated in [
        "<Label>Audio description</Label>",
        "<Accessibility schemeIdUri=\"urn:tva:metadata:cs:AudioPurposeCS:2007\" value=\"1\"/>",
        "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"description\"/>",
    ] {
        assert!(mpd.contains(stated), "{stated}\n{mpd}");
    }
    let master = hls::master(&title);
    oracle::check_master(&title, &master);
    let lines = master.lines().filter(|line| line.contains("describes-video"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{master}");
    assert!(
        lines[0].contains("NAME=\"Audio description\"") && lines[0].contains("AUTOSELECT=YES"),
        "{master}"
    );
    // A version of the main sound would be no choice of its own.
    assert_eq!(master.matches("TYPE=AUDIO").count(), 2, "{master}");
}
