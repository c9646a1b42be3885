//! Tracks that start and end at different times.

use crate::recipe::{AAC, Recipe, SOUND, VIDEO, X264};
use crate::support::Times;
use crate::{ALL, check};

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

#[test]
fn a_file_cut_in_the_middle_of_a_group_of_pictures() {
    // Others refer to pictures that are cut off, of which decoders complain.
    for order in ["-bf 0", "-bf 2"] {
        let whole = Recipe::muxed(order).path();
        let cut = format!("-ss 1.32 -i {} -c copy", whole.display());
        check(&[Recipe::mp4(cut)], Times::AsRead, &ALL);
    }
}
