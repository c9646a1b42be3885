//! Edit lists, clocks and the order of pictures, each with each.

use crate::recipe::{AAC, Recipe, SOUND, VIDEO, X264};
use crate::support::Times;
use crate::{ALL, check};

/// Options before the inputs, and for the file.
const EDITS: [(&str, &str); 4] = [
    // ffmpeg's own: from the first picture's composition offset, behind the priming.
    ("", ""),
    ("", "-use_editlist 0"),
    // An empty edit.
    ("-itsoffset 0.5", ""),
    ("", "-movflags +negative_cts_offsets"),
];

/// Ticks a second of the pictures' clock, and their rate.
const CLOCKS: [(&str, &str); 4] = [
    ("", "25"),
    ("-video_track_timescale 90000", "25"),
    ("-video_track_timescale 12345", "24000/1001"),
    ("-video_track_timescale 600", "30000/1001"),
];

/// How pictures refer to each other.
const ORDERS: [&str; 4] = [
    "-bf 0",
    "-bf 2",
    "-bf 3 -x264-params b-pyramid=strict",
    "-bf 3 -x264-params open-gop=1",
];

fn in_clock(clock: (&str, &str)) {
    let (scale, rate) = clock;
    for (before, options) in EDITS {
        for order in ORDERS {
            let video = format!("{before} -f lavfi -i testsrc2=s=64x64:r={rate}:d=3");
            let arguments = format!("{video} {SOUND} {X264} {order} {AAC} {scale} {options}");
            check(&[Recipe::mp4(arguments)], Times::AsRead, &ALL);
        }
    }
}

#[test]
fn every_edit_list_and_order_in_the_usual_clock() {
    in_clock(CLOCKS[0]);
}

#[test]
fn every_edit_list_and_order_in_the_clock_of_transport_streams() {
    in_clock(CLOCKS[1]);
}

#[test]
fn every_edit_list_and_order_in_a_clock_that_divides_nothing() {
    in_clock(CLOCKS[2]);
}

#[test]
fn every_edit_list_and_order_in_the_clock_of_quicktime() {
    in_clock(CLOCKS[3]);
}

#[test]
fn a_file_cut_in_the_middle_of_a_group_of_pictures() {
    // The others refer to pictures that are cut off, of which decoders complain.
    for order in ["-bf 0", "-bf 2"] {
        let whole = Recipe::muxed(order).path();
        let cut = format!("-ss 1.32 -i {} -c copy", whole.display());
        check(&[Recipe::mp4(cut)], Times::AsRead, &ALL);
    }
}

#[test]
fn sound_that_starts_late_in_a_file_of_its_own() {
    check(
        &[
            Recipe::mp4(format!("{VIDEO} {X264}")),
            Recipe::mp4(format!("-itsoffset 0.25 {SOUND} {AAC}")),
        ],
        Times::AsRead,
        &ALL,
    );
}

#[test]
fn tracks_of_unequal_length() {
    let short = "-f lavfi -i sine=440:d=1.3:sample_rate=44100";
    let long = "-f lavfi -i sine=440:d=5.2:sample_rate=44100";
    for sound in [short, long] {
        let sound = Recipe::mp4(format!("{sound} {AAC}"));
        check(
            &[Recipe::mp4(format!("{VIDEO} {X264}")), sound],
            Times::AsRead,
            &ALL,
        );
    }
}
