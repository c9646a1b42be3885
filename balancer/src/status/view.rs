//! The pool at one moment, as JSON.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::choice::Algorithm;
use crate::members::{Member, Members, Tier};
use crate::metrics::Metrics;
use crate::pool::Pool;

/// Counts by a label.
type Counts = BTreeMap<String, u64>;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct View {
    algorithm: &'static str,
    factor_percent: u32,
    floor: u32,
    own_zone: Option<String>,
    /// Part of the keys that leaves the own zone, 0 to 1.
    zone_spill: f64,
    in_flight: u64,
    /// By how they ended for the client.
    requests: Counts,
    /// Attempts that followed a failed one, by why that failed; `broken_off` are resumes.
    retries: Counts,
    nodes: Vec<NodeView>,
}

/// One node.
#[derive(Debug, Serialize)]
struct NodeView {
    id: String,
    address: String,
    zone: Option<String>,
    /// Whether it is in the own zone, as far as is known.
    near: bool,
    state: &'static str,
    weight: u32,
    /// Its part of its ring by the weights as they count now, 0 to 1.
    share: f64,
    in_flight: u64,
    /// What it says it holds for others.
    elsewhere: u64,
    /// What it may hold, by the bound, of this balancer's requests. `null`: no bound.
    limit: Option<u64>,
    attempts: Counts,
    choices: Counts,
    checks: Counts,
    ejections: Counts,
    bound_hits: u64,
    body_bytes: u64,
    last_check_failure: Option<String>,
    ejected: Option<Ejected>,
    /// The last line of its agent.
    agent: Option<String>,
    order: OrderView,
}

#[derive(Debug, Serialize)]
struct Ejected {
    reason: &'static str,
    seconds_left: f64,
}

#[derive(Debug, Serialize)]
struct OrderView {
    drain: bool,
    weight_percent: u32,
}

impl View {
    pub(super) fn of(pool: &Pool, metrics: &Metrics) -> Self {
        let members = pool.members();
        let balance = pool.balance();
        let (requests, retries) = metrics.totals();
        let mut nodes: Vec<NodeView> = tiers(&members)
            .map(|(near, tier, member)| node(pool, near, tier, member))
            .collect();
        nodes.sort_by(|a, b| (!a.near, &a.zone, &a.id).cmp(&(!b.near, &b.zone, &b.id)));
        Self {
            algorithm: match balance.algorithm {
                Algorithm::Hash => "hash",
                Algorithm::RoundRobin => "round-robin",
                Algorithm::LeastInFlight => "least-in-flight",
            },
            factor_percent: balance.bound.factor_percent,
            floor: balance.bound.floor,
            own_zone: pool.own_zone().map(|zone| zone.to_string()),
            zone_spill: members.spill.share(),
            in_flight: pool.in_flight(),
            requests,
            retries,
            nodes,
        }
    }
}

fn tiers(members: &Members) -> impl Iterator<Item = (bool, &Tier, &Member)> {
    [(true, &members.near), (false, &members.far)]
        .into_iter()
        .flat_map(|(near, tier)| tier.list.iter().map(move |member| (near, tier, member)))
}

fn node(pool: &Pool, near: bool, tier: &Tier, member: &Member) -> NodeView {
    let node = &member.node;
    let bound = pool.balance().bound;
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for (series, label, count) in node.metrics().counted() {
        counts.entry(series).or_default().insert(label.to_owned(), count);
    }
    let mut counts = |series| counts.remove(series).unwrap_or_default();
    // The limit for one more request.
    let everywhere = tier.total.everywhere() + 1;
    let limit = member.share.map(|share| member.limit(&bound, share, everywhere));
    let agent = node.agent_line().to_string();
    let order = node.order();
    NodeView {
        id: node.id().to_owned(),
        address: node.address().to_string(),
        zone: node.zone().map(ToString::to_string),
        near,
        state: member.standing.state.label(),
        weight: node.weight(),
        share: Tier::part_of(member),
        in_flight: node.in_flight(),
        elsewhere: node.elsewhere(),
        limit: limit.filter(|_| bound.factor_percent != 0),
        attempts: counts("attempts"),
        choices: counts("choices"),
        checks: counts("checks"),
        ejections: counts("ejections"),
        bound_hits: node.metrics().bound_hits.get(),
        body_bytes: node.metrics().body.get(),
        last_check_failure: node.last_check_failure().map(|failure| failure.to_string()),
        ejected: node.out().map(|out| Ejected {
            reason: out.reason,
            seconds_left: out.until.saturating_duration_since(Instant::now()).as_secs_f64(),
        }),
        agent: Some(agent.trim().to_owned()).filter(|line| !line.is_empty()),
        order: OrderView {
            drain: order.drain,
            weight_percent: order.weight_percent,
        },
    }
}
