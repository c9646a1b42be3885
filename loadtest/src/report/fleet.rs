//! The nodes of a report: how load, hits and reads of the store fell on them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strata_balancer::choice::Choice;

use crate::number::{float, float_len, ratio};
use crate::scrape::{Line, Look, names};

/// All nodes together, and each by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetFigures {
    /// Caches, by tier.
    pub tiers: Vec<TierFigures>,
    /// Requests at the store.
    pub store: StoreFigures,
    /// Attempts at nodes by why they were chosen: `first`, `spilled`, …
    pub choices: BTreeMap<String, u64>,
    /// Attempts that followed a failed one, by why that failed.
    pub retries: BTreeMap<String, u64>,
    /// Attempts by how they ended, `answered` and others.
    pub endings: BTreeMap<String, u64>,
    /// Answers that broke off and were taken up again on another node.
    pub resumes: u64,
    /// Times a node was passed over because it was full.
    pub bound_hits: u64,
    /// Requests that a node of another zone than the client's or the first choice's served.
    pub cross_zone: Option<u64>,
    /// Bytes of these.
    pub cross_zone_bytes: Option<u64>,
    /// The part of all time in which nodes had more than a second's work waiting at their networks, in simulations.
    #[serde(default)]
    pub drowning: Option<f64>,
    /// Nodes that had so for more than 1 % of the time, in simulations.
    #[serde(default)]
    pub drowned: Option<u64>,
    /// What each node can send for ever, in simulations: the least of all.
    #[serde(default)]
    pub node_baseline_bps: Option<f64>,
    /// The origins.
    pub nodes: Vec<NodeFigures>,
    /// The balancers.
    #[serde(default)]
    pub balancers: Vec<NodeFigures>,
}

/// One tier of the caches of all nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TierFigures {
    /// `chunks_memory`, …
    pub tier: String,
    /// Found.
    pub hits: u64,
    /// On its way already for another request.
    pub joined: u64,
    /// Neither.
    pub misses: u64,
}

/// What the store was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreFigures {
    /// By operation: `head`, `open`, `read`.
    pub requests: BTreeMap<String, u64>,
    /// Bytes received.
    pub bytes: u64,
}

/// One node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeFigures {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: Option<String>,
    /// Requests it answered.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Chunks found, joined included.
    pub hits: u64,
    /// Chunks read from the store.
    pub misses: u64,
    /// Requests at the store.
    pub store_requests: u64,
    /// Moment by moment.
    pub looks: Vec<Look>,
}

impl TierFigures {
    /// Found or on its way, of all; `None` when nothing was looked for.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        ratio(self.hits + self.joined, self.hits + self.joined + self.misses)
    }
}

impl StoreFigures {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.requests.values().sum()
    }
}

/// The tier whose hit ratio is "the" hit ratio: media.
const MEDIA_TIER: &str = "chunks_memory";

impl FleetFigures {
    /// The hit ratio of media.
    #[must_use]
    pub fn hit_ratio(&self) -> Option<f64> {
        let media = self.tiers.iter().find(|tier| tier.tier == MEDIA_TIER);
        media.and_then(TierFigures::hit_ratio)
    }

    /// Requests of the busiest node in means of all.
    #[must_use]
    pub fn max_over_mean(&self) -> Option<f64> {
        let total: u64 = self.nodes.iter().map(|node| node.requests).sum();
        let most = self.nodes.iter().map(|node| node.requests).max()?;
        (total > 0).then(|| float(most) * float_len(self.nodes.len()) / float(total))
    }

    /// First choices as a part of all choices.
    #[must_use]
    pub fn first_choice_share(&self) -> Option<f64> {
        let first = self.chosen(Choice::First);
        ratio(first, self.choices.values().sum())
    }

    /// Attempts for this reason.
    #[must_use]
    pub fn chosen(&self, choice: Choice) -> u64 {
        self.choices.get(choice.label()).copied().unwrap_or_default()
    }

    /// Attempts that followed a failed one.
    #[must_use]
    pub fn retry_count(&self) -> u64 {
        self.retries.values().sum()
    }

    /// Of these, the ones that went to another node.
    #[must_use]
    pub fn redispatch_count(&self) -> u64 {
        self.chosen(Choice::Retry)
    }

    /// What was seen of nodes; `None` when none was looked at.
    #[must_use]
    pub fn of_lines(lines: &[Line]) -> Option<Self> {
        if lines.is_empty() {
            return None;
        }
        let mut fleet = Self::default();
        for line in lines {
            if line.is_balancer() {
                fleet.add_balancer(line);
            } else {
                fleet.add_origin(line);
            }
        }
        Some(fleet)
    }

    fn add_balancer(&mut self, line: &Line) {
        let merge = |into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>| {
            for (name, count) in from {
                *into.entry(name).or_default() += count;
            }
        };
        merge(&mut self.choices, line.grown_by(names::CHOICES, "choice"));
        merge(&mut self.retries, line.grown_by(names::RETRIES, "reason"));
        merge(&mut self.endings, line.grown_by(names::ATTEMPTS, "ending"));
        self.resumes += line.grown(names::RESUMES, &[]);
        self.bound_hits += line.grown(names::BOUND_HITS, &[]);
        self.cross_zone = match self.chosen(Choice::OtherZone) {
            0 => self.cross_zone,
            count => Some(count),
        };
        // Told by balancers whose own zone is known, once a byte came from another.
        if line.has(names::OTHER_ZONE_BODY) {
            let bytes = line.grown(names::OTHER_ZONE_BODY, &[]);
            self.cross_zone_bytes = Some(self.cross_zone_bytes.unwrap_or_default() + bytes);
        }
        let mut node = node_of(line);
        node.requests = line.grown(names::BALANCED, &[]);
        node.bytes = line.grown(names::BALANCED_BYTES, &[]);
        self.balancers.push(node);
    }

    fn add_origin(&mut self, line: &Line) {
        let mut node = node_of(line);
        node.requests = line.grown(names::REQUESTS, &[]);
        node.bytes = line.grown(names::RESPONSE_BYTES, &[]);
        for tier in line.grown_by(names::CACHE_REQUESTS, "tier").into_keys() {
            let of = |outcome| line.grown(names::CACHE_REQUESTS, &[("tier", &tier), ("outcome", outcome)]);
            let found = TierFigures {
                hits: of("hit"),
                joined: of("joined"),
                misses: of("miss"),
                tier,
            };
            if found.tier == MEDIA_TIER {
                node.hits = found.hits + found.joined;
                node.misses = found.misses;
            }
            match self.tiers.iter_mut().find(|known| known.tier == found.tier) {
                Some(known) => {
                    known.hits += found.hits;
                    known.joined += found.joined;
                    known.misses += found.misses;
                }
                None => self.tiers.push(found),
            }
        }
        for (operation, count) in line.grown_by(names::STORE_REQUESTS, "operation") {
            // Asked for the node's own sake, not for a viewer's.
            if operation != "probe" {
                node.store_requests += count;
                *self.store.requests.entry(operation).or_default() += count;
            }
        }
        self.store.bytes += line.grown(names::STORE_BYTES, &[]);
        self.nodes.push(node);
    }
}

fn node_of(line: &Line) -> NodeFigures {
    NodeFigures {
        name: line.node.name.clone(),
        zone: line.node.zone.clone(),
        looks: line.looks.clone(),
        ..NodeFigures::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_node_is_measured_in_means() {
        let node = |requests| NodeFigures {
            requests,
            ..NodeFigures::default()
        };
        let fleet = FleetFigures {
            nodes: vec![node(10), node(20), node(30)],
            ..FleetFigures::default()
        };
        assert_eq!(fleet.max_over_mean(), Some(1.5));
        assert_eq!(FleetFigures::default().max_over_mean(), None);
    }

    #[test]
    fn a_request_that_joined_a_fill_is_a_hit() {
        let tier = TierFigures {
            tier: MEDIA_TIER.to_owned(),
            hits: 6,
            joined: 2,
            misses: 2,
        };
        let fleet = FleetFigures {
            tiers: vec![tier],
            ..FleetFigures::default()
        };
        assert_eq!(fleet.hit_ratio(), Some(0.8));
    }
}
