//! Makes transport stream segments as an origin would.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use bytes::Bytes;
use strata_media::multiplex::Multiplex;
use strata_media::plan::{FileIndex, Plan};
use strata_media::sample::{Sample, Samples};
use strata_media::track::Track;
use strata_media::write::ts::{self, Planned, TsError, TsPlan, TsTrack};

use crate::support;

/// The samples of each track of `multiplex` that go into `segment`.
pub(crate) fn samples(multiplex: &Multiplex<'_>, segment: usize, files: &[Bytes]) -> Vec<Samples> {
    let parts = multiplex.parts(segment);
    let of_track = |(track, part): (&&Track, std::ops::Range<usize>)| {
        let samples = part.flat_map(|part| of_segment(track, part, files));
        Samples(samples.collect())
    };
    multiplex.tracks().iter().zip(parts).map(of_track).collect()
}

fn of_segment(track: &Track, segment: usize, files: &[Bytes]) -> Vec<Sample> {
    let file = &files[track.file.0 as usize];
    support::read_samples(track, segment, file).unwrap().0.0
}

/// Plans a segment, measuring its media when that is needed.
pub(crate) fn plan(
    number: usize,
    tracks: &[&Track],
    samples: &[Samples],
    files: &[Bytes],
) -> Result<TsPlan, TsError> {
    let tracks: Vec<TsTrack<'_>> = tracks
        .iter()
        .zip(samples)
        .map(|(track, samples)| TsTrack { track, samples })
        .collect();
    match ts::plan(number, &tracks)? {
        Planned::Ready(plan) => Ok(plan),
        Planned::Unmeasured(mut unmeasured) => {
            for chunk in chunks(&read(&unmeasured.media(), files), 1000) {
                unmeasured.supply(chunk)?;
            }
            unmeasured.finish()
        }
    }
}

/// The bytes of a plan of source ranges.
pub(crate) fn read(plan: &Plan, files: &[Bytes]) -> Bytes {
    support::carry_out(plan, files).into()
}

pub(crate) fn chunks(media: &Bytes, size: usize) -> Vec<Bytes> {
    (0..media.len())
        .step_by(size)
        .map(|start| media.slice(start..media.len().min(start + size)))
        .collect()
}

/// Bytes `range` of a planned segment, made of media in chunks of `chunk_size`.
pub(crate) fn mux(
    plan: &TsPlan,
    range: std::ops::Range<u64>,
    files: &[Bytes],
    chunk_size: usize,
) -> Result<Vec<u8>, TsError> {
    let mut muxer = plan.muxer(range.clone());
    let media = read(&plan.media(range), files);
    let mut out = Vec::new();
    let mut chunks = chunks(&media, chunk_size).into_iter();
    loop {
        while let Some(block) = muxer.next_block()? {
            assert!(!block.is_empty());
            out.extend_from_slice(&block);
        }
        if muxer.is_done() {
            return Ok(out);
        }
        muxer.supply(chunks.next().ok_or(TsError::MediaMissing)?);
    }
}

/// A whole segment of a multiplex.
pub(crate) fn segment(multiplex: &Multiplex<'_>, number: usize, files: &[Bytes]) -> Vec<u8> {
    let samples = samples(multiplex, number, files);
    let plan = plan(number, multiplex.tracks(), &samples, files).unwrap();
    let bytes = mux(&plan, 0..plan.length(), files, 64 * 1024).unwrap();
    assert_eq!(bytes.len() as u64, plan.length(), "a plan's length is exact");
    bytes
}

/// Samples made of `parts`, at even times, and the file they lie in.
pub(crate) fn made(track: &Track, duration: u32, parts: &[Vec<u8>]) -> (Samples, Bytes) {
    let mut file = Vec::new();
    let mut samples = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        samples.push(Sample {
            offset: file.len() as u64,
            size: part.len() as u32,
            duration,
            decode_time: i64::try_from(track.presentation_time_offset).unwrap()
                + index as i64 * i64::from(duration),
            composition_offset: 0,
            is_sync: index == 0,
            entry: 0,
        });
        file.extend_from_slice(part);
    }
    (Samples(samples), file.into())
}

/// The track as if it lay in file 0.
pub(crate) fn in_first_file(track: &Track) -> Track {
    let mut track = track.clone();
    track.file = FileIndex(0);
    track
}
