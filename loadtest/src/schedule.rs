//! When things are due: arrivals along a curve.
//!
//! Pure: a schedule is a function of its curve, its length and a seed.

use std::time::Duration;

use fastrand::Rng;

use crate::number::seconds;

/// How many arrive when, over the length of a test. The mean rate is the same
/// for every shape; shapes scale with the length, so that an hour's crowd can
/// be rehearsed in five minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Always the mean rate.
    Steady,
    /// A day: lowest in the morning (at 9/24 of the length), highest in the
    /// evening (at 21/24).
    Diurnal,
    /// The crowd of a live final: a trickle of 1 % of the mean, and a wave
    /// around the kick-off, in the middle, that peaks at six times the mean: a
    /// million viewers in an hour, 100,000 a minute at the peak.
    Flash,
}

/// The peak of [`Shape::Flash`] in means: 100 thousand a minute where a million come in an hour.
const FLASH_PEAK: f64 = 6.0;
/// What arrives outside of the wave of [`Shape::Flash`], in means.
const FLASH_TRICKLE: f64 = 0.01;
/// How far [`Shape::Diurnal`] swings around its mean, which it may not exceed.
const DIURNAL_SWING: f64 = 0.7;
/// When [`Shape::Diurnal`] is highest, as a part of its length.
const DIURNAL_PEAK: f64 = 21.0 / 24.0;

impl Shape {
    /// The rate in means at `part` of the length, 0 to 1.
    #[must_use]
    pub fn at(self, part: f64) -> f64 {
        match self {
            Self::Steady => 1.0,
            Self::Diurnal => 1.0 + DIURNAL_SWING * (std::f64::consts::TAU * (part - DIURNAL_PEAK)).cos(),
            Self::Flash => {
                // The area of a bell is height × deviation × √τ; all but the trickle is in it.
                let height = FLASH_PEAK - FLASH_TRICKLE;
                let deviation = (1.0 - FLASH_TRICKLE) / (height * std::f64::consts::TAU.sqrt());
                let off = (part - 0.5) / deviation;
                FLASH_TRICKLE + height * (-0.5 * off * off).exp()
            }
        }
    }
}

/// Whether arrivals keep their distance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// As a clock strikes.
    Even,
    /// As people come who do not know of each other (a Poisson process).
    Random,
}

/// Steps in which the rate is taken as constant.
const STEPS: u32 = 10_000;

/// The times at which something arrives, in order, up to the end.
#[derive(Debug, Clone)]
pub struct Arrivals {
    shape: Shape,
    spacing: Spacing,
    mean_per_second: f64,
    length: f64,
    step: f64,
    at: f64,
    is_first: bool,
    rng: Rng,
}

impl Arrivals {
    /// `mean_per_second` arrivals over `length`, from 0 on. None when either is 0.
    #[must_use]
    pub fn new(shape: Shape, spacing: Spacing, mean_per_second: f64, length: Duration, seed: u64) -> Self {
        let length = length.as_secs_f64();
        Self {
            shape,
            spacing,
            mean_per_second,
            length,
            step: length / f64::from(STEPS),
            at: 0.0,
            is_first: true,
            rng: Rng::with_seed(seed),
        }
    }

    /// How much rate has to pass until the next arrival: 1 on average.
    fn wanted(&mut self) -> f64 {
        let is_first = std::mem::take(&mut self.is_first);
        match self.spacing {
            // So that as many arrive as the rate says, each in the middle of its share of the time.
            Spacing::Even if is_first => 0.5,
            Spacing::Even => 1.0,
            // 1 − [0, 1) is never 0, whose logarithm is infinite.
            Spacing::Random => -(1.0 - self.rng.f64()).ln(),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.length <= 0.0 || self.mean_per_second <= 0.0 {
            return None;
        }
        let mut wanted = self.wanted();
        while self.at < self.length {
            let step = (self.at / self.step + 1e-9).floor();
            let step_end = ((step + 1.0) * self.step).min(self.length);
            let rate = self.mean_per_second * self.shape.at((step + 0.5) * self.step / self.length);
            let passing = rate * (step_end - self.at);
            if wanted <= passing {
                self.at += wanted / rate;
                return (self.at < self.length).then(|| seconds(self.at));
            }
            wanted -= passing;
            self.at = step_end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::float_len;

    const HOUR: Duration = Duration::from_secs(3600);

    fn arrivals(shape: Shape, spacing: Spacing, rate: f64) -> Vec<Duration> {
        Arrivals::new(shape, spacing, rate, HOUR, 7).collect()
    }

    #[test]
    fn every_shape_has_the_mean_it_was_given() {
        for shape in [Shape::Steady, Shape::Diurnal, Shape::Flash] {
            for spacing in [Spacing::Even, Spacing::Random] {
                let count = float_len(arrivals(shape, spacing, 10.0).len());
                assert!(
                    (count / 36_000.0 - 1.0).abs() < 0.02,
                    "{shape:?} {spacing:?}: {count}"
                );
            }
        }
    }

    #[test]
    fn even_arrivals_are_equally_far_apart() {
        let times = arrivals(Shape::Steady, Spacing::Even, 1000.0);
        for (a, b) in times.iter().zip(times.iter().skip(1)) {
            assert!((b.abs_diff(*a)).abs_diff(Duration::from_millis(1)) < Duration::from_micros(1));
        }
    }

    #[test]
    fn random_arrivals_vary_as_much_as_poisson_says() {
        let times = arrivals(Shape::Steady, Spacing::Random, 20.0);
        let mut seconds = vec![0.0_f64; 3600];
        for time in times {
            seconds[usize::try_from(time.as_secs()).unwrap()] += 1.0;
        }
        let mean = seconds.iter().sum::<f64>() / 3600.0;
        let variance = seconds.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / 3600.0;
        assert!((variance / mean - 1.0).abs() < 0.1, "{variance} over {mean}");
    }

    #[test]
    fn a_flash_crowd_of_a_million_peaks_at_a_hundred_thousand_a_minute() {
        let mut minutes = vec![0_u32; 60];
        for time in arrivals(Shape::Flash, Spacing::Random, 1_000_000.0 / 3600.0) {
            minutes[usize::try_from(time.as_secs() / 60).unwrap()] += 1;
        }
        let peak = *minutes.iter().max().unwrap();
        assert!((95_000..=101_000).contains(&peak), "{peak}");
        assert!(minutes[0] < 1_000, "{}", minutes[0]);
    }

    #[test]
    fn the_same_seed_makes_the_same_times() {
        assert_eq!(
            arrivals(Shape::Diurnal, Spacing::Random, 1.0),
            arrivals(Shape::Diurnal, Spacing::Random, 1.0)
        );
    }

    #[test]
    fn as_many_arrive_evenly_as_the_rate_says() {
        for (rate, seconds, count) in [(50.0, 2, 100), (1.0, 1, 1), (0.4, 1, 0), (19_999.0, 3, 59_997)] {
            let length = Duration::from_secs(seconds);
            let arrivals = Arrivals::new(Shape::Steady, Spacing::Even, rate, length, 1);
            assert_eq!(arrivals.count(), count, "{rate} a second for {seconds} s");
        }
    }

    #[test]
    fn nothing_arrives_at_no_rate_or_in_no_time() {
        assert_eq!(
            Arrivals::new(Shape::Steady, Spacing::Even, 0.0, HOUR, 0).count(),
            0
        );
        assert_eq!(
            Arrivals::new(Shape::Steady, Spacing::Even, 5.0, Duration::ZERO, 0).count(),
            0
        );
    }
}
