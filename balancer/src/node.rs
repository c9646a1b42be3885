//! One origin as the balancer sees it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use strata_node::agent::{Line, Load};
use tokio::sync::Notify;

use crate::bound::Count;
use crate::config::OriginConfig;
use crate::health::{CheckFailure, Health, Thresholds, Verdict};
use crate::metrics::{Metrics, NodeMetrics};
use crate::observe::{ObserveConfig, Out, Record};
use crate::ring::Key;
use crate::standing::{AgentWords, Grounds, LOAD_LIFE, Order, Standing};
use crate::zone::Zone;

/// An origin: who it is, what it holds, how it is. Outlives rebuilds of the
/// ring, so that its requests in flight and its health do.
#[derive(Debug)]
pub struct Node {
    id: String,
    id_header: HeaderValue,
    address: SocketAddr,
    check_address: SocketAddr,
    agent_address: Option<SocketAddr>,
    zone: Option<Zone>,
    weight: AtomicU32,
    in_flight: Arc<Count>,
    /// Requests that the node holds for others than this balancer.
    elsewhere: AtomicU64,
    history: Mutex<History>,
    /// Whether something is held against the node that a success would clear.
    is_suspect: AtomicBool,
    /// Wakes the node's check before its time.
    nudge: Notify,
    generation: AtomicU64,
    metrics: NodeMetrics,
}

/// What is known of a node.
#[derive(Debug, Default)]
struct History {
    verdict: Verdict,
    record: Record,
    agent: AgentWords,
    load: Option<(Load, Instant)>,
    order: Order,
    started: Option<Instant>,
}

impl Node {
    /// `joined`: when it came to a pool that served without it.
    pub(crate) fn new(config: &OriginConfig, joined: Option<Instant>, metrics: &Metrics) -> Self {
        Self {
            id: config.id.clone(),
            // The configuration lets only printable ASCII through.
            id_header: HeaderValue::from_str(&config.id).unwrap_or(HeaderValue::from_static("-")),
            address: config.address,
            check_address: config.check,
            agent_address: config.agent,
            zone: config.zone.clone(),
            weight: AtomicU32::new(config.weight),
            in_flight: Arc::default(),
            elsewhere: AtomicU64::new(0),
            history: Mutex::new(History {
                started: joined,
                ..History::default()
            }),
            is_suspect: AtomicBool::new(false),
            nudge: Notify::new(),
            generation: AtomicU64::new(0),
            metrics: metrics.node(&config.id),
        }
    }

    /// Whether this is the node that `config` speaks of, its weight apart.
    pub(crate) fn is(&self, config: &OriginConfig) -> bool {
        self.id == config.id
            && self.address == config.address
            && self.check_address == config.check
            && self.agent_address == config.agent
            && self.zone == config.zone
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

    /// Where the node's agent is, if it has one.
    pub fn agent_address(&self) -> Option<SocketAddr> {
        self.agent_address
    }

    /// The zone the node is in, as far as is known.
    pub fn zone(&self) -> Option<&Zone> {
        self.zone.as_ref()
    }

    /// The node's configured part of the load, relative to the others'.
    pub fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    /// True: it had another one.
    pub(crate) fn set_weight(&self, weight: u32) -> bool {
        self.weight.swap(weight, Ordering::Relaxed) != weight
    }

    /// This balancer's requests in flight on the node.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.get()
    }

    /// Requests that the node says it holds for others than this balancer.
    pub fn elsewhere(&self) -> u64 {
        self.elsewhere.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self) -> &Arc<Count> {
        &self.in_flight
    }

    pub(crate) fn metrics(&self) -> &NodeMetrics {
        &self.metrics
    }

    /// What its checks say.
    pub fn health(&self) -> Health {
        self.history().verdict.health()
    }

    /// Whether its checks are about to change what they say.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.history().verdict.is_in_doubt()
    }

    /// Why the last check that failed did.
    pub fn last_check_failure(&self) -> Option<CheckFailure> {
        self.history().verdict.last_failure().cloned()
    }

    /// Whether, why and until when requests that failed keep it out.
    pub fn out(&self) -> Option<Out> {
        self.history().record.out()
    }

    /// What its agent has said.
    pub fn agent_line(&self) -> Line {
        self.history().agent.line().clone()
    }

    /// What an operator wants of it.
    pub fn order(&self) -> Order {
        self.history().order
    }

    /// How the node stands at `now`, when a start takes `slow_start`.
    pub(crate) fn standing(&self, now: Instant, slow_start: Duration) -> Standing {
        let history = self.history();
        let grounds = Grounds {
            weight: self.weight(),
            health: history.verdict.health(),
            out: history.record.out(),
            agent: history.agent.line(),
            load: history.load,
            order: history.order,
            started: history.started,
        };
        grounds.judge(now, slow_start)
    }

    /// Takes a check into account. True: the node's health has changed.
    pub(crate) fn hear(&self, check: Result<(), CheckFailure>, thresholds: Thresholds, now: Instant) -> bool {
        self.metrics.check(check.is_ok());
        let mut history = self.history();
        let was = history.verdict.health();
        let changed = history.verdict.hear(check, thresholds);
        if changed && was == Health::Down {
            // Its caches are cold, or it was out of reach for long.
            history.started = Some(now);
        }
        changed
    }

    /// Takes a line of its agent into account. True: it changes something.
    pub(crate) fn hear_agent(&self, line: Line) -> bool {
        self.history().agent.hear(line)
    }

    /// Takes into account what the node says of itself. Returns what it held
    /// for others before and holds now, and whether its weight or wish changes.
    pub(crate) fn hear_load(&self, load: Load, now: Instant) -> (u64, u64, bool) {
        let after = load.in_flight.saturating_sub(self.in_flight());
        let before = self.elsewhere.swap(after, Ordering::Relaxed);
        let mut history = self.history();
        let was = history.load.replace((load, now));
        let said = |load: Load| (load.weight_percent, load.draining);
        // One that has said nothing is whole and wants requests.
        let changed = was.map_or((100, false), |(load, _)| said(load)) != said(load);
        (before, after, changed)
    }

    /// Does what an operator wants.
    pub(crate) fn obey(&self, order: Order) {
        let mut history = self.history();
        history.order = order;
        if !order.drain {
            history.record.pardon();
        }
    }

    /// A request was served.
    pub(crate) fn served(&self) {
        if self.is_suspect.load(Ordering::Relaxed) {
            self.is_suspect.store(false, Ordering::Relaxed);
            self.history().record.good();
        }
    }

    /// A request for `key` failed. True: that is enough evidence to eject the node.
    pub(crate) fn failed(&self, key: Key, now: Instant, config: &ObserveConfig) -> bool {
        // A look by HTTP tells sooner than the next failures do.
        self.nudge.notify_one();
        let mut history = self.history();
        let enough = history.record.bad(key, now, config);
        self.is_suspect
            .store(!history.record.is_clean(), Ordering::Relaxed);
        enough
    }

    /// Takes the node out for a while.
    pub(crate) fn eject(&self, reason: &'static str, now: Instant, config: &ObserveConfig) -> Out {
        self.metrics.ejection(reason);
        self.history().record.eject(reason, now, config)
    }

    /// Ends what has lasted its time: an ejection, and the belief in what the
    /// node said it holds. True: an ejection has ended.
    pub(crate) fn settle(&self, now: Instant, config: &ObserveConfig) -> bool {
        let mut history = self.history();
        let is_old = |(_, said): (Load, Instant)| LOAD_LIFE <= now.saturating_duration_since(said);
        if history.load.is_none_or(is_old) {
            self.elsewhere.store(0, Ordering::Relaxed);
        }
        let ends = history.record.settle(now, config);
        if ends {
            history.started = Some(now);
        }
        ends
    }

    /// Resolves when a request has failed at the node since it was last asked for.
    pub(crate) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    fn history(&self) -> MutexGuard<'_, History> {
        // It is whole between any two of its statements.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
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
