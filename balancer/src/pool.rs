//! The members, and the choice among them for one request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use strata_node::agent::{Line, Load};
use tokio::sync::watch;

use crate::bound::{Bound, InFlight, Placing, Total};
use crate::choice::{Algorithm, Balance, Choice, is_factor};
use crate::config::OriginConfig;
use crate::health::{CheckFailure, Thresholds};
use crate::members::{Member, Members, Terms, Tier};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::observe::{Evidence, ObserveConfig};
use crate::ring::{Key, RingError};
use crate::standing::{Order, State};
use crate::zone::Zone;

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

/// How a pool treats its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// How load is spread.
    pub balance: Balance,
    /// The zone whose nodes come first. `None`: all nodes are one pool.
    pub own_zone: Option<Zone>,
    /// Share of the own zone's capacity below which requests go to others, in percent.
    pub spill_below_percent: u32,
    /// How long a node takes to its whole weight. Zero: no time.
    pub slow_start: Duration,
    /// How requests judge nodes.
    pub observe: ObserveConfig,
}

impl PoolConfig {
    fn terms(&self) -> Terms {
        Terms {
            own_zone: self.own_zone.clone(),
            spill_below_percent: self.spill_below_percent,
            slow_start: self.slow_start,
        }
    }
}

/// What a change of members did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Ids of nodes that came.
    pub added: Vec<String>,
    /// Ids of nodes that went.
    pub removed: Vec<String>,
}

impl Change {
    /// Whether nobody came and nobody went.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// The origins of a balancer.
pub struct Pool {
    members: ArcSwap<Members>,
    /// One change at a time; reading never waits for it.
    changing: Mutex<()>,
    near: Arc<Total>,
    far: Arc<Total>,
    balance: ArcSwap<Balance>,
    terms: ArcSwap<Terms>,
    observe: ArcSwap<ObserveConfig>,
    metrics: Metrics,
    /// Raised when nodes come or go.
    version: watch::Sender<u64>,
}

/// Walks over the candidates before a request that found them all full is
/// placed regardless. One node at least has room at any moment, but other
/// requests may take it while the walk is elsewhere.
const WALKS_MAX: usize = 3;

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes = self.nodes().len();
        f.debug_struct("Pool")
            .field("nodes", &nodes)
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of `origins`, in any order.
    ///
    /// # Errors
    ///
    /// When they are too many, or weigh too much, for a ring.
    pub fn new(origins: &[OriginConfig], config: PoolConfig, metrics: &Metrics) -> Result<Self, RingError> {
        let terms = config.terms();
        let (near, far) = (Arc::default(), Arc::default());
        let nodes = origins
            .iter()
            .map(|origin| Arc::new(Node::new(origin, None, metrics)))
            .collect();
        let now = Instant::now();
        let members = Members::none([&near, &far], &terms, now).with(nodes, &terms, now)?;
        Ok(Self {
            members: ArcSwap::from_pointee(members),
            changing: Mutex::default(),
            near,
            far,
            balance: ArcSwap::from_pointee(config.balance),
            terms: ArcSwap::from_pointee(terms),
            observe: ArcSwap::from_pointee(config.observe),
            metrics: metrics.clone(),
            version: watch::Sender::new(0),
        })
    }

    /// All nodes, sorted by id.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.members.load().nodes()
    }

    /// The members as they stand now.
    pub(crate) fn members(&self) -> Arc<Members> {
        self.members.load_full()
    }

    /// Requests in flight over all nodes, and those that look for one.
    pub fn in_flight(&self) -> u64 {
        self.near.get() + self.far.get()
    }

    /// How load is spread.
    pub fn balance(&self) -> Balance {
        **self.balance.load()
    }

    /// The zone whose nodes come first.
    pub fn own_zone(&self) -> Option<Zone> {
        self.terms.load().own_zone.clone()
    }

    /// Treats members in another way from now on, those that are there too. How
    /// load is spread stays, as an operator may have changed it.
    ///
    /// # Errors
    ///
    /// When the nodes of one zone weigh too much for a ring; nothing has changed then.
    pub(crate) fn configure(&self, config: PoolConfig) -> Result<(), RingError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let terms = config.terms();
        if **self.terms.load() != terms {
            let members = self.members.load().with(self.nodes(), &terms, Instant::now())?;
            self.terms.store(Arc::new(terms));
            self.members.store(Arc::new(members));
            self.count_elsewhere();
        }
        self.observe.store(Arc::new(config.observe));
        Ok(())
    }

    /// Spreads load in another way, from the next request on.
    pub fn set_balance(&self, balance: Balance) {
        self.balance.store(Arc::new(balance));
    }

    /// Sets the factor of the bound. False: it is none.
    pub fn set_factor(&self, percent: u32) -> bool {
        if is_factor(percent) {
            let mut balance = self.balance();
            balance.bound.factor_percent = percent;
            self.set_balance(balance);
        }
        is_factor(percent)
    }

    /// Changes with every node that comes or goes.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Makes `origins` the members. Nodes that stay keep what they hold and
    /// what is known of them; of those that go, requests in flight end as if
    /// nothing had happened. New ones start slowly, unless there was nobody.
    ///
    /// # Errors
    ///
    /// When they are too many, or weigh too much; nothing has changed then.
    pub fn set_members(&self, origins: &[OriginConfig]) -> Result<Change, RingError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let before = self.members.load_full();
        let mut known: HashMap<&str, &Arc<Node>> = before
            .all()
            .map(|member| (member.node.id(), &member.node))
            .collect();
        crate::ring::Ring::check(origins.iter().map(|origin| origin.weight))?;
        let joined = (!known.is_empty()).then_some(now);
        let (mut change, mut reweighed) = (Change::default(), false);
        let mut nodes = Vec::with_capacity(origins.len());
        for origin in origins {
            match known.remove(origin.id.as_str()) {
                Some(node) if node.is(origin) => {
                    reweighed |= node.set_weight(origin.weight);
                    nodes.push(Arc::clone(node));
                }
                other => {
                    change.removed.extend(other.map(|node| node.id().to_owned()));
                    change.added.push(origin.id.clone());
                    nodes.push(Arc::new(Node::new(origin, joined, &self.metrics)));
                }
            }
        }
        change.removed.extend(known.into_keys().map(str::to_owned));
        if change.is_empty() && !reweighed {
            return Ok(change);
        }
        let members = before.with(nodes, &self.terms.load(), now)?;
        self.members.store(Arc::new(members));
        self.count_elsewhere();
        self.version.send_modify(|version| *version += 1);
        Ok(change)
    }

    /// Judges all nodes anew: what lasts a time may have ended. To be called now and then.
    pub(crate) fn settle(&self) {
        let now = Instant::now();
        for member in self.members.load().all() {
            let node = &member.node;
            if node.settle(now, &self.observe.load()) {
                tracing::info!(node = node.id(), "node is let in again");
            }
        }
        self.count_elsewhere();
        self.judge(now);
    }

    fn count_elsewhere(&self) {
        let members = self.members.load();
        for tier in [&members.near, &members.far] {
            let held = tier.list.iter().map(|member| member.node.elsewhere());
            tier.total.set_elsewhere(held.fold(0, u64::saturating_add));
        }
    }

    fn judge(&self, now: Instant) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.members.load();
        let members = before.judged(&self.terms.load(), now);
        if members.differ(&before) {
            self.members.store(Arc::new(members));
        }
    }

    /// Whether there is a node that is not among `tried`.
    pub(crate) fn has_untried(&self, tried: &[Arc<Node>]) -> bool {
        self.members.load().all().any(|member| !is_tried(tried, member))
    }

    /// Takes a check of `node` into account. True: its health has changed.
    pub(crate) fn hear(&self, node: &Node, check: Result<(), CheckFailure>, thresholds: Thresholds) -> bool {
        let now = Instant::now();
        let changed = node.hear(check, thresholds, now);
        if changed {
            self.judge(now);
        }
        changed
    }

    /// Takes a line of the node's agent into account. True: it changes something.
    pub(crate) fn hear_agent(&self, node: &Node, line: Line) -> bool {
        let changed = node.hear_agent(line);
        if changed {
            self.judge(Instant::now());
        }
        changed
    }

    /// Takes into account what a node says of itself on an answer.
    pub(crate) fn hear_load(&self, node: &Node, load: Load) {
        let now = Instant::now();
        let (before, after, changed) = node.hear_load(load, now);
        if before != after
            && let Some(tier) = self.members.load().tier_of(node)
        {
            tier.total.moved_elsewhere(before, after);
        }
        if changed {
            self.judge(now);
        }
    }

    /// Does with a node what an operator wants.
    pub fn order(&self, node: &Node, order: Order) {
        node.obey(order);
        self.judge(Instant::now());
    }

    /// Takes into account what an attempt for `key` says of its node, which may
    /// be ejected for it: never the last one that serves, and never more than
    /// the configured share of all.
    pub(crate) fn observe(&self, node: &Node, key: Key, evidence: Evidence) {
        let reason = match evidence {
            Evidence::None => return,
            Evidence::Good => return node.served(),
            Evidence::Bad(reason) => reason,
        };
        let now = Instant::now();
        if !node.failed(key, now, &self.observe.load()) || !self.may_eject(node) {
            return;
        }
        let out = node.eject(reason, now, &self.observe.load());
        let time = out.until.saturating_duration_since(now);
        tracing::warn!(node = node.id(), reason, ?time, "node is ejected");
        self.judge(now);
    }

    fn may_eject(&self, node: &Node) -> bool {
        let members = self.members.load();
        let is_out = |member: &&Member| member.standing.state == State::Ejected;
        let (all, out) = (members.all().count(), members.all().filter(is_out).count());
        let others_serve = members
            .all()
            .any(|member| member.share.is_some() && !std::ptr::eq(&*member.node, node));
        let share_max = usize::try_from(self.observe.load().ejected_percent_max).unwrap_or(0);
        others_serve && share_max != 0 && (out == 0 || (out + 1) * 100 <= all * share_max)
    }

    /// Chooses a node for a request that has failed at the nodes `tried`, and
    /// enters it there. `None`: all have been tried.
    ///
    /// By key: the first candidate that is up and below its bound. When all
    /// that are up have been tried, those that are down get their chance: a
    /// check may be wrong, and a pool of which every node is down still serves.
    pub fn pick(&self, key: Key, tried: &[Arc<Node>]) -> Option<Pick> {
        let members = self.members.load();
        let balance = self.balance.load();
        let leaves = members.spill.takes(key);
        let mut tiers = [(&members.near, Choice::First), (&members.far, Choice::OtherZone)];
        if leaves {
            tiers.reverse();
        }
        let tier = |(tier, first): (&Tier, Choice)| {
            let first = if tried.is_empty() { first } else { Choice::Retry };
            place(tier, &balance, key, tried, first)
        };
        tiers.into_iter().find_map(tier).or_else(|| {
            let mut all = tiers.iter().flat_map(|(tier, _)| {
                let candidates = tier.candidates(key).map(|member| (*tier, member));
                candidates.collect::<Vec<_>>()
            });
            let (tier, member) = all.find(|(_, member)| !is_tried(tried, member))?;
            let in_flight = tier.total.place().enter_regardless(member.node.count());
            Some(pick(member, Choice::LastResort, in_flight))
        })
    }
}

/// Places a request in a tier. `None`: nobody there serves that has not been tried.
fn place(tier: &Tier, balance: &Balance, key: Key, tried: &[Arc<Node>], first: Choice) -> Option<Pick> {
    let untried = || {
        let serves = |member: &&Member| member.share.is_some() && !is_tried(tried, member);
        tier.list.iter().filter(serves)
    };
    // Before anything is counted, as the total is everybody's.
    untried().next()?;
    let mut placing = tier.total.place();
    let turn = if first == Choice::First {
        Choice::Turn
    } else {
        first
    };
    let spilled = if first == Choice::First {
        Choice::Spilled
    } else {
        first
    };
    let (member, choice) = match balance.algorithm {
        Algorithm::Hash => {
            // Among the few nodes that a retry has left none may have room: it does not look twice.
            let walks = if tried.is_empty() { WALKS_MAX } else { 1 };
            for _ in 0..walks {
                placing = match walk(tier, &balance.bound, key, tried, first, placing) {
                    Ok(pick) => return Some(pick),
                    Err(back) => back,
                };
            }
            (untried().min_by_key(|member| member.load())?, spilled)
        }
        Algorithm::RoundRobin => {
            let mut turns = tier.turns();
            let next = turns.find(|member| member.share.is_some() && !is_tried(tried, member));
            (next.or_else(|| untried().next())?, turn)
        }
        Algorithm::LeastInFlight => {
            // Between equals it goes round, or all idle ones would leave everything to the first.
            let mut turns = tier.turns();
            let least = untried().map(Member::load).min()?;
            let next = turns
                .find(|member| member.share.is_some() && !is_tried(tried, member) && member.load() <= least);
            (
                next.or_else(|| untried().min_by_key(|member| member.load()))?,
                turn,
            )
        }
    };
    let in_flight = placing.enter_regardless(member.node.count());
    Some(pick(member, choice, in_flight))
}

/// Goes over the candidates once.
fn walk(
    tier: &Tier,
    bound: &Bound,
    key: Key,
    tried: &[Arc<Node>],
    first: Choice,
    mut placing: Placing,
) -> Result<Pick, Placing> {
    let mut choice = first;
    for member in tier.candidates(key) {
        let Some(share) = member.share else {
            choice = choice.passing_over(Choice::FirstDown);
            continue;
        };
        if is_tried(tried, member) {
            continue;
        }
        let limit = |everywhere| member.limit(bound, share, everywhere);
        placing = match placing.enter(member.node.count(), limit) {
            Ok(in_flight) => return Ok(pick(member, choice, in_flight)),
            Err(back) => back,
        };
        member.node.metrics().bound_hits.inc();
        choice = choice.passing_over(Choice::Spilled);
    }
    Err(placing)
}

fn pick(member: &Member, choice: Choice, in_flight: InFlight) -> Pick {
    Pick {
        node: Arc::clone(&member.node),
        choice,
        in_flight,
    }
}

fn is_tried(tried: &[Arc<Node>], member: &Member) -> bool {
    tried.iter().any(|node| Arc::ptr_eq(node, &member.node))
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
