//! The state of everything, once a second: what the page's strip shows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use strata_s3_server::{Operation, Server};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::audience::{Attendance, Audience};
use crate::fleet::State;
use crate::metrics::{Metrics, Scraper};
use crate::topology::{Node, Role, Topology};

/// Time between two samples once all is ready.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time between two samples until then.
const INTERVAL_AT_START: Duration = Duration::from_millis(100);

/// One sample. Counts run from the start of the process that counts.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Snapshot {
    /// Since the demo started.
    pub(crate) at_ms: u64,
    pub(crate) store: StoreSample,
    pub(crate) balancer: BalancerSample,
    pub(crate) origins: Vec<OriginSample>,
    pub(crate) audience: Attendance,
}

/// The S3 server, as it counts itself.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct StoreSample {
    pub(crate) gets: u64,
    pub(crate) heads: u64,
    pub(crate) bytes: u64,
}

/// The balancer.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct BalancerSample {
    pub(crate) state: State,
    pub(crate) ready: bool,
    /// Requests of clients, however they ended.
    pub(crate) requests: u64,
    /// Of these, without an origin's answer.
    pub(crate) failed: u64,
    /// Attempts that followed a failed one.
    pub(crate) retries: u64,
}

/// An origin: what it counts, and what the balancer counts about it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct OriginSample {
    pub(crate) name: &'static str,
    pub(crate) zone: &'static str,
    pub(crate) state: State,
    pub(crate) ready: bool,
    /// Whether the balancer sends requests there.
    pub(crate) up: bool,
    pub(crate) in_flight: u64,
    pub(crate) requests: u64,
    pub(crate) body_bytes: u64,
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    pub(crate) store_gets: u64,
}

impl Snapshot {
    /// Every process runs and says that it is ready, and the balancer sends
    /// requests to every origin.
    pub(crate) fn is_ready(&self) -> bool {
        self.balancer.ready
            && !self.origins.is_empty()
            && self.origins.iter().all(|origin| origin.ready && origin.up)
    }
}

/// Takes samples until it is dropped.
pub(crate) struct Sampler {
    nodes: Vec<Node>,
    states: watch::Receiver<Vec<State>>,
    store: Arc<Server>,
    audience: Arc<Audience>,
    scraper: Scraper,
    start: Instant,
    snapshots: watch::Sender<Snapshot>,
}

impl Sampler {
    pub(crate) fn new(
        topology: &Topology,
        states: watch::Receiver<Vec<State>>,
        store: Arc<Server>,
        audience: Arc<Audience>,
    ) -> Sampler {
        Sampler {
            nodes: topology.nodes.clone(),
            states,
            store,
            audience,
            scraper: Scraper::new(),
            start: Instant::now(),
            snapshots: watch::Sender::default(),
        }
    }

    /// The latest sample.
    pub(crate) fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.subscribe()
    }

    /// Samples on and on: fast until all is ready, then once a second, and at
    /// once when a process starts or ends.
    pub(crate) async fn run(mut self) {
        let mut was_ready = false;
        let mut ticks = tokio::time::interval(INTERVAL_AT_START);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = self.states.changed() => if changed.is_err() { return },
            }
            let snapshot = self.sample().await;
            if !was_ready && snapshot.is_ready() {
                was_ready = true;
                ticks = tokio::time::interval(INTERVAL);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            }
            self.snapshots.send_replace(snapshot);
        }
    }

    async fn sample(&self) -> Snapshot {
        let states = self.states.borrow().clone();
        let asked = self.nodes.iter().map(|node| async {
            let metrics = self.scraper.metrics(node.ports.admin).await.unwrap_or_default();
            (metrics, self.scraper.is_ready(node.ports.admin).await)
        });
        let answers = futures_util::future::join_all(asked).await;
        let mut snapshot = Snapshot {
            at_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            store: self.sample_store(),
            audience: self.audience.attendance(),
            ..Snapshot::default()
        };
        let mut at_balancer = Metrics::default();
        for ((node, state), (metrics, ready)) in self.nodes.iter().zip(states).zip(answers) {
            match node.role {
                Role::Balancer => {
                    snapshot.balancer = sample_balancer(state, ready, &metrics);
                    at_balancer = metrics;
                }
                Role::Origin { zone } => {
                    snapshot.origins.push(sample_origin(
                        node.name,
                        zone,
                        state,
                        ready,
                        &metrics,
                        &at_balancer,
                    ));
                }
            }
        }
        snapshot
    }

    fn sample_store(&self) -> StoreSample {
        let gets = self.store.journal().count(Operation::GetObject);
        let heads = self.store.journal().count(Operation::HeadObject);
        StoreSample {
            gets: gets.requests,
            heads: heads.requests,
            bytes: gets.bytes_sent,
        }
    }
}

fn sample_balancer(state: State, ready: bool, metrics: &Metrics) -> BalancerSample {
    let ended = |outcome| metrics.sum("strata_balancer_requests_total", &[("outcome", outcome)]);
    BalancerSample {
        state,
        ready,
        requests: metrics.sum("strata_balancer_requests_total", &[]),
        failed: ended("exhausted") + ended("truncated"),
        retries: metrics.sum("strata_balancer_retries_total", &[]),
    }
}

fn sample_origin(
    name: &'static str,
    zone: &'static str,
    state: State,
    ready: bool,
    own: &Metrics,
    at_balancer: &Metrics,
) -> OriginSample {
    let chunks = |outcome| {
        own.sum(
            "strata_cache_requests_total",
            &[("tier", "chunks_memory"), ("outcome", outcome)],
        )
    };
    let node = ("node", name);
    OriginSample {
        name,
        zone,
        state,
        ready,
        up: at_balancer.sum("strata_balancer_node_up", &[node]) == 1,
        in_flight: at_balancer.sum("strata_balancer_in_flight", &[node]),
        requests: at_balancer.sum("strata_balancer_attempts_total", &[node]),
        body_bytes: at_balancer.sum("strata_balancer_body_bytes_total", &[node]),
        cache_hits: chunks("hit") + chunks("joined"),
        cache_misses: chunks("miss"),
        store_gets: own.sum("strata_origin_store_requests_total", &[])
            - own.sum("strata_origin_store_requests_total", &[("operation", "probe")]),
    }
}
