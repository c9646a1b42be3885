//! Lengths of NAL units of 1, 2 and 4 bytes, and samples that are damaged.

use std::time::Duration;

use bytes::Bytes;
use strata_media::codec::Details;
use strata_media::plan::FileIndex;
use strata_media::track::Track;
use strata_media::write::ts::TsError;

use crate::support::{self, Folder};
use crate::{checker, segment};

/// A track of H.264 in file 0 whose NAL units have lengths of `length_size` bytes.
pub fn track(length_size: u8) -> Track {
    static SOURCE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let source = SOURCE.get_or_init(|| {
        let folder = Folder::new();
        folder.ffmpeg("-f lavfi -i testsrc2=s=64x64:r=25:d=1 -c:v libx264 film.mp4");
        std::fs::read(folder.path("film.mp4")).unwrap().into()
    });
    let title = support::assemble(std::slice::from_ref(source), Duration::from_secs(4));
    let mut track = segment::in_first_file(&title.tracks[0]);
    if let Details::Video(details) = &mut track.codecs[0].details {
        details.nal_length_size = Some(length_size);
    }
    track
}

/// A sample of NAL units behind lengths.
pub fn sample(length_size: u8, units: &[&[u8]]) -> Vec<u8> {
    let mut sample = Vec::new();
    for unit in units {
        let length = (unit.len() as u32).to_be_bytes();
        sample.extend(&length[4 - usize::from(length_size)..]);
        sample.extend(*unit);
    }
    sample
}

/// The picture data of the segment that is made of `samples`.
fn written(length_size: u8, samples: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, TsError> {
    let track = track(length_size);
    let (samples, file) = segment::made(&track, 512, samples);
    let files = [file];
    let plan = segment::plan(0, &[&track], &[samples], &files)?;
    let bytes = segment::mux(&plan, 0..plan.length(), &files, 7)?;
    assert_eq!(bytes.len() as u64, plan.length());
    let streams = checker::check(&bytes);
    Ok(streams[&0x100]
        .units
        .iter()
        .map(|unit| unit.payload.clone())
        .collect())
}

const SLICE: &[u8] = &[0x65, 1, 2, 3, 4, 5, 6, 7];
const DELIMITER: &[u8] = &[0x09, 0x10];
const START: [u8; 4] = [0, 0, 0, 1];

fn parameter_sets() -> Vec<u8> {
    let track = track(4);
    let sets = track.codecs[0].parameter_sets();
    assert_eq!(sets.len(), 2);
    sets.iter().flat_map(|set| [&START[..], set].concat()).collect()
}

fn stream(units: &[&[u8]]) -> Vec<u8> {
    units
        .iter()
        .flat_map(|unit| [&START[..], unit].concat())
        .collect()
}

#[test]
fn lengths_of_every_size_become_start_codes() {
    for size in [1, 2, 4] {
        let samples = [
            sample(size, &[SLICE, SLICE]),
            sample(size, &[&[0x41; 200], SLICE, SLICE]),
        ];
        let first = [
            stream(&[&[0x09, 0xf0]]),
            parameter_sets(),
            stream(&[SLICE, SLICE]),
        ]
        .concat();
        let second = stream(&[&[0x09, 0xf0], &[0x41; 200], SLICE, SLICE]);
        assert_eq!(written(size, &samples).unwrap(), [first, second], "{size} bytes");
    }
}

#[test]
fn a_delimiter_of_the_samples_own_is_kept_and_comes_first() {
    for size in [1, 2, 4] {
        let samples = [sample(size, &[DELIMITER, SLICE]), sample(size, &[DELIMITER])];
        let first = [stream(&[DELIMITER]), parameter_sets(), stream(&[SLICE])].concat();
        assert_eq!(
            written(size, &samples).unwrap(),
            [first, stream(&[DELIMITER])],
            "{size} bytes"
        );
    }
}

#[test]
fn empty_units_and_loose_bytes_become_zeros() {
    for size in [2, 4] {
        let mut odd = sample(size, &[SLICE, &[], SLICE]);
        odd.push(9);
        let samples = [sample(size, &[SLICE]), odd, vec![7]];
        let out = written(size, &samples).unwrap();
        let expected = [
            stream(&[&[0x09, 0xf0], SLICE]),
            vec![0; 4],
            stream(&[SLICE]),
            vec![0],
        ]
        .concat();
        assert_eq!(out[1], expected);
        assert_eq!(out[2], [stream(&[&[0x09, 0xf0]]), vec![0]].concat());
    }
}

#[test]
fn a_unit_that_reaches_beyond_its_sample_is_refused() {
    for size in [1, 2, 4] {
        let mut damaged = sample(size, &[SLICE, SLICE]);
        damaged.pop();
        let refused = TsError::NalUnit {
            file: FileIndex(0),
            offset: u64::from(size) + 8,
            size: 8,
        };
        assert_eq!(
            written(size, &[sample(size, &[SLICE]), damaged]).unwrap_err(),
            refused
        );
    }
}

#[test]
fn media_that_changed_since_it_was_measured_is_refused() {
    let track = track(1);
    let one = [sample(1, &[&[0x65; 9]])];
    let two = [sample(1, &[&[0x65; 4], &[0x65; 4]])];
    let (samples, file) = segment::made(&track, 512, &one);
    let plan = segment::plan(0, &[&track], &[samples], &[file]).unwrap();
    let (_, changed) = segment::made(&track, 512, &two);
    // A second sample follows, so that the first is seen to its end.
    let outcome = segment::mux(&plan, 0..plan.length(), &[changed], 100);
    assert!(outcome.is_err() || outcome.unwrap().len() as u64 == plan.length());
}
