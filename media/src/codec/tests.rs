//! Sample entries made by ffmpeg (`tests/entries/make.sh`), whose `codecs`
//! strings ffmpeg's DASH muxer and mp4box.js state alike, and entries made here
//! for what ffmpeg does not write.

mod made;
mod served;

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use made::*;

const VIDEO: FourCc = FourCc(*b"vide");
const AUDIO: FourCc = FourCc(*b"soun");
const TEXT: FourCc = FourCc(*b"subt");

/// Files of `tests/entries`, for damage.
const FILES: [(&str, FourCc); 21] = [
    ("avc1", VIDEO),
    ("avc1-pal", VIDEO),
    ("avc3", VIDEO),
    ("avc1-high444", VIDEO),
    ("hvc1", VIDEO),
    ("hev1-hdr10", VIDEO),
    ("av01", VIDEO),
    ("av01-hlg", VIDEO),
    ("vp09", VIDEO),
    ("mp4a-aac", AUDIO),
    ("mp4a-aac-5-1", AUDIO),
    ("mp4a-quicktime", AUDIO),
    ("mp4a-mp3", AUDIO),
    ("ac-3", AUDIO),
    ("ec-3", AUDIO),
    ("opus", AUDIO),
    ("opus-7-1", AUDIO),
    ("flac", AUDIO),
    ("alac", AUDIO),
    ("tx3g", TEXT),
    ("stpp", TEXT),
];

fn entry(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/entries")
        .join(format!("{name}.bin"));
    std::fs::read(path).unwrap()
}

fn read_video(entry: &[u8]) -> (CodecConfig, VideoDetails) {
    let config = read_sample_entry(entry, VIDEO).unwrap();
    let Details::Video(details) = config.details.clone() else {
        panic!("{config:?}")
    };
    (config, details)
}

fn read_audio(entry: &[u8]) -> (CodecConfig, AudioDetails) {
    let config = read_sample_entry(entry, AUDIO).unwrap();
    let Details::Audio(details) = config.details.clone() else {
        panic!("{config:?}")
    };
    (config, details)
}

fn check_video(name: &str, codec: Codec, rfc6381: &str, size: (u32, u32)) -> VideoDetails {
    let bytes = entry(name);
    let (config, details) = read_video(&bytes);
    assert_eq!(
        (config.codec, config.rfc6381.as_str()),
        (codec, rfc6381),
        "{name}"
    );
    assert_eq!((details.width, details.height), size, "{name}");
    assert_eq!(config.entry, bytes, "{name}");
    // What is in the stream agrees with what the entry's own fields say.
    let (_, from_stream) = read_video(&without_size(&bytes));
    if matches!(codec, Codec::Avc | Codec::Hevc) {
        assert_eq!((from_stream.width, from_stream.height), size, "{name}");
    }
    details
}

fn check_audio(name: &str, codec: Codec, rfc6381: &str, rate: u32, channels: u16) -> AudioDetails {
    let bytes = entry(name);
    let (config, details) = read_audio(&bytes);
    assert_eq!(
        (config.codec, config.rfc6381.as_str()),
        (codec, rfc6381),
        "{name}"
    );
    assert_eq!(
        (details.sample_rate, details.channels),
        (rate, channels),
        "{name}"
    );
    assert_eq!(config.entry, bytes, "{name}");
    details
}

#[test]
fn h264_entries_read_as_ffmpeg_wrote_them() {
    let details = check_video("avc1", Codec::Avc, "avc1.64000c", (320, 180));
    assert_eq!((details.nal_length_size, details.bit_depth), (Some(4), Some(8)));
    assert!(details.parameter_sets_in_entry);
    assert_eq!(
        details.frame_rate,
        Some(FrameRate {
            numerator: 50,
            denominator: 2
        })
    );
    check_video("avc3", Codec::Avc, "avc3.42c00c", (320, 180));
    check_video("avc1-high444", Codec::Avc, "avc1.f4000c", (318, 178));
}

#[test]
fn the_shape_and_colour_of_pal_come_from_the_boxes_and_from_the_stream() {
    let details = check_video("avc1-pal", Codec::Avc, "avc1.4d401e", (720, 576));
    let expected = Colour {
        primaries: 5,
        transfer: 1,
        matrix: 5,
        full_range: false,
    };
    assert_eq!(details.colour, Some(expected));
    assert_eq!(
        details.pixel_aspect,
        Some(PixelAspect {
            horizontal: 16,
            vertical: 11
        })
    );
    assert_eq!(details.display_size(), (1047, 576));
    let (_, from_stream) = read_video(&without(&without(&entry("avc1-pal"), b"colr"), b"pasp"));
    assert_eq!(
        (from_stream.colour, from_stream.pixel_aspect),
        (details.colour, details.pixel_aspect)
    );
}

#[test]
fn h265_entries_read_as_ffmpeg_wrote_them() {
    let details = check_video("hvc1", Codec::Hevc, "hvc1.1.6.L60.90", (320, 180));
    assert_eq!((details.nal_length_size, details.bit_depth), (Some(4), Some(8)));
    assert_eq!(
        details.frame_rate,
        Some(FrameRate {
            numerator: 25,
            denominator: 1
        })
    );
    let details = check_video("hev1-hdr10", Codec::Hevc, "hev1.2.4.L60.90", (320, 180));
    assert_eq!(
        (details.bit_depth, details.dynamic_range()),
        (Some(10), DynamicRange::Pq)
    );
    assert!(details.parameter_sets_in_entry);
    let (_, from_stream) = read_video(&without(&entry("hev1-hdr10"), b"colr"));
    assert_eq!(from_stream.colour, details.colour);
}

#[test]
fn av1_and_vp9_entries_read_as_ffmpeg_wrote_them() {
    check_video("av01", Codec::Av1, "av01.0.00M.08", (320, 180));
    let details = check_video(
        "av01-hlg",
        Codec::Av1,
        "av01.0.00M.10.0.110.09.18.09.0",
        (320, 180),
    );
    assert_eq!(details.dynamic_range(), DynamicRange::Hlg);
    let (config, from_stream) = read_video(&without(&entry("av01-hlg"), b"colr"));
    assert_eq!(from_stream.colour, details.colour);
    assert_eq!(config.rfc6381, "av01.0.00M.10.0.110.09.18.09.0");
    let details = check_video("vp09", Codec::Vp9, "vp09.00.11.08.01.02.02.02.00", (320, 180));
    assert_eq!(details.colour, None);
}

#[test]
fn aac_entries_read_as_ffmpeg_wrote_them() {
    let details = check_audio("mp4a-aac", Codec::Aac, "mp4a.40.2", 48_000, 2);
    assert_eq!(details.layout, ChannelLayout::Cicp(2));
    assert_eq!(details.bitrate.unwrap().max, 128_000);
    // The entry says two channels; its configuration knows better.
    let details = check_audio("mp4a-aac-5-1", Codec::Aac, "mp4a.40.2", 48_000, 6);
    assert_eq!(details.layout, ChannelLayout::Cicp(6));
    check_audio("mp4a-quicktime", Codec::Aac, "mp4a.40.2", 44_100, 2);
    check_audio("mp4a-mp3", Codec::Mp3, "mp4a.6B", 44_100, 2);
}

#[test]
fn other_audio_entries_read_as_ffmpeg_wrote_them() {
    let details = check_audio("ac-3", Codec::Ac3, "ac-3", 48_000, 6);
    assert_eq!(details.layout, ChannelLayout::Dolby(0xF801));
    let details = check_audio("ec-3", Codec::Eac3, "ec-3", 48_000, 6);
    assert_eq!(
        (details.layout, details.joc_complexity),
        (ChannelLayout::Dolby(0xF801), None)
    );
    check_audio("opus", Codec::Opus, "Opus", 48_000, 2);
    let details = check_audio("opus-7-1", Codec::Opus, "Opus", 48_000, 8);
    assert_eq!(details.layout, ChannelLayout::Cicp(12));
    // 96 kHz does not fit in the entry's own field.
    check_audio("flac", Codec::Flac, "fLaC", 96_000, 2);
    check_audio("alac", Codec::Alac, "alac", 44_100, 2);
}

#[test]
fn text_entries_read_as_ffmpeg_wrote_them() {
    for (name, codec) in [("tx3g", Codec::Tx3g), ("stpp", Codec::Stpp)] {
        let config = read_sample_entry(&entry(name), TEXT).unwrap();
        assert_eq!(
            (config.codec, config.rfc6381.as_str(), config.kind()),
            (codec, name, MediaKind::Text)
        );
    }
}

#[test]
fn the_record_is_the_payload_of_the_configuration_box() {
    let bytes = entry("avc1");
    let at = bytes.windows(4).position(|window| window == b"avcC").unwrap();
    let size = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
    let (config, _) = read_video(&bytes);
    assert_eq!(config.record, bytes[at + 4..at - 4 + size]);
    assert_eq!(read_audio(&entry("mp4a-aac")).0.record[..2], [0x11, 0x90]);
    assert_eq!(
        (config.four_cc(), config.kind()),
        (FourCc(*b"avc1"), MediaKind::Video)
    );
}

/// HE-AAC: object type and rate at the output, each way it is signalled.
#[test]
fn aac_extensions_are_read_however_they_are_signalled() {
    let check = |record: &[u8], expected: &str, rate: u32, channels: u16| {
        let (config, details) = read_audio(&mp4a(0x40, record));
        assert_eq!(config.rfc6381, expected, "{record:02x?}");
        assert_eq!(
            (details.sample_rate, details.channels),
            (rate, channels),
            "{record:02x?}"
        );
        details.aac.unwrap()
    };
    let explicit = check(&[0x2B, 0x92, 0x08, 0x00], "mp4a.40.5", 44_100, 2);
    assert_eq!((explicit.core_sample_rate, explicit.object_type), (22_050, 2));
    let compatible = check(&[0x13, 0x10, 0x56, 0xE5, 0x98], "mp4a.40.5", 48_000, 2);
    assert!(compatible.backward_compatible && !explicit.backward_compatible);
    check(&[0xEB, 0x09, 0x88, 0x00], "mp4a.40.29", 48_000, 2);
    let usac = check(&[0xF9, 0x46, 0x43, 0x22, 0x00], "mp4a.40.42", 48_000, 2);
    assert_eq!(usac.core_samples_per_frame, 1024);
    check(&[0x11, 0x88], "mp4a.40.2", 48_000, 1);
    // A rate written out, and an extension that says there is none.
    check(&[0x17, 0x80, 0x1F, 0x40, 0x10], "mp4a.40.2", 16_000, 2);
    check(&[0x12, 0x10, 0x56, 0xE5, 0x00], "mp4a.40.2", 44_100, 2);
}

#[test]
fn mpeg_2_object_types_are_aac_and_unknown_ones_are_named() {
    assert_eq!(read_audio(&mp4a(0x67, &[0x11, 0x90])).0.rfc6381, "mp4a.67");
    assert_eq!(read_audio(&mp4a(0x69, &[])).0.rfc6381, "mp4a.69");
    let error = read_sample_entry(&mp4a(0xE1, &[]), AUDIO).unwrap_err();
    assert_eq!(error, CodecError::UnknownObjectType { object_type: 0xE1 });
}

#[test]
fn quicktime_and_iso_mean_different_things_by_version_1() {
    let children = esds(0x40, &[0x12, 0x10]);
    let quicktime = sound_entry(
        b"mp4a",
        1,
        &[&[0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], &children[..]].concat(),
    );
    assert_eq!(read_audio(&quicktime).0.rfc6381, "mp4a.40.2");
    let rate = boxed(b"srat", &[0, 0, 0, 0, 0, 1, 0x77, 0]);
    let mut iso = sound_entry(b"fLaC", 1, &[rate, boxed(b"dfLa", &[0; 8])].concat());
    assert_eq!(
        read_sample_entry(&iso, AUDIO).unwrap_err().to_string(),
        "dfLa ends early, at byte 8"
    );
    iso = sound_entry(
        b"mp4a",
        1,
        &[boxed(b"srat", &[0, 0, 0, 0, 0, 1, 0x77, 0]), esds(0x6B, &[])].concat(),
    );
    assert_eq!(read_audio(&iso).1.sample_rate, 96_000);
}

#[test]
fn quicktime_version_2_states_rate_and_channels_anew() {
    let mut added = vec![0, 0, 0, 72];
    added.extend(96_000_f64.to_be_bytes());
    added.extend([0, 0, 0, 6, 0x7F, 0, 0, 0]);
    added.extend([0; 16]);
    let (config, details) = read_audio(&sound_entry(b".mp3", 2, &added));
    assert_eq!(
        (config.codec, details.sample_rate, details.channels),
        (Codec::Mp3, 96_000, 6)
    );
    let mut absurd = added.clone();
    absurd[4..12].copy_from_slice(&f64::NAN.to_be_bytes());
    assert!(read_sample_entry(&sound_entry(b".mp3", 2, &absurd), AUDIO).is_err());
}

/// Masks, counts and objects as `ETSI TS 102 366` and `TS 103 420` have them.
#[test]
fn dolby_digital_plus_counts_dependent_substreams_and_objects() {
    let check = |record: &[u8], mask: u16, channels: u16, complexity: Option<u8>| {
        let (_, details) = read_audio(&sound_entry(b"ec-3", 0, &boxed(b"dec3", record)));
        assert_eq!(details.layout, ChannelLayout::Dolby(mask));
        assert_eq!((details.channels, details.joc_complexity), (channels, complexity));
    };
    check(&[0, 0, 0, 0x0F, 0, 0x02, 0x10], 0xF801, 6, None);
    check(&[0, 0, 0, 0x04, 0], 0xA000, 2, None);
    check(&[0, 0, 0, 0x07, 0x07, 0x03], 0xE603, 9, None);
    check(&[0x14, 0x00, 0x20, 0x0F, 0x00, 0x01, 0x10], 0xF801, 6, Some(16));
}

/// Records of real streams: stereo made immersive for headphones, and 5.1.
#[test]
fn ac4_states_versions_and_the_channel_mask() {
    let check = |record: &[u8], rfc6381: &str, mask: u32, channels: u16| {
        let (config, details) = read_audio(&sound_entry(b"ac-4", 0, &boxed(b"dac4", record)));
        assert_eq!((config.rfc6381.as_str(), details.channels), (rfc6381, channels));
        assert_eq!(details.layout, ChannelLayout::DolbyAc4(mask));
    };
    let immersive_stereo = [
        0x20, 0xA4, 0x02, 0x40, 0x00, 0x00, 0x00, 0x1F, 0xFF, 0xFF, 0xFF, 0xE0, 0x02, 0x12, 0xF8, 0x80, 0x00,
        0x00, 0x42, 0x00, 0x00, 0x02, 0x50, 0x10, 0x00, 0x00, 0x03, 0x10, 0x99, 0x5B, 0xA0, 0x40,
    ];
    check(&immersive_stereo, "ac-4.02.02.00", 0x1, 2);
    let surround = [
        0x20, 0xA6, 0x01, 0x60, 0x00, 0x00, 0x00, 0x1F, 0xFF, 0xFF, 0xFF, 0xE0, 0x01, 0x0E, 0xF9, 0x00, 0x00,
        0x09, 0x00, 0x00, 0x11, 0xCA, 0x02, 0x00, 0x00, 0x11, 0xC0, 0x80,
    ];
    check(&surround, "ac-4.02.01.01", 0x47, 6);
}

#[test]
fn mpeg_h_and_dts_state_level_and_layout() {
    let (config, details) = read_audio(&sound_entry(b"mha1", 0, &boxed(b"mhaC", &[1, 0x0D, 6, 0, 0])));
    assert_eq!(
        (config.rfc6381.as_str(), details.layout),
        ("mha1.0x0D", ChannelLayout::Cicp(6))
    );
    assert_eq!(read_audio(&sound_entry(b"mhm1", 0, &[])).0.rfc6381, "mhm1");
    let mut record = vec![
        0, 0, 0xBB, 0x80, 0, 0x0B, 0xB8, 0, 0, 0x0B, 0xB8, 0, 24, 0, 0, 0, 0,
    ];
    record.extend([0x00, 0x0F, 0x00]);
    let (config, details) = read_audio(&sound_entry(b"dtsc", 0, &boxed(b"ddts", &record)));
    assert_eq!(
        (config.rfc6381.as_str(), details.sample_rate, details.channels),
        ("dtsc", 48_000, 6)
    );
    assert_eq!(details.layout, ChannelLayout::Dts(0xF));
}

/// Profile 5 stands alone; profile 8 adds to what any HEVC decoder plays.
#[test]
fn dolby_vision_is_a_codec_or_a_supplement() {
    let hvc1 = entry("hev1-hdr10");
    let profile_8 = boxed(b"dvvC", &[1, 0, 0x10, 0x3D, 0x10, 0, 0, 0]);
    let (config, details) = read_video(&with_child(&renamed(&hvc1, b"hvc1"), &profile_8));
    assert_eq!(config.rfc6381, "hvc1.2.4.L60.90");
    assert_eq!(config.supplemental.as_deref(), Some("dvh1.08.07/db1p"));
    assert_eq!(details.dynamic_range(), DynamicRange::Pq);
    let profile_5 = boxed(b"dvcC", &[1, 0, 0x0A, 0x35, 0, 0, 0, 0]);
    let (config, details) = read_video(&with_child(
        &without(&renamed(&hvc1, b"dvh1"), b"colr"),
        &profile_5,
    ));
    assert_eq!(
        (config.codec, config.rfc6381.as_str()),
        (Codec::DolbyVision, "dvh1.05.06")
    );
    assert_eq!(
        (config.supplemental, details.dynamic_range()),
        (None, DynamicRange::Pq)
    );
    let missing = FourCc(*b"dvcC");
    let bare = read_sample_entry(&renamed(&hvc1, b"dvhe"), VIDEO).unwrap_err();
    assert_eq!(
        bare,
        CodecError::Missing {
            four_cc: FourCc(*b"dvhe"),
            missing
        }
    );
}

/// `ISO/IEC 14496-15 Annex E.3`: profile space, flags from the lowest bit on, tier, level, constraints.
#[test]
fn hevc_strings_reverse_the_compatibility_flags() {
    let check = |profile: [u8; 12], expected: &str| {
        let mut record = vec![1];
        record.extend(profile);
        record.extend([0xF0, 0, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0, 0x0F, 0]);
        let (config, _) = read_video(&visual_entry(b"hvc1", &boxed(b"hvcC", &record)));
        assert_eq!(config.rfc6381, expected);
    };
    check([0x01, 0x60, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 93], "hvc1.1.6.L93.B0");
    check(
        [0x24, 0x08, 0, 0, 0, 0x9E, 0x08, 0, 0, 0, 0, 120],
        "hvc1.4.10.H120.9E.8",
    );
    check([0x42, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 153], "hvc1.A2.4.L153");
}

#[test]
fn ttml_profiles_come_from_the_mime_type_or_the_namespaces() {
    let check = |strings: &[u8], children: &[u8], expected: &str| {
        let config = read_sample_entry(&text_entry(b"stpp", &[strings, children].concat()), TEXT).unwrap();
        assert_eq!(config.rfc6381, expected);
    };
    let mime = boxed(b"mime", b"\0\0\0\0application/ttml+xml;codecs=\"im2t\"\0");
    check(b"http://www.w3.org/ns/ttml\0\0\0", &mime, "stpp.ttml.im2t");
    check(b"http://www.w3.org/ns/ttml\0\0\0", &[], "stpp");
    check(
        b"http://www.w3.org/ns/ttml http://www.w3.org/ns/ttml/profile/imsc1/text\0\0\0",
        &[],
        "stpp.ttml.im1t",
    );
    let hostile = boxed(b"mime", b"\0\0\0\0a/b;codecs=x\"\n#EXT");
    check(b"\0\0\0", &hostile, "stpp");
}

#[test]
fn webvtt_needs_its_configuration() {
    let config =
        read_sample_entry(&text_entry(b"wvtt", &boxed(b"vttC", b"WEBVTT")), FourCc(*b"text")).unwrap();
    assert_eq!(
        (config.rfc6381.as_str(), &config.record[..]),
        ("wvtt", &b"WEBVTT"[..])
    );
    let (four_cc, missing) = (FourCc(*b"wvtt"), FourCc(*b"vttC"));
    assert_eq!(
        read_sample_entry(&text_entry(b"wvtt", &[]), TEXT),
        Err(CodecError::Missing { four_cc, missing })
    );
}

#[test]
fn what_cannot_be_used_is_said() {
    let unknown = visual_entry(b"drac", &[]);
    assert_eq!(
        read_sample_entry(&unknown, VIDEO),
        Err(CodecError::Unknown {
            four_cc: FourCc(*b"drac")
        })
    );
    let encrypted = visual_entry(b"encv", &[]);
    assert_eq!(
        read_sample_entry(&encrypted, VIDEO),
        Err(CodecError::Encrypted {
            four_cc: FourCc(*b"encv")
        })
    );
    let (four_cc, handler) = (FourCc(*b"avc1"), AUDIO);
    assert_eq!(
        read_sample_entry(&entry("avc1"), AUDIO),
        Err(CodecError::WrongHandler { four_cc, handler })
    );
    let size = SAMPLE_ENTRY_SIZE_MAX + 1;
    assert_eq!(
        read_sample_entry(&vec![0; size], VIDEO),
        Err(CodecError::TooLarge { size })
    );
    let oversized = visual_entry(b"avc1", &[0, 0, 0, 99, b'a', b'v', b'c', b'C']);
    let expected = CodecError::BoxSize {
        offset: 0,
        size: 99,
        available: 8,
    };
    assert_eq!(read_sample_entry(&oversized, VIDEO), Err(expected));
    let many = visual_entry(b"avc1", &boxed(b"free", &[]).repeat(65));
    assert_eq!(
        read_sample_entry(&many, VIDEO),
        Err(CodecError::TooManyBoxes { limit: 64 })
    );
}

#[test]
fn a_terminator_after_the_boxes_is_let_pass() {
    let bytes = entry("avc1");
    let terminated = resized([&bytes[..], &[0; 4]].concat());
    assert_eq!(read_video(&terminated).0.rfc6381, "avc1.64000c");
}

proptest! {
    #[test]
    fn any_damage_to_an_entry_is_read_or_refused(
        which in 0..FILES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut: prop::sample::Index,
    ) {
        let (name, handler) = FILES[which];
        let mut bytes = entry(name);
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read_sample_entry(&bytes, handler);
        let _ = read_sample_entry(&resized(bytes[..cut.index(bytes.len())].to_vec()), handler);
    }

    #[test]
    fn any_configuration_is_read_or_refused(
        which in 0..CONFIGURATIONS.len(),
        payload in prop::collection::vec(any::<u8>(), 0..160),
    ) {
        let (four_cc, name) = CONFIGURATIONS[which];
        let child = boxed(name, &payload);
        let _ = read_sample_entry(&visual_entry(four_cc, &child), VIDEO);
        let _ = read_sample_entry(&sound_entry(four_cc, 0, &child), AUDIO);
        let _ = read_sample_entry(&text_entry(four_cc, &child), TEXT);
        let _ = read_sample_entry(&mp4a(0x40, &payload), AUDIO);
        let _ = read_sample_entry(&payload, VIDEO);
    }
}
