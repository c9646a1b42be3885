//! What the balancer measures.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use std::sync::Arc;

use crate::attempt::{Ending, Failure};
use crate::pool::{Choice, Pool};

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

/// The metrics of all requests; those of one node are kept with it.
#[derive(Debug, Clone)]
pub struct Metrics {
    requests: IntCounterVec,
    retries: IntCounterVec,
    budget_spent: IntCounter,
    duration: Histogram,
    attempts: IntCounterVec,
    choices: IntCounterVec,
    bound_hits: IntCounterVec,
    body: IntCounterVec,
    first_byte: HistogramVec,
    checks: IntCounterVec,
}

impl Metrics {
    /// Makes and registers the metrics.
    ///
    /// # Errors
    ///
    /// When `registry` has them already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone())).map(|()| vec)
        };
        let seconds = |name: &str, help: &str| HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let metrics = Self {
            requests: counter(
                "strata_balancer_requests_total",
                "Requests by how they ended for the client.",
                &["outcome"],
            )?,
            retries: counter(
                "strata_balancer_retries_total",
                "Attempts that followed a failed one, by why that failed.",
                &["reason"],
            )?,
            budget_spent: IntCounter::new(
                "strata_balancer_retry_budget_spent_total",
                "Failed attempts that no other followed because the retry budget was spent.",
            )?,
            duration: Histogram::with_opts(seconds(
                "strata_balancer_request_seconds",
                "Time from a request's head to the last byte of its answer.",
            ))?,
            attempts: counter(
                "strata_balancer_attempts_total",
                "Attempts at a node by how they ended.",
                &["node", "ending"],
            )?,
            choices: counter(
                "strata_balancer_choices_total",
                "Attempts at a node by why it was chosen.",
                &["node", "choice"],
            )?,
            bound_hits: counter(
                "strata_balancer_bound_hits_total",
                "Times a node was passed over because it held as many requests as the bound allows.",
                &["node"],
            )?,
            body: counter(
                "strata_balancer_body_bytes_total",
                "Bytes of body passed from a node to clients.",
                &["node"],
            )?,
            first_byte: HistogramVec::new(
                seconds(
                    "strata_balancer_first_byte_seconds",
                    "Time from an attempt's start to the head of the node's answer.",
                ),
                &["node"],
            )?,
            checks: counter(
                "strata_balancer_checks_total",
                "Health checks of a node by result.",
                &["node", "result"],
            )?,
        };
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.budget_spent.clone()))?;
        registry.register(Box::new(metrics.first_byte.clone()))?;
        Ok(metrics)
    }

    /// The metrics of the node with this id.
    pub(crate) fn node(&self, id: &str) -> NodeMetrics {
        NodeMetrics {
            id: id.to_owned(),
            answered: self.attempts.with_label_values(&[id, Ending::Answered.label()]),
            first: self.choices.with_label_values(&[id, Choice::First.label()]),
            bound_hits: self.bound_hits.with_label_values(&[id]),
            body: self.body.with_label_values(&[id]),
            first_byte: self.first_byte.with_label_values(&[id]),
            all: self.clone(),
        }
    }

    pub(crate) fn request(&self, outcome: Outcome, seconds: f64) {
        self.requests.with_label_values(&[outcome.label()]).inc();
        self.duration.observe(seconds);
    }

    /// Counts an attempt that the budget did not allow.
    pub(crate) fn budget_spent(&self) {
        self.budget_spent.inc();
    }

    pub(crate) fn retry(&self, reason: Failure) {
        self.retries.with_label_values(&[reason.label()]).inc();
    }
}

/// The metrics of one node, looked up once: what every request counts is a
/// counter at hand, the rest is looked up when it happens.
#[derive(Debug)]
pub(crate) struct NodeMetrics {
    id: String,
    answered: IntCounter,
    first: IntCounter,
    pub(crate) bound_hits: IntCounter,
    pub(crate) body: IntCounter,
    pub(crate) first_byte: Histogram,
    all: Metrics,
}

impl NodeMetrics {
    pub(crate) fn attempt(&self, ending: Ending) {
        match ending {
            Ending::Answered => self.answered.inc(),
            _ => self
                .all
                .attempts
                .with_label_values(&[self.id.as_str(), ending.label()])
                .inc(),
        }
    }

    pub(crate) fn choice(&self, choice: Choice) {
        match choice {
            Choice::First => self.first.inc(),
            _ => self
                .all
                .choices
                .with_label_values(&[self.id.as_str(), choice.label()])
                .inc(),
        }
    }

    pub(crate) fn check(&self, passed: bool) {
        let result = if passed { "passed" } else { "failed" };
        self.all
            .checks
            .with_label_values(&[self.id.as_str(), result])
            .inc();
    }
}

/// The state of the nodes, read from the pool when somebody asks: a gauge that
/// is counted up and down beside the truth ends up beside it.
pub(crate) struct PoolGauges {
    pool: Arc<Pool>,
    in_flight: IntGaugeVec,
    up: IntGaugeVec,
    weight: IntGaugeVec,
}

impl PoolGauges {
    pub(crate) fn register(pool: &Arc<Pool>, registry: &Registry) -> Result<(), prometheus::Error> {
        let gauge = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["node"]);
        registry.register(Box::new(Self {
            pool: Arc::clone(pool),
            in_flight: gauge("strata_balancer_in_flight", "Requests in flight on a node.")?,
            up: gauge(
                "strata_balancer_node_up",
                "Whether a node takes requests: 1, or 0 when it is down.",
            )?,
            weight: gauge("strata_balancer_node_weight", "The weight of a node.")?,
        }))
    }
}

impl Collector for PoolGauges {
    fn desc(&self) -> Vec<&Desc> {
        [&self.in_flight, &self.up, &self.weight]
            .iter()
            .flat_map(|gauge| gauge.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for node in self.pool.nodes() {
            let set = |gauge: &IntGaugeVec, value: u64| {
                gauge
                    .with_label_values(&[node.id()])
                    .set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.in_flight, node.in_flight());
            set(&self.up, u64::from(node.health().takes_requests()));
            set(&self.weight, u64::from(node.weight()));
        }
        [&self.in_flight, &self.up, &self.weight]
            .iter()
            .flat_map(|gauge| gauge.collect())
            .collect()
    }
}
