//! What the node can take, as it says itself: to HAProxy and to Strata's balancers.
//!
//! [`saturation`] turns measurements into a weight and is pure; [`probe`] reads
//! them off the machine; [`notice`] learns that the instance will be taken
//! away; [`agent`] tells whoever connects. Every answer carries the same in a
//! header, so that balancers need not ask.

pub mod agent;
mod config;
mod notice;
mod probe;
mod saturation;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntGauge, Registry};
use strata_node::admin::Readiness;
use strata_node::agent::{Line, Load, Operation, Weight, Wish};
use strata_node::shutdown::Shutdown;

pub use self::config::{Interface, LoadConfig, NoticeConfig};

/// The part of the node that [`Readiness`] speaks of.
const INSTANCE: &str = "instance";

/// How the node is. Clones are the same.
#[derive(Clone, Debug)]
pub struct LoadState {
    weight_percent: Arc<AtomicU32>,
    /// Why the node will go, once it is known.
    leaving: Arc<Mutex<Option<String>>>,
    in_flight: IntGauge,
    weight_gauge: IntGauge,
}

impl LoadState {
    /// A node that can take its whole weight, and whose requests `in_flight` counts.
    ///
    /// # Errors
    ///
    /// When `registry` has its metrics already.
    pub fn register(in_flight: IntGauge, registry: &Registry) -> Result<Self, prometheus::Error> {
        let weight_gauge = IntGauge::new(
            "strata_origin_weight_percent",
            "What of its weight the node says it can carry.",
        )?;
        weight_gauge.set(100);
        registry.register(Box::new(weight_gauge.clone()))?;
        Ok(Self {
            weight_percent: Arc::new(AtomicU32::new(100)),
            leaving: Arc::default(),
            in_flight,
            weight_gauge,
        })
    }

    /// What every answer says.
    pub fn load(&self) -> Load {
        Load {
            in_flight: u64::try_from(self.in_flight.get()).unwrap_or(0),
            weight_percent: self.weight_percent.load(Ordering::Relaxed),
            draining: self.leaving().is_some(),
        }
    }

    /// What an agent says: the same, in HAProxy's words.
    fn line(&self, ready: bool, draining: bool) -> Line {
        let leaving = self.leaving().clone();
        let wish = if draining || leaving.is_some() {
            Wish::Drain
        } else {
            Wish::Ready
        };
        Line {
            weight: Some(Weight::Percent(self.weight_percent.load(Ordering::Relaxed))),
            connections_max: None,
            wish: Some(wish),
            operation: Some(if ready { Operation::Up } else { Operation::Down }),
            text: leaving,
        }
    }

    fn set_weight(&self, percent: u32) {
        self.weight_percent.store(percent, Ordering::Relaxed);
        self.weight_gauge.set(i64::from(percent));
    }

    /// The instance will go: no new requests, please. `None`: it will not, after all.
    fn leave(&self, reason: Option<String>, readiness: &Readiness) {
        match &reason {
            Some(reason) => readiness.unready(INSTANCE, reason.clone()),
            None => readiness.ready(INSTANCE),
        }
        *self.leaving() = reason;
    }

    fn leaving(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        // Replaced whole.
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures the node, and listens for notices, for as long as it is polled.
pub(crate) async fn run(state: LoadState, config: LoadConfig, readiness: Readiness) {
    tokio::join!(
        probe::run(&state, &config),
        notice::run(&state, &config.notice, &readiness)
    );
}

/// What an agent says now.
pub(crate) fn line(state: &LoadState, readiness: &Readiness, shutdown: &Shutdown) -> Line {
    // A store that cannot be reached is no reason to call the node dead: it says so itself, answer by answer.
    let ready = readiness.is_ready() || state.leaving().is_some();
    state.line(ready, shutdown.is_draining())
}
