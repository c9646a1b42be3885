//! How a node is chosen, and why one was.

mod rotation;

use strata_node::config::{Section, Value, choice};

pub(crate) use self::rotation::Rotation;
use crate::bound::Bound;

/// Why a node was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is the one the key prefers.
    First,
    /// The one the key prefers holds as many requests as the bound allows.
    Spilled,
    /// The one the key prefers is down.
    FirstDown,
    /// Keys do not matter: it was its turn, or it held least.
    Turn,
    /// The own zone has too little capacity left, so one of another zone serves.
    OtherZone,
    /// An attempt elsewhere has failed.
    Retry,
    /// Another node is late, and this one is asked beside it.
    Hedge,
    /// It is down, and so are all the others.
    LastResort,
}

impl Choice {
    /// The value of metric labels and log fields.
    pub fn label(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Spilled => "spilled",
            Self::FirstDown => "first_down",
            Self::Turn => "turn",
            Self::OtherZone => "other_zone",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::LastResort => "last_resort",
        }
    }

    /// What the choice becomes when a candidate is passed over for `reason`: the first one's counts.
    pub(crate) fn passing_over(self, reason: Self) -> Self {
        if self == Self::First { reason } else { self }
    }
}

/// What decides on a request's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The key, within the bound: each title meets few caches.
    Hash,
    /// The turn, by weight. Every node meets every title: to compare with.
    RoundRobin,
    /// The load by weight. Every node meets every title: to compare with.
    LeastInFlight,
}

impl Value for Algorithm {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let words = [
            ("hash", Self::Hash),
            ("round-robin", Self::RoundRobin),
            ("least-in-flight", Self::LeastInFlight),
        ];
        choice(text, &words)
    }
}

/// How load is spread. Section `balance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Key `algorithm`; default `hash`.
    pub algorithm: Algorithm,
    /// Keys `factor`, default 140, and `floor`, default 4. Matters to `hash` only.
    pub bound: Bound,
}

/// Whether a factor means something: 0 is no bound, and one of 100 or less would leave requests without a node.
pub(crate) fn is_factor(percent: u32) -> bool {
    matches!(percent, 0 | 101..=65_535)
}

/// What is wrong with a factor that is none.
pub(crate) const NO_FACTOR: &str =
    "must be 0 (no bound) or from 101 to 65535, in percent of the average load";

impl Balance {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        let balance = Self {
            algorithm: section.or("algorithm", Algorithm::Hash),
            bound: Bound {
                factor_percent: section.or("factor", 140),
                floor: section.within("floor", 4, 0..=65_535),
            },
        };
        if !is_factor(balance.bound.factor_percent) {
            section.mistake("factor", NO_FACTOR);
        }
        balance
    }
}
