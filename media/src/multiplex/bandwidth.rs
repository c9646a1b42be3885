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

/// Sound packed into one unit at most, microseconds: where it carries the clock, and
/// beside pictures.
const SOUND_UNIT_US_WITH_CLOCK: u64 = 100_000;
const SOUND_UNIT_US: u64 = 300_000;

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
                let sound_unit_us = if std::ptr::eq(*track, multiplex.main) {
                    SOUND_UNIT_US_WITH_CLOCK
                } else {
                    SOUND_UNIT_US
                };
                let (size, units) = carried(track, index, sound_unit_us);
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

/// Bytes a segment of `track` carries in packets, and in how many units, of sound
/// `sound_unit_us` long at most.
fn carried(track: &Track, index: usize, sound_unit_us: u64) -> (u64, u64) {
    let Some(segment) = track.segments.get(index) else {
        return (0, 0);
    };
    let samples = u64::from(track.sample_count(index));
    let duration_us = track.timescale.microseconds(segment.duration);
    // Whole samples go into a unit, at least one.
    let sound_units = || {
        let sample_us = duration_us / samples.max(1);
        samples.div_ceil((sound_unit_us / sample_us.max(1)).max(1))
    };
    let (units, headers) = match carriage_of(track) {
        Ok(Carriage::Avc | Carriage::Hevc) => (samples, parameter_sets(track, segment)),
        Ok(Carriage::Adts(_)) => (sound_units(), samples * ADTS_HEADER),
        _ => (sound_units(), 0),
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

/// The rates of the key frames of `track`, each in a stream of its own.
pub(crate) fn key_frames(track: &Track) -> Bandwidth {
    let sets = track.codec().map_or(0, |codec| codec.record.len() as u64);
    track.key_frame_bandwidth_with(|size| {
        let carried = size.saturating_add(UNIT_OVERHEAD).saturating_add(sets);
        let packets = carried.div_ceil(PAYLOAD).saturating_add(PADDING_PACKETS);
        packets.saturating_mul(PACKET).saturating_add(TABLES)
    })
}
