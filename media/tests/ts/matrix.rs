//! Sources of all kinds through ffmpeg: before and after.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use strata_media::multiplex::{CLOCK_AT_START, Multiplex};
use strata_media::presentation::Presentation;
use strata_media::time::Timescale;
use strata_media::track::Track;

use crate::compare::{Silence, Sources, decode_silently};
use crate::support::{self, Folder, Times};
use crate::{checker, segment};

const VIDEO: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=10";
const SOUND: &str = "-f lavfi -i sine=440:d=10:sample_rate=48000";
const X264: &str = "-c:v libx264 -preset veryfast -g 50 -bf 2 -sc_threshold 0";
const AAC: &str = "-c:a aac -b:a 64k";

struct Title {
    folder: Folder,
    paths: Vec<PathBuf>,
    files: Vec<Bytes>,
    presentation: Presentation,
}

/// Makes source files with ffmpeg, one for each of `commands`.
fn title(commands: &[String]) -> Title {
    let folder = Folder::new();
    let (mut paths, mut files) = (Vec::new(), Vec::new());
    for (index, command) in commands.iter().enumerate() {
        let name = format!("source-{index}.mp4");
        folder.ffmpeg(&format!("{command} {name}"));
        files.push(Bytes::from(std::fs::read(folder.path(&name)).unwrap()));
        paths.push(folder.path(&name));
    }
    let presentation = support::assemble(&files, Duration::from_secs(4));
    assert_eq!(presentation.skipped, []);
    Title {
        folder,
        paths,
        files,
        presentation,
    }
}

/// Checks the title's tracks in one stream, and each alone.
fn check(commands: &[String]) {
    let title = title(commands);
    let tracks: Vec<&Track> = title.presentation.tracks.iter().collect();
    let sources = Sources {
        folder: &title.folder,
        paths: &title.paths,
        files: &title.files,
        presentation: &title.presentation,
        times: Times::AsRead,
        clips: &[],
    };
    sources.check_streams(tracks.clone(), Silence::EachSegment);
    if tracks.len() > 1 {
        for track in tracks {
            sources.check_streams(vec![track], Silence::EachSegment);
        }
    }
}

fn muxed(options: &str) -> String {
    format!("{VIDEO} {SOUND} {X264} {AAC} {options}")
}

#[test]
fn h264_and_aac() {
    check(&[muxed("")]);
}

#[test]
fn times_that_do_not_divide() {
    check(&[
        format!("-f lavfi -i testsrc2=s=96x54:r=24000/1001:d=10 {X264} -video_track_timescale 12345"),
        format!("-f lavfi -i sine=440:d=10:sample_rate=44100 {AAC}"),
    ]);
}

#[test]
fn sound_before_the_pictures_and_behind_them() {
    check(&[
        format!("-itsoffset 9 {VIDEO} {X264}"),
        format!("-f lavfi -i sine=440:d=33 {AAC}"),
    ]);
}

#[test]
fn sound_that_ends_early() {
    check(&[
        format!("{VIDEO} {X264}"),
        format!("-itsoffset 0.25 -f lavfi -i sine=440:d=5 {AAC}"),
    ]);
}

#[test]
fn pictures_that_are_all_sync_samples() {
    check(&[format!("{VIDEO} -c:v libx264 -preset veryfast -g 1")]);
}

#[test]
fn pictures_that_come_once_a_second() {
    check(&[format!(
        "-f lavfi -i testsrc2=s=192x108:r=1:d=10 {SOUND} -c:v libx264 -g 4 {AAC}"
    )]);
}

#[test]
fn pictures_of_more_than_a_unit_can_state() {
    let noise = "testsrc2=s=640x360:r=25:d=5,noise=alls=90:allf=t";
    check(&[format!(
        "-f lavfi -i {noise} -c:v libx264 -preset ultrafast -g 50 -crf 8"
    )]);
}

#[test]
fn samples_with_delimiters_of_their_own() {
    check(&[muxed("-x264-params aud=1")]);
}

#[test]
fn samples_with_parameter_sets_of_their_own() {
    check(&[muxed("-x264-params repeat-headers=1:aud=1")]);
}

#[test]
fn a_file_cut_in_the_middle_of_a_group_of_pictures() {
    let folder = Folder::new();
    folder.ffmpeg(&format!("{} whole.mp4", muxed("")));
    let whole = folder.path("whole.mp4");
    check(&[format!("-ss 5.32 -i {} -c copy", whole.display())]);
}

const X265: &str =
    "-c:v libx265 -preset ultrafast -tag:v hvc1 -x265-params log-level=none:keyint=50:bframes=2";

#[test]
fn h265_and_dolby_digital() {
    check(&[format!("{VIDEO} {SOUND} {X265} -c:a ac3 -b:a 192k")]);
}

#[test]
fn h265_with_delimiters_of_its_own() {
    check(&[format!("{VIDEO} {X265}:aud=1:repeat-headers=1")]);
}

#[test]
fn dolby_digital_plus_in_surround() {
    check(&[format!(
        "{VIDEO} {SOUND} {X264} -c:a eac3 -ac 6 -metadata:s:a:0 language=swe"
    )]);
}

#[test]
fn mp3_at_both_kinds_of_rates() {
    check(&[
        format!("{VIDEO} {X264}"),
        format!("{SOUND} -c:a libmp3lame -b:a 64k"),
        format!("{SOUND} -c:a libmp3lame -b:a 32k -ar 22050"),
    ]);
}

#[test]
fn three_languages_in_one_stream() {
    let language = |code: &str| format!("{SOUND} {AAC} -metadata:s:a:0 language={code}");
    check(&[
        format!("{VIDEO} {X264}"),
        language("eng"),
        language("fra"),
        language("sqi"),
    ]);
}

#[test]
fn stated_rates_are_those_of_the_segments() {
    let title = title(&[
        format!("-f lavfi -i testsrc2=s=320x180:r=25:d=16 {X264} -b:v 600k -maxrate 700k -bufsize 700k"),
        format!("-f lavfi -i aevalsrc=random(0):d=16:s=48000 {AAC}"),
    ]);
    let [pictures, sound] = &title.presentation.tracks[..] else {
        panic!("two tracks");
    };
    for tracks in [vec![pictures], vec![sound], vec![sound, pictures]] {
        let multiplex = Multiplex::new(tracks).unwrap();
        let durations = multiplex.durations_us();
        let sizes: Vec<u64> = (0..durations.len())
            .map(|number| segment::segment(&multiplex, number, &title.files).len() as u64)
            .collect();
        let rate = |size: u64, duration: u64| size * 8 * 1_000_000 / duration;
        let rates = sizes
            .iter()
            .zip(&durations)
            .map(|(size, duration)| rate(*size, *duration));
        let (peak, average) = (
            rates.max().unwrap(),
            rate(sizes.iter().sum(), durations.iter().sum()),
        );
        let stated = multiplex.bandwidth(title.presentation.target_duration);
        // Packets are filled up as if each unit needed a whole one more.
        assert!(
            (peak..peak * 115 / 100).contains(&stated.peak),
            "peak {peak} and not {}",
            stated.peak
        );
        assert!(
            stated.average.abs_diff(average) * 20 < average,
            "average {average} and not {}",
            stated.average
        );
    }
}

#[test]
fn the_map_says_what_the_streams_are() {
    let title = title(&[
        format!("{VIDEO} {X264}"),
        format!("{SOUND} {AAC} -metadata:s:a:0 language=eng"),
        format!("{SOUND} -c:a ac3 -ac 6 -b:a 448k -metadata:s:a:0 language=swe"),
        format!("{SOUND} -c:a eac3 -ac 2 -metadata:s:a:0 language=fre"),
    ]);
    let multiplex = Multiplex::new(title.presentation.tracks.iter().collect()).unwrap();
    let streams = checker::check(&segment::segment(&multiplex, 1, &title.files));
    let said: Vec<(u16, u8, &[u8])> = streams
        .iter()
        .map(|(pid, stream)| (*pid, stream.stream_type, stream.descriptors.as_slice()))
        .collect();
    let expected: [(u16, u8, &[u8]); 4] = [
        (0x100, 0x1b, &[]),
        (0x101, 0x0f, &[10, 4, b'e', b'n', b'g', 0]),
        (
            0x102,
            0x81,
            // 48 kHz, bsid 8; 448 kb/s; complete main, 3/2, full service; no langcod; no
            // priority; no text; Swedish.
            b"\x05\x04AC-3\x81\x0a\x08\x3c\x0f\xff\x1f\x01\xbfswe\x0a\x04swe\0",
        ),
        (0x103, 0x87, b"\x05\x04EAC3\xcc\x02\x80\xc2\x0a\x04fra\0"),
    ];
    assert_eq!(said, expected);
    assert!(streams[&0x100].units[0].is_random_access);
}

#[test]
fn time_stamps_wrap_and_go_on() {
    let title = title(&[muxed("")]);
    let multiplex = Multiplex::new(title.presentation.tracks.iter().collect()).unwrap();
    let mut samples = segment::samples(&multiplex, 0, &title.files);
    let first = samples[0].0[0].decode_time;
    let pictures = multiplex.tracks()[0].timescale;
    for (track, samples) in multiplex.tracks().iter().zip(&mut samples) {
        // The first picture is decoded 40 ms before the wrap.
        let near = Timescale::MPEG2.instant((1 << 33) - CLOCK_AT_START as i64 - 3600);
        let shift = near.on(track.timescale) - pictures.instant(first).on(track.timescale);
        for sample in &mut samples.0 {
            sample.decode_time += shift + track.presentation_time_offset as i64;
        }
    }
    let plan = segment::plan(0, multiplex.tracks(), &samples, &title.files).unwrap();
    let bytes = segment::mux(&plan, 0..plan.length(), &title.files, 4096).unwrap();
    let streams = checker::check(&bytes);
    let stamps: Vec<u64> = streams[&0x100].units.iter().map(|unit| unit.dts).collect();
    assert!(stamps[0] > (1 << 33) - 3700 && stamps[2] < 3700);
    for pair in stamps.windows(2) {
        assert_eq!(pair[1].wrapping_sub(pair[0]) & ((1 << 33) - 1), 3600);
    }
    let path = title.folder.path("wrapped.ts");
    std::fs::write(&path, &bytes).unwrap();
    decode_silently(&path);
}
