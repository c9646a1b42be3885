//! One origin as the balancer sees it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;

use crate::bound::Count;
use crate::config::OriginConfig;
use crate::health::{CheckFailure, Health, Thresholds, Verdict};
use crate::metrics::{Metrics, NodeMetrics};

/// An origin: who it is, what it holds, how it is. Outlives rebuilds of the
/// ring, so that its requests in flight and its health do.
#[derive(Debug)]
pub struct Node {
    id: String,
    id_header: HeaderValue,
    address: SocketAddr,
    check_address: SocketAddr,
    weight: u32,
    in_flight: Arc<Count>,
    verdict: Mutex<Verdict>,
    generation: AtomicU64,
    metrics: NodeMetrics,
}

impl Node {
    pub(crate) fn new(config: &OriginConfig, metrics: &Metrics) -> Self {
        Self {
            id: config.id.clone(),
            // The configuration lets only printable ASCII through.
            id_header: HeaderValue::from_str(&config.id).unwrap_or(HeaderValue::from_static("-")),
            address: config.address,
            check_address: config.check,
            weight: config.weight,
            in_flight: Arc::default(),
            verdict: Mutex::default(),
            generation: AtomicU64::new(0),
            metrics: metrics.node(&config.id),
        }
    }

    /// The stable instance id: where the node stands on the ring, and its name
    /// in headers, logs and metrics.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id as a header's value.
    pub(crate) fn id_header(&self) -> HeaderValue {
        self.id_header.clone()
    }

    /// Where the node serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the node is checked.
    pub fn check_address(&self) -> SocketAddr {
        self.check_address
    }

    /// The node's part of the load, relative to the others'.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Requests in flight on the node.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    pub(crate) fn count(&self) -> &Arc<Count> {
        &self.in_flight
    }

    pub(crate) fn metrics(&self) -> &NodeMetrics {
        &self.metrics
    }

    /// What is believed of the node now.
    pub fn health(&self) -> Health {
        self.verdict().health()
    }

    /// Why the last check that failed did.
    pub fn last_check_failure(&self) -> Option<CheckFailure> {
        self.verdict().last_failure().cloned()
    }

    /// Takes a check into account. True: the node's health has changed.
    pub(crate) fn hear(&self, check: Result<(), CheckFailure>, thresholds: Thresholds) -> bool {
        self.metrics.check(check.is_ok());
        self.verdict().hear(check, thresholds)
    }

    fn verdict(&self) -> std::sync::MutexGuard<'_, Verdict> {
        // A verdict is whole between any two of its statements.
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The generation of the connections kept to this node: only those of the
    /// current one are used again.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Retires the kept connections of `generation`, one of which proved dead:
    /// the others are likely to be. Those that fail at the same time retire the
    /// generation once.
    pub(crate) fn retire(&self, generation: u64) {
        let _ =
            self.generation
                .compare_exchange(generation, generation + 1, Ordering::AcqRel, Ordering::Acquire);
    }
}
