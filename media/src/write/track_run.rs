//! What every fragment says of its samples: `tfhd` and `trun`
//! (`ISO/IEC 14496-12 §8.8.7, §8.8.8`).

use super::box_writer::BoxWriter;
use crate::sample::Sample;

/// `sample_depends_on` 2: depends on no other (`ISO/IEC 14496-12 §8.6.4`).
const SYNC_FLAGS: u32 = 0x0200_0000;
/// `sample_depends_on` 1 and `sample_is_non_sync_sample`.
const NON_SYNC_FLAGS: u32 = 0x0101_0000;

/// `tfhd`: data offsets count from the start of the `moof`.
pub(super) const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const SAMPLE_DESCRIPTION_INDEX_PRESENT: u32 = 0x02;
const DEFAULT_DURATION_PRESENT: u32 = 0x08;
const DEFAULT_SIZE_PRESENT: u32 = 0x10;
const DEFAULT_FLAGS_PRESENT: u32 = 0x20;

/// `trun`.
const DATA_OFFSET_PRESENT: u32 = 0x01;
const FIRST_SAMPLE_FLAGS_PRESENT: u32 = 0x04;
const DURATION_PRESENT: u32 = 0x100;
const SIZE_PRESENT: u32 = 0x200;
const FLAGS_PRESENT: u32 = 0x400;
const COMPOSITION_OFFSET_PRESENT: u32 = 0x800;

/// Samples of one sample entry, and what they have in common, so that it is
/// said once.
pub(super) struct TrackRun<'a> {
    samples: &'a [Sample],
    duration: Option<u32>,
    size: Option<u32>,
    flags: RunFlags,
    has_composition_offsets: bool,
}

enum RunFlags {
    /// All samples have these.
    All(u32),
    /// The first is a sync sample, no other is.
    FirstSync,
    /// Each sample says its own.
    Each,
}

impl<'a> TrackRun<'a> {
    /// A run of `samples`, whose durations and composition offsets are written
    /// as they are; no offset is negative.
    pub(super) fn of(samples: &'a [Sample]) -> Self {
        let flags = match (shared(samples, sample_flags), samples.split_first()) {
            (Some(flags), _) => RunFlags::All(flags),
            (None, Some((first, rest))) if first.is_sync && rest.iter().all(|sample| !sample.is_sync) => {
                RunFlags::FirstSync
            }
            _ => RunFlags::Each,
        };
        Self {
            samples,
            duration: shared(samples, |sample| sample.duration),
            size: shared(samples, |sample| sample.size),
            flags,
            has_composition_offsets: samples.iter().any(|sample| sample.composition_offset != 0),
        }
    }

    /// Writes the `tfhd` of track `track_id`; `flags` are those that no field
    /// stands for.
    pub(super) fn write_header(&self, out: &mut BoxWriter, track_id: u32, flags: u32) {
        let entry = self.samples.first().map_or(0, |sample| sample.entry);
        let present = [
            (entry != 0, SAMPLE_DESCRIPTION_INDEX_PRESENT),
            (self.duration.is_some(), DEFAULT_DURATION_PRESENT),
            (self.size.is_some(), DEFAULT_SIZE_PRESENT),
            (!matches!(self.flags, RunFlags::Each), DEFAULT_FLAGS_PRESENT),
        ];
        out.full(b"tfhd", 0, flags | union(&present), |out| {
            out.u32(track_id);
            if entry != 0 {
                out.u32(entry.saturating_add(1));
            }
            self.duration
                .into_iter()
                .chain(self.size)
                .for_each(|value| out.u32(value));
            match self.flags {
                RunFlags::All(flags) => out.u32(flags),
                RunFlags::FirstSync => out.u32(NON_SYNC_FLAGS),
                RunFlags::Each => {}
            }
        });
    }

    /// Writes the `trun`; the position of the data offset, to be filled in when
    /// the size of the `moof` is known.
    pub(super) fn write(&self, out: &mut BoxWriter) -> usize {
        let present = [
            (true, DATA_OFFSET_PRESENT),
            (
                matches!(self.flags, RunFlags::FirstSync),
                FIRST_SAMPLE_FLAGS_PRESENT,
            ),
            (self.duration.is_none(), DURATION_PRESENT),
            (self.size.is_none(), SIZE_PRESENT),
            (matches!(self.flags, RunFlags::Each), FLAGS_PRESENT),
            (self.has_composition_offsets, COMPOSITION_OFFSET_PRESENT),
        ];
        let mut data_offset_at = 0;
        out.full(b"trun", 0, union(&present), |out| {
            out.u32(u32::try_from(self.samples.len()).unwrap_or(u32::MAX));
            data_offset_at = out.position();
            out.u32(0);
            if matches!(self.flags, RunFlags::FirstSync) {
                out.u32(SYNC_FLAGS);
            }
            self.samples
                .iter()
                .for_each(|sample| self.write_sample(out, sample));
        });
        data_offset_at
    }

    /// Bytes of media of all samples.
    pub(super) fn media_size(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.size)).sum()
    }

    fn write_sample(&self, out: &mut BoxWriter, sample: &Sample) {
        if self.duration.is_none() {
            out.u32(sample.duration);
        }
        if self.size.is_none() {
            out.u32(sample.size);
        }
        if matches!(self.flags, RunFlags::Each) {
            out.u32(sample_flags(sample));
        }
        if self.has_composition_offsets {
            out.u32(sample.composition_offset.cast_unsigned());
        }
    }
}

/// The flags that hold.
fn union(flags: &[(bool, u32)]) -> u32 {
    flags
        .iter()
        .filter(|(holds, _)| *holds)
        .fold(0, |all, (_, flag)| all | flag)
}

fn sample_flags(sample: &Sample) -> u32 {
    if sample.is_sync {
        SYNC_FLAGS
    } else {
        NON_SYNC_FLAGS
    }
}

/// The value all of `samples` share.
fn shared<T: PartialEq>(samples: &[Sample], field: impl Fn(&Sample) -> T) -> Option<T> {
    let mut values = samples.iter().map(field);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}
