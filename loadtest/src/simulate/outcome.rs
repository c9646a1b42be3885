//! What a simulation finds, in the form of a report on a real run.

use std::collections::BTreeMap;

use super::fleet::{Chosen, Fleet};
use super::node::SimNode;
use crate::number::{float, whole};
use crate::record::{Example, Failure, Kind, Measured, Record};
use crate::report::{FleetFigures, NodeFigures, StoreFigures, TierFigures};
use crate::scrape::Look;

/// Most nodes whose lines are kept for plots: the busiest ones.
const LINES_MAX: usize = 64;

/// Looks at each node over the whole time.
const LOOKS: f64 = 240.0;

/// A node that has this much waiting at its network drowns, in seconds.
const DROWNING_S: f64 = 1.0;

/// The part of looks at which a node drowns that makes it one that has drowned.
const DROWNED: f64 = 0.01;

/// Players give up on an answer after so long, in seconds.
pub(super) const PATIENCE_S: f64 = 30.0;

/// Everything that is counted.
pub(super) struct Outcome {
    pub(super) record: Record,
    pub(super) chosen: BTreeMap<Chosen, u64>,
    pub(super) retries: u64,
    pub(super) bound_hits: u64,
    pub(super) cross_zone_bytes: f64,
    pub(super) store_bytes: u64,
    pub(super) chunk_gets: u64,
    pub(super) title_requests: f64,
    pub(super) index: (u64, u64),
    looks: Vec<Vec<Look>>,
    next_look_s: f64,
    look_every_s: f64,
    /// Of each node, looks at which it drowned.
    drowning: Vec<u64>,
    looked: u64,
}

impl Outcome {
    pub(super) fn new(length_s: f64) -> Self {
        Self {
            record: Record::new(std::time::Duration::from_secs(2)),
            chosen: BTreeMap::new(),
            retries: 0,
            bound_hits: 0,
            cross_zone_bytes: 0.0,
            store_bytes: 0,
            chunk_gets: 0,
            title_requests: 0.0,
            index: (0, 0),
            looks: Vec::new(),
            next_look_s: 0.0,
            look_every_s: (length_s / LOOKS).max(1.0),
            drowning: Vec::new(),
            looked: 0,
        }
    }

    /// So many alike requests were answered at `done_s`, or given up then.
    pub(super) fn ended(&mut self, kind: Kind, due_s: f64, done_s: f64, bytes: Option<f64>, requests: u64) {
        let due = crate::number::seconds(due_s);
        let measured = Measured {
            kind,
            due,
            sent: due,
            first_byte: None,
            ended: crate::number::seconds(done_s),
            bytes: bytes.map_or(0, whole),
            status: if bytes.is_some() { 200 } else { 0 },
            failure: bytes.is_none().then_some(Failure::Timeout),
        };
        self.record.add_many(&measured, requests, Example::default);
    }

    /// Looks at the nodes when it is time to.
    pub(super) fn look(&mut self, fleet: &Fleet, now_s: f64) {
        if now_s < self.next_look_s {
            return;
        }
        self.next_look_s += self.look_every_s;
        self.looks.resize_with(fleet.nodes.len(), Vec::new);
        self.drowning.resize(fleet.nodes.len(), 0);
        let nodes = fleet.nodes.iter().zip(&mut self.looks).zip(&mut self.drowning);
        for ((node, looks), drowning) in nodes {
            let backlog_s = node.wait_s(now_s);
            self.looked += 1;
            *drowning += u64::from(DROWNING_S < backlog_s);
            looks.push(Look {
                at_s: now_s,
                in_flight: node.held,
                requests: node.requests,
                bytes: whole(node.bytes),
                backlog_s: Some(backlog_s),
                ..Look::default()
            });
        }
    }

    /// Nodes that have drowned.
    fn drowned(&self) -> u64 {
        let each = float(self.looked) / crate::number::float_len(self.drowning.len().max(1));
        let drowned = self
            .drowning
            .iter()
            .filter(|looks| DROWNED * each < float(**looks));
        drowned.count() as u64
    }

    /// The nodes' side of the report.
    pub(super) fn fleet(&mut self, fleet: &Fleet) -> FleetFigures {
        let sum = |of: fn(&SimNode) -> u64| fleet.nodes.iter().map(of).sum::<u64>();
        let mut nodes: Vec<NodeFigures> = fleet
            .nodes
            .iter()
            .zip(std::mem::take(&mut self.looks))
            .map(|(node, looks)| NodeFigures {
                name: node.spec.name.clone(),
                zone: Some(format!("zone {}", node.spec.zone)),
                requests: node.requests,
                bytes: whole(node.bytes),
                hits: node.hits,
                misses: node.misses,
                store_requests: whole(node.store_requests),
                looks,
            })
            .collect();
        let mut busiest: Vec<u64> = nodes.iter().map(|node| node.bytes).collect();
        busiest.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(least) = busiest.get(LINES_MAX) {
            for node in nodes.iter_mut().filter(|node| node.bytes <= *least) {
                node.looks = Vec::new();
            }
        }
        let chosen = |chosen: &Chosen| self.chosen.get(chosen).copied().unwrap_or(0);
        let baselines = fleet.nodes.iter().map(|node| node.spec.instance.baseline_bps);
        FleetFigures {
            tiers: vec![
                TierFigures {
                    tier: "chunks_memory".to_owned(),
                    hits: sum(|node| node.hits),
                    joined: 0,
                    misses: sum(|node| node.misses),
                },
                TierFigures {
                    tier: "indexes_memory".to_owned(),
                    hits: self.index.0,
                    joined: 0,
                    misses: self.index.1,
                },
            ],
            store: StoreFigures {
                requests: BTreeMap::from([
                    ("read".to_owned(), self.chunk_gets),
                    ("title".to_owned(), whole(self.title_requests)),
                ]),
                bytes: self.store_bytes,
            },
            choices: self
                .chosen
                .iter()
                .map(|(chosen, count)| (chosen.label().to_owned(), *count))
                .collect(),
            retries: (self.retries > 0)
                .then(|| ("node_died".to_owned(), self.retries))
                .into_iter()
                .collect(),
            bound_hits: self.bound_hits,
            cross_zone: (fleet.zones() > 1).then(|| chosen(&Chosen::OtherZone)),
            cross_zone_bytes: (fleet.zones() > 1).then(|| whole(self.cross_zone_bytes)),
            drowning: crate::number::ratio(self.drowning.iter().sum(), self.looked),
            drowned: Some(self.drowned()),
            node_baseline_bps: baselines.reduce(f64::min),
            nodes,
            ..FleetFigures::default()
        }
    }
}
