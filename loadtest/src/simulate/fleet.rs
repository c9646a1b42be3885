//! The nodes, and where requests go: the balancer's own ring and bound, over counts of virtual requests.

use std::collections::HashMap;

use strata_balancer::bound::{Bound, Share};
use strata_balancer::ring::{Key, Ring, RingError};

use super::node::SimNode;
use super::{CacheSpec, NodeSpec};

/// Candidates that are remembered of a key at first; once a request finds all of them full, all are.
const REMEMBERED: usize = 24;

/// Keys whose candidates are remembered.
const KEYS_MAX: usize = 1 << 20;

/// Why a node was chosen, as the balancer tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Chosen {
    /// The key prefers it.
    First,
    /// The one that the key prefers is full.
    Spilled,
    /// The one that the key prefers is down.
    FirstDown,
    /// The own zone has no node left.
    OtherZone,
}

impl Chosen {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Spilled => "spilled",
            Self::FirstDown => "first_down",
            Self::OtherZone => "other_zone",
        }
    }
}

/// A request that a node has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) node: usize,
    pub(super) chosen: Chosen,
    /// Nodes that were passed over because they were full.
    pub(super) passed: u64,
    /// How many it had room for, this one included.
    pub(super) room: u64,
}

/// All nodes; each zone has a balancer that spreads over the nodes of its own.
pub(super) struct Fleet {
    pub(super) nodes: Vec<SimNode>,
    zones: Vec<Zone>,
    bound: Bound,
    bundle: u64,
}

struct Zone {
    ring: Ring,
    /// Places in the fleet, as in the ring.
    members: Vec<usize>,
    /// Of each member; `None`: down.
    shares: Vec<Option<Share>>,
    in_flight: u64,
    remembered: HashMap<u64, Vec<u16>>,
}

impl Fleet {
    /// Nodes whose viewers walk in bundles of `bundle`.
    pub(super) fn new(
        specs: &[NodeSpec],
        cache: &CacheSpec,
        bound: Bound,
        bundle: u64,
    ) -> Result<Self, RingError> {
        let mut fleet = Self {
            nodes: specs
                .iter()
                .map(|spec| SimNode::new(spec.clone(), cache, bundle))
                .collect(),
            zones: Vec::new(),
            bound,
            bundle,
        };
        fleet.lay_out()?;
        Ok(fleet)
    }

    /// Lays the nodes on rings again, after some have joined.
    fn lay_out(&mut self) -> Result<(), RingError> {
        let zone_count = self.nodes.iter().map(|node| node.spec.zone).max().unwrap_or(0);
        let in_flight: Vec<u64> = self.zones.iter().map(|zone| zone.in_flight).collect();
        self.zones.clear();
        for number in 0..=zone_count {
            let mut members: Vec<usize> = (0..self.nodes.len())
                .filter(|place| {
                    self.nodes
                        .get(*place)
                        .is_some_and(|node| node.spec.zone == number)
                })
                .collect();
            let name = |place: &usize| {
                self.nodes
                    .get(*place)
                    .map(|node| node.spec.name.as_str())
                    .unwrap_or_default()
            };
            members.sort_by(|a, b| name(a).cmp(name(b)));
            let ring = Ring::new(members.iter().map(|place| (name(place), 1)))?;
            self.zones.push(Zone {
                ring,
                shares: Vec::new(),
                members,
                in_flight: in_flight.get(usize::from(number)).copied().unwrap_or(0),
                remembered: HashMap::new(),
            });
        }
        self.share_out();
        Ok(())
    }

    /// Deals the load out to the nodes that are up, as the balancer's pool does.
    fn share_out(&mut self) {
        for zone in &mut self.zones {
            let is_up = |place: &usize| self.nodes.get(*place).is_some_and(|node| node.is_up);
            let weights =
                u32::try_from(zone.members.iter().filter(|place| is_up(place)).count()).unwrap_or(u32::MAX);
            let mut weights_before = 0;
            zone.shares = zone
                .members
                .iter()
                .map(|place| {
                    is_up(place).then(|| {
                        let share = Share {
                            weight: 1,
                            weights_before,
                            weights,
                        };
                        weights_before += 1;
                        share
                    })
                })
                .collect();
        }
    }

    /// How many zones there are.
    pub(super) fn zones(&self) -> u64 {
        self.zones.len() as u64
    }

    /// A node joins.
    pub(super) fn join(&mut self, spec: &NodeSpec, cache: &CacheSpec) -> Result<(), RingError> {
        self.nodes.push(SimNode::new(spec.clone(), cache, self.bundle));
        self.lay_out()
    }

    /// A node dies; the requests that were on it.
    pub(super) fn kill(&mut self, place: usize, cache: &CacheSpec) -> u64 {
        let Some(node) = self.nodes.get_mut(place).filter(|node| node.is_up) else {
            return 0;
        };
        let lost = node.die(cache);
        let zone = usize::from(node.spec.zone);
        if let Some(zone) = self.zones.get_mut(zone) {
            zone.in_flight = zone.in_flight.saturating_sub(lost);
        }
        self.share_out();
        lost
    }

    /// The nodes of a zone that are up.
    pub(super) fn up_in(&self, zone: u16) -> Vec<usize> {
        let places = self.nodes.iter().enumerate();
        places
            .filter(|(_, node)| node.is_up && node.spec.zone == zone)
            .map(|(place, _)| place)
            .collect()
    }

    /// Requests have ended.
    pub(super) fn release(&mut self, place: usize, life: u32, requests: u64) {
        let Some(node) = self.nodes.get_mut(place).filter(|node| node.life == life) else {
            return;
        };
        node.held = node.held.saturating_sub(requests);
        if let Some(zone) = self.zones.get_mut(usize::from(node.spec.zone)) {
            zone.in_flight = zone.in_flight.saturating_sub(requests);
        }
    }

    /// Places a request that came to the balancer of `zone`; `None`: there is no node left.
    pub(super) fn place(&mut self, key: Key, zone: u64) -> Option<Placed> {
        let own = usize::try_from(zone).unwrap_or(0);
        let count = self.zones.len();
        // The own zone, and the next one with a node when it has none.
        let number = (0..count).map(|step| (own + step) % count.max(1)).find(|zone| {
            self.zones
                .get(*zone)
                .is_some_and(|zone| zone.shares.iter().any(Option::is_some))
        })?;
        let zone = self.zones.get_mut(number)?;
        let placed = zone.place(key, self.bound, &mut self.nodes)?;
        Some(Placed {
            chosen: if number == own {
                placed.chosen
            } else {
                Chosen::OtherZone
            },
            ..placed
        })
    }

    /// More requests of a kind that a node has taken, whatever its bound.
    pub(super) fn hold(&mut self, place: usize, requests: u64) {
        if let Some(node) = self.nodes.get_mut(place)
            && let Some(zone) = self.zones.get_mut(usize::from(node.spec.zone))
        {
            node.held += requests;
            zone.in_flight += requests;
        }
    }
}

impl Zone {
    fn place(&mut self, key: Key, bound: Bound, nodes: &mut [SimNode]) -> Option<Placed> {
        if self.remembered.len() == KEYS_MAX {
            self.remembered.clear();
        }
        let ring = &self.ring;
        let first = |count: usize| -> Vec<u16> {
            let first = ring.candidates(key).take(count);
            first.filter_map(|node| u16::try_from(node.get()).ok()).collect()
        };
        let known = self
            .remembered
            .entry(key.hash())
            .or_insert_with(|| first(REMEMBERED));
        let (mut chosen, mut rank, mut passed) = (Chosen::First, 0, 0);
        loop {
            if rank == known.len() && rank == REMEMBERED {
                *known = first(usize::MAX);
            }
            let Some(member) = known.get(rank).map(|node| usize::from(*node)) else {
                break;
            };
            rank += 1;
            let (Some(place), Some(Some(share))) = (self.members.get(member), self.shares.get(member)) else {
                if chosen == Chosen::First {
                    chosen = Chosen::FirstDown;
                }
                continue;
            };
            let Some(node) = nodes.get_mut(*place) else {
                continue;
            };
            let room = bound.limit(self.in_flight + 1, *share).saturating_sub(node.held);
            if room > 0 {
                node.held += 1;
                self.in_flight += 1;
                return Some(Placed {
                    node: *place,
                    chosen,
                    passed,
                    room,
                });
            }
            passed += 1;
            if chosen == Chosen::First {
                chosen = Chosen::Spilled;
            }
        }
        self.place_anyway(passed, nodes)
    }

    /// All are full by rounding: the one that holds least takes it.
    fn place_anyway(&mut self, passed: u64, nodes: &mut [SimNode]) -> Option<Placed> {
        let up = self
            .members
            .iter()
            .zip(&self.shares)
            .filter(|(_, share)| share.is_some());
        let least = up
            .map(|(place, _)| *place)
            .min_by_key(|place| nodes.get(*place).map_or(u64::MAX, |node| node.held))?;
        nodes.get_mut(least)?.held += 1;
        self.in_flight += 1;
        Some(Placed {
            node: least,
            chosen: Chosen::Spilled,
            passed,
            room: 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::simulate::Instance;

    fn fleet(count: usize, zones: usize, factor_percent: u32) -> Fleet {
        let spec = |place: usize| NodeSpec {
            name: format!("n{place}"),
            zone: u16::try_from(place % zones).unwrap(),
            instance: Instance {
                name: String::new(),
                baseline_bps: 1e9,
                burst_bps: 1e9,
                burst_s: 0.0,
                cache_bytes: 64 << 20,
            },
        };
        let specs: Vec<NodeSpec> = (0..count).map(spec).collect();
        let bound = Bound {
            factor_percent,
            floor: 0,
        };
        Fleet::new(&specs, &cache(), bound, 1).unwrap()
    }

    fn cache() -> CacheSpec {
        CacheSpec {
            chunk_bytes: 1 << 20,
            index_bytes: 1 << 20,
            ttl: Duration::from_secs(60),
            get_bytes_max: 1 << 20,
            ahead_bytes_max: 0,
            head_bytes: 64 << 10,
        }
    }

    /// Places `count` requests for `name` that came to the balancer of `zone`.
    fn place(fleet: &mut Fleet, name: &str, zone: u64, count: usize) -> Vec<Placed> {
        let key = Key::of(name.as_bytes());
        (0..count).map_while(|_| fleet.place(key, zone)).collect()
    }

    #[test]
    fn requests_for_one_title_fill_no_node_beyond_the_bound() {
        let mut fleet = fleet(10, 1, 140);
        let placed = place(&mut fleet, "final", 0, 1000);
        assert_eq!(placed.len(), 1000);
        assert!(
            fleet.nodes.iter().all(|node| node.held <= 140),
            "more than 140 % of the mean"
        );
        assert_eq!(placed[0].chosen, Chosen::First);
        // Of two, none takes both.
        assert_eq!((placed[1].chosen, placed[1].passed), (Chosen::Spilled, 1));
        for placed in &placed {
            fleet.release(placed.node, 0, 1);
        }
        assert!(fleet.nodes.iter().all(|node| node.held == 0));
    }

    #[test]
    fn without_a_bound_one_node_takes_all() {
        let mut fleet = fleet(10, 1, 0);
        let placed = place(&mut fleet, "final", 0, 1000);
        assert!(placed.iter().all(|other| other.node == placed[0].node));
        assert_eq!(fleet.nodes[placed[0].node].held, 1000);
    }

    #[test]
    fn zones_keep_to_themselves_until_one_is_gone() {
        let mut fleet = fleet(6, 3, 140);
        for number in 0..100 {
            let placed = place(&mut fleet, &number.to_string(), 1, 1);
            assert_eq!(fleet.nodes[placed[0].node].spec.zone, 1);
        }
        for place in fleet.up_in(1) {
            fleet.kill(place, &cache());
        }
        assert_eq!(place(&mut fleet, "x", 1, 1)[0].chosen, Chosen::OtherZone);
    }

    #[test]
    fn what_was_on_a_node_that_died_is_not_counted_out_of_its_next_life() {
        let mut fleet = fleet(1, 1, 0);
        place(&mut fleet, "x", 0, 3);
        fleet.hold(0, 2);
        assert_eq!(fleet.kill(0, &cache()), 5);
        fleet.release(0, 0, 5);
        assert_eq!(fleet.nodes[0].held, 0);
        assert!(place(&mut fleet, "x", 0, 5).is_empty());
    }
}
