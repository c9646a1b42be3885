//! The state of the nodes, as gauges.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::members::Tier;
use crate::pool::Pool;
use crate::standing::State;

/// The state of the nodes, read from the pool when somebody asks: a gauge that
/// is counted up and down beside the truth ends up beside it.
pub(crate) struct PoolGauges {
    pool: Arc<Pool>,
    in_flight: IntGaugeVec,
    elsewhere: IntGaugeVec,
    up: IntGaugeVec,
    state: IntGaugeVec,
    weight: IntGaugeVec,
    effective: GaugeVec,
    factor: IntGauge,
    floor: IntGauge,
    spill: Gauge,
    /// A collection at a time: between the clearing and the setting nobody may read.
    collecting: Mutex<()>,
}

impl PoolGauges {
    pub(crate) fn register(pool: &Arc<Pool>, registry: &Registry) -> Result<(), prometheus::Error> {
        let gauge = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        registry.register(Box::new(Self {
            pool: Arc::clone(pool),
            in_flight: gauge(
                "strata_balancer_in_flight",
                "Requests in flight on a node.",
                &["node"],
            )?,
            elsewhere: gauge(
                "strata_balancer_in_flight_elsewhere",
                "Requests that a node says it holds for others than this balancer.",
                &["node"],
            )?,
            up: gauge(
                "strata_balancer_node_up",
                "Whether a node takes requests: 1, or 0 when it does not.",
                &["node"],
            )?,
            state: gauge(
                "strata_balancer_node_state",
                "1 for the state a node is in.",
                &["node", "state"],
            )?,
            weight: gauge(
                "strata_balancer_node_weight",
                "The configured weight of a node.",
                &["node"],
            )?,
            effective: GaugeVec::new(
                Opts::new(
                    "strata_balancer_node_share",
                    "A node's part of its zone's load by the weights as they count now, 0 to 1.",
                ),
                &["node"],
            )?,
            factor: IntGauge::new(
                "strata_balancer_factor_percent",
                "Highest load of a node in percent of the average; 0: no bound.",
            )?,
            floor: IntGauge::new(
                "strata_balancer_floor",
                "Requests that a node may always hold, whatever its share.",
            )?,
            spill: Gauge::new(
                "strata_balancer_zone_spill_ratio",
                "Part of the keys that go to other zones for lack of capacity, 0 to 1.",
            )?,
            collecting: Mutex::default(),
        }))
    }
}

impl Collector for PoolGauges {
    fn desc(&self) -> Vec<&Desc> {
        [
            self.in_flight.desc(),
            self.elsewhere.desc(),
            self.up.desc(),
            self.state.desc(),
            self.weight.desc(),
            self.effective.desc(),
            self.factor.desc(),
            self.floor.desc(),
            self.spill.desc(),
        ]
        .concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _collecting = self.collecting.lock().unwrap_or_else(PoisonError::into_inner);
        // Nodes that have gone are not to be seen any more.
        for gauge in [
            &self.in_flight,
            &self.elsewhere,
            &self.up,
            &self.state,
            &self.weight,
        ] {
            gauge.reset();
        }
        self.effective.reset();
        let members = self.pool.members();
        for member in members.all() {
            let node = &member.node;
            let set = |gauge: &IntGaugeVec, value: u64| {
                gauge
                    .with_label_values(&[node.id()])
                    .set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.in_flight, node.in_flight());
            set(&self.elsewhere, node.elsewhere());
            set(&self.up, u64::from(member.standing.state.takes_requests()));
            set(&self.weight, u64::from(node.weight()));
            for state in State::ALL {
                self.state
                    .with_label_values(&[node.id(), state.label()])
                    .set(i64::from(state == member.standing.state));
            }
            self.effective
                .with_label_values(&[node.id()])
                .set(Tier::part_of(member));
        }
        let bound = self.pool.balance().bound;
        self.factor.set(i64::from(bound.factor_percent));
        self.floor.set(i64::from(bound.floor));
        self.spill.set(members.spill.share());
        [
            self.in_flight.collect(),
            self.elsewhere.collect(),
            self.up.collect(),
            self.state.collect(),
            self.weight.collect(),
            self.effective.collect(),
            self.factor.collect(),
            self.floor.collect(),
            self.spill.collect(),
        ]
        .concat()
    }
}
