//! The order of units in a segment, and the clock between them.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::unit::Unit;

/// Most ticks between two clock references: 0.1 s (`ISO/IEC 13818-1 §2.7.2`).
const CLOCK_INTERVAL: i64 = 9_000;

/// Most packets that carry the clock through one gap: 10 s. Longer ones are in
/// damaged files.
const CLOCK_PACKETS_MAX: usize = 100;

/// All units in the order of their decode times; of equal ones, that of the first
/// stream comes first. The units of stream `clock_stream` carry the clock, and
/// packets with nothing else where these do not come often enough.
pub(super) fn interleave(by_stream: Vec<Vec<Unit>>, clock_stream: usize) -> Vec<Unit> {
    let count = by_stream.iter().map(Vec::len).sum();
    let mut streams: Vec<Peekable<IntoIter<Unit>>> = by_stream
        .into_iter()
        .map(|units| units.into_iter().peekable())
        .collect();
    let mut units = Vec::with_capacity(count);
    let mut last_clock: Option<i64> = None;
    while let Some(unit) = take_earliest(&mut streams) {
        match &mut last_clock {
            None if unit.stream == clock_stream => {}
            // A decoder starts with the clock.
            None => {
                units.push(Unit::clock(clock_stream, unit.decode));
                last_clock = Some(unit.decode);
            }
            Some(last) => {
                let mut budget = CLOCK_PACKETS_MAX;
                while last.saturating_add(CLOCK_INTERVAL) < unit.decode && budget > 0 {
                    *last = last.saturating_add(CLOCK_INTERVAL);
                    budget -= 1;
                    units.push(Unit::clock(clock_stream, *last));
                }
            }
        }
        if unit.stream == clock_stream {
            last_clock = Some(unit.decode);
        }
        units.push(unit);
    }
    units
}

fn take_earliest(streams: &mut [Peekable<IntoIter<Unit>>]) -> Option<Unit> {
    let with_units = streams
        .iter_mut()
        .filter_map(|units| Some((units.peek()?.decode, units)));
    let (_, units) = with_units.min_by_key(|(decode, _)| *decode)?;
    units.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units of streams by their decode times, and the order they come out in: the
    /// stream, or `c` for a packet with the clock.
    fn check(streams: [&[i64]; 2], expected: &str) {
        let units = |(stream, times): (usize, &&[i64])| {
            let unit = |time: &i64| Unit {
                frames: 0..1,
                ..Unit::clock(stream, *time)
            };
            times.iter().map(unit).collect()
        };
        let order = interleave(streams.iter().enumerate().map(units).collect(), 0);
        let name = |unit: &Unit| {
            if unit.is_clock() {
                "c".to_owned()
            } else {
                unit.stream.to_string()
            }
        };
        assert_eq!(order.iter().map(name).collect::<String>(), expected);
        let clocks: Vec<i64> = order
            .iter()
            .filter(|unit| unit.stream == 0)
            .map(|unit| unit.decode)
            .collect();
        assert!(clocks.is_sorted());
    }

    #[test]
    fn units_come_by_decode_time_and_pictures_first() {
        check([&[0, 3600, 7200], &[0, 5000]], "01010");
    }

    #[test]
    fn a_segment_starts_with_the_clock() {
        check([&[3600, 7200], &[0, 5000]], "c1010");
        check([&[], &[0, 5000]], "c11");
    }

    #[test]
    fn the_clock_goes_on_between_rare_pictures() {
        check([&[0, 30_000], &[]], "0ccc0");
        check([&[0, 9_000, 18_000], &[]], "000");
        check([&[0], &[0, 27_000]], "01cc1");
    }

    #[test]
    fn a_gap_of_years_takes_few_packets() {
        let order = interleave(vec![vec![Unit::clock(0, 0), Unit::clock(0, i64::MAX)]], 0);
        assert_eq!(order.len(), 2 + CLOCK_PACKETS_MAX);
    }
}
