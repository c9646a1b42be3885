//! What the balancer measures.

mod node;
mod pool;

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry};

pub(crate) use self::node::NodeMetrics;
use self::node::NodeVecs;
pub(crate) use self::pool::PoolGauges;
use crate::attempt::Failure;
use crate::front::head::Refusal;

/// Upper bounds of the time histograms, in seconds.
const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How a request ended, for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// An origin's answer was passed on whole.
    Answered,
    /// The balancer refused the request: method, path or body.
    Refused,
    /// No origin answered; the balancer said so.
    Exhausted,
    /// The answer broke off, and the client's connection was closed on it.
    Truncated,
    /// The client left before its answer was complete.
    ClientGone,
}

impl Outcome {
    /// The value of metric labels and log fields.
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Exhausted => "exhausted",
            Self::Truncated => "truncated",
            Self::ClientGone => "client_gone",
        }
    }
}

/// Why a connection was closed before a request was read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TurnedAway {
    /// It has no PROXY protocol header, but comes from where all have one.
    ProxyProtocol,
    /// TLS could not be set up.
    Tls,
    /// What comes before requests took too long.
    TimedOut,
    /// Its address has all the connections that it may have.
    Address,
}

impl TurnedAway {
    const ALL: [Self; 4] = [Self::ProxyProtocol, Self::Tls, Self::TimedOut, Self::Address];

    fn label(self) -> &'static str {
        match self {
            Self::ProxyProtocol => "proxy_protocol",
            Self::Tls => "tls",
            Self::TimedOut => "timed_out",
            Self::Address => "address",
        }
    }
}

/// What came of a request whose first node was late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hedged {
    /// The second node answered first.
    Won,
    /// The first one did after all.
    Lost,
    /// The second one failed.
    Failed,
    /// No second one was asked: the budget was spent.
    Unpaid,
}

impl Hedged {
    const ALL: [Self; 4] = [Self::Won, Self::Lost, Self::Failed, Self::Unpaid];

    fn label(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Failed => "failed",
            Self::Unpaid => "unpaid",
        }
    }
}

/// What is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reload {
    /// The configuration.
    Config,
    /// The certificates.
    Certificates,
}

impl Reload {
    fn label(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Certificates => "certificates",
        }
    }
}

/// The metrics of all requests; those of one node are kept with it.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    /// Of `requests`, looked up once: nearly all are.
    answered: IntCounter,
    retries: IntCounterVec,
    budget_spent: IntCounter,
    hedges: IntCounterVec,
    refusals: IntCounterVec,
    turned_away: IntCounterVec,
    reloads: IntCounterVec,
    duration: Histogram,
    other_zone_body: IntCounterVec,
    nodes: NodeVecs,
}

impl Metrics {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    ///
    /// When `registry` has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| counters(registry, name, help, labels);
        let requests = counter(
            "strata_balancer_requests_total",
            "Requests by how they ended for the client.",
            &["outcome"],
        )?;
        let metrics = Self {
            answered: requests.with_label_values(&[Outcome::Answered.label()]),
            requests,
            retries: counter(
                "strata_balancer_retries_total",
                "Attempts that followed a failed one, by why that failed.",
                &["reason"],
            )?,
            hedges: counter(
                "strata_balancer_hedges_total",
                "Requests whose first node was late, by what came of asking a second one.",
                &["result"],
            )?,
            refusals: counter(
                "strata_balancer_refused_heads_total",
                "Requests refused by their heads, by what is wrong with them.",
                &["reason"],
            )?,
            turned_away: counter(
                "strata_balancer_turned_away_total",
                "Connections closed before a request was read, by why.",
                &["reason"],
            )?,
            reloads: counter(
                "strata_balancer_reloads_total",
                "Times that files were read again, by what they hold and what came of it.",
                &["what", "result"],
            )?,
            budget_spent: IntCounter::new(
                "strata_balancer_retry_budget_spent_total",
                "Failed attempts that no other followed because the retry budget was spent.",
            )?,
            duration: Histogram::with_opts(seconds(
                "strata_balancer_request_seconds",
                "Time from a request's head to the last byte of its answer.",
            ))?,
            other_zone_body: counter(
                "strata_balancer_other_zone_body_bytes_total",
                "Bytes of body that came from another zone than the balancer's.",
                &["zone"],
            )?,
            nodes: NodeVecs::register(registry)?,
        };
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.budget_spent.clone()))?;
        // There from the start, so that a first one shows as a rise.
        for refusal in Refusal::ALL {
            metrics.refusals.with_label_values(&[refusal.label()]);
        }
        for result in Hedged::ALL {
            metrics.hedges.with_label_values(&[result.label()]);
        }
        for reason in TurnedAway::ALL {
            metrics.turned_away.with_label_values(&[reason.label()]);
        }
        for what in [Reload::Config, Reload::Certificates] {
            for result in ["applied", "refused"] {
                metrics.reloads.with_label_values(&[what.label(), result]);
            }
        }
        Ok(metrics)
    }

    /// The metrics of the node with this id.
    pub(crate) fn node(&self, id: &str) -> NodeMetrics {
        self.nodes.node(id)
    }

    /// Requests by how they ended, and retries by why.
    pub(crate) fn totals(&self) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
        (by_label(&self.requests), by_label(&self.retries))
    }

    /// Bytes of body that came from another zone.
    pub(crate) fn other_zone(&self, zone: &str, bytes: u64) {
        self.other_zone_body.with_label_values(&[zone]).inc_by(bytes);
    }

    pub(crate) fn request(&self, outcome: Outcome, seconds: f64) {
        match outcome {
            Outcome::Answered => self.answered.inc(),
            _ => self.requests.with_label_values(&[outcome.label()]).inc(),
        }
        self.duration.observe(seconds);
    }

    pub(crate) fn refusal(&self, refusal: Refusal) {
        self.refusals.with_label_values(&[refusal.label()]).inc();
    }

    pub(crate) fn turned_away(&self, reason: TurnedAway) {
        self.turned_away.with_label_values(&[reason.label()]).inc();
    }

    pub(crate) fn reloaded(&self, what: Reload, applied: bool) {
        let result = if applied { "applied" } else { "refused" };
        self.reloads.with_label_values(&[what.label(), result]).inc();
    }

    /// Counts an attempt that the budget did not allow.
    pub(crate) fn budget_spent(&self) {
        self.budget_spent.inc();
    }

    pub(crate) fn hedged(&self, result: Hedged) {
        self.hedges.with_label_values(&[result.label()]).inc();
    }

    pub(crate) fn retry(&self, reason: Failure) {
        self.retries.with_label_values(&[reason.label()]).inc();
    }
}

/// What a counter with one label counts, by it.
fn by_label(counters: &IntCounterVec) -> BTreeMap<String, u64> {
    let families = counters.collect();
    let metrics = families.iter().flat_map(|family| family.get_metric());
    let count = |metric: &prometheus::proto::Metric| {
        let label = metric.get_label().first()?.value().to_owned();
        let count = metric.get_counter().get_value();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counted in whole ones, from 0"
        )]
        let count = count as u64;
        Some((label, count))
    };
    metrics.filter_map(count).collect()
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(vec.clone())).map(|()| vec)
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}
