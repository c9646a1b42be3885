//! Peak and average rate of a multiplex as a transport stream.

use std::time::Duration;

use super::{Carriage, Multiplex, carriage_of};
use crate::presentation::bandwidth;
use crate::time::Timescale;
use crate::track::{Bandwidth, Segment, Track};

/// Bytes of one packet, and of what it carries without its header.
const PACKET: u64 = 188;
const PAYLOAD: u64 = 184;

/// Program tables, one packet each.
const TABLES: u64 = 2 * PACKET;

/// Packets a stream adds to end on the same counter every time, at most.
const PADDING_PACKETS: u64 = 15;

/// Header of a packetized unit with its clock reference, and the access unit
/// delimiter of pictures.
const UNIT_OVERHEAD: u64 = 19 + 8 + 7;
const ADTS_HEADER: u64 = 7;

/// Sound packed into one unit, microseconds: the longest when it stands alone.
const SOUND_UNIT_US: u64 = 100_000;

/// The rates of `multiplex`. Sizes depend on each sample's, which are not at
/// hand: the peak counts a whole packet of padding a unit, the average half a one.
pub(super) fn of(multiplex: &Multiplex<'_>, target: Duration) -> Bandwidth {
    let durations = multiplex.durations_us();
    let mut largest = Vec::with_capacity(durations.len());
    let mut expected = Vec::with_capacity(durations.len());
    for (segment, duration) in durations.into_iter().enumerate() {
        let (mut most, mut mean) = (TABLES, TABLES);
        for (track, part) in multiplex.tracks().iter().zip(multiplex.parts(segment)) {
            for index in part {
                let (size, units) = carried(track, index);
                let packets = size / PAYLOAD;
                most = most.saturating_add((packets + units + PADDING_PACKETS).saturating_mul(PACKET));
                mean = mean.saturating_add(
                    (packets + units.div_ceil(2) + PADDING_PACKETS / 2).saturating_mul(PACKET),
                );
            }
        }
        largest.push((most, duration));
        expected.push((mean, duration));
    }
    let peak = bandwidth::of(&largest, Timescale::MICROSECONDS, target).peak;
    let average = bandwidth::of(&expected, Timescale::MICROSECONDS, target).average;
    Bandwidth {
        peak: peak.max(average),
        average,
    }
}

/// Bytes a segment of `track` carries in packets, and in how many units.
fn carried(track: &Track, index: usize) -> (u64, u64) {
    let Some(segment) = track.segments.get(index) else {
        return (0, 0);
    };
    let samples = u64::from(track.sample_count(index));
    let (units, headers) = match carriage_of(track) {
        Ok(Carriage::Avc | Carriage::Hevc) => (samples, parameter_sets(track, segment)),
        Ok(Carriage::Adts(_)) => (sound_units(track, segment), samples * ADTS_HEADER),
        _ => (sound_units(track, segment), 0),
    };
    let size = segment
        .media_size
        .saturating_add(units * UNIT_OVERHEAD)
        .saturating_add(headers);
    (size, units)
}

/// Parameter sets of a segment, as if it had a sync sample a second.
fn parameter_sets(track: &Track, segment: &Segment) -> u64 {
    let sets = track.codec().map_or(0, |codec| codec.record.len() as u64);
    let seconds = segment.duration.div_ceil(u64::from(track.timescale.get()));
    sets.saturating_mul(seconds)
}

fn sound_units(track: &Track, segment: &Segment) -> u64 {
    track.timescale.microseconds(segment.duration) / SOUND_UNIT_US + 1
}
