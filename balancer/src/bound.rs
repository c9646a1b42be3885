//! Bounded loads: how many requests a node may hold, and holding them.
//!
//! "Consistent hashing with bounded loads" (arXiv 1608.01350) with the formula
//! of HAProxy's `hash-balance-factor`, so that its figures carry over: a node
//! takes a request while it holds fewer than its share, by weight, of
//! `ceil((in flight + 1) × factor / 100)`.
//!
//! Pure but for atomic counters. Unlike HAProxy's, the test and the increment
//! are one step, so no race takes a node past its bound, and what is counted is
//! a guard: nothing that ends a request can forget to count it out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far a node's load may exceed the average, and from which load on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Highest load of a node in percent of the average. 0: no bound. Otherwise
    /// over 100.
    pub factor_percent: u32,
    /// Requests a node may always hold, whatever its share: at low load the
    /// bound would push the second request for a title away from the node that
    /// has it at hand, to protect a node that idles.
    pub floor: u32,
}

/// The part of all load that falls to one node by its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The node's weight.
    pub weight: u32,
    /// The sum of the weights of the nodes before it in the list. Slots that do
    /// not divide evenly are dealt out by it.
    pub weights_before: u32,
    /// The sum of the weights of all nodes that can take requests.
    pub weights: u32,
}

impl Bound {
    /// The number of requests a node with `share` may hold when `in_flight`
    /// requests, the one to be placed included, are in flight over all nodes.
    ///
    /// As `chash_server_is_eligible` in HAProxy's `lb_chash.c`, plus the floor.
    /// Never 0. Over all nodes these add up to more than `in_flight - 1`, so
    /// one node at least has room.
    pub fn limit(&self, in_flight: u64, share: Share) -> u64 {
        if self.factor_percent == 0 {
            return u64::MAX;
        }
        let slots = in_flight
            .saturating_mul(u64::from(self.factor_percent))
            .div_ceil(100);
        let weights = u64::from(share.weights.max(1));
        let (whole, rest) = (slots / weights, slots % weights);
        // The rest is below the sum of weights: these products stay below 2^64.
        let dealt = |weights_up_to: u32| u64::from(weights_up_to) * rest / weights;
        let slots = u64::from(share.weight).saturating_mul(whole)
            + dealt(share.weights_before.saturating_add(share.weight))
                .saturating_sub(dealt(share.weights_before));
        slots.max(1).max(u64::from(self.floor))
    }
}

/// Requests in flight on one node. Outlives every rebuild of the ring.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// The number of requests now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Requests in flight over all nodes, and those that look for a node.
///
/// Never less than the sum of the nodes' counts: a request is counted here
/// before it enters a node and until after it left it.
#[derive(Debug, Default)]
pub struct Total {
    own: AtomicU64,
    /// What the nodes hold for others than this balancer, as far as they say.
    elsewhere: AtomicU64,
}

impl Total {
    /// The number of this balancer's requests now.
    pub fn get(&self) -> u64 {
        self.own.load(Ordering::Acquire)
    }

    /// The number of all balancers' requests, as far as the nodes have told.
    pub fn everywhere(&self) -> u64 {
        self.get().saturating_add(self.elsewhere.load(Ordering::Relaxed))
    }

    /// Notes that a node which held `before` requests for others holds `after`.
    pub fn moved_elsewhere(&self, before: u64, after: u64) {
        let changed = |held: u64| held.saturating_add(after).saturating_sub(before);
        let _ = self
            .elsewhere
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(changed(held)));
    }

    /// Sets what all nodes hold for others, counted anew.
    pub fn set_elsewhere(&self, held: u64) {
        self.elsewhere.store(held, Ordering::Relaxed);
    }

    /// Counts a request that looks for a node.
    pub fn place(self: &Arc<Self>) -> Placing {
        self.own.fetch_add(1, Ordering::AcqRel);
        Placing {
            total: Arc::clone(self),
        }
    }
}

/// A request that has not found its node yet. Counted in the total until it is
/// dropped or, once it has entered a node, until its [`InFlight`] is.
#[derive(Debug)]
pub struct Placing {
    total: Arc<Total>,
}

impl Placing {
    /// Enters `node` unless it holds `limit` requests already; `limit` is asked
    /// with the number of requests in flight everywhere, this one included.
    ///
    /// Exact under any number of threads: a node's count is raised only from a
    /// value found below the limit.
    ///
    /// # Errors
    ///
    /// Gives the request back when the node is full.
    pub fn enter(self, node: &Arc<Count>, limit: impl Fn(u64) -> u64) -> Result<InFlight, Self> {
        let mut held = node.get();
        while held < limit(self.total.everywhere()) {
            match node
                .0
                .compare_exchange_weak(held, held + 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    return Ok(InFlight {
                        node: Arc::clone(node),
                        _total: self,
                    });
                }
                Err(now) => held = now,
            }
        }
        Err(self)
    }

    /// Enters `node` whatever it holds: for a request that has nowhere else to
    /// go, such as a retry.
    pub fn enter_regardless(self, node: &Arc<Count>) -> InFlight {
        node.0.fetch_add(1, Ordering::AcqRel);
        InFlight {
            node: Arc::clone(node),
            _total: self,
        }
    }
}

impl Drop for Placing {
    fn drop(&mut self) {
        self.total.own.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request on a node. Dropping it, however the request ends, counts it out.
#[derive(Debug)]
pub struct InFlight {
    node: Arc<Count>,
    // Dropped after the node has been counted down, so the total never runs behind.
    _total: Placing,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.node.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
#[path = "bound_tests.rs"]
mod tests;
