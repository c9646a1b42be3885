//! The members, and the choice among them for one request.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::bound::{Bound, InFlight, Placing, Share, Total};
use crate::health::{CheckFailure, Thresholds};
use crate::node::Node;
use crate::ring::{Key, Ring, RingError};

/// Why a node was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is the one the key prefers.
    First,
    /// The one the key prefers holds as many requests as the bound allows.
    Spilled,
    /// The one the key prefers is down.
    FirstDown,
    /// An attempt elsewhere has failed.
    Retry,
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
            Self::Retry => "retry",
            Self::LastResort => "last_resort",
        }
    }
}

/// A node for a request, which is in flight there until the pick is dropped.
#[derive(Debug)]
pub struct Pick {
    /// The node.
    pub node: Arc<Node>,
    /// Why this one.
    pub choice: Choice,
    /// Holds the request's place on the node.
    pub in_flight: InFlight,
}

/// The origins of a balancer.
pub struct Pool {
    members: ArcSwap<Members>,
    total: Arc<Total>,
    bound: Bound,
}

/// The members as one request sees them: a value that is replaced, never changed.
struct Members {
    ring: Arc<Ring>,
    /// As in the ring.
    list: Vec<Member>,
}

struct Member {
    node: Arc<Node>,
    /// `None`: down, takes no part in the load.
    share: Option<Share>,
}

impl Members {
    fn new(ring: Arc<Ring>, nodes: impl Iterator<Item = Arc<Node>>) -> Self {
        let nodes: Vec<(Arc<Node>, bool)> = nodes
            .map(|node| {
                let takes_requests = node.health().takes_requests();
                (node, takes_requests)
            })
            .collect();
        let weights = nodes
            .iter()
            .filter(|(_, up)| *up)
            .map(|(node, _)| node.weight())
            .sum();
        let mut weights_before = 0;
        let list = nodes.into_iter().map(|(node, up)| {
            let share = up.then(|| Share {
                weight: node.weight(),
                weights_before,
                weights,
            });
            weights_before += share.map_or(0, |share| share.weight);
            Member { node, share }
        });
        Self {
            ring,
            list: list.collect(),
        }
    }

    /// Members in the order in which `key` prefers them.
    fn candidates(&self, key: Key) -> impl Iterator<Item = &Member> {
        self.ring
            .candidates(key)
            .filter_map(|index| self.list.get(index.get()))
    }
}

/// Walks over the candidates before a request that found them all full is
/// placed regardless. One node at least has room at any moment, but other
/// requests may take it while the walk is elsewhere.
const WALKS_MAX: usize = 3;

impl Pool {
    /// A pool of `nodes`, in any order.
    ///
    /// # Errors
    ///
    /// When they are too many, or weigh too much, for a ring.
    pub fn new(mut nodes: Vec<Arc<Node>>, bound: Bound) -> Result<Self, RingError> {
        nodes.sort_by(|a, b| a.id().cmp(b.id()));
        let ring = Ring::new(nodes.iter().map(|node| (node.id(), node.weight())))?;
        let members = Members::new(Arc::new(ring), nodes.into_iter());
        Ok(Self {
            members: ArcSwap::from_pointee(members),
            total: Arc::default(),
            bound,
        })
    }

    /// All nodes, sorted by id.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.members
            .load()
            .list
            .iter()
            .map(|member| Arc::clone(&member.node))
            .collect()
    }

    /// Requests in flight over all nodes, and those that look for one.
    pub fn in_flight(&self) -> u64 {
        self.total.get()
    }

    /// Whether there is a node that is not among `tried`.
    pub(crate) fn has_untried(&self, tried: &[Arc<Node>]) -> bool {
        self.members
            .load()
            .list
            .iter()
            .any(|member| !is_tried(tried, member))
    }

    /// Takes a check of `node` into account. True: its health has changed.
    pub(crate) fn hear(&self, node: &Node, check: Result<(), CheckFailure>, thresholds: Thresholds) -> bool {
        let changed = node.hear(check, thresholds);
        if changed {
            self.members.rcu(|members| {
                let nodes = members.list.iter().map(|member| Arc::clone(&member.node));
                Members::new(Arc::clone(&members.ring), nodes)
            });
        }
        changed
    }

    /// Chooses a node for a request that has failed at the nodes `tried`, and
    /// enters it there. `None`: all have been tried.
    ///
    /// The first candidate of `key` that is up and below its bound. When all
    /// that are up have been tried, those that are down get their chance: a
    /// check may be wrong, and a pool of which every node is down still serves.
    pub fn pick(&self, key: Key, tried: &[Arc<Node>]) -> Option<Pick> {
        let members = self.members.load();
        let mut placing = self.total.place();
        // Among the few nodes that a retry has left none may have room: it does not look twice.
        let walks = if tried.is_empty() { WALKS_MAX } else { 1 };
        for _ in 0..walks {
            placing = match self.walk(&members, key, tried, placing) {
                Ok(pick) => return Some(pick),
                Err(back) => back,
            };
        }
        let untried = || members.list.iter().filter(|member| !is_tried(tried, member));
        let least_loaded = untried()
            .filter(|member| member.share.is_some())
            .min_by_key(|member| (member.node.in_flight() << 16) / u64::from(member.node.weight().max(1)));
        let (member, choice) = match least_loaded {
            Some(member) if tried.is_empty() => (member, Choice::Spilled),
            Some(member) => (member, Choice::Retry),
            None => (
                members.candidates(key).find(|member| !is_tried(tried, member))?,
                Choice::LastResort,
            ),
        };
        let in_flight = placing.enter_regardless(member.node.count());
        Some(Pick {
            node: Arc::clone(&member.node),
            choice,
            in_flight,
        })
    }

    /// Goes over the candidates once.
    fn walk(
        &self,
        members: &Members,
        key: Key,
        tried: &[Arc<Node>],
        mut placing: Placing,
    ) -> Result<Pick, Placing> {
        let mut choice = if tried.is_empty() {
            Choice::First
        } else {
            Choice::Retry
        };
        for member in members.candidates(key) {
            let Some(share) = member.share else {
                choice = choice.passing_over(Choice::FirstDown);
                continue;
            };
            if is_tried(tried, member) {
                continue;
            }
            let node = &member.node;
            placing = match placing.enter(node.count(), |total| self.bound.limit(total, share)) {
                Ok(in_flight) => {
                    return Ok(Pick {
                        node: Arc::clone(node),
                        choice,
                        in_flight,
                    });
                }
                Err(back) => back,
            };
            node.metrics().bound_hits.inc();
            choice = choice.passing_over(Choice::Spilled);
        }
        Err(placing)
    }
}

impl Choice {
    /// What the choice becomes when a candidate is passed over for `reason`: the first one's counts.
    fn passing_over(self, reason: Self) -> Self {
        if self == Self::First { reason } else { self }
    }
}

fn is_tried(tried: &[Arc<Node>], member: &Member) -> bool {
    tried.iter().any(|node| Arc::ptr_eq(node, &member.node))
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
