//! Availability zones: the own one first, another one when too little of the own is left.
//!
//! Bytes that cross a zone's border cost money, so they do not because of load,
//! only because of lost capacity.

use std::fmt;
use std::sync::Arc;

use strata_node::config::{Section, Value};
use strata_node::imds::{Client, Endpoint};

use crate::ring::Key;

/// Longest name of a zone, in bytes.
pub const ZONE_BYTES_MAX: usize = 64;

/// The name of a zone, such as `euw1-az1`: an id, since names of zones differ between accounts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Zone(Arc<str>);

impl Zone {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Zone {
    fn from_scalar(text: &str) -> Result<Self, String> {
        if text.is_empty() || ZONE_BYTES_MAX < text.len() {
            return Err(format!("must have 1 to {ZONE_BYTES_MAX} bytes"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("`{text}` has characters other than printable ASCII"));
        }
        Ok(Self(text.into()))
    }
}

/// Where the balancer's zone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnZone {
    /// Nowhere: all nodes are one pool.
    None,
    /// In the configuration.
    Named(Zone),
    /// By the instance's metadata: `placement/availability-zone-id`.
    Imds,
}

impl Value for OwnZone {
    fn from_scalar(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "imds" => Ok(Self::Imds),
            zone => Zone::from_scalar(zone).map(Self::Named),
        }
    }
}

/// Which nodes come first. Section `zone`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneConfig {
    /// Key `own`: `none`, `imds`, or a name; default `none`.
    pub own: OwnZone,
    /// Share of the own zone's capacity, in percent, below which requests go to
    /// other zones. Key `spill_below`; default 70. 0: only when nothing is left.
    pub spill_below_percent: u32,
    /// Where the instance's metadata are. Key `imds`; default
    /// `http://169.254.169.254`.
    pub imds: Endpoint,
}

impl ZoneConfig {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        Self {
            own: section.or("own", OwnZone::None),
            spill_below_percent: section.within("spill_below", 70, 0..=100),
            imds: section.or("imds", Endpoint::default()),
        }
    }
}

/// Times that the instance's metadata are asked before a balancer starts without a zone.
const QUESTIONS_MAX: usize = 3;

impl ZoneConfig {
    /// The balancer's own zone. An instance whose metadata are silent serves all
    /// the same, from all zones: `None`, and an error in the log.
    pub(crate) async fn own(&self) -> Option<Zone> {
        match &self.own {
            OwnZone::None => None,
            OwnZone::Named(zone) => Some(zone.clone()),
            OwnZone::Imds => {
                let mut client = Client::new(self.imds.clone());
                for _ in 0..QUESTIONS_MAX {
                    match client.get("placement/availability-zone-id").await {
                        Ok(Some(zone)) => return Zone::from_scalar(zone.trim()).ok(),
                        Ok(None) => break,
                        Err(error) => tracing::warn!(%error, "the own zone is not known yet"),
                    }
                }
                tracing::error!("the own zone is not known: all zones are one");
                None
            }
        }
    }
}

/// How much of the keys leaves the own zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spill {
    /// In 2^32nds.
    share: u64,
}

/// 1, in 2^32nds.
const WHOLE: u64 = 1 << 32;

impl Spill {
    /// Nothing leaves.
    pub(crate) const NONE: Self = Self { share: 0 };

    /// What leaves when of `capacity` so much is `healthy`.
    ///
    /// Nothing down to the threshold; below it just as much as is missing of it,
    /// so that the nodes that are left carry no more than they do at the
    /// threshold, and no cliff of keys moves at once.
    pub(crate) fn of(healthy: u64, capacity: u64, below_percent: u32) -> Self {
        if healthy == 0 {
            return Self { share: WHOLE };
        }
        let needed = u128::from(capacity) * u128::from(below_percent);
        let there = u128::from(healthy) * 100;
        if needed <= there {
            return Self::NONE;
        }
        let missing = (needed - there) * u128::from(WHOLE) / needed;
        Self {
            share: u64::try_from(missing).unwrap_or(WHOLE),
        }
    }

    /// Whether this key is among those that leave. A key that leaves at one share leaves at every larger one.
    pub(crate) fn takes(self, key: Key) -> bool {
        // Other bits than those that place the key on the ring, though that would do no harm.
        key.hash().rotate_left(32) & (WHOLE - 1) < self.share
    }

    /// The share that leaves, 0 to 1.
    pub(crate) fn share(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 2^32")]
        let share = self.share as f64;
        share / 4_294_967_296.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_zone_that_has_enough() {
        assert_eq!(Spill::of(100, 100, 70), Spill::NONE);
        assert_eq!(Spill::of(70, 100, 70), Spill::NONE);
        assert_eq!(Spill::of(1, 100, 0), Spill::NONE);
    }

    #[test]
    fn what_is_missing_of_the_threshold_leaves() {
        assert!((Spill::of(35, 100, 70).share() - 0.5).abs() < 1e-6);
        assert!((Spill::of(69, 100, 70).share() - 1.0 / 70.0).abs() < 1e-6);
        assert!((Spill::of(0, 100, 0).share() - 1.0).abs() < 1e-9);
        assert!((Spill::of(0, 0, 70).share() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn keys_leave_in_that_share_and_stay_away_as_it_grows() {
        let keys: Vec<Key> = (0_u32..10_000).map(|n| Key::of(&n.to_le_bytes())).collect();
        let (less, more) = (Spill::of(50, 100, 70), Spill::of(20, 100, 70));
        let left = keys.iter().filter(|key| less.takes(**key)).count();
        assert!(
            (2_700..3_000).contains(&left),
            "{left} of 10000, 2857 is the share"
        );
        assert!(keys.iter().all(|key| !less.takes(*key) || more.takes(*key)));
        assert!(keys.iter().all(|key| Spill::of(0, 9, 70).takes(*key)));
        assert!(!keys.iter().any(|key| Spill::NONE.takes(*key)));
    }
}
