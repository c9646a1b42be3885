//! A media segment (`ISO/IEC 23000-19 §7.3.3`): `styp`, then a `moof` and its
//! `mdat` for every stretch of samples with one sample entry and without a gap.

use super::TRACK_ID;
use super::box_writer::BoxWriter;
use crate::plan::Plan;
use crate::sample::{Sample, Samples};
use crate::track::Track;

/// `sample_depends_on` 2: depends on no other (`ISO/IEC 14496-12 §8.6.4`).
const SYNC_FLAGS: u32 = 0x0200_0000;
/// `sample_depends_on` 1 and `sample_is_non_sync_sample`.
const NON_SYNC_FLAGS: u32 = 0x0101_0000;

/// `tfhd` (§8.8.7).
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const SAMPLE_DESCRIPTION_INDEX_PRESENT: u32 = 0x02;
const DEFAULT_DURATION_PRESENT: u32 = 0x08;
const DEFAULT_SIZE_PRESENT: u32 = 0x10;
const DEFAULT_FLAGS_PRESENT: u32 = 0x20;

/// `trun` (§8.8.8).
const DATA_OFFSET_PRESENT: u32 = 0x01;
const FIRST_SAMPLE_FLAGS_PRESENT: u32 = 0x04;
const DURATION_PRESENT: u32 = 0x100;
const SIZE_PRESENT: u32 = 0x200;
const FLAGS_PRESENT: u32 = 0x400;
const COMPOSITION_OFFSET_PRESENT: u32 = 0x800;

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

/// Writes a `moof` and the head of its `mdat`.
fn write_fragment(out: &mut BoxWriter, track: &Track, sequence_number: u32, run: &[Sample]) {
    let start = out.position();
    let mut data_offset_at = 0;
    out.write(b"moof", |out| {
        out.full(b"mfhd", 0, 0, |out| out.u32(sequence_number));
        out.write(b"traf", |out| {
            data_offset_at = write_track_fragment(out, track, run)
        });
    });
    let media_size: u64 = run.iter().map(|sample| u64::from(sample.size)).sum();
    let moof_size = out.position() - start;
    let header_size = match u32::try_from(media_size + 8) {
        Ok(size) => {
            out.u32(size);
            out.slice(b"mdat");
            8
        }
        Err(_) => {
            out.u32(1);
            out.slice(b"mdat");
            out.u64(media_size + 16);
            16
        }
    };
    // The data offset counts from the start of the moof.
    out.patch(
        data_offset_at,
        u32::try_from(moof_size + header_size).unwrap_or(u32::MAX),
    );
}

/// What the samples of a run have in common, so that it is said once.
struct Common {
    duration: Option<u32>,
    size: Option<u32>,
    flags: CommonFlags,
    has_composition_offsets: bool,
}

enum CommonFlags {
    /// All samples have these.
    All(u32),
    /// The first is a sync sample, no other is.
    FirstSync,
    /// Each sample says its own.
    None,
}

fn sample_flags(sample: &Sample) -> u32 {
    if sample.is_sync {
        SYNC_FLAGS
    } else {
        NON_SYNC_FLAGS
    }
}

/// The value all of `run` share.
fn shared<T: PartialEq>(run: &[Sample], field: impl Fn(&Sample) -> T) -> Option<T> {
    let mut values = run.iter().map(field);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

impl Common {
    fn of(run: &[Sample]) -> Self {
        let flags = match (shared(run, sample_flags), run.split_first()) {
            (Some(flags), _) => CommonFlags::All(flags),
            (None, Some((first, rest))) if first.is_sync && rest.iter().all(|sample| !sample.is_sync) => {
                CommonFlags::FirstSync
            }
            _ => CommonFlags::None,
        };
        Self {
            duration: shared(run, |sample| sample.duration),
            size: shared(run, |sample| sample.size),
            flags,
            has_composition_offsets: run.iter().any(|sample| sample.composition_offset != 0),
        }
    }

    fn track_flags(&self) -> u32 {
        DEFAULT_BASE_IS_MOOF
            | self.duration.map_or(0, |_| DEFAULT_DURATION_PRESENT)
            | self.size.map_or(0, |_| DEFAULT_SIZE_PRESENT)
            | match self.flags {
                CommonFlags::All(_) | CommonFlags::FirstSync => DEFAULT_FLAGS_PRESENT,
                CommonFlags::None => 0,
            }
    }

    fn run_flags(&self) -> u32 {
        DATA_OFFSET_PRESENT
            | if self.duration.is_none() {
                DURATION_PRESENT
            } else {
                0
            }
            | if self.size.is_none() { SIZE_PRESENT } else { 0 }
            | if self.has_composition_offsets {
                COMPOSITION_OFFSET_PRESENT
            } else {
                0
            }
            | match self.flags {
                CommonFlags::All(_) => 0,
                CommonFlags::FirstSync => FIRST_SAMPLE_FLAGS_PRESENT,
                CommonFlags::None => FLAGS_PRESENT,
            }
    }
}

/// Writes what is in a `traf`; the position of the data offset to fill in.
fn write_track_fragment(out: &mut BoxWriter, track: &Track, run: &[Sample]) -> usize {
    let common = Common::of(run);
    let first = run.first();
    let entry = first.map_or(0, |sample| sample.entry);
    let entry_flag = if entry == 0 {
        0
    } else {
        SAMPLE_DESCRIPTION_INDEX_PRESENT
    };
    out.full(b"tfhd", 0, common.track_flags() | entry_flag, |out| {
        out.u32(TRACK_ID);
        if entry != 0 {
            out.u32(entry.saturating_add(1));
        }
        common
            .duration
            .into_iter()
            .chain(common.size)
            .for_each(|value| out.u32(value));
        match common.flags {
            CommonFlags::All(flags) => out.u32(flags),
            CommonFlags::FirstSync => out.u32(NON_SYNC_FLAGS),
            CommonFlags::None => {}
        }
    });
    let decode_time = first.map_or(0, |sample| sample.decode_time.max(0).unsigned_abs());
    out.full(b"tfdt", 1, 0, |out| out.u64(decode_time));
    let mut data_offset_at = 0;
    out.full(b"trun", 0, common.run_flags(), |out| {
        out.u32(u32::try_from(run.len()).unwrap_or(u32::MAX));
        data_offset_at = out.position();
        out.u32(0);
        if matches!(common.flags, CommonFlags::FirstSync) {
            out.u32(SYNC_FLAGS);
        }
        run.iter().for_each(|sample| write_sample(out, &common, sample));
    });
    if track.roll_distance.is_some() {
        // All samples belong to the group the initialization segment describes.
        out.full(b"sbgp", 0, 0, |out| {
            out.slice(b"roll");
            out.u32(1);
            out.u32(u32::try_from(run.len()).unwrap_or(u32::MAX));
            out.u32(1);
        });
    }
    data_offset_at
}

fn write_sample(out: &mut BoxWriter, common: &Common, sample: &Sample) {
    if common.duration.is_none() {
        out.u32(sample.duration);
    }
    if common.size.is_none() {
        out.u32(sample.size);
    }
    if matches!(common.flags, CommonFlags::None) {
        out.u32(sample_flags(sample));
    }
    if common.has_composition_offsets {
        out.u32(sample.composition_offset.cast_unsigned());
    }
}
