//! What comes out is what went in: ffmpeg's packets of every source and of what
//! is made of it are the same, and their times differ by one constant a title.

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

mod support;

use std::time::Duration;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use support::Folder;

const VIDEO: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=14";
const SOUND: &str = "-f lavfi -i sine=440:d=14:sample_rate=48000";
const X264: &str = "-c:v libx264 -preset veryfast -g 50 -bf 2 -sc_threshold 0";

/// Makes source files with ffmpeg, one for each of `commands`, and compares
/// every track's packets before and after.
fn check(commands: &[String]) {
    let folder = Folder::new();
    let mut files = Vec::new();
    let mut names = Vec::new();
    for (index, command) in commands.iter().enumerate() {
        let name = format!("source-{index}.mp4");
        folder.ffmpeg(&format!("{command} {name}"));
        files.push(Bytes::from(std::fs::read(folder.path(&name)).unwrap()));
        names.push(name);
    }
    let title = support::assemble(&files, Duration::from_secs(4));
    assert_eq!(title.skipped, []);
    assert_eq!(title.warnings, []);
    let mut seen = vec![(0, 0); files.len()];
    for track in &title.tracks {
        let file = track.file.0 as usize;
        let map = match track.kind {
            MediaKind::Video => format!("0:v:{}", seen[file].0),
            _ => format!("0:a:{}", seen[file].1),
        };
        match track.kind {
            MediaKind::Video => seen[file].0 += 1,
            _ => seen[file].1 += 1,
        }
        let out = folder.path("out.mp4");
        std::fs::write(&out, support::output(track, &files)).unwrap();
        let source = support::packets(&folder.path(&names[file]), &map);
        let output = support::packets(&out, "0:0");
        assert_eq!(output.len(), source.len(), "{}: number of packets", track.token);
        let offset = track.presentation_time_offset as i64;
        for (index, (output, source)) in output.iter().zip(&source).enumerate() {
            let expected = support::Packet {
                dts: source.dts + offset,
                pts: source.pts + offset,
                ..source.clone()
            };
            assert_eq!(output, &expected, "{}: packet {index}", track.token);
        }
    }
}

fn muxed(options: &str) -> String {
    format!("{VIDEO} {SOUND} {X264} -c:a aac -b:a 64k {options}")
}

#[test]
fn a_muxed_file_with_its_moov_first() {
    check(&[muxed("-movflags +faststart")]);
}

#[test]
fn a_muxed_file_with_its_moov_last() {
    check(&[muxed("")]);
}

#[test]
fn a_file_without_edit_lists() {
    check(&[muxed("-use_editlist 0")]);
}

#[test]
fn signed_composition_offsets() {
    check(&[muxed("-movflags +negative_cts_offsets")]);
}

#[test]
fn pictures_that_start_late() {
    check(&[format!("-itsoffset 0.5 {VIDEO} {SOUND} {X264} -c:a aac")]);
}

#[test]
fn sound_that_starts_late_in_a_file_of_its_own() {
    check(&[
        format!("{VIDEO} {X264}"),
        format!("-itsoffset 0.25 {SOUND} -c:a aac"),
    ]);
}

#[test]
fn renditions_of_one_grid_in_files_of_their_own() {
    let large = format!("{VIDEO} {X264} -b:v 300k -movflags +faststart");
    let small = format!("{VIDEO} {X264} -b:v 80k -s 96x54 -video_track_timescale 90000");
    check(&[large, small, format!("{SOUND} -c:a aac -ar 44100")]);
}

#[test]
fn pictures_that_are_all_sync_samples() {
    check(&[format!("{VIDEO} -c:v libx264 -preset veryfast -g 1")]);
}

#[test]
fn pictures_at_uneven_times() {
    check(&[format!(
        "{VIDEO} {SOUND} {X264} -vf select='mod(n\\,7)' -fps_mode vfr -c:a aac"
    )]);
}

#[test]
fn an_odd_clock() {
    check(&[format!(
        "-f lavfi -i testsrc2=s=96x54:r=24000/1001:d=14 {X264} -video_track_timescale 12345"
    )]);
}

#[test]
fn a_file_cut_in_the_middle_of_a_group_of_pictures() {
    let folder = Folder::new();
    folder.ffmpeg(&format!("{} whole.mp4", muxed("")));
    let whole = folder.path("whole.mp4");
    check(&[format!("-ss 5.32 -i {} -c copy", whole.display())]);
}

#[test]
fn sound_alone() {
    check(&[format!("{SOUND} -c:a aac")]);
}

#[test]
fn segments_partition_the_track() {
    let folder = Folder::new();
    folder.ffmpeg(&format!("{} film.mp4", muxed("")));
    let files = [Bytes::from(std::fs::read(folder.path("film.mp4")).unwrap())];
    let title = support::assemble(&files, Duration::from_secs(4));
    for track in &title.tracks {
        for pair in track.segments.windows(2) {
            assert_eq!(pair[0].start + pair[0].duration, pair[1].start);
            assert!(pair[0].duration > 0);
        }
        let total: u64 = track.segments.iter().map(|segment| segment.duration).sum();
        assert_eq!(track.segments[0].start + total, track.end());
        let counted: u32 = (0..track.segments.len())
            .map(|segment| track.sample_count(segment))
            .sum();
        assert_eq!(
            counted as usize,
            support::packets(
                &folder.path("film.mp4"),
                if track.kind == MediaKind::Video {
                    "0:v"
                } else {
                    "0:a"
                }
            )
            .len()
        );
    }
    let video = &title.tracks[0];
    let starts: Vec<u64> = video
        .segments
        .iter()
        .map(|segment| segment.start - video.presentation_time_offset)
        .collect();
    assert_eq!(
        starts,
        [0, 51_200, 102_400, 153_600],
        "4 s at 12,800 ticks a second"
    );
}
