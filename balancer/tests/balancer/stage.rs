//! A balancer with its origins, started and reachable.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde_json::Value;
use strata_balancer::health::Health;
use strata_balancer::pool::Pool;
use strata_balancer::{Balancer, BalancerConfig, BalancerError, ConfigSource};
use strata_node::config::Document;
use strata_node::shutdown::Shutdown;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::client::{self, Answer};
use crate::origin::{Act, Origin};

/// Longest wait for anything that must happen: only a failing test waits it out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The ids of origins, in order.
const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Origins `a`, `b`, … and a balancer in front of them.
pub(crate) struct Stage {
    pub(crate) origins: Vec<Origin>,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) pool: Arc<Pool>,
    pub(crate) shutdown: Shutdown,
    pub(crate) run: JoinHandle<Result<(), BalancerError>>,
    /// Where TLS is spoken, if it is.
    pub(crate) tls: Option<SocketAddr>,
    pub(crate) folder: TempDir,
    registry: Registry,
}

impl Stage {
    /// So many origins that all serve; checks so rare that only the first round happens.
    pub(crate) async fn new(count: usize) -> Self {
        Self::with(count, "health: { interval: 1h }\n").await
    }

    /// The same with more configuration.
    pub(crate) async fn with(count: usize, more: &str) -> Self {
        Self::set_up(count, more, String::new()).await
    }

    /// The same with one more origin, called `odd`, that serves in one place and is checked in another.
    pub(crate) async fn with_odd(count: usize, more: &str, address: SocketAddr, check: SocketAddr) -> Self {
        let odd = format!("  - {{ address: '{address}', id: odd, check: '{check}' }}\n");
        Self::set_up(count, more, odd).await
    }

    /// The same with one more origin, called `odd`, that has an agent.
    pub(crate) async fn with_agent(count: usize, more: &str, address: SocketAddr, agent: SocketAddr) -> Self {
        let odd = format!("  - {{ address: '{address}', id: odd, agent: '{agent}' }}\n");
        Self::set_up(count, more, odd).await
    }

    async fn set_up(count: usize, more: &str, odd: String) -> Self {
        let mut origins = Vec::new();
        for id in IDS.iter().take(count) {
            origins.push(Origin::start(id, Act::Serve).await);
        }
        let addresses: Vec<SocketAddr> = origins.iter().map(|origin| origin.address).collect();
        let folder = tempfile::tempdir().unwrap();
        Self::in_front_of(folder, &addresses, origins, more, odd).await
    }

    /// The same in a folder that holds what `more` names. `FOLDER` there stands for it.
    pub(crate) async fn with_files(count: usize, more: &str, folder: TempDir) -> Self {
        let mut origins = Vec::new();
        for id in IDS.iter().take(count) {
            origins.push(Origin::start(id, Act::Serve).await);
        }
        let addresses: Vec<SocketAddr> = origins.iter().map(|origin| origin.address).collect();
        let more = more.replace("FOLDER", &folder.path().display().to_string());
        Self::in_front_of(folder, &addresses, origins, &more, String::new()).await
    }

    /// One more balancer in front of the same origins.
    pub(crate) async fn beside(other: &Self, more: &str) -> Self {
        let addresses: Vec<SocketAddr> = other.origins.iter().map(|origin| origin.address).collect();
        let folder = tempfile::tempdir().unwrap();
        Self::in_front_of(folder, &addresses, Vec::new(), more, String::new()).await
    }

    async fn in_front_of(
        folder: TempDir,
        addresses: &[SocketAddr],
        origins: Vec<Origin>,
        more: &str,
        odd: String,
    ) -> Self {
        let log = folder.path().join("access.log");
        let mut text = format!(
            "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\naccess_log: {}\norigins:\n",
            log.display()
        );
        for (address, id) in addresses.iter().zip(IDS) {
            text.push_str(&format!("  - {{ address: '{address}', id: {id} }}\n"));
        }
        text.push_str(&odd);
        text.push_str(more);
        let path = folder.path().join("balancer.yaml");
        std::fs::write(&path, &text).unwrap();
        let source = ConfigSource {
            path: Some(path.clone()),
            read: Box::new(move || {
                Document::read(Some(&path), Vec::new()).and_then(BalancerConfig::from_document)
            }),
        };
        let config = (source.read)().unwrap();
        let registry = Registry::new();
        let balancer = Balancer::bind(config, registry.clone()).await.unwrap();
        let balancer = balancer.reloads_from(source);
        let tls = balancer.tls_address().unwrap();
        let (address, admin) = (balancer.address().unwrap(), balancer.admin_address().unwrap());
        let pool = Arc::clone(balancer.pool());
        let shutdown = Shutdown::new();
        let run = tokio::spawn(balancer.run(shutdown.clone()));
        let stage = Self {
            origins,
            address,
            admin,
            pool,
            shutdown,
            run,
            tls,
            folder,
            registry,
        };
        stage
            .until("all checked", |stage| {
                stage
                    .pool
                    .nodes()
                    .iter()
                    .all(|node| node.health() != Health::Unchecked)
            })
            .await;
        stage
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("balancer.yaml")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        client::get(self.address, path).await
    }

    /// What all origins do from now on.
    pub(crate) fn all(&self, act: Act) {
        for origin in &self.origins {
            origin.act(act.clone());
        }
    }

    /// The origin with this id.
    pub(crate) fn origin(&self, id: &str) -> &Origin {
        &self.origins[usize::from(id.as_bytes()[0] - b'a')]
    }

    /// A path that prefers the origin `id`.
    pub(crate) async fn path_to(&self, id: &str) -> String {
        for number in 0..1000 {
            let path = format!("/title-{number}.ism/.mpd");
            if self.get(&path).await.origin() == id {
                return path;
            }
        }
        panic!("nothing prefers {id}");
    }

    /// The sum of a metric's samples with these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        let matches = |metric: &&prometheus::proto::Metric| {
            labels.iter().all(|(name, value)| {
                metric
                    .get_label()
                    .iter()
                    .any(|pair| pair.name() == *name && pair.value() == *value)
            })
        };
        let value = |metric: &prometheus::proto::Metric| {
            metric.get_counter().get_value() + metric.get_gauge().get_value()
        };
        family
            .flat_map(|family| family.get_metric())
            .filter(matches)
            .map(value)
            .sum()
    }

    /// How many series a metric has.
    pub(crate) fn series(&self, name: &str) -> usize {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        family.map(|family| family.get_metric().len()).sum()
    }

    /// Waits until a metric's samples add up to `expected`: a request is counted after its answer has left.
    pub(crate) async fn counts(&self, name: &str, labels: &[(&str, &str)], expected: f64) {
        let wait = async {
            while self.sum(name, labels) != expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            panic!(
                "{name} {labels:?}: {}, and not {expected}",
                self.sum(name, labels)
            );
        }
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        assert!(
            tokio::time::timeout(PATIENCE, wait).await.is_ok(),
            "never: {what}"
        );
    }

    /// Waits until `/readyz` answers with `status`, and returns that answer.
    pub(crate) async fn readyz(&self, status: u16) -> Answer {
        let wait = async {
            loop {
                let answer = client::get(self.admin, "/readyz").await;
                if answer.status.as_u16() == status {
                    return answer;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    /// Nothing may be left in flight, by the nodes' counts, the total and the gauges.
    pub(crate) async fn comes_to_rest(&self) {
        self.until("nothing in flight", |stage| {
            stage.pool.in_flight() == 0 && stage.pool.nodes().iter().all(|node| node.in_flight() == 0)
        })
        .await;
        assert_eq!(self.sum("strata_balancer_in_flight", &[]), 0.0);
    }

    /// Drains the balancer and returns its access log.
    pub(crate) async fn finish(self) -> Vec<Value> {
        self.comes_to_rest().await;
        self.shutdown.drain();
        tokio::time::timeout(PATIENCE, self.run)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
