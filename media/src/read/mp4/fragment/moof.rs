//! The `moof` (`ISO/IEC 14496-12 §8.8.4`): the samples it has of one track.

use bytes::{Buf, Bytes};

use crate::codec::FourCc;
use crate::read::mp4::ReadError;
use crate::read::mp4::boxes::{BoxBytes, BoxHeader};
use crate::sample::{FragmentClock, FragmentLayout, Sample, TrackExtends};

/// The type of the box.
pub(super) const MOOF: FourCc = FourCc(*b"moof");

/// Largest `moof` read in bytes.
pub(super) const SIZE_MAX: u64 = 16 << 20;

/// Most samples one track may have in one `moof`.
const SAMPLES_MAX: u64 = 1 << 20;

/// Most samples that may share one `moof` without a byte said of each of them,
/// nor taken by any.
const EMPTY_SAMPLES_MAX: u64 = 1 << 10;

/// The type of a `tfxd` box (`MS-SSTR §2.2.4.4`), a `uuid` box.
const TFXD: [u8; 16] = [
    0x6d, 0x1d, 0x9b, 0x05, 0x42, 0xd5, 0x44, 0xe6, 0x80, 0xe2, 0x14, 0x1d, 0xaf, 0xf7, 0x57, 0xb2,
];

/// `tfhd` flags (§8.8.7).
const BASE_DATA_OFFSET_PRESENT: u32 = 0x01;
const SAMPLE_DESCRIPTION_INDEX_PRESENT: u32 = 0x02;
const DEFAULT_DURATION_PRESENT: u32 = 0x08;
const DEFAULT_SIZE_PRESENT: u32 = 0x10;
const DEFAULT_FLAGS_PRESENT: u32 = 0x20;
const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;

/// `trun` flags (§8.8.8).
const DATA_OFFSET_PRESENT: u32 = 0x01;
const FIRST_SAMPLE_FLAGS_PRESENT: u32 = 0x04;
const DURATION_PRESENT: u32 = 0x100;
const SIZE_PRESENT: u32 = 0x200;
const FLAGS_PRESENT: u32 = 0x400;
const COMPOSITION_OFFSET_PRESENT: u32 = 0x800;

/// Sample flags (§8.8.3.1).
const IS_NON_SYNC: u32 = 0x01_0000;
const DEPENDS_ON_MASK: u32 = 0x0300_0000;
const DEPENDS_ON_OTHERS: u32 = 0x0100_0000;

/// A `moof` at hand.
#[derive(Clone, Debug)]
pub(in crate::read::mp4) struct Moof {
    /// Where it starts in the file.
    pub(in crate::read::mp4) offset: u64,
    /// The whole box.
    whole: Bytes,
}

/// When a fragment says its first sample is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatedTime {
    /// By `tfdt` (§8.8.12).
    Decode(i64),
    /// By `tfxd`, see [`FragmentClock`].
    SmoothStreaming(i64),
}

impl Moof {
    /// A `moof` from its bytes.
    pub(super) fn new(header: BoxHeader, whole: Bytes) -> Self {
        Self {
            offset: header.offset,
            whole,
        }
    }

    /// The same in memory of its own: the window around it may hold much more.
    pub(super) fn copied(header: BoxHeader, whole: &[u8]) -> Self {
        Self::new(header, Bytes::copy_from_slice(whole))
    }

    /// Size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.whole.len() as u64
    }

    pub(super) fn open(&self) -> Result<BoxBytes, ReadError> {
        let end = self.offset.saturating_add(self.size());
        let header = BoxHeader::read(&self.whole, self.offset, end)?;
        Ok(BoxBytes::new(header, self.whole.clone()))
    }

    /// The samples of the track that `layout` is for. The first one is decoded
    /// at `expected` when the fragment states no time itself.
    pub(in crate::read::mp4) fn samples(
        &self,
        layout: &FragmentLayout,
        expected: i64,
    ) -> Result<Vec<Sample>, ReadError> {
        samples(&self.open()?, layout, expected)
    }

    /// The time stated by the first `traf` of a track.
    pub(super) fn stated_time(&self, track_id: u32) -> Result<Option<StatedTime>, ReadError> {
        for traf in self.open()?.children(0) {
            let traf = traf?;
            if traf.kind() == *b"traf" && track_of(&traf)? == track_id {
                return stated_time(&traf);
            }
        }
        Ok(None)
    }
}

/// Reads a `trex` (§8.8.3).
pub(in crate::read::mp4) fn track_extends(trex: &BoxBytes) -> Result<TrackExtends, ReadError> {
    let mut fields = trex.full()?.fields;
    Ok(TrackExtends {
        track_id: fields.u32()?,
        entry: fields.u32()?,
        duration: fields.u32()?,
        size: fields.u32()?,
        flags: fields.u32()?,
    })
}

fn samples(moof: &BoxBytes, layout: &FragmentLayout, expected: i64) -> Result<Vec<Sample>, ReadError> {
    let mut samples = Vec::new();
    let mut decode_time = expected;
    // Where the data of a traf starts that does not say so (§8.8.7.1).
    let mut data_end = moof.header.offset;
    for traf in moof.children(0) {
        let traf = traf?;
        if traf.kind() != *b"traf" {
            continue;
        }
        let header = TrackFragment::read(&traf, layout, moof.header.offset, data_end)?;
        let is_wanted = header.track_id == layout.track_id;
        let stated = if is_wanted { stated_time(&traf)? } else { None };
        match stated {
            Some(StatedTime::Decode(time) | StatedTime::SmoothStreaming(time)) => decode_time = time,
            None => {}
        }
        let presented = match (stated, layout.clock) {
            (Some(StatedTime::SmoothStreaming(time)), FragmentClock::Presentation) => Some(time),
            _ => None,
        };
        let mut runs = RunReader {
            layout,
            header: &header,
            data_at: header.base,
            decode_time,
            presented,
        };
        for trun in traf.children(0) {
            let trun = trun?;
            if trun.kind() == *b"trun" {
                runs.read(&trun, is_wanted.then_some(&mut samples))?;
            }
        }
        data_end = runs.data_at;
        if is_wanted {
            decode_time = runs.decode_time;
        }
    }
    Ok(samples)
}

fn track_of(traf: &BoxBytes) -> Result<u32, ReadError> {
    traf.required(*b"tfhd")?.full()?.fields.u32()
}

fn stated_time(traf: &BoxBytes) -> Result<Option<StatedTime>, ReadError> {
    let mut smooth = None;
    for child in traf.children(0) {
        let child = child?;
        match &child.kind() {
            b"tfdt" => {
                let mut full = child.full()?;
                // What starts before the movie does, as priming may, has a wrapped negative time.
                let time = full.fields.by_version(full.version)?.cast_signed();
                return Ok(Some(StatedTime::Decode(time)));
            }
            b"uuid" if child.payload.starts_with(&TFXD) => {
                let mut fields = child.fields();
                fields.take(TFXD.len())?;
                let [version, ..] = fields.u32()?.to_be_bytes();
                // Sound that starts with its priming has a wrapped negative time.
                let time = fields.by_version(version)?.cast_signed();
                smooth = Some(StatedTime::SmoothStreaming(time));
            }
            _ => {}
        }
    }
    Ok(smooth)
}

/// What the `tfhd` says (§8.8.7).
struct TrackFragment {
    track_id: u32,
    /// File offset that data offsets count from.
    base: u64,
    defaults: TrackExtends,
}

impl TrackFragment {
    fn read(
        traf: &BoxBytes,
        layout: &FragmentLayout,
        moof_offset: u64,
        data_end: u64,
    ) -> Result<Self, ReadError> {
        let tfhd = traf.required(*b"tfhd")?;
        let mut full = tfhd.full()?;
        let track_id = full.fields.u32()?;
        let mut defaults = layout.extends_of(track_id);
        let base = if full.flags & BASE_DATA_OFFSET_PRESENT != 0 {
            full.fields.u64()?
        } else if full.flags & DEFAULT_BASE_IS_MOOF != 0 {
            moof_offset
        } else {
            data_end
        };
        for (flag, field) in [
            (SAMPLE_DESCRIPTION_INDEX_PRESENT, &mut defaults.entry),
            (DEFAULT_DURATION_PRESENT, &mut defaults.duration),
            (DEFAULT_SIZE_PRESENT, &mut defaults.size),
            (DEFAULT_FLAGS_PRESENT, &mut defaults.flags),
        ] {
            if full.flags & flag != 0 {
                *field = full.fields.u32()?;
            }
        }
        Ok(Self {
            track_id,
            base,
            defaults,
        })
    }
}

/// Reads the `trun` boxes of a `traf`, one after the other.
struct RunReader<'a> {
    layout: &'a FragmentLayout,
    header: &'a TrackFragment,
    /// Where the next sample's data starts.
    data_at: u64,
    /// When the next sample is decoded.
    decode_time: i64,
    /// When the first sample is shown, if that is what is known of it.
    presented: Option<i64>,
}

impl RunReader<'_> {
    fn read(&mut self, trun: &BoxBytes, out: Option<&mut Vec<Sample>>) -> Result<(), ReadError> {
        let mut full = trun.full()?;
        let flags = full.flags;
        let has = |flag: u32| flags & flag != 0;
        let count = full.fields.u32()?;
        if has(DATA_OFFSET_PRESENT) {
            let offset = full.fields.u32()?.cast_signed();
            let moved = self.header.base.checked_add_signed(offset.into());
            self.data_at = moved.ok_or(trun.bad("its data lies before the file"))?;
        }
        let first_flags = match has(FIRST_SAMPLE_FLAGS_PRESENT) {
            true => Some(full.fields.u32()?),
            false => None,
        };
        let optional = [
            DURATION_PRESENT,
            SIZE_PRESENT,
            FLAGS_PRESENT,
            COMPOSITION_OFFSET_PRESENT,
        ];
        let width = 4 * optional.into_iter().filter(|flag| has(*flag)).count();
        let known = out.as_ref().map_or(0, |samples| samples.len() as u64);
        self.check_count(trun, count, width as u64, full.fields.remaining(), known)?;
        let rows = full
            .fields
            .take(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(width))?;
        let mut rows = &*rows;
        let defaults = self.header.defaults;
        let mut out = out;
        if let Some(samples) = &mut out {
            samples.reserve(usize::try_from(count).unwrap_or(0));
        }
        for index in 0..count {
            let mut field = |flag: u32, default: u32| {
                if has(flag) {
                    rows.try_get_u32().unwrap_or(default)
                } else {
                    default
                }
            };
            let duration = field(DURATION_PRESENT, defaults.duration);
            let size = field(SIZE_PRESENT, defaults.size);
            let own_flags = field(FLAGS_PRESENT, defaults.flags);
            // Version 0 offsets are written with wrapped negatives, too.
            let composition_offset = field(COMPOSITION_OFFSET_PRESENT, 0).cast_signed();
            let sample_flags = first_flags.filter(|_| index == 0).unwrap_or(own_flags);
            if let Some(presented) = self.presented.take() {
                self.decode_time = presented.saturating_sub(composition_offset.into());
            }
            let sample = Sample {
                offset: self.data_at,
                size,
                duration,
                decode_time: self.decode_time,
                composition_offset,
                is_sync: is_sync(sample_flags),
                entry: defaults.entry.saturating_sub(1),
            };
            self.advance(trun, &sample)?;
            if let Some(samples) = &mut out {
                samples.push(sample);
            }
        }
        Ok(())
    }

    /// What a run claims takes place in the box or in the file, so that a few
    /// bytes cannot claim billions of samples.
    fn check_count(
        &self,
        trun: &BoxBytes,
        count: u32,
        width: u64,
        remaining: u64,
        known: u64,
    ) -> Result<(), ReadError> {
        let fitting = match (width, self.header.defaults.size) {
            (0, 0) => EMPTY_SAMPLES_MAX,
            (0, size) => self.layout.file_size / u64::from(size),
            (width, _) => remaining / width,
        };
        let limit = fitting.min(SAMPLES_MAX.saturating_sub(known));
        if limit < u64::from(count) {
            return Err(trun.too_many("samples", count.into(), limit));
        }
        Ok(())
    }

    fn advance(&mut self, trun: &BoxBytes, sample: &Sample) -> Result<(), ReadError> {
        let end = sample.offset.checked_add(sample.size.into());
        let end = end.filter(|end| *end <= self.layout.file_size);
        self.data_at = end.ok_or(trun.bad("its samples lie outside of the file"))?;
        let time = sample.decode_time.checked_add(sample.duration.into());
        self.decode_time = time.ok_or(trun.bad("its times are beyond 63 bits"))?;
        if self.header.track_id == self.layout.track_id && self.layout.entry_count <= sample.entry {
            return Err(trun.bad("its samples use a sample entry that is not there"));
        }
        Ok(())
    }
}

fn is_sync(flags: u32) -> bool {
    flags & IS_NON_SYNC == 0 && flags & DEPENDS_ON_MASK != DEPENDS_ON_OTHERS
}
