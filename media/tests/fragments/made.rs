//! Files made by hand.

use std::time::Duration;

use bytes::Bytes;
use strata_media::presentation::Presentation;
use strata_media::track::Track;

use crate::film::{Base, Clock, Defaults, Form, Index, MadeSample, MadeTrack, write};
use crate::support;

/// Groups of `gop` pictures of 40 ms, two of three shown later than decoded.
pub fn pictures(count: usize, gop: usize) -> MadeTrack {
    let samples = (0..count).map(|index| MadeSample {
        payload: payload(1, index, 40 + index * 7 % 60),
        decode_time: index as i64 * 512,
        duration: 512,
        composition_offset: [1024, 1536, 512][index % gop % 3],
        is_sync: index % gop == 0,
        entry: 0,
    });
    MadeTrack {
        id: 1,
        handler: *b"vide",
        timescale: 12_800,
        entries: vec![support::entry("harbour-144.mp4")],
        samples: samples.collect(),
        edits: Vec::new(),
        fragment_sizes: vec![gop; count / gop],
    }
}

/// Frames of sound at 48 kHz.
pub fn sound(count: usize, fragment: usize) -> MadeTrack {
    let samples = (0..count).map(|index| MadeSample {
        payload: payload(2, index, 20 + index * 5 % 30),
        decode_time: index as i64 * 1024,
        duration: 1024,
        composition_offset: 0,
        is_sync: true,
        entry: 0,
    });
    MadeTrack {
        id: 2,
        handler: *b"soun",
        timescale: 48_000,
        entries: vec![support::entry("harbour-eng.mp4")],
        samples: samples.collect(),
        edits: Vec::new(),
        fragment_sizes: vec![fragment; count / fragment],
    }
}

/// Bytes that no other sample has.
fn payload(track: u8, index: usize, size: usize) -> Vec<u8> {
    let mut payload = vec![track];
    payload.extend((index as u32).to_be_bytes());
    payload.resize(size, index as u8);
    payload
}

/// The samples of all segments, as they were before they were written.
pub fn read_back(track: &Track, file: &Bytes) -> Vec<MadeSample> {
    let shift = track.presentation_time_offset as i64;
    let segments = (0..track.segments.len()).flat_map(|segment| {
        let (samples, _) = support::read_samples(track, segment, file).unwrap();
        samples.0
    });
    segments
        .map(|sample| MadeSample {
            payload: file[sample.offset as usize..][..sample.size as usize].to_vec(),
            decode_time: sample.decode_time - shift,
            duration: sample.duration,
            composition_offset: sample.composition_offset,
            is_sync: sample.is_sync,
            entry: sample.entry,
        })
        .collect()
}

pub fn assemble(file: &Bytes) -> Presentation {
    support::assemble(std::slice::from_ref(file), Duration::from_secs(4))
}

/// Writes the tracks, and finds their samples again.
fn check(tracks: &[MadeTrack], form: &Form) -> Presentation {
    let file = write(tracks, form);
    let movie = support::read(&file).unwrap();
    for track in &movie.tracks {
        assert_eq!(
            track.index.is_some(),
            form.index != Index::None,
            "{form:?}: is indexed"
        );
    }
    let title = assemble(&file);
    assert_eq!(title.skipped, []);
    assert_eq!(title.tracks.len(), tracks.len());
    for (track, made) in title.tracks.iter().zip(tracks) {
        let found = read_back(track, &file);
        assert_eq!(found.len(), made.samples.len(), "{form:?}");
        for (index, (found, made)) in found.iter().zip(&made.samples).enumerate() {
            assert_eq!(found, made, "{form:?}: track {}, sample {index}", track.source_id);
        }
    }
    title
}

const BASES: [Base; 3] = [Base::File, Base::Moof, Base::Neither];
const DEFAULTS: [Defaults; 3] = [Defaults::Movie, Defaults::Fragment, Defaults::Sample];

#[test]
fn every_base_and_every_place_of_defaults() {
    for base in BASES {
        for defaults in DEFAULTS {
            for run_size in [usize::MAX, 7] {
                for is_muxed in [false, true] {
                    let form = Form {
                        base,
                        defaults,
                        run_size,
                        is_muxed,
                        ..Form::default()
                    };
                    check(&[pictures(300, 50), sound(560, 94)], &form);
                }
            }
        }
    }
}

#[test]
fn every_clock_with_and_without_an_index() {
    for clock in [
        Clock::Tfdt,
        Clock::ShortTfdt,
        Clock::Tfxd,
        Clock::TfxdShown,
        Clock::None,
    ] {
        for index in [Index::None, Index::Sidx, Index::Mfra] {
            let form = Form {
                clock,
                index,
                ..Form::default()
            };
            let title = check(&[pictures(300, 50), sound(560, 94)], &form);
            let starts: Vec<u64> = title.tracks[0]
                .segments
                .iter()
                .map(|segment| segment.start)
                .collect();
            assert_eq!(starts, [1024, 52_224, 103_424], "{form:?}");
        }
    }
}

#[test]
fn an_index_of_indexes() {
    for size in [1, 2, 4, 100] {
        let form = Form {
            index: Index::NestedSidx(size),
            ..Form::default()
        };
        check(&[pictures(500, 50)], &form);
    }
}

#[test]
fn indexes_that_follow_each_other_through_the_file() {
    let form = Form {
        index: Index::ChainedSidx(4),
        ..Form::default()
    };
    check(&[pictures(1000, 50)], &form);
}

#[test]
fn fragments_that_start_without_a_sync_sample() {
    for index in [Index::None, Index::Sidx, Index::Mfra] {
        let mut track = pictures(300, 50);
        track.fragment_sizes = vec![25; 12];
        let form = Form {
            index,
            ..Form::default()
        };
        let title = check(&[track], &form);
        let starts: Vec<u64> = title.tracks[0]
            .segments
            .iter()
            .map(|segment| segment.start)
            .collect();
        assert_eq!(starts, [1024, 52_224, 103_424], "{form:?}");
    }
}

#[test]
fn sync_samples_in_the_middle_of_fragments() {
    let mut track = pictures(300, 50);
    track.fragment_sizes = vec![70, 70, 70];
    let form = Form {
        first_sample_flags: false,
        ..Form::default()
    };
    let title = check(&[track], &form);
    let starts: Vec<u64> = title.tracks[0]
        .segments
        .iter()
        .map(|segment| segment.start)
        .collect();
    assert_eq!(starts, [1024, 52_224, 103_424]);
}

#[test]
fn a_change_of_sample_entry_between_fragments() {
    let mut track = pictures(300, 50);
    track.entries.push(support::entry("harbour-240.mp4"));
    track
        .samples
        .iter_mut()
        .skip(100)
        .for_each(|sample| sample.entry = 1);
    for index in [Index::None, Index::Sidx] {
        let form = Form {
            index,
            ..Form::default()
        };
        let title = check(std::slice::from_ref(&track), &form);
        assert_eq!(title.tracks[0].codecs.len(), 2);
    }
}

#[test]
fn large_and_endless_media_boxes() {
    for is_large in [false, true] {
        for index in [Index::None, Index::Sidx, Index::Mfra] {
            let form = Form {
                is_large,
                index,
                ..Form::default()
            };
            check(&[pictures(300, 50), sound(560, 94)], &form);
        }
    }
}

#[test]
fn negative_composition_offsets() {
    let mut track = pictures(300, 50);
    track
        .samples
        .iter_mut()
        .for_each(|sample| sample.composition_offset -= 1024);
    let file = write(std::slice::from_ref(&track), &Form::default());
    let title = assemble(&file);
    let found = read_back(&title.tracks[0], &file);
    for (found, made) in found.iter().zip(&track.samples) {
        assert_eq!(found.decode_time, made.decode_time - 512);
        assert_eq!(found.composition_offset, made.composition_offset + 512);
    }
}

#[test]
fn fragments_that_are_decoded_before_the_movie_starts() {
    for index in [Index::None, Index::Sidx, Index::Mfra] {
        let mut tracks = [pictures(300, 50), sound(560, 94)];
        // An index has no negative times: what is shown first is shown at 0 or later.
        let early = [512, if index == Index::None { 1024 } else { 0 }];
        for (track, early) in tracks.iter_mut().zip(early) {
            let samples = track.samples.iter_mut();
            samples.for_each(|sample| sample.decode_time -= early);
        }
        let form = Form {
            index,
            ..Form::default()
        };
        check(&tracks, &form);
    }
}
