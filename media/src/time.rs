//! Clocks and instants. A track's times are whole ticks of its own
//! [`Timescale`]; times of different tracks meet as exact rationals.

use std::cmp::Ordering;
use std::num::NonZeroU32;
use std::time::Duration;

/// Ticks a second of a track or movie clock, 1 to 2³²−1 (`ISO/IEC 14496-12 §8.4.2`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timescale(NonZeroU32);

impl Timescale {
    /// A clock of whole milliseconds.
    pub const MILLISECONDS: Self = Self(NonZeroU32::new(1000).unwrap());

    /// A clock of whole microseconds.
    pub const MICROSECONDS: Self = Self(NonZeroU32::new(1_000_000).unwrap());

    /// The clock of time stamps in MPEG-2 systems (`ISO/IEC 13818-1 §2.4.3.7`).
    pub const MPEG2: Self = Self(NonZeroU32::new(90_000).unwrap());

    /// A clock of 100 nanoseconds a tick, as Smooth Streaming's is.
    pub const HUNDRED_NANOSECONDS: Self = Self(NonZeroU32::new(10_000_000).unwrap());

    /// A clock of `ticks` a second; `None` for zero, which no clock can have.
    #[must_use]
    pub fn new(ticks: u32) -> Option<Self> {
        NonZeroU32::new(ticks).map(Self)
    }

    /// Ticks a second.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The exact instant of tick `ticks` of this clock.
    #[must_use]
    pub fn instant(self, ticks: i64) -> Instant {
        Instant {
            ticks,
            timescale: self,
        }
    }

    /// `duration` in ticks, rounded to the nearest tick, at most `i64::MAX`.
    #[must_use]
    pub fn ticks_of(self, duration: Duration) -> i64 {
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / (1 << 33));
        saturate((nanos * i128::from(self.get()) + 500_000_000) / 1_000_000_000)
    }

    /// `ticks` of this clock as a duration, rounded to the nearest nanosecond.
    #[must_use]
    pub fn duration(self, ticks: u64) -> Duration {
        let scale = u128::from(self.get());
        let nanos = (u128::from(ticks) * 1_000_000_000 + scale / 2) / scale;
        let second = |nanos: u128| u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
        Duration::new(second(nanos), rest)
    }

    /// `ticks` of this clock in seconds, for figures that people read.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a figure to read, not to compute times from"
    )]
    pub fn seconds(self, ticks: i64) -> f64 {
        ticks as f64 / f64::from(self.get())
    }

    /// `ticks` of this clock in whole microseconds, rounded to the nearest.
    #[must_use]
    pub fn microseconds(self, ticks: u64) -> u64 {
        let scale = u128::from(self.get());
        u64::try_from((u128::from(ticks) * 1_000_000 + scale / 2) / scale).unwrap_or(u64::MAX)
    }

    /// `ticks` of the clock `from` on this clock, rounded to the nearest tick.
    #[must_use]
    pub fn rescale(self, ticks: i64, from: Timescale) -> i64 {
        let (to, from) = (i128::from(self.get()), i128::from(from.get()));
        saturate((i128::from(ticks) * to + from / 2).div_euclid(from))
    }
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// An exact moment on the timeline all tracks of a title share:
/// `ticks / timescale` seconds.
#[derive(Clone, Copy, Debug)]
pub struct Instant {
    /// Whole ticks, negative before the start of the presentation.
    pub ticks: i64,
    /// The clock that counts them.
    pub timescale: Timescale,
}

impl Instant {
    /// This moment on `clock`, rounded to the nearest tick.
    #[must_use]
    pub fn on(self, clock: Timescale) -> i64 {
        clock.rescale(self.ticks, self.timescale)
    }

    /// This moment and `duration` later, on the same clock.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self {
            ticks: self.ticks.saturating_add(self.timescale.ticks_of(duration)),
            ..self
        }
    }

    /// How far the two moments are apart.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        let (a, b) = self.cross(other);
        let denominator = u128::from(self.timescale.get()) * u128::from(other.timescale.get());
        let nanos = a.abs_diff(b).saturating_mul(1_000_000_000) / denominator;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Both moments as counts of the same, finer tick.
    fn cross(self, other: Self) -> (i128, i128) {
        (
            i128::from(self.ticks) * i128::from(other.timescale.get()),
            i128::from(other.ticks) * i128::from(self.timescale.get()),
        )
    }
}

impl PartialEq for Instant {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Instant {}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = self.cross(*other);
        a.cmp(&b)
    }
}

/// The smallest shift, in whole ticks of *every* clock of `clocks`, that is at
/// least `need` (≥ 0): a shift that every track can make without rounding.
///
/// With the clocks 12 800 and 48 000 a shift comes in steps of 1/3200 s.
#[must_use]
pub fn common_shift(need: &[Instant], clocks: &[Timescale]) -> Instant {
    let step = clocks.iter().fold(0, |divisor, clock| gcd(divisor, clock.get()));
    let clock = Timescale::new(step).unwrap_or(Timescale(NonZeroU32::MIN));
    let ticks = need
        .iter()
        .map(|need| {
            let scale = i128::from(need.timescale.get());
            let exact = i128::from(need.ticks) * i128::from(clock.get());
            saturate((exact + scale - 1).div_euclid(scale))
        })
        .max()
        .unwrap_or(0);
    clock.instant(ticks.max(0))
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(ticks: u32) -> Timescale {
        Timescale::new(ticks).unwrap()
    }

    #[test]
    fn instants_of_different_clocks_compare_exactly() {
        assert_eq!(clock(25).instant(1), clock(12_800).instant(512));
        assert!(clock(30_000).instant(1001) < clock(90_000).instant(3004));
        assert!(clock(1).instant(i64::MAX) > clock(u32::MAX).instant(i64::MAX));
    }

    #[test]
    fn a_shift_is_whole_in_every_clock() {
        let (video, audio) = (clock(12_800), clock(48_000));
        let shift = common_shift(&[video.instant(1024), audio.instant(1024)], &[video, audio]);
        assert_eq!((shift.on(video), shift.on(audio)), (1024, 3840));
        let odd = common_shift(&[clock(1001).instant(1)], &[clock(1001), clock(48_000)]);
        assert_eq!((odd.on(clock(1001)), odd.on(clock(48_000))), (1001, 48_000));
        assert_eq!(common_shift(&[video.instant(-5)], &[video]).ticks, 0);
    }

    #[test]
    fn extreme_times_saturate() {
        assert_eq!(clock(u32::MAX).rescale(i64::MAX, clock(1)), i64::MAX);
        assert_eq!(clock(u32::MAX).rescale(i64::MIN, clock(1)), i64::MIN);
        assert_eq!(clock(u32::MAX).ticks_of(Duration::MAX), i64::MAX);
    }
}
