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
fn fragments_with_every_base_with_and_without_an_index() {
    for base in ["", "+default_base_moof", "+omit_tfhd_offset", "+separate_moof"] {
        for index in ["", "+skip_trailer"] {
            let flags = format!("-movflags frag_keyframe+empty_moov{base}{index}");
            check(&[Recipe::muxed(&flags)], Times::AsRead, &ALL);
        }
    }
}

#[test]
fn fragments_behind_a_movie_box_with_samples() {
    check(&[Recipe::muxed("-movflags frag_keyframe")], Times::AsRead, &ALL);
}

#[test]
fn fragments_with_segment_indexes() {
    for flags in [
        "dash+frag_keyframe+global_sidx",
        "dash+frag_keyframe+delay_moov+skip_trailer",
    ] {
        check(
            &[Recipe::muxed(&format!("-movflags {flags}"))],
            Times::AsRead,
            &ALL,
        );
    }
}

#[test]
fn files_of_smooth_streaming() {
    let arguments = format!("{VIDEO} {SOUND} {X264} {AAC} -f ismv");
    check(&[Recipe::new(arguments, "ismv")], Times::FromTheFirst, &ALL);
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
    let files = [large, small, sound].map(Recipe::mp4);
    check(&files, Times::AsRead, &ALL);
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
