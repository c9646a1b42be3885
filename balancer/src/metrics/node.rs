//! What is counted about each node.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, Registry};

use super::{counters, seconds};
use crate::attempt::Ending;
use crate::choice::Choice;

/// The metrics of all nodes.
#[derive(Debug, Clone)]
pub(super) struct NodeVecs {
    attempts: IntCounterVec,
    choices: IntCounterVec,
    bound_hits: IntCounterVec,
    body: IntCounterVec,
    resumes: IntCounterVec,
    first_byte: HistogramVec,
    checks: IntCounterVec,
    ejections: IntCounterVec,
    /// How many nodes of an id there are: one that is replaced under its id
    /// leaves its series to its successor.
    nodes: Arc<Mutex<HashMap<String, usize>>>,
}

impl NodeVecs {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help, label| counters(registry, name, help, &["node", label]);
        let first_byte = HistogramVec::new(
            seconds(
                "strata_balancer_first_byte_seconds",
                "Time from an attempt's start to the head of the node's answer.",
            ),
            &["node"],
        )?;
        registry.register(Box::new(first_byte.clone()))?;
        Ok(Self {
            attempts: counter(
                "strata_balancer_attempts_total",
                "Attempts at a node by how they ended.",
                "ending",
            )?,
            choices: counter(
                "strata_balancer_choices_total",
                "Attempts at a node by why it was chosen.",
                "choice",
            )?,
            bound_hits: counters(
                registry,
                "strata_balancer_bound_hits_total",
                "Times a node was passed over because it held as many requests as the bound allows.",
                &["node"],
            )?,
            body: counters(
                registry,
                "strata_balancer_body_bytes_total",
                "Bytes of body passed from a node to clients.",
                &["node"],
            )?,
            resumes: counters(
                registry,
                "strata_balancer_resumes_total",
                "Answers that broke off elsewhere and that a node went on with.",
                &["node"],
            )?,
            first_byte,
            checks: counter(
                "strata_balancer_checks_total",
                "Health checks of a node by result.",
                "result",
            )?,
            ejections: counter(
                "strata_balancer_ejections_total",
                "Times a node was ejected for failed requests, by the last failure.",
                "reason",
            )?,
            nodes: Arc::default(),
        })
    }

    /// The metrics of the node with this id.
    pub(super) fn node(&self, id: &str) -> NodeMetrics {
        *self.count().entry(id.to_owned()).or_default() += 1;
        NodeMetrics {
            id: id.to_owned(),
            used: Mutex::default(),
            answered: self.attempts.with_label_values(&[id, Ending::Answered.label()]),
            first: self.choices.with_label_values(&[id, Choice::First.label()]),
            bound_hits: self.bound_hits.with_label_values(&[id]),
            body: self.body.with_label_values(&[id]),
            resumes: self.resumes.with_label_values(&[id]),
            first_byte: self.first_byte.with_label_values(&[id]),
            all: self.clone(),
        }
    }

    fn count(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) resumes: IntCounter,
    pub(crate) first_byte: Histogram,
    /// The series made beside those above, by their second label.
    used: Mutex<BTreeSet<(Series, &'static str)>>,
    all: NodeVecs,
}

/// Counters of a node with a second label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Series {
    Attempts,
    Choices,
    Checks,
    Ejections,
}

impl Series {
    fn of(self, metrics: &NodeVecs) -> &IntCounterVec {
        match self {
            Self::Attempts => &metrics.attempts,
            Self::Choices => &metrics.choices,
            Self::Checks => &metrics.checks,
            Self::Ejections => &metrics.ejections,
        }
    }
}

impl NodeMetrics {
    pub(crate) fn attempt(&self, ending: Ending) {
        match ending {
            Ending::Answered => self.answered.inc(),
            _ => self.inc(Series::Attempts, ending.label()),
        }
    }

    pub(crate) fn choice(&self, choice: Choice) {
        match choice {
            Choice::First => self.first.inc(),
            _ => self.inc(Series::Choices, choice.label()),
        }
    }

    pub(crate) fn check(&self, passed: bool) {
        self.inc(Series::Checks, if passed { "passed" } else { "failed" });
    }

    pub(crate) fn ejection(&self, reason: &'static str) {
        self.inc(Series::Ejections, reason);
    }

    fn inc(&self, series: Series, label: &'static str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert((series, label));
        series
            .of(&self.all)
            .with_label_values(&[self.id.as_str(), label])
            .inc();
    }

    /// All that was counted of this node: what, its second label, how often.
    pub(crate) fn counted(&self) -> Vec<(&'static str, &'static str, u64)> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let name = |series| match series {
            Series::Attempts => "attempts",
            Series::Choices => "choices",
            Series::Checks => "checks",
            Series::Ejections => "ejections",
        };
        let mut counted = vec![
            ("attempts", Ending::Answered.label(), self.answered.get()),
            ("choices", Choice::First.label(), self.first.get()),
        ];
        counted.extend(used.iter().map(|(series, label)| {
            let counter = series.of(&self.all).with_label_values(&[self.id.as_str(), label]);
            (name(*series), *label, counter.get())
        }));
        counted
    }
}

/// The series of a node go with it: instances come and go for years.
impl Drop for NodeMetrics {
    fn drop(&mut self) {
        let mut nodes = self.all.count();
        let left = nodes.get(&self.id).map_or(0, |count| count.saturating_sub(1));
        if left != 0 {
            nodes.insert(self.id.clone(), left);
            return;
        }
        nodes.remove(&self.id);
        let id = self.id.as_str();
        let used = self.used.get_mut().unwrap_or_else(PoisonError::into_inner);
        used.insert((Series::Attempts, Ending::Answered.label()));
        used.insert((Series::Choices, Choice::First.label()));
        // One that was never counted is not there to be removed.
        for (series, label) in used.iter() {
            let _ = series.of(&self.all).remove_label_values(&[id, label]);
        }
        let _ = self.all.bound_hits.remove_label_values(&[id]);
        let _ = self.all.body.remove_label_values(&[id]);
        let _ = self.all.resumes.remove_label_values(&[id]);
        let _ = self.all.first_byte.remove_label_values(&[id]);
    }
}
