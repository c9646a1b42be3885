//! Time stamps: moments of the presentation on the 90 kHz clock.

use crate::multiplex::CLOCK_AT_START;
use crate::time::Timescale;
use crate::track::Track;

/// How long before its decode time a unit arrives, in ticks: 0.7 s. A decoder's
/// buffers hold a second (`ISO/IEC 13818-1 §2.4.2.7`).
const ARRIVAL_LEAD: i64 = 63_000;

/// Time stamps have 33 bits.
const WRAP: i64 = 1 << 33;

/// A moment of the track's output timeline, in ticks that have not wrapped.
pub(super) fn ticks(track: &Track, time: i64) -> i64 {
    let start = i64::try_from(track.presentation_time_offset).unwrap_or(i64::MAX);
    let since_start = Timescale::MPEG2.rescale(time.saturating_sub(start), track.timescale);
    since_start.saturating_add_unsigned(CLOCK_AT_START)
}

/// A time stamp behind its four bits of `marker` (§2.4.3.7).
pub(super) fn time_stamp(marker: u8, ticks: i64) -> [u8; 5] {
    let stamp = wrapped(ticks);
    let bits = u64::from(marker) << 36
        | (stamp >> 30) << 33
        | 1 << 32
        | (stamp >> 15 & 0x7fff) << 17
        | 1 << 16
        | (stamp & 0x7fff) << 1
        | 1;
    let [_, _, _, bytes @ ..] = bits.to_be_bytes();
    bytes
}

/// `program_clock_reference` with what is decoded at `ticks` (§2.4.3.5).
pub(super) fn reference(ticks: i64) -> [u8; 6] {
    let base = wrapped(ticks.saturating_sub(ARRIVAL_LEAD));
    let [_, _, bytes @ ..] = (base << 15 | 0x3f << 9).to_be_bytes();
    bytes
}

fn wrapped(ticks: i64) -> u64 {
    ticks.rem_euclid(WRAP).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_hold_33_bits_between_markers() {
        assert_eq!(time_stamp(2, 0), [0x21, 0, 1, 0, 1]);
        assert_eq!(time_stamp(3, WRAP - 1), [0x3f, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(time_stamp(1, 900_000), [0x11, 0, 0x37, 0x77, 0x41]);
    }

    #[test]
    fn stamps_wrap() {
        assert_eq!(time_stamp(2, WRAP + 5), time_stamp(2, 5));
        assert_eq!(time_stamp(2, -1), time_stamp(2, WRAP - 1));
    }

    #[test]
    fn references_run_ahead() {
        assert_eq!(reference(ARRIVAL_LEAD), [0, 0, 0, 0, 0x7e, 0]);
        assert_eq!(reference(ARRIVAL_LEAD + 1), [0, 0, 0, 0, 0xfe, 0]);
        assert_eq!(reference(0), reference(WRAP));
    }
}
