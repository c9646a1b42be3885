//! Every codec in every container that has it.

use crate::recipe::{AAC, Recipe, SOUND, VIDEO, X264};
use crate::support::Times;
use crate::title::Title;
use crate::{ALL, Dash, Format, Hls, HlsTs, TARGET, check};

/// Containers that ffmpeg writes, with the ending of their files' names.
const PROGRESSIVE: (&str, &str) = ("", "mp4");
const FAST_START: (&str, &str) = ("-movflags +faststart", "mp4");
const QUICKTIME: (&str, &str) = ("", "mov");
const FRAGMENTS: (&str, &str) = ("-movflags frag_keyframe+empty_moov+default_base_moof", "mp4");
const INDEXED: (&str, &str) = (
    "-movflags dash+frag_keyframe+delay_moov+global_sidx -f mp4",
    "cmfv",
);
const SMOOTH: (&str, &str) = ("-f ismv", "ismv");

/// For sound that says what it is in its frames only.
const LATE_FRAGMENTS: (&str, &str) = ("-movflags frag_keyframe+delay_moov+default_base_moof", "mp4");
const FRAGMENTED_QUICKTIME: (&str, &str) = ("-movflags frag_keyframe+delay_moov", "mov");

const MP4: [(&str, &str); 4] = [PROGRESSIVE, FAST_START, FRAGMENTS, INDEXED];

/// Fragments of sound have to be told how long they shall be.
fn in_containers(codec: &str, containers: &[(&str, &'static str)], formats: &[Format]) {
    for &(options, ending) in containers {
        let is_fragmented = options.contains("frag") || options.contains("ismv");
        let is_sound = !codec.contains("-c:v") && is_fragmented;
        let length = if is_sound { "-frag_duration 1000000" } else { "" };
        let recipe = Recipe::new(format!("{codec} {length} {options}"), ending);
        let times = if ending.starts_with("is") {
            Times::FromTheFirst
        } else {
            Times::AsRead
        };
        check(&[recipe], times, formats);
    }
}

#[test]
fn h264() {
    let codec = format!("{VIDEO} {X264}");
    in_containers(&codec, &MP4, &ALL);
    in_containers(&codec, &[QUICKTIME, SMOOTH], &ALL);
}

const X265: &str =
    "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25:min-keyint=25:bframes=2:scenecut=0";

#[test]
fn h265_by_both_its_names() {
    for tag in ["hvc1", "hev1"] {
        let codec = format!("{VIDEO} {X265} -tag:v {tag}");
        in_containers(&codec, &MP4, &ALL);
        in_containers(&codec, &[QUICKTIME], &ALL);
    }
}

#[test]
fn av1() {
    let codec = format!("{VIDEO} -c:v libaom-av1 -cpu-used 8 -g 25 -crf 50");
    // Before its first fragment ffmpeg knows no configuration: FRAGMENTS say it in their
    // first sample only.
    in_containers(&codec, &MP4, &[Dash, Hls]);
    let scanned = ("-movflags frag_keyframe+empty_moov+skip_trailer", "mp4");
    in_containers(&codec, &[scanned], &[Dash, Hls]);
}

#[test]
fn pictures_of_10_bits() {
    let vp9 =
        "-pix_fmt yuv420p10le -c:v libvpx-vp9 -profile:v 2 -deadline realtime -cpu-used 8 -g 25 -crf 50";
    in_containers(&format!("{VIDEO} {vp9}"), &[PROGRESSIVE, FRAGMENTS], &[Dash, Hls]);
    let h265 = format!("{VIDEO} -pix_fmt yuv420p10le {X265} -tag:v hvc1");
    in_containers(&h265, &[PROGRESSIVE, FRAGMENTS], &ALL);
}

#[test]
fn vp9() {
    let codec = format!("{VIDEO} -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 25 -crf 50");
    in_containers(&codec, &MP4, &[Dash, Hls]);
}

#[test]
fn aac() {
    let codec = format!("{SOUND} {AAC}");
    in_containers(&codec, &MP4, &ALL);
    in_containers(&codec, &[QUICKTIME, ("-f ismv", "isma")], &ALL);
}

#[test]
fn aac_in_surround() {
    in_containers(&format!("{SOUND} {AAC} -ac 6"), &MP4, &ALL);
}

const DOLBY: [(&str, &str); 6] = [
    PROGRESSIVE,
    FAST_START,
    LATE_FRAGMENTS,
    INDEXED,
    QUICKTIME,
    FRAGMENTED_QUICKTIME,
];

#[test]
fn dolby_digital() {
    let codec = format!("{SOUND} -c:a ac3 -b:a 128k");
    in_containers(&codec, &DOLBY, &ALL);
}

#[test]
fn dolby_digital_plus() {
    let codec = format!("{SOUND} -c:a eac3 -ac 6 -b:a 192k");
    in_containers(&codec, &DOLBY, &ALL);
}

#[test]
fn opus() {
    for options in ["-b:a 32k", "-ac 6 -b:a 128k"] {
        in_containers(&format!("{SOUND} -c:a libopus {options}"), &MP4, &[Dash, Hls]);
    }
}

#[test]
fn flac() {
    in_containers(&format!("{SOUND} -c:a flac -strict -2"), &MP4, &[Dash, Hls]);
}

#[test]
fn mp3() {
    let codec = format!("{SOUND} -c:a libmp3lame -b:a 32k");
    in_containers(&codec, &MP4, &ALL);
    in_containers(&codec, &[QUICKTIME, FRAGMENTED_QUICKTIME, SMOOTH], &ALL);
}

#[test]
fn mpeg_layer_2() {
    for rate in [48_000, 22_050] {
        let recipe = Recipe::mp4(format!("{SOUND} -ar {rate} -c:a mp2 -b:a 64k"));
        let title = Title::of_files(vec![recipe.path()], TARGET);
        assert_eq!(title.presentation.tracks[0].rfc6381(), "mp4a.40.33");
        let codec = format!("{SOUND} -ar {rate} -c:a mp2 -b:a 64k");
        in_containers(&codec, &MP4, &[Dash, Hls, HlsTs]);
    }
}

#[test]
fn apple_lossless() {
    let codec = format!("{SOUND} -c:a alac");
    in_containers(&codec, &MP4, &[Hls]);
    in_containers(&codec, &[QUICKTIME, FRAGMENTED_QUICKTIME], &[Hls]);
    in_containers(&codec, &[SMOOTH], &[Hls]);
}

#[test]
fn dts() {
    let codec = format!("{SOUND} -c:a dca -strict -2 -b:a 384k -ac 2");
    in_containers(&codec, &[PROGRESSIVE, FRAGMENTS], &[Dash, Hls]);
}

#[test]
fn pictures_and_sound_of_every_pair_of_codecs() {
    for (video, audio) in [
        (X264, AAC),
        (X264, "-c:a ac3"),
        (X265, "-c:a eac3 -tag:v hvc1"),
        (X265, "-c:a libmp3lame -tag:v hev1"),
    ] {
        let recipe = Recipe::mp4(format!("{VIDEO} {SOUND} {video} {audio}"));
        check(&[recipe], Times::AsRead, &ALL);
    }
}
