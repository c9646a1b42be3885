//! Smooth Streaming: fragments hold the packets of their source at the times the
//! manifest states, and `GStreamer` plays what is written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test files are small"
)]

#[path = "smooth/compare.rs"]
mod compare;
#[path = "smooth/player.rs"]
mod player;
mod support;
#[path = "smooth/title.rs"]
mod title;

use strata_media::codec::MediaKind;
use strata_media::manifest::smooth::{FragmentRequest, LeftOut, Reason};
use strata_media::read::ism::TrackReference;
use strata_media::read::text::{self, TextFormat};
use strata_media::smooth::Noun;
use title::{SOUND, Title, VIDEO, X264, muxed};

/// Compares every track of the title with its source, packet by packet.
fn check(title: &Title) {
    assert_eq!(title.streams.left_out, []);
    compare::packets(title, support::Times::AsRead);
}

#[test]
fn pictures_that_are_reordered_and_sound_with_priming() {
    check(&Title::new(&[muxed("")]));
}

#[test]
fn a_file_without_edit_lists() {
    check(&Title::new(&[muxed("-use_editlist 0")]));
}

#[test]
fn signed_composition_offsets() {
    check(&Title::new(&[muxed("-movflags +negative_cts_offsets")]));
}

#[test]
fn pictures_that_start_late() {
    check(&Title::new(&[format!(
        "-itsoffset 0.5 {VIDEO} {SOUND} {X264} -c:a aac"
    )]));
}

#[test]
fn sound_alone() {
    check(&Title::new(&[format!("{SOUND} -c:a aac -ar 44100")]));
}

#[test]
fn pictures_at_uneven_times() {
    check(&Title::new(&[format!(
        "{VIDEO} {SOUND} {X264} -vf select='mod(n\\,7)' -fps_mode vfr -c:a aac"
    )]));
}

#[test]
fn clocks_that_do_not_divide_ten_megahertz() {
    check(&Title::new(&[
        format!("-f lavfi -i testsrc2=s=96x54:r=24000/1001:d=14 {X264} -video_track_timescale 12345"),
        format!("{SOUND} -c:a aac -ar 44100"),
    ]));
}

#[test]
fn groups_of_pictures_that_are_open() {
    check(&Title::new(&[format!(
        "{VIDEO} {SOUND} {X264} -bf 3 -x264-params open-gop=1 -c:a aac"
    )]));
}

#[test]
fn a_file_cut_in_the_middle_of_a_group_of_pictures() {
    let whole = Title::new(&[muxed("")]);
    check(&Title::new(&[format!(
        "-ss 5.32 -i {} -c copy",
        whole.source_path(0).display()
    )]));
}

#[test]
fn high_efficiency_video_and_dolby_sound() {
    let title = Title::new(&[
        format!("{VIDEO} -c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=50 -tag:v hvc1"),
        format!("{SOUND} -c:a eac3 -b:a 96k"),
        format!("{SOUND} -c:a ac3 -b:a 96k"),
        format!("{SOUND} -c:a libmp3lame -b:a 96k"),
    ]);
    check(&title);
    let manifest = title.manifest();
    for code in ["HVC1", "EC-3", "AC-3", "MP3"] {
        assert!(
            manifest.contains(&format!("FourCC=\"{code}\"")),
            "{code}: {manifest}"
        );
    }
}

#[test]
fn renditions_that_reorder_differently_share_one_list() {
    let large = format!("{VIDEO} {X264} -bf 3");
    let small = format!("{VIDEO} {X264} -bf 0 -s 96x54 -video_track_timescale 90000");
    let title = Title::new(&[large, small, format!("{SOUND} -c:a aac")]);
    check(&title);
    assert_eq!(title.streams.streams[0].levels.len(), 2);
}

#[test]
fn fragments_follow_on_from_each_other() {
    let title = Title::new(&[
        format!("-f lavfi -i testsrc2=s=96x54:r=30000/1001:d=14 {X264}"),
        format!("{SOUND} -c:a aac -ar 44100"),
    ]);
    for stream in &title.streams.streams {
        let level = &stream.levels[0];
        // Two pictures of 1001/30000 s.
        let lead = if stream.kind == MediaKind::Video {
            667_333
        } else {
            0
        };
        let count = stream.segment_count(&title.presentation);
        let mut expected = None;
        for segment in 0..count {
            let fragment = title
                .streams
                .fragment(&title.presentation, stream, level, segment)
                .unwrap();
            let parsed = title::parse(&title.bytes(&fragment, Noun::Fragments));
            assert_eq!(
                (parsed.start, parsed.duration),
                (fragment.start, fragment.duration)
            );
            let total: u64 = parsed.durations.iter().sum();
            // The last picture is shown later than it is decoded.
            let rest = fragment.duration - total;
            assert!(rest == 0 || fragment.next.is_none() && rest == lead, "{rest}");
            assert_eq!(*expected.get_or_insert(fragment.start), fragment.start);
            expected = Some(fragment.start + fragment.duration);
            assert_eq!(fragment.next, expected.filter(|_| segment + 1 < count));
            let request = FragmentRequest {
                bitrate: level.bitrate,
                noun: Noun::Fragments,
                stream: stream.name.clone(),
                time: fragment.start,
            };
            assert_eq!(
                title.streams.resolve(&title.presentation, &request),
                Some(fragment)
            );
            let beside = FragmentRequest {
                time: fragment.start + 1,
                ..request
            };
            assert_eq!(title.streams.resolve(&title.presentation, &beside), None);
        }
    }
}

#[test]
fn pictures_start_at_zero_when_they_need_the_longest_lead() {
    let title = Title::new(&[muxed("")]);
    let [pictures, sound] = title.streams.streams.as_slice() else {
        panic!("two streams: {:?}", title.streams);
    };
    let start = |stream| title.starts(stream)[0];
    // x264 decodes two pictures ahead with B-pyramids; AAC primes with 1024 samples.
    assert_eq!(title.starts(pictures), [0, 40_000_000, 80_000_000, 120_000_000]);
    assert_eq!(start(sound), 800_000 - 213_333);
}

#[test]
fn every_noun_is_answered_with_its_part() {
    let title = Title::new(&[format!("{VIDEO} {X264}")]);
    let stream = &title.streams.streams[0];
    let fragment = title
        .streams
        .fragment(&title.presentation, stream, &stream.levels[0], 1)
        .unwrap();
    let whole = title.bytes(&fragment, Noun::Fragments);
    let info = title.bytes(&fragment, Noun::FragmentInfo);
    let raw = title.bytes(&fragment, Noun::RawFragments);
    assert_eq!(whole[..info.len()], info);
    assert_eq!(whole[info.len() + 4..info.len() + 8], *b"mdat");
    assert_eq!(whole[info.len() + 8..], raw);

    let all = title::parse(&whole);
    let keys = title::parse(&title.bytes(&fragment, Noun::KeyFrames));
    // Four seconds are two groups of fifty pictures.
    assert_eq!((all.samples.len(), keys.samples.len()), (100, 2));
    assert_eq!(keys.samples, [all.samples[0].clone(), all.samples[50].clone()]);
    assert_eq!(keys.durations, [20_000_000, 20_000_000]);
    assert_eq!((keys.start, keys.duration), (all.start, all.duration));
}

#[test]
fn a_rendition_on_another_grid_is_left_out() {
    let title = Title::new(&[
        format!("{VIDEO} {X264} -s 96x54"),
        format!("{VIDEO} {X264}"),
        format!("{VIDEO} {X264} -g 77 -s 48x28"),
    ]);
    let left_out: Vec<usize> = title.streams.left_out.iter().map(|left| left.track).collect();
    assert_eq!(left_out, [2]);
    assert!(matches!(
        title.streams.left_out[0].reason,
        Reason::Unaligned { .. }
    ));
    let levels: Vec<usize> = title.streams.streams[0]
        .levels
        .iter()
        .map(|level| level.track)
        .collect();
    assert_eq!(levels, [0, 1]);
}

#[test]
fn a_codec_without_a_code_is_left_out_with_its_name() {
    let title = Title::new(&[format!("{VIDEO} {X264}"), format!("{SOUND} -c:a flac -strict -2")]);
    let reason = Reason::NoCode { codec: "flac" };
    assert_eq!(title.streams.left_out, [LeftOut { track: 1, reason }]);
    assert_eq!(title.streams.streams.len(), 1);
}

#[test]
fn equal_bitrates_are_told_apart() {
    let video = format!("{VIDEO} {X264} -g 25");
    let title = Title::described(
        &[video.clone(), video.clone(), video],
        &[100_000, 100_000, 100_001]
            .map(|bitrate| title::reference(MediaKind::Video, "video", bitrate, None)),
    );
    let bitrates: Vec<u64> = title.streams.streams[0]
        .levels
        .iter()
        .map(|level| level.bitrate)
        .collect();
    assert_eq!(bitrates, [100_000, 100_002, 100_001]);
    for (index, bitrate) in bitrates.into_iter().enumerate() {
        let request =
            FragmentRequest::parse(&format!("QualityLevels({bitrate})/Fragments(video=0)")).unwrap();
        let found = title.streams.resolve(&title.presentation, &request).unwrap();
        assert_eq!(found.track, index);
    }
}

#[test]
fn streams_of_one_name_are_told_apart() {
    let sound = format!("{SOUND} -c:a aac");
    let title = Title::described(
        &[sound.clone(), sound.clone(), sound],
        &[Some("eng"), Some("swe"), None]
            .map(|language| title::reference(MediaKind::Audio, "audio", 64_000, language)),
    );
    let names = title.streams.streams.iter().map(|stream| stream.name.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["audio", "audio_swe", "audio_1"]);
}

#[test]
fn the_sample_title_keeps_its_manifest() {
    let title = Title::sample();
    check(&title);
    let manifest = title.manifest();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/smooth/harbour.ismc");
    if std::env::var_os("STRATA_BLESS").is_some() {
        std::fs::write(path, &manifest).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == manifest,
        "{path} differs from what is made now:\n{manifest}"
    );
    // The packager that wrote the server manifest states the same.
    let is_media =
        |reference: &&TrackReference| reference.kind != MediaKind::Text && reference.tiles().is_none();
    for (index, reference) in title.references.iter().filter(is_media).enumerate() {
        let data = reference.param("CodecPrivateData").unwrap();
        assert!(manifest.contains(data), "track {index}: {data}");
    }
}

#[test]
fn a_text_is_one_document_a_fragment_whose_times_count_from_its_start() {
    let title = Title::sample();
    let texts = title.streams.streams.iter();
    let texts: Vec<_> = texts.filter(|stream| stream.kind == MediaKind::Text).collect();
    let names: Vec<_> = texts.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["textstream_eng", "textstream_fra"]);
    // Pictures are shown as much later than the earliest time of the manifest.
    let first = 800_000;
    for stream in texts {
        let count = stream.segment_count(&title.presentation);
        assert_eq!(title.starts(stream)[0], first);
        let mut shown = 0;
        for segment in 0..count {
            let fragment = title
                .streams
                .fragment(&title.presentation, stream, &stream.levels[0], segment)
                .unwrap();
            let whole = title.bytes(&fragment, Noun::Fragments);
            let parsed = title::parse(&whole);
            assert_eq!(
                (parsed.start, parsed.duration),
                (fragment.start, fragment.duration)
            );
            assert_eq!(parsed.durations, [fragment.duration]);
            let raw = title.bytes(&fragment, Noun::RawFragments);
            assert_eq!(parsed.samples, std::slice::from_ref(&raw));
            let info = title.bytes(&fragment, Noun::FragmentInfo);
            assert_eq!(whole[..info.len()], info);
            assert_eq!(title.bytes(&fragment, Noun::KeyFrames), whole);
            let document = text::read(&raw, TextFormat::Ttml).unwrap().document;
            let duration = std::time::Duration::from_nanos(fragment.duration * 100);
            assert!(
                document
                    .cues
                    .iter()
                    .all(|cue| cue.start < cue.end && cue.end <= duration)
            );
            shown += document.cues.len();
        }
        let source = title.presentation.texts[stream.levels[0].track]
            .document()
            .unwrap();
        assert!(
            source.cues.len() < shown,
            "a cue across fragments is in each of them"
        );
    }
}

/// Times in milliseconds of what comes out of `GStreamer`'s decoders.
fn milliseconds(packets: &[support::Packet]) -> Vec<i64> {
    packets.iter().map(|packet| packet.pts).collect()
}

#[test]
fn gstreamer_plays_every_picture() {
    let played = player::play(Title::new(&[muxed("")]));
    // The first picture is shown 80 ms after it is decoded at 0, the next every 40 ms.
    let expected: Vec<i64> = (0..350).map(|index| 80 + 40 * index).collect();
    assert_eq!(milliseconds(&played.pictures), expected);
    // Sound begins one frame of 1024 samples earlier, which is its priming.
    let sound = milliseconds(&played.sound);
    assert_eq!(sound[0], 59);
    let frames = (14 * 48_000 + 1024_usize).div_ceil(1024);
    assert_eq!(played.sound.len(), frames);
}

#[test]
fn gstreamer_plays_several_renditions() {
    let large = format!("{VIDEO} {X264} -b:v 300k -bf 3");
    let small = format!("{VIDEO} {X264} -b:v 80k -bf 0 -s 96x54");
    let played = player::play(Title::new(&[large, small, format!("{SOUND} -c:a aac")]));
    assert_eq!(played.pictures.len(), 350);
    let shown = milliseconds(&played.pictures);
    assert!(shown.windows(2).all(|pair| pair[1] - pair[0] == 40), "{shown:?}");
}
