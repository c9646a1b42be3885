//! The hash ring: which nodes a key prefers, in order.
//!
//! Pure: no clock, no sockets, no shared state. A ring depends on nothing but
//! the ids and weights of its members, so every balancer that knows the same
//! members agrees on every choice without talking to the others.
//!
//! A node owns `weight ×` [`POINTS_PER_WEIGHT`] points on the ring. The first
//! candidate of a key is the owner of the point that follows the key's hash.
//! The next candidates come from hashing the key again together with the number
//! of the attempt ("random jump", arXiv 1908.08762) rather than from walking
//! on: a node that is full or dead then hands its keys to *all* the others, and
//! not whole to its neighbour, which would fall next.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};

use hashring::HashRing;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Points a node gets on the ring for each unit of weight.
///
/// The load of one node varies between rings by `1 / √points`: 160 points leave
/// 8 %, which passes 10 % for one node in five; 1024 leave 3 %, so that a node
/// that joins takes at most 1.1 times its share. 50 nodes cost 2 MB.
pub const POINTS_PER_WEIGHT: u32 = 1024;

/// Points of `weight` when `percent` of it counts; never 0 unless one of them is.
pub fn points(weight: u32, percent: u32) -> u32 {
    if weight == 0 || percent == 0 {
        return 0;
    }
    let points = weight.saturating_mul(POINTS_PER_WEIGHT);
    (points / 100 * percent.min(100) + points % 100 * percent.min(100) / 100).max(1)
}

/// Highest number of nodes in a ring.
pub const NODES_MAX: usize = 1024;

/// Highest sum of the weights in a ring: 2 million points, 84 MB.
pub const WEIGHTS_MAX: u32 = 2048;

/// Where a node stands in the list the ring was built from. 0-based.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeIndex(u16);

impl NodeIndex {
    /// The position in the list, for indexing.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// The hash of what a request asks for: requests with the same key prefer the
/// same nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// The key of a text, such as the name of a title.
    pub fn of(text: &[u8]) -> Self {
        Self(xxh3_64_with_seed(text, 0))
    }

    /// The hash itself, for logs.
    pub fn hash(self) -> u64 {
        self.0
    }
}

/// Nodes on a circle of hashes.
pub struct Ring {
    points: HashRing<Point, Xxh3>,
    /// The same points in the same order: those of a `HashRing` with a hasher
    /// of one's own cannot be listed.
    order: Vec<Point>,
    /// Id and weight of each node.
    members: Vec<(Box<str>, u32)>,
    nodes: u16,
}

impl Ring {
    /// Lays `members`, pairs of a stable id and a weight, on a ring.
    ///
    /// Give the members sorted by id: candidates are then the same on every
    /// balancer down to the last.
    ///
    /// # Errors
    ///
    /// When there are more than [`NODES_MAX`] members or their weights add up
    /// to more than [`WEIGHTS_MAX`].
    pub fn new<'a>(members: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Self, RingError> {
        Self::empty().changed(members)
    }

    /// A ring of nobody.
    pub fn empty() -> Self {
        Self {
            points: HashRing::with_hasher(Xxh3),
            order: Vec::new(),
            members: Vec::new(),
            nodes: 0,
        }
    }

    /// The ring of other `members`, as [`Ring::new`] makes it, but at the cost of
    /// what is different: points that are there are kept in their order.
    ///
    /// # Errors
    ///
    /// As [`Ring::new`].
    pub fn changed<'a>(&self, members: impl IntoIterator<Item = (&'a str, u32)>) -> Result<Self, RingError> {
        let members: Vec<(&str, u32)> = members.into_iter().collect();
        Self::check(members.iter().map(|(_, weight)| *weight))?;
        let of = |weight: u32| weight.saturating_mul(POINTS_PER_WEIGHT);
        let mut before: HashMap<&str, (usize, u32)> = HashMap::with_capacity(self.members.len());
        for (index, (id, weight)) in self.members.iter().enumerate() {
            before.insert(id, (index, *weight));
        }
        // Where each node is now and how many points it has; one that has gone has none.
        let mut now = vec![(NodeIndex(0), 0); self.members.len()];
        let (mut added, mut nodes) = (Vec::new(), 0);
        for (id, weight) in &members {
            let node = NodeIndex(nodes);
            nodes += 1;
            let known = before.remove(id);
            let ranks = known.map_or(0, |(_, weight)| of(weight))..of(*weight);
            added.extend(ranks.map(|rank| Point {
                position: xxh3_64_with_seed(id.as_bytes(), u64::from(rank)),
                rank,
                node,
            }));
            if let Some(place) = known.and_then(|(index, _)| now.get_mut(index)) {
                *place = (node, of(*weight));
            }
        }
        let kept = self.order.iter().filter_map(|point| {
            let (node, points) = *now.get(point.node.get())?;
            (point.rank < points).then(|| Point {
                node,
                ..point.clone()
            })
        });
        let mut order: Vec<Point> = kept.collect();
        order.extend(added);
        // Both sorts are quick to see what is in order already.
        order.sort_by_key(|point| Xxh3.hash_one(point));
        let mut ring = HashRing::with_hasher(Xxh3);
        ring.batch_add(order.clone());
        let owned = |(id, weight): (&str, u32)| (Box::from(id), weight);
        Ok(Self {
            points: ring,
            order,
            members: members.into_iter().map(owned).collect(),
            nodes,
        })
    }

    /// Whether members of these weights make a ring, without making it.
    ///
    /// # Errors
    ///
    /// As [`Ring::new`].
    pub fn check(weights: impl IntoIterator<Item = u32>) -> Result<(), RingError> {
        let (mut nodes, mut sum) = (0, 0_u32);
        for weight in weights {
            nodes += 1;
            sum = sum.saturating_add(weight);
        }
        if NODES_MAX < nodes {
            return Err(RingError::TooManyNodes);
        }
        if WEIGHTS_MAX < sum {
            Err(RingError::TooMuchWeight { weights: sum })
        } else {
            Ok(())
        }
    }

    /// The nodes `key` prefers, best first: each node once, until all have been
    /// offered. A node of weight 0 comes after all the others.
    pub fn candidates(&self, key: Key) -> Candidates<'_> {
        self.candidates_among(key, &[])
    }

    /// The same when of node `n` only the first `active[n]` points count, of one
    /// that is not in the list all of them.
    ///
    /// This is how a weight changes for a while, as in a slow start, without a
    /// new ring. A probe that hits a point which does not count is repeated, so
    /// a weight that rises moves keys to that node only, and one that falls moves
    /// only that node's keys, to all the others.
    pub fn candidates_among<'a>(&'a self, key: Key, active: &'a [u32]) -> Candidates<'a> {
        Candidates {
            ring: self,
            active,
            key,
            probe: 0,
            offered: Offered::default(),
            left: self.nodes,
        }
    }
}

/// Why no ring can be made of these members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// There are more members than [`NODES_MAX`].
    #[error("there are more than {NODES_MAX} nodes")]
    TooManyNodes,
    /// The weights add up to more than [`WEIGHTS_MAX`].
    #[error("the weights add up to {weights}, {WEIGHTS_MAX} is the most: divide them all by the same number")]
    TooMuchWeight {
        /// Their sum, at most `u32::MAX`.
        weights: u32,
    },
}

/// Nodes in the order in which a key prefers them. See [`Ring::candidates`].
pub struct Candidates<'a> {
    ring: &'a Ring,
    /// Points that count, by node.
    active: &'a [u32],
    key: Key,
    probe: u64,
    offered: Offered,
    left: u16,
}

/// Probes per node after which the rest are offered in the order of the list:
/// enough for even the lightest of many nodes to be found by chance first.
const PROBES_PER_NODE: u64 = 16;

impl Iterator for Candidates<'_> {
    type Item = NodeIndex;

    fn next(&mut self) -> Option<NodeIndex> {
        if self.left == 0 {
            return None;
        }
        let probes = PROBES_PER_NODE * u64::from(self.ring.nodes);
        while self.probe < probes {
            let place = (self.key.0, self.probe);
            self.probe += 1;
            match self.ring.points.get(&place) {
                Some(point) if point.rank < self.active(point.node) && self.offered.insert(point.node) => {
                    return self.offer(point.node);
                }
                Some(_) => {}
                // Every weight is 0, so there are no points.
                None => self.probe = probes,
            }
        }
        let nodes = || (0..self.ring.nodes).map(NodeIndex);
        let unoffered = nodes()
            .find(|node| self.active(*node) != 0 && !self.offered.contains(*node))
            .or_else(|| nodes().find(|node| !self.offered.contains(*node)))?;
        self.offered.insert(unoffered);
        self.offer(unoffered)
    }
}

impl Candidates<'_> {
    /// Points of `node` that count.
    fn active(&self, node: NodeIndex) -> u32 {
        self.active.get(node.get()).copied().unwrap_or(u32::MAX)
    }

    fn offer(&mut self, node: NodeIndex) -> Option<NodeIndex> {
        self.left -= 1;
        Some(node)
    }
}

/// A set of [`NodeIndex`], on the stack: choosing a node allocates nothing.
struct Offered([u64; NODES_MAX / 64]);

impl Default for Offered {
    fn default() -> Self {
        Self([0; NODES_MAX / 64])
    }
}

impl Offered {
    fn contains(&self, node: NodeIndex) -> bool {
        let word = self.0.get(node.get() / 64).copied().unwrap_or(0);
        word & (1_u64 << (node.get() % 64)) != 0
    }

    /// Adds `node`; false when it was there.
    fn insert(&mut self, node: NodeIndex) -> bool {
        let bit = 1_u64 << (node.get() % 64);
        match self.0.get_mut(node.get() / 64) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }
}

/// A virtual node. Its hash is its position, made from the node's id only.
#[derive(Debug, Clone)]
struct Point {
    position: u64,
    /// Which of its node's points it is. 0-based.
    rank: u32,
    node: NodeIndex,
}

impl Hash for Point {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.position);
    }
}

/// XXH3, 64 bits, over the little-endian bytes of what is hashed: the same on
/// every machine, unlike the standard library's hashers.
#[derive(Debug, Clone, Copy)]
struct Xxh3;

impl BuildHasher for Xxh3 {
    type Hasher = Xxh3Chain;

    fn build_hasher(&self) -> Xxh3Chain {
        Xxh3Chain(0)
    }
}

/// What has been hashed so far seeds the hash of what follows. For the one or
/// two integers hashed here this is several times as fast as the streaming
/// form, which sets up a state of half a kilobyte.
struct Xxh3Chain(u64);

impl Hasher for Xxh3Chain {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    fn write_u64(&mut self, value: u64) {
        self.write(&value.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
