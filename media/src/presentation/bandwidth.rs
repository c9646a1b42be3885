//! Peak and average rate of a track as it is served.

use std::time::Duration;

use crate::time::Timescale;
use crate::track::{Bandwidth, Segment};

/// Bytes that head a segment, whatever its samples: `styp`, `moof` and the
/// head of `mdat`.
const SEGMENT_OVERHEAD: u64 = 160;

/// Bytes a sample adds to the head at most: a `trun` entry with all four fields.
const SAMPLE_OVERHEAD: u64 = 16;

/// Size of a segment as served; at most so many bytes.
pub(super) fn served_size(segment: &Segment, sample_count: u32) -> u64 {
    let head = SEGMENT_OVERHEAD + SAMPLE_OVERHEAD * u64::from(sample_count);
    segment.media_size.saturating_add(head)
}

/// The rates of segments given as (size in bytes, duration in ticks).
///
/// The peak is over runs that last between half and one and a half `target`
/// (`RFC 8216 §4.1`); where no run does, as with one short segment, over the
/// whole track.
pub(crate) fn of(segments: &[(u64, u64)], timescale: Timescale, target: Duration) -> Bandwidth {
    let total = segments.iter().fold((0_u64, 0_u64), |(size, ticks), segment| {
        (size.saturating_add(segment.0), ticks.saturating_add(segment.1))
    });
    let average = rate(total, timescale);
    let target = timescale.ticks_of(target).unsigned_abs();
    let (shortest, longest) = (target / 2, target.saturating_add(target / 2));
    let mut peak = 0;
    for start in 0..segments.len() {
        let (mut size, mut ticks) = (0_u64, 0_u64);
        for segment in segments.iter().skip(start) {
            size = size.saturating_add(segment.0);
            ticks = ticks.saturating_add(segment.1);
            let is_single = ticks == segment.1;
            if longest < ticks && !is_single {
                break;
            }
            if shortest <= ticks {
                peak = peak.max(rate((size, ticks), timescale));
            }
            if longest < ticks {
                break;
            }
        }
    }
    Bandwidth {
        peak: peak.max(average),
        average,
    }
}

/// Bits a second, rounded up.
fn rate((size, ticks): (u64, u64), timescale: Timescale) -> u64 {
    let bits = u128::from(size) * 8 * u128::from(timescale.get());
    u64::try_from(bits.div_ceil(u128::from(ticks.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(segments: &[(u64, u64)], peak: u64, average: u64) {
        let bandwidth = of(segments, Timescale::MILLISECONDS, Duration::from_secs(6));
        assert_eq!(bandwidth, Bandwidth { peak, average });
    }

    #[test]
    fn the_peak_is_the_heaviest_segment() {
        check(&[(600, 6000), (1200, 6000), (600, 6000)], 1600, 1067);
    }

    #[test]
    fn a_short_last_segment_counts_only_with_its_neighbour() {
        check(&[(600, 6000), (300, 1000)], 1029, 1029);
    }

    #[test]
    fn a_segment_longer_than_the_target_counts_alone() {
        check(&[(3000, 20_000), (600, 6000)], 1200, 1108);
    }

    #[test]
    fn one_short_segment_is_its_own_peak() {
        check(&[(100, 1000)], 800, 800);
    }
}
