//! Edit lists of every shape, against a plain model of what they play.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof};
use proptest::{collection, proptest};
use strata_media::plan::FileIndex;
use strata_media::presentation::{AssembleError, Presentation, SkipReason, Source};
use strata_media::segment::SegmentationOptions;

use crate::film::{self, Form, MadeSample, MadeTrack};
use crate::made::{pictures, read_back, sound};
use crate::progressive::{self, Progressive};
use crate::support;

/// Edits whose durations count in milliseconds; a media time of -1 is a pause.
type Edits = Vec<(u64, i64)>;

/// Ticks that rounding may move a boundary by.
const ROUNDING: i64 = 2;

/// Edits that leave out, or repeat, no more milliseconds of the media than this are taken
/// to follow on from each other: the durations in a list are rounded to them.
const FOLLOWING_ON_MS: i64 = 2;

/// Pictures that are only decoded take a tick each right before the edit that needs them.
const DECODED_ONLY_MAX: i64 = 64;

/// A sample, and when it is presented by the model.
#[derive(Clone, Debug)]
struct Presented {
    sample: usize,
    time: Range<i64>,
}

/// `ISO/IEC 14496-12 §8.6.6`, said as plainly as can be: for each edit what of the
/// media lies in it, at the time that those before it have taken.
fn model(track: &MadeTrack) -> Vec<Presented> {
    let ticks = |millis: u64| (millis as i64 * i64::from(track.timescale) + 500) / 1000;
    let composed = composed(&track.samples);
    let mut elapsed = 0;
    let mut presented = Vec::new();
    let is_pause = |edit: &&(u64, i64)| edit.1 == -1;
    let has_media = track.edits.iter().any(|edit| !is_pause(&edit));
    let pauses: u64 = track.edits.iter().filter(is_pause).map(|edit| edit.0).sum();
    let everything = [(pauses, -1), (0, 0)];
    let edits = if has_media {
        track.edits.as_slice()
    } else {
        &everything
    };
    for (index, &(duration, media_time)) in edits.iter().enumerate() {
        let (at, end) = (ticks(elapsed), ticks(elapsed + duration));
        elapsed += duration;
        let is_endless = duration == 0 && index + 1 == edits.len();
        if media_time == -1 || (duration == 0 && !is_endless) {
            continue;
        }
        let end = if is_endless { i64::MAX } else { end };
        for (sample, time) in &composed {
            let (from, to) = (time.start - media_time + at, time.end - media_time + at);
            let time = from.max(at)..to.min(end);
            if time.start < time.end {
                presented.push(Presented {
                    sample: *sample,
                    time,
                });
            }
        }
    }
    presented
}

/// When each sample is presented in the media: until the next one is.
fn composed(samples: &[MadeSample]) -> Vec<(usize, Range<i64>)> {
    let start = |sample: &MadeSample| sample.decode_time + i64::from(sample.composition_offset);
    let mut order: Vec<usize> = (0..samples.len()).collect();
    order.sort_by_key(|index| start(&samples[*index]));
    let until = |position: usize| match order.get(position + 1) {
        Some(next) => start(&samples[*next]),
        None => start(&samples[order[position]]) + i64::from(samples[order[position]].duration),
    };
    let times = order.iter().enumerate();
    times
        .map(|(position, index)| (*index, start(&samples[*index])..until(position)))
        .collect()
}

fn assemble(file: &Bytes) -> Result<Presentation, AssembleError> {
    let source = Source {
        file: FileIndex(0),
        content: Ok(support::read(file).unwrap()),
        reference: None,
    };
    let options = SegmentationOptions {
        target_duration: Duration::from_secs(2),
    };
    Presentation::assemble("film", &[source], &options)
}

/// What is shown at `time`: of what has started by then the last.
fn shown_at(found: &[MadeSample], time: i64) -> Option<&MadeSample> {
    let start = |sample: &MadeSample| sample.decode_time + i64::from(sample.composition_offset);
    let started = found.iter().filter(|sample| start(sample) <= time);
    started.max_by_key(|sample| start(sample))
}

/// Compares what is made of `tracks`, pictures and sound, with the model.
fn check(tracks: &[MadeTrack; 2], file: &Bytes) -> Result<(), proptest::test_runner::TestCaseError> {
    let models = tracks.each_ref().map(model);
    let title = assemble(file);
    let skipped = match &title {
        Ok(title) => &title.skipped,
        Err(AssembleError::Nothing { skipped }) => skipped,
    };
    for skipped in skipped {
        prop_assert_eq!(&skipped.reason, &SkipReason::Empty);
        let of_track = &models[skipped.source_id.unwrap() as usize - 1];
        let longest = of_track.iter().map(|one| one.time.end - one.time.start).max();
        prop_assert!(longest.unwrap_or(0) <= ROUNDING, "{} is not empty", skipped);
    }
    let Ok(title) = title else { return Ok(()) };
    prop_assert_eq!(&title.warnings, &[]);
    for track in &title.tracks {
        let index = track.source_id as usize - 1;
        let (made, is_picture) = (&tracks[index], index == 0);
        let found = read_back(track, file);
        for one in &models[index] {
            let payload = &made.samples[one.sample].payload;
            let known = one.time.end - one.time.start;
            if is_picture && known > 2 * (DECODED_ONLY_MAX + ROUNDING) {
                let time = one.time.start.midpoint(one.time.end);
                let shown = shown_at(&found, time);
                prop_assert_eq!(
                    shown.map(|shown| &shown.payload),
                    Some(payload),
                    "picture {} at {}",
                    one.sample,
                    time
                );
            }
            if !is_picture && known == i64::from(made.samples[one.sample].duration) {
                let tolerance = ROUNDING + FOLLOWING_ON_MS * i64::from(made.timescale) / 1000;
                let is_there = found.iter().any(|sample| {
                    let off = (sample.decode_time - one.time.start).abs();
                    off <= tolerance && &sample.payload == payload
                });
                prop_assert!(is_there, "frame {} at {:?}", one.sample, one.time);
            }
        }
    }
    Ok(())
}

/// Edit lists for media of 12 s and `clock` ticks a second.
fn edits(clock: i64) -> impl Strategy<Value = Edits> {
    let pause = (1_u64..1500).prop_map(|duration| (duration, -1));
    let anywhere = (1_u64..4000, 0..clock * 13);
    let early = (1_u64..4000, 0..clock / 4);
    let negative = (200_u64..4000, -clock / 2..-1_i64);
    let nothing = (0_u64..1, 0..clock * 13);
    collection::vec(
        prop_oneof![2 => pause, 6 => anywhere, 2 => early, 1 => negative, 1 => nothing],
        0..6,
    )
}

fn tracks(picture_edits: Edits, sound_edits: Edits, gop: usize) -> [MadeTrack; 2] {
    let (mut pictures, mut sound) = (pictures(300, gop), sound(560, 47));
    pictures.edits = picture_edits;
    sound.edits = sound_edits;
    [pictures, sound]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_edit_list_plays_what_it_says(
        picture_edits in edits(12_800), sound_edits in edits(48_000), gop in 10_usize..60
    ) {
        let tracks = tracks(picture_edits, sound_edits, gop);
        check(&tracks, &progressive::write(&tracks, &Progressive::default()))?;
        check(&tracks, &film::write(&tracks, &Form::default()))?;
    }
}

#[test]
fn times_of_more_than_32_bits() {
    // A pause of 40 days, then media from beyond 2³² ticks on.
    let pause = 40 * 24 * 3600 * 1000;
    let late = 1_i64 << 34;
    let mut tracks = tracks(
        vec![(pause, -1), (3000, late + 14_000)],
        vec![(pause, -1), (0, 0)],
        25,
    );
    tracks[0]
        .samples
        .iter_mut()
        .for_each(|sample| sample.decode_time += late);
    check(&tracks, &film::write(&tracks, &Form::default())).unwrap();
}
