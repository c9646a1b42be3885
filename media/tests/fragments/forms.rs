//! Files that ffmpeg writes, in every form it knows.

use std::time::Duration;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::presentation::Presentation;

use crate::support::{self, Folder, Times};

const VIDEO: &str = "-f lavfi -i testsrc2=s=192x108:r=25:d=10";
const SOUND: &str = "-f lavfi -i sine=440:d=10:sample_rate=48000";
const X264: &str = "-c:v libx264 -preset veryfast -g 50 -bf 2 -sc_threshold 0";

fn muxed(options: &str) -> String {
    format!("{VIDEO} {SOUND} {X264} -c:a aac -b:a 64k {options}")
}

/// How the reader found the fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    ByIndex,
    ByScan,
}

/// Makes a source with ffmpeg and compares every track's packets before and after.
fn check(command: &str, ending: &str, found: Found, times: Times) -> Presentation {
    let folder = Folder::new();
    let name = format!("source.{ending}");
    folder.ffmpeg(&format!("{command} {name}"));
    let files = [Bytes::from(std::fs::read(folder.path(&name)).unwrap())];
    let movie = support::read(&files[0]).unwrap();
    for track in &movie.tracks {
        let is_indexed = track.index.is_some();
        assert_eq!(is_indexed, found == Found::ByIndex, "track {}", track.id);
    }
    let title = support::assemble(&files, Duration::from_secs(4));
    assert_eq!(
        (title.skipped.as_slice(), title.warnings.as_slice()),
        (&[][..], &[][..])
    );
    for track in &title.tracks {
        let map = match track.kind {
            MediaKind::Video => "0:v",
            _ => "0:a",
        };
        let out = folder.path("out.mp4");
        std::fs::write(&out, support::output(track, &files)).unwrap();
        let source = support::packets(&folder.path(&name), map);
        let output = support::packets(&out, "0:0");
        support::compare_packets(track, &output, &source, times);
        partition(track, &files[0]);
    }
    title
}

/// Segments follow each other, and state the times that their samples have.
fn partition(track: &strata_media::track::Track, file: &Bytes) {
    let mut end = track.segments[0].start;
    for (index, segment) in track.segments.iter().enumerate() {
        assert_eq!(segment.start, end, "{}: segment {index}", track.token);
        assert!(segment.duration > 0);
        end += segment.duration;
        let (samples, _) = support::read_samples(track, index, file).unwrap();
        let shown = samples.0.iter().map(|sample| sample.presentation_time());
        let earliest = shown.min().unwrap();
        assert_eq!(segment.start as i64, earliest, "{}: segment {index}", track.token);
        let decode_times = track.decode_times(index).unwrap();
        assert_eq!(
            decode_times.start, samples.0[0].decode_time,
            "{}: segment {index}",
            track.token
        );
    }
    assert_eq!(end, track.end());
}

/// The starts of the segments in milliseconds of the presentation.
fn starts(title: &Presentation, track: usize) -> Vec<u64> {
    let track = &title.tracks[track];
    let start = |start: u64| start.saturating_sub(track.presentation_time_offset);
    let clock = track.timescale;
    track
        .segments
        .iter()
        .map(|segment| clock.microseconds(start(segment.start)) / 1000)
        .collect()
}

#[test]
fn fragments_with_an_absolute_base_offset() {
    let title = check(
        &muxed("-movflags frag_keyframe+empty_moov"),
        "mp4",
        Found::ByIndex,
        Times::AsRead,
    );
    // There is no edit list: the first picture is shown 80 ms after it is decoded.
    assert_eq!(starts(&title, 0), [80, 4080, 8080]);
}

#[test]
fn fragments_that_are_their_own_base() {
    let command = muxed("-movflags frag_keyframe+empty_moov+default_base_moof");
    check(&command, "mp4", Found::ByIndex, Times::AsRead);
}

#[test]
fn fragments_without_any_base() {
    let command = muxed("-movflags frag_keyframe+empty_moov+omit_tfhd_offset+separate_moof");
    check(&command, "mp4", Found::ByIndex, Times::AsRead);
}

#[test]
fn fragments_without_an_index() {
    for base in ["", "+default_base_moof", "+omit_tfhd_offset", "+separate_moof"] {
        let command = muxed(&format!("-movflags frag_keyframe+empty_moov+skip_trailer{base}"));
        check(&command, "mp4", Found::ByScan, Times::AsRead);
    }
}

#[test]
fn fragments_with_edit_lists() {
    let command = muxed("-movflags frag_keyframe+delay_moov");
    let title = check(&command, "mp4", Found::ByIndex, Times::AsRead);
    assert_eq!(starts(&title, 0), [0, 4000, 8000]);
    let command = muxed("-movflags frag_keyframe+delay_moov+skip_trailer");
    let scanned = check(&command, "mp4", Found::ByScan, Times::AsRead);
    assert_eq!(starts(&scanned, 0), [0, 4000, 8000]);
}

#[test]
fn pictures_with_a_segment_index() {
    let dash = "-movflags dash+frag_keyframe+delay_moov+global_sidx -f mp4";
    let title = check(
        &format!("{VIDEO} {X264} {dash}"),
        "cmfv",
        Found::ByIndex,
        Times::AsRead,
    );
    assert_eq!(starts(&title, 0), [0, 4000, 8000]);
}

#[test]
fn sound_with_a_segment_index() {
    let dash = "-movflags dash+global_sidx -frag_duration 2000000 -f mp4";
    let command = format!("{SOUND} -c:a aac {dash}");
    check(&command, "cmfa", Found::ByIndex, Times::AsRead);
}

#[test]
fn a_muxed_file_with_a_segment_index_for_each_track() {
    let command = muxed("-movflags dash+frag_keyframe+global_sidx");
    check(&command, "mp4", Found::ByIndex, Times::AsRead);
}

#[test]
fn a_segment_index_before_every_fragment() {
    let command = muxed("-movflags dash+frag_keyframe+delay_moov+skip_trailer");
    check(&command, "mp4", Found::ByScan, Times::AsRead);
    let command = format!("{VIDEO} {X264} -movflags cmaf+frag_keyframe+delay_moov -f mp4");
    check(&command, "cmfv", Found::ByIndex, Times::FromTheFirst);
}

#[test]
fn smooth_streaming_files() {
    let title = check(&muxed("-f ismv"), "ismv", Found::ByIndex, Times::FromTheFirst);
    // The sound starts with its priming, before the pictures.
    let start = |track: usize| {
        title.tracks[track].segments[0].start as i64 - title.tracks[track].presentation_time_offset as i64
    };
    assert_eq!((start(0), start(1)), (0, -213_333));
    check(
        &muxed("-f ismv -movflags skip_trailer"),
        "ismv",
        Found::ByScan,
        Times::FromTheFirst,
    );
    check(
        &format!("{SOUND} -c:a aac -frag_duration 2000000 -f ismv"),
        "isma",
        Found::ByIndex,
        Times::FromTheFirst,
    );
}

#[test]
fn a_movie_box_with_samples_before_the_fragments() {
    check(
        &muxed("-movflags frag_keyframe"),
        "mp4",
        Found::ByScan,
        Times::AsRead,
    );
}

#[test]
fn a_fragment_for_every_picture() {
    let command = muxed("-movflags frag_every_frame+empty_moov+default_base_moof");
    check(&command, "mp4", Found::ByScan, Times::AsRead);
}

#[test]
fn fragments_that_do_not_start_with_a_sync_sample() {
    let command = muxed("-movflags empty_moov+default_base_moof+skip_trailer -frag_duration 700000");
    let title = check(&command, "mp4", Found::ByScan, Times::AsRead);
    assert_eq!(starts(&title, 0), [80, 4080, 8080]);
}

#[test]
fn several_track_runs_in_a_fragment() {
    for trailer in ["", "+skip_trailer"] {
        let flags = format!("-movflags frag_keyframe+empty_moov+default_base_moof{trailer}");
        let found = if trailer.is_empty() {
            Found::ByIndex
        } else {
            Found::ByScan
        };
        check(
            &muxed(&format!("{flags} -frag_interleave 5")),
            "mp4",
            found,
            Times::AsRead,
        );
    }
}

#[test]
fn negative_composition_offsets() {
    let flags = "-movflags frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets";
    // ffmpeg adds the largest of them to every time it reads.
    check(&muxed(flags), "mp4", Found::ByIndex, Times::FromTheFirst);
    let command = muxed(&format!("{flags}+skip_trailer"));
    check(&command, "mp4", Found::ByScan, Times::FromTheFirst);
}

#[test]
fn a_fragmented_quicktime_movie() {
    let command = format!("{VIDEO} {X264} -movflags frag_keyframe+empty_moov");
    check(&command, "mov", Found::ByIndex, Times::AsRead);
}

#[test]
fn times_that_start_late() {
    let command =
        format!("{VIDEO} {X264} -output_ts_offset 1000 -movflags frag_keyframe+empty_moov+frag_discont");
    check(&command, "mp4", Found::ByIndex, Times::FromTheFirst);
}

#[test]
fn times_that_start_before_the_movie_does() {
    // ffmpeg writes the priming of the sound at a wrapped negative time.
    let command = muxed("-movflags frag_keyframe+delay_moov+frag_discont");
    check(&command, "mp4", Found::ByIndex, Times::FromTheFirst);
}
