//! Packetized units: a picture each, or several audio frames.

use std::ops::Range;

use super::stream::{Framing, Stream};
use super::{TsError, TsTrack, adts, clock};
use crate::sample::Sample;

/// Sound packed into one unit at most, in ticks: 0.1 s where it carries the clock
/// reference, which has to come that often, else 0.3 s.
const SOUND_TICKS_MAX_WITH_CLOCK: i64 = 9_000;
const SOUND_TICKS_MAX: i64 = 27_000;

/// What `PES_packet_length` can say; it is 0 for larger pictures
/// (`ISO/IEC 13818-1 §2.4.3.7`).
pub(super) const STATED_SIZE_MAX: u64 = 0xffff;

/// Bytes of a unit that its stated size leaves out.
pub(super) const UNSTATED_SIZE: u64 = 6;

/// Header of a unit with one time stamp, and what a second one adds.
const HEADER_SIZE: u64 = 14;
const SECOND_STAMP_SIZE: u64 = 5;

/// A sample on its way into a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Byte offset in the source file.
    pub(super) offset: u64,
    /// Size in bytes, not 0.
    pub(super) size: u32,
    /// 0-based index of the stream's framing; there is one.
    pub(super) entry: usize,
    /// Bytes its NAL units grow by with start codes.
    pub(super) growth: u64,
}

/// One packetized unit, or a packet with nothing but the clock.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// 0-based index of its stream.
    pub(super) stream: usize,
    /// Decode time in ticks that have not wrapped.
    pub(super) decode: i64,
    /// When it is shown.
    pub(super) shown: i64,
    /// Decoding can start here.
    pub(super) is_sync: bool,
    /// Parameter sets go before its samples' first NAL unit.
    pub(super) has_parameter_sets: bool,
    /// Its samples; empty for a packet with the clock.
    pub(super) frames: Range<usize>,
    /// Bytes of its header and all that follows, without stuffing.
    pub(super) size: u64,
    /// Number of packets.
    pub(super) packets: u64,
    /// Continuity counter of the first packet, 0 to 15.
    pub(super) counter: u8,
    /// Byte offset of the first packet in the segment.
    pub(super) position: u64,
}

impl Unit {
    /// A packet with the clock of `ticks`.
    pub(super) fn clock(stream: usize, ticks: i64) -> Self {
        Self {
            stream,
            decode: ticks,
            shown: ticks,
            is_sync: false,
            has_parameter_sets: false,
            frames: 0..0,
            size: 0,
            packets: 1,
            counter: 0,
            position: 0,
        }
    }

    fn new(stream: usize, track: &TsTrack<'_>, sample: &Sample, first_frame: usize) -> Self {
        let shown = clock::ticks(track.track, sample.presentation_time());
        let decode = clock::ticks(track.track, sample.decode_time);
        Self {
            shown,
            is_sync: sample.is_sync,
            frames: first_frame..first_frame,
            ..Self::clock(stream, decode.min(shown))
        }
    }

    /// Whether it is a packet with nothing but the clock.
    pub(super) fn is_clock(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes of the header.
    pub(super) fn header_size(&self) -> u64 {
        if self.decode == self.shown {
            HEADER_SIZE
        } else {
            HEADER_SIZE + SECOND_STAMP_SIZE
        }
    }

    /// The unit's header; `size` is that of the whole unit.
    pub(super) fn write_header(&self, stream: &Stream, size: u64, out: &mut Vec<u8>) {
        let stated = Some(size.saturating_sub(UNSTATED_SIZE)).filter(|size| *size <= STATED_SIZE_MAX);
        let [size_high, size_low] = stated
            .and_then(|size| u16::try_from(size).ok())
            .unwrap_or(0)
            .to_be_bytes();
        // data_alignment_indicator: a sample begins right behind the header.
        out.extend([0, 0, 1, stream.stream_id, size_high, size_low, 0x84]);
        if self.decode == self.shown {
            out.extend([0x80, 5]);
            out.extend(clock::time_stamp(2, self.shown));
        } else {
            out.extend([0xc0, 10]);
            out.extend(clock::time_stamp(3, self.shown));
            out.extend(clock::time_stamp(1, self.decode));
        }
    }
}

/// The units of a track in decode order, their frames added to `frames`; sizes are
/// not known yet. Samples without bytes are left out.
pub(super) fn pack(
    track: &TsTrack<'_>,
    stream: &Stream,
    index: usize,
    is_clock: bool,
    frames: &mut Vec<Frame>,
) -> Result<Vec<Unit>, TsError> {
    let mut units: Vec<Unit> = Vec::new();
    let mut last: Option<&Sample> = None;
    let ticks_max = if is_clock {
        SOUND_TICKS_MAX_WITH_CLOCK
    } else {
        SOUND_TICKS_MAX
    };
    let mut packed_size = 0;
    for sample in track.samples.0.iter().filter(|sample| sample.size > 0) {
        let framing = usize::try_from(sample.entry)
            .ok()
            .and_then(|entry| stream.framings.get(entry));
        let framing = framing.ok_or_else(|| TsError::SampleEntry {
            token: track.track.token.clone(),
            entry: sample.entry,
        })?;
        let size = framed_size(track, framing, sample)?;
        let follows = last.filter(|last| {
            // Frames of one unit have one time stamp: they follow on from each other, each
            // as long as the one before, since a player takes them for as long as their
            // codec says. Some packagers stretch the first one.
            last.entry == sample.entry
                && last.decode_end() == sample.decode_time
                && last.duration.abs_diff(sample.duration) <= 1
        });
        let end = clock::ticks(track.track, sample.decode_end());
        let joined = units.last_mut().filter(|unit| {
            follows.is_some()
                && !stream.has_pictures()
                && end.saturating_sub(unit.decode) <= ticks_max
                && packed_size + size <= STATED_SIZE_MAX - HEADER_SIZE
        });
        match joined {
            Some(unit) => {
                unit.frames.end += 1;
                packed_size += size;
            }
            None => {
                let mut unit = Unit::new(index, track, sample, frames.len());
                unit.frames.end += 1;
                // A decoder may start at any segment, and has to at a new entry.
                unit.has_parameter_sets =
                    sample.is_sync || last.is_none_or(|last| last.entry != sample.entry);
                units.push(unit);
                packed_size = size;
            }
        }
        frames.push(Frame {
            offset: sample.offset,
            size: sample.size,
            entry: usize::try_from(sample.entry).unwrap_or(usize::MAX),
            growth: 0,
        });
        last = Some(sample);
    }
    Ok(units)
}

/// Bytes of an audio sample with its header; of pictures, those of the sample.
fn framed_size(track: &TsTrack<'_>, framing: &Framing, sample: &Sample) -> Result<u64, TsError> {
    let (limit, header) = match framing {
        Framing::NalUnits { .. } => return Ok(sample.size.into()),
        Framing::Adts(_) => (adts::FRAME_SIZE_MAX - adts::HEADER_SIZE, adts::HEADER_SIZE),
        Framing::Plain => (u32::try_from(STATED_SIZE_MAX - HEADER_SIZE).unwrap_or(0), 0),
    };
    if sample.size > limit {
        return Err(TsError::FrameSize {
            token: track.track.token.clone(),
            offset: sample.offset,
            size: sample.size,
            limit,
        });
    }
    Ok(u64::from(sample.size) + u64::from(header))
}
