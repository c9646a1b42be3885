//! The members as one request sees them: a value that is replaced, never changed.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::bound::{Bound, Share, Total};
use crate::choice::Rotation;
use crate::node::Node;
use crate::ring::{Key, Ring, RingError};
use crate::standing::Standing;
use crate::zone::{Spill, Zone};

/// All members: those of the own zone, and those of others.
pub(crate) struct Members {
    pub(crate) near: Tier,
    pub(crate) far: Tier,
    /// Which keys leave the own zone.
    pub(crate) spill: Spill,
}

/// Nodes that share load among each other.
pub(crate) struct Tier {
    ring: Arc<Ring>,
    /// As in the ring.
    pub(crate) list: Vec<Member>,
    /// Points that count, as in the ring.
    active: Vec<u32>,
    /// Points that take part in the load, as in the ring.
    points: Vec<u32>,
    /// Made when it is asked for: most pools go by key.
    rotation: OnceLock<Rotation>,
    /// The turn it begins with.
    turn: usize,
    pub(crate) total: Arc<Total>,
}

/// A node and its part of the load.
pub(crate) struct Member {
    pub(crate) node: Arc<Node>,
    pub(crate) standing: Standing,
    /// `None`: takes no part in the load.
    pub(crate) share: Option<Share>,
}

/// What of the configuration the members depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) own_zone: Option<Zone>,
    pub(crate) spill_below_percent: u32,
    pub(crate) slow_start: Duration,
}

impl Members {
    /// Nobody, in tiers that count in `totals`.
    pub(crate) fn none(totals: [&Arc<Total>; 2], terms: &Terms, now: Instant) -> Self {
        let ring = Arc::new(Ring::empty());
        let [near, far] = totals.map(|total| Tier::new(Arc::clone(&ring), Vec::new(), total, 0, terms, now));
        Self::of(near, far, terms)
    }

    /// These `nodes` on rings instead.
    ///
    /// # Errors
    ///
    /// When they are too many, or weigh too much.
    pub(crate) fn with(&self, nodes: Vec<Arc<Node>>, terms: &Terms, now: Instant) -> Result<Self, RingError> {
        // Of a node whose zone is not known, nothing says that it is another one.
        let is_near = |node: &Arc<Node>| match (&terms.own_zone, node.zone()) {
            (Some(own), Some(zone)) => own == zone,
            _ => true,
        };
        let (near, far): (Vec<_>, Vec<_>) = nodes.into_iter().partition(is_near);
        let tier = |before: &Tier, mut nodes: Vec<Arc<Node>>| -> Result<Tier, RingError> {
            nodes.sort_by(|a, b| a.id().cmp(b.id()));
            let ring = before
                .ring
                .changed(nodes.iter().map(|node| (node.id(), node.weight())))?;
            Ok(Tier::new(
                Arc::new(ring),
                nodes,
                &before.total,
                before.turn(),
                terms,
                now,
            ))
        };
        let (near, far) = (tier(&self.near, near)?, tier(&self.far, far)?);
        Ok(Self::of(near, far, terms))
    }

    /// The same members, judged anew.
    pub(crate) fn judged(&self, terms: &Terms, now: Instant) -> Self {
        Self::of(self.near.judged(terms, now), self.far.judged(terms, now), terms)
    }

    fn of(near: Tier, far: Tier, terms: &Terms) -> Self {
        let spill = if far.list.iter().all(|member| member.share.is_none()) {
            // There is nowhere to go.
            Spill::NONE
        } else {
            let able = near
                .list
                .iter()
                .map(|member| u64::from(member.standing.able_points));
            let capacity = near.list.iter().map(|member| {
                let weight = u64::from(member.node.weight());
                weight * u64::from(crate::ring::POINTS_PER_WEIGHT)
            });
            Spill::of(able.sum(), capacity.sum(), terms.spill_below_percent)
        };
        Self { near, far, spill }
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Member> {
        self.near.list.iter().chain(&self.far.list)
    }

    /// All nodes, sorted by id.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        let mut nodes: Vec<Arc<Node>> = self.all().map(|member| Arc::clone(&member.node)).collect();
        nodes.sort_by(|a, b| a.id().cmp(b.id()));
        nodes
    }

    /// The tier that a node is in.
    pub(crate) fn tier_of(&self, node: &Node) -> Option<&Tier> {
        [&self.near, &self.far]
            .into_iter()
            .find(|tier| tier.list.iter().any(|member| std::ptr::eq(&*member.node, node)))
    }

    /// Whether the same nodes stand otherwise than in `before`.
    pub(crate) fn differ(&self, before: &Self) -> bool {
        let standings =
            |members: &Self| -> Vec<Standing> { members.all().map(|member| member.standing).collect() };
        standings(self) != standings(before)
    }
}

impl Tier {
    fn new(
        ring: Arc<Ring>,
        nodes: Vec<Arc<Node>>,
        total: &Arc<Total>,
        turn: usize,
        terms: &Terms,
        now: Instant,
    ) -> Self {
        let judged: Vec<(Arc<Node>, Standing)> = nodes
            .into_iter()
            .map(|node| {
                let standing = node.standing(now, terms.slow_start);
                (node, standing)
            })
            .collect();
        // A node that is down keeps its place as a first choice, so that it shows what goes elsewhere for that.
        let active = judged
            .iter()
            .map(|(_, standing)| standing.active_points)
            .collect();
        let points: Vec<u32> = judged
            .iter()
            .map(|(_, standing)| {
                let takes = standing.state.takes_requests();
                if takes { standing.active_points } else { 0 }
            })
            .collect();
        let weights = points.iter().sum();
        let mut weights_before = 0;
        let list = judged.into_iter().zip(&points).map(|((node, standing), points)| {
            let share = (*points != 0).then_some(Share {
                weight: *points,
                weights_before,
                weights,
            });
            weights_before += points;
            Member {
                node,
                standing,
                share,
            }
        });
        Self {
            ring,
            list: list.collect(),
            active,
            points,
            rotation: OnceLock::new(),
            turn,
            total: Arc::clone(total),
        }
    }

    fn judged(&self, terms: &Terms, now: Instant) -> Self {
        let nodes = self.list.iter().map(|member| Arc::clone(&member.node)).collect();
        Self::new(
            Arc::clone(&self.ring),
            nodes,
            &self.total,
            self.turn(),
            terms,
            now,
        )
    }

    /// Where a rotation that replaces this one's begins.
    fn turn(&self) -> usize {
        self.rotation.get().map_or(self.turn, Rotation::turn)
    }

    /// Members in the order in which `key` prefers them.
    pub(crate) fn candidates(&self, key: Key) -> impl Iterator<Item = &Member> {
        self.ring
            .candidates_among(key, &self.active)
            .filter_map(|index| self.list.get(index.get()))
    }

    /// Members in the order of their turns.
    pub(crate) fn turns(&self) -> impl Iterator<Item = &Member> {
        let rotation = self
            .rotation
            .get_or_init(|| Rotation::new(&self.points, self.turn));
        rotation.turns().filter_map(|index| self.list.get(index))
    }

    /// How many points of the tier's all are each member's, by the shares: 0 to 1.
    pub(crate) fn part_of(member: &Member) -> f64 {
        member.share.map_or(0.0, |share| {
            f64::from(share.weight) / f64::from(share.weights.max(1))
        })
    }
}

impl Member {
    /// How many requests of this balancer the node may hold, when all balancers together have `everywhere`.
    pub(crate) fn limit(&self, bound: &Bound, share: Share, everywhere: u64) -> u64 {
        let most = self.standing.connections_max.map_or(u64::MAX, u64::from);
        bound
            .limit(everywhere, share)
            .min(most)
            .saturating_sub(self.node.elsewhere())
    }

    /// What the node holds for all balancers by its part of the load; comparable within a tier.
    pub(crate) fn load(&self) -> u64 {
        let held = self.node.in_flight().saturating_add(self.node.elsewhere());
        let weight = self.share.map_or(1, |share| u64::from(share.weight));
        held.saturating_mul(1 << 32) / weight.max(1)
    }
}
