//! Files of every form with pictures and sound.

use crate::recipe::{AAC, Recipe, SOUND, VIDEO, X264};
use crate::support::Times;
use crate::{ALL, check};

#[test]
fn a_movie_box_first_or_last() {
    check(&[Recipe::muxed("")], Times::AsRead, &ALL);
    check(&[Recipe::muxed("-movflags +faststart")], Times::AsRead, &ALL);
}

#[test]
fn a_quicktime_movie() {
    let arguments = format!("{VIDEO} {SOUND} {X264} {AAC}");
    check(&[Recipe::new(arguments, "mov")], Times::AsRead, &ALL);
}

#[test]
fn renditions_of_one_grid_in_files_of_their_own() {
    let large = format!("{VIDEO} {X264} -b:v 300k -movflags +faststart");
    let small = format!("{VIDEO} {X264} -b:v 80k -s 32x32 -video_track_timescale 90000");
    let sound = format!("{SOUND} {AAC} -ar 44100");
    for video in [large, small] {
        let files = [video, sound.clone()].map(Recipe::mp4);
        check(&files, Times::AsRead, &ALL);
    }
}

#[test]
fn pictures_that_are_all_sync_samples() {
    check(
        &[Recipe::mp4(format!("{VIDEO} -c:v libx264 -preset veryfast -g 1"))],
        Times::AsRead,
        &ALL,
    );
}

#[test]
fn pictures_at_uneven_times() {
    let uneven = format!("{VIDEO} {SOUND} {X264} -vf select='mod(n\\,7)' -fps_mode vfr {AAC}");
    check(&[Recipe::mp4(uneven)], Times::AsRead, &ALL);
}
