//! The same viewers, ring, bound and caches in virtual time: for fleets that no one can rent for a test.
//!
//! Viewers are the ones of [`crate::audience`], decision for decision. A request's node is found by the
//! balancer's own ring and bound; what a node holds is evicted by the policies of the origin's caches, and what it
//! reads ahead of viewers is decided by the origin's own code. What is modelled, and not run, is time: how long
//! a node takes over a request, as measured on a real run, and how its network shares out bytes, with the
//! baseline and the burst of its type of instance.
//!
//! Pure: no clock, no socket, no thread. The same scenario gives the same report.

mod caches;
mod crowd;
mod fleet;
mod learned;
mod node;
mod outcome;
mod reads;
mod stay;
mod validate;
mod wheel;
mod world;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strata_balancer::bound::Bound;

use crate::audience::Habits;
use crate::schedule::Shape;

pub use self::learned::{Learned, TitleShape, service_of};
pub use self::validate::{Agreement, TOLERANCE, Validation};
pub use self::world::{Passed, SimulationError, run};

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Viewers that come over the whole time.
    pub viewers: f64,
    /// How their arrivals are spread.
    pub shape: Shape,
    /// How long.
    pub length: Duration,
    /// During which all of them come, from the start on; `length` for arrivals all the time.
    pub arriving: Duration,
    /// How viewers behave.
    pub habits: Habits,
    /// Seed of all that is random.
    pub seed: u64,
    /// The titles, most popular first; those that are alike may share what they are like.
    pub titles: Vec<Arc<TitleShape>>,
    /// The nodes at the start.
    pub nodes: Vec<NodeSpec>,
    /// What becomes of nodes, in the order of times.
    pub events: Vec<FleetEvent>,
    /// How load is bounded.
    pub bound: Bound,
    /// What of a request decides on its node.
    pub key: KeyOf,
    /// What nodes hold.
    pub cache: CacheSpec,
    /// How long things take.
    pub service: Service,
    /// How many viewers are told apart at most; more are bundled (see [`Scenario::bundle`]).
    pub told_apart: u64,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSpec {
    /// Its id, on the ring.
    pub name: String,
    /// Its zone.
    pub zone: u16,
    /// What it runs on.
    pub instance: Instance,
}

/// A type of instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// What it is called.
    pub name: String,
    /// What it can send for ever, in bits a second.
    pub baseline_bps: f64,
    /// What it can send for a while.
    pub burst_bps: f64,
    /// How long a full allowance lets it send at the burst rate, in seconds.
    pub burst_s: f64,
    /// Memory for chunks, in bytes.
    pub cache_bytes: u64,
}

/// Something that happens to the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetEvent {
    /// When, in seconds from the start.
    pub at_s: f64,
    /// What.
    pub change: Change,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The node at this place dies: what was on its way is asked of others, what it held is gone.
    Kill(usize),
    /// A whole zone dies.
    KillZone(u16),
    /// A node joins, with nothing in its cache.
    Join(NodeSpec),
}

/// What of a request decides on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    /// The title.
    Title,
    /// The whole path.
    Url,
}

/// What nodes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSpec {
    /// Bytes in a chunk.
    pub chunk_bytes: u32,
    /// Bytes of indexes that a node holds.
    pub index_bytes: u64,
    /// For how long a title is served before the store is asked whether it was replaced.
    pub ttl: Duration,
    /// Most bytes that one request at the store brings: neighbouring chunks come together.
    pub get_bytes_max: u64,
    /// Most bytes that are read ahead of a viewer who watches on; 0: none.
    pub ahead_bytes_max: u64,
    /// Bytes of each file that are read, and kept, when a title is loaded.
    pub head_bytes: u32,
}

/// How long things take, and what they ask of the store: measured on a real run where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// A node's own time over a request, in seconds.
    pub node_s: f64,
    /// From asking the store to its answer, in seconds.
    pub store_s: f64,
    /// From asking for a title that a node does not know to its index, in seconds; `None`: not measured.
    #[serde(default)]
    pub load_s: Option<f64>,
    /// Requests at the store when a title is first asked for on a node: one for each of its files. What is read
    /// of their tables beyond [`CacheSpec::head_bytes`] comes on top.
    pub load_requests: f64,
    /// Requests at the store to find out whether a title was replaced: one for each of its files.
    pub check_requests: f64,
    /// Chunks that are looked for to answer a request for a segment: its media, and its tables; `None`: not
    /// measured.
    #[serde(default)]
    pub looks: Option<f64>,
    /// Bytes of a manifest.
    pub manifest_bytes: u64,
}

impl Default for Service {
    /// A store in the same region, and a node that is not busy.
    fn default() -> Self {
        Self {
            node_s: 0.0005,
            store_s: 0.03,
            load_s: None,
            // A server manifest, four renditions, a sound.
            load_requests: 6.0,
            check_requests: 6.0,
            looks: None,
            manifest_bytes: 10_000,
        }
    }
}

impl Scenario {
    /// How many viewers walk as one. They choose the same title and ask for the same things, one right after the
    /// other: a bundle of `n` takes one of a node's places `n` times as long as a request does. Requests on
    /// nodes, by which load is bounded, are then as many, and vary as much, as without bundles, and a bundle's
    /// requests find the node that most of them would find. What one of them brings into a cache is
    /// there for the others, as it would be if they came a moment apart. Popular titles lose nothing by it;
    /// rare ones hit more often than they would.
    #[must_use]
    pub fn bundle(&self) -> u64 {
        crate::number::whole((self.viewers / crate::number::float(self.told_apart.max(1))).ceil()).max(1)
    }
}

/// A bundle's requests come one after the other over so long at most, in seconds: several at a time when each takes
/// longer. Short beside the segments that viewers ask for.
const SPREAD_S: f64 = 2.0;
