//! What is measured about discoveries.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

/// The metrics of all discoveries. Their number is the configuration's.
#[derive(Debug, Clone)]
pub(crate) struct DiscoveryMetrics {
    asked: IntCounterVec,
    members: IntGaugeVec,
    held_back: IntGaugeVec,
    last_success: IntGaugeVec,
}

impl DiscoveryMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &["source"])?;
            registry.register(Box::new(gauge.clone())).map(|()| gauge)
        };
        let asked = IntCounterVec::new(
            Opts::new(
                "strata_balancer_discoveries_total",
                "Times a discovery was asked for the members, by what came of it.",
            ),
            &["source", "outcome"],
        )?;
        registry.register(Box::new(asked.clone()))?;
        Ok(Self {
            asked,
            members: gauge(
                "strata_balancer_discovered_members",
                "Members that are in force from a discovery.",
            )?,
            held_back: gauge(
                "strata_balancer_discovery_held_back",
                "Members that a discovery does not find any more and that are kept for now.",
            )?,
            last_success: gauge(
                "strata_balancer_discovery_last_success_timestamp_seconds",
                "When a discovery last found members, in seconds since 1970.",
            )?,
        })
    }

    /// Ends the series of a discovery that is no more.
    pub(crate) fn forget(&self, name: &str) {
        // One that was never counted is not there to be removed.
        for outcome in ["found", "failed"] {
            let _ = self.asked.remove_label_values(&[name, outcome]);
        }
        for gauge in [&self.members, &self.held_back, &self.last_success] {
            let _ = gauge.remove_label_values(&[name]);
        }
    }

    pub(super) fn source(&self, name: &str) -> SourceMetrics {
        let asked = |outcome| self.asked.with_label_values(&[name, outcome]);
        SourceMetrics {
            good: asked("found"),
            bad: asked("failed"),
            members: self.members.with_label_values(&[name]),
            held_back: self.held_back.with_label_values(&[name]),
            last_success: self.last_success.with_label_values(&[name]),
        }
    }
}

/// The metrics of one discovery.
#[derive(Debug)]
pub(super) struct SourceMetrics {
    good: IntCounter,
    bad: IntCounter,
    members: IntGauge,
    held_back: IntGauge,
    last_success: IntGauge,
}

impl SourceMetrics {
    pub(super) fn asked(&self, well: bool) {
        if !well {
            return self.bad.inc();
        }
        self.good.inc();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        self.last_success.set(seconds);
    }

    pub(super) fn holds(&self, members: usize, held_back: usize) {
        let count = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.members.set(count(members));
        self.held_back.set(count(held_back));
    }
}
