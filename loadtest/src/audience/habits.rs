//! How viewers differ: what they choose, how long they stay, how fast their lines are.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::popularity::Popularity;

/// How a title is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// MPEG-DASH.
    Dash,
    /// HLS.
    Hls,
    /// Smooth Streaming.
    Smooth,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dash, Self::Hls, Self::Smooth];

    /// What a title's manifest is called.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Dash => ".mpd",
            Self::Hls => ".m3u8",
            Self::Smooth => "Manifest",
        }
    }

    /// The name in reports and flags.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Dash => "dash",
            Self::Hls => "hls",
            Self::Smooth => "smooth",
        }
    }
}

/// How viewers are shared out between protocols, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Of DASH.
    pub dash: f64,
    /// Of HLS.
    pub hls: f64,
    /// Of Smooth Streaming.
    pub smooth: f64,
}

/// Habits that are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HabitsError {
    /// Not `dash=60,hls=35,smooth=5`.
    #[error("`{0}` is not shares such as dash=60,hls=35,smooth=5")]
    Shares(String),
}

impl Shares {
    /// Reads `dash=60,hls=35,smooth=5`; what is not named has no share.
    ///
    /// # Errors
    /// [`HabitsError::Shares`].
    pub fn parse(text: &str) -> Result<Self, HabitsError> {
        let fault = || HabitsError::Shares(text.to_owned());
        let mut shares = Self {
            dash: 0.0,
            hls: 0.0,
            smooth: 0.0,
        };
        for part in text.split(',') {
            let (name, share) = part.split_once('=').ok_or_else(fault)?;
            let share: f64 = share.trim().parse().map_err(|_| fault())?;
            if !share.is_finite() || share < 0.0 {
                return Err(fault());
            }
            match name.trim() {
                "dash" => shares.dash = share,
                "hls" => shares.hls = share,
                "smooth" => shares.smooth = share,
                _ => return Err(fault()),
            }
        }
        if shares.total() > 0.0 {
            Ok(shares)
        } else {
            Err(fault())
        }
    }

    fn total(&self) -> f64 {
        self.dash + self.hls + self.smooth
    }

    fn choose(&self, rng: &mut Rng) -> Protocol {
        let at = rng.f64() * self.total();
        if at < self.dash {
            Protocol::Dash
        } else if at < self.dash + self.hls {
            Protocol::Hls
        } else {
            Protocol::Smooth
        }
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dash={},hls={},smooth={}", self.dash, self.hls, self.smooth)
    }
}

/// Lines of viewers: parts of all, and bits a second. The last part is what is left.
const LINES: [(f64, f64); 5] = [
    (0.05, 1.2e6),
    (0.15, 3e6),
    (0.35, 8e6),
    (0.30, 20e6),
    (0.15, 60e6),
];

/// How an audience behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Habits {
    /// Exponent of the titles' popularity.
    pub alpha: f64,
    /// Protocols.
    pub shares: Shares,
    /// Mean time that one who stays watches, in seconds.
    pub watch_s: f64,
    /// The part that leaves within the first half minute.
    pub bounce: f64,
    /// Jumps a minute of watching.
    pub seeks_per_minute: f64,
    /// Media that a player holds ahead, in seconds.
    pub buffer_s: f64,
    /// Whether all watch the same moment, as of a live event: they join at the
    /// edge, which moves with the clock, instead of at the beginning.
    pub is_live: bool,
    /// Whether lines differ and vary, so that players change renditions;
    /// otherwise each takes the best that comes in time.
    pub has_lines: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            alpha: 0.9,
            shares: Shares {
                dash: 60.0,
                hls: 35.0,
                smooth: 5.0,
            },
            watch_s: 1500.0,
            bounce: 0.2,
            seeks_per_minute: 0.05,
            buffer_s: 30.0,
            is_live: false,
            has_lines: true,
        }
    }
}

/// Longest stay of one that leaves at once.
const BOUNCE_S: f64 = 30.0;

/// What a viewer has made up its mind about.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The title's rank, from 0.
    pub title: usize,
    /// How it is fetched.
    pub protocol: Protocol,
    /// How long it is watched, unless it ends before.
    pub watch: Duration,
    /// The viewer's line, in bits a second.
    pub line_bps: f64,
    /// Seed of all that the viewer decides later.
    pub seed: u64,
}

impl Habits {
    /// The choice of the next viewer.
    pub fn choose(&self, popularity: &Popularity, rng: &mut Rng) -> Choice {
        let title = popularity.choose(rng);
        let protocol = self.shares.choose(rng);
        let (leaves, length, line) = (rng.f64(), rng.f64(), rng.f64());
        let watch = if leaves < self.bounce {
            length * BOUNCE_S
        } else {
            // People leave at any moment alike, so that stays are exponential.
            -self.watch_s * (1.0 - length).ln()
        };
        Choice {
            title,
            protocol,
            watch: crate::number::seconds(watch),
            line_bps: if self.has_lines {
                line_of(line)
            } else {
                f64::INFINITY
            },
            seed: rng.u64(..),
        }
    }
}

fn line_of(mut at: f64) -> f64 {
    for (part, bps) in LINES {
        if at < part {
            return bps;
        }
        at -= part;
    }
    LINES.last().map_or(f64::INFINITY, |(_, bps)| *bps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_and_kept() {
        let shares = Shares::parse("dash=3, hls=1").unwrap();
        let mut rng = Rng::with_seed(1);
        let dash = (0..10_000)
            .filter(|_| shares.choose(&mut rng) == Protocol::Dash)
            .count();
        assert!((7_300..7_700).contains(&dash), "{dash}");
        for text in ["", "dash", "dash=x", "dash=-1", "dash=0", "mpeg=1", "dash=NaN"] {
            assert!(Shares::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn stays_have_the_mean_they_were_given_but_for_those_who_leave_at_once() {
        let habits = Habits::default();
        let popularity = Popularity::new(10, 1.0);
        let mut rng = Rng::with_seed(5);
        let mean = (0..50_000)
            .map(|_| habits.choose(&popularity, &mut rng).watch.as_secs_f64())
            .sum::<f64>()
            / 50_000.0;
        let expected = 0.8 * 1500.0 + 0.2 * 15.0;
        assert!((mean / expected - 1.0).abs() < 0.03, "{mean} for {expected}");
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let popularity = Popularity::new(100, 0.9);
        let choices = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..10)
                .map(|_| Habits::default().choose(&popularity, &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
    }
}
