//! A media segment (`ISO/IEC 23000-19 §7.3.3`): `styp`, then a `moof` and its
//! `mdat` for every stretch of samples with one sample entry and without a gap.

use std::ops::Range;

use super::TRACK_ID;
use crate::plan::Plan;
use crate::sample::{Sample, Samples};
use crate::track::Track;
use crate::write::box_writer::BoxWriter;
use crate::write::track_run::{DEFAULT_BASE_IS_MOOF, TrackRun};

/// Plans media segment `segment` (0-based) of `track`; `samples` are its samples.
#[must_use]
pub fn media(track: &Track, segment: usize, samples: &Samples) -> Plan {
    let mut plan = Plan::default();
    // At least 1 (§8.8.5); a number that would not fit is of no use to anybody.
    let sequence_number = u32::try_from(segment).unwrap_or(u32::MAX).saturating_add(1);
    let mut head = BoxWriter::with_capacity(160 + samples.0.len() * 16);
    head.write(b"styp", |out| {
        out.slice(b"msdh");
        out.u32(0);
        for brand in [b"msdh", b"cmfs"] {
            out.slice(brand);
        }
    });
    for run in samples
        .0
        .chunk_by(|a, b| a.entry == b.entry && a.decode_end() == b.decode_time)
    {
        write_fragment(&mut head, track, sequence_number, run);
        plan.push_bytes(std::mem::take(&mut head).finish());
        for sample in run {
            let end = sample.offset.saturating_add(u64::from(sample.size));
            plan.push_source(track.file, sample.offset..end);
        }
    }
    if plan.parts.is_empty() {
        plan.push_bytes(head.finish());
    }
    plan
}

/// Plans the key frames `frames` of `track` as media segment `number` (0-based) of
/// its kind; `samples` are those of the segment the key frames lie in. Empty when
/// there is nothing to send.
#[must_use]
pub fn key_frames(track: &Track, number: usize, frames: Range<usize>, samples: &Samples) -> Plan {
    let shown = track.key_frame_samples(frames, samples);
    if shown.0.is_empty() {
        return Plan::default();
    }
    media(track, number, &shown)
}

/// Writes a `moof` and the head of its `mdat`.
fn write_fragment(out: &mut BoxWriter, track: &Track, sequence_number: u32, samples: &[Sample]) {
    let start = out.position();
    let run = TrackRun::of(samples);
    let mut data_offset_at = 0;
    out.write(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence_number));
        out.write(b"traf", |out| {
            run.write_header(out, TRACK_ID, DEFAULT_BASE_IS_MOOF);
            let decode_time = samples
                .first()
                .map_or(0, |sample| sample.decode_time.max(0).unsigned_abs());
            out.full(b"tfdt", 1, 0, |out| out.u64(decode_time));
            data_offset_at = run.write(out);
            if track.roll_distance.is_some() {
                write_roll_group(out, samples.len());
            }
        });
    });
    let moof_size = out.position() - start;
    let header_size = out.media_data_header(run.media_size());
    // The data offset counts from the start of the moof.
    out.patch(
        data_offset_at,
        u32::try_from(moof_size + header_size).unwrap_or(u32::MAX),
    );
}

/// All samples belong to the group the initialization segment describes.
fn write_roll_group(out: &mut BoxWriter, sample_count: usize) {
    out.full(b"sbgp", 0, 0, |out| {
        out.slice(b"roll");
        out.u32(1);
        out.u32(u32::try_from(sample_count).unwrap_or(u32::MAX));
        out.u32(1);
    });
}
