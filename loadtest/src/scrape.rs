//! How the nodes see it: their `/metrics` pages, once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strata_node::exposition::Exposition;
use tokio::time::MissedTickBehavior;

use crate::client::{Ask, Client, Keep, Target};
use crate::number::{ratio, whole};

/// Time between two looks.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// A node that is looked at: its operator's address, and where it stands.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What it is called in the report.
    pub name: String,
    /// Its availability zone, if any.
    pub zone: Option<String>,
    /// Its admin listener.
    pub admin: Arc<Target>,
}

/// What a node says of itself at one moment. Counts run from its start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When, in seconds from the start of the test.
    pub at_s: f64,
    /// Requests being answered.
    pub in_flight: u64,
    /// Requests answered.
    pub requests: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Processor time used, in seconds; `None` where the node does not say.
    pub cpu_seconds: Option<f64>,
    /// Memory that is resident.
    pub memory_bytes: Option<u64>,
    /// Room on the disk of its cache.
    pub disk_free_bytes: Option<u64>,
    /// How long what waits at its network takes, in seconds; simulations know it.
    #[serde(default)]
    pub backlog_s: Option<f64>,
}

/// Looks of one node, first to last.
#[derive(Debug, Clone)]
pub struct Line {
    /// Whose.
    pub node: Watched,
    /// Once a second, while it answered.
    pub looks: Vec<Look>,
    first: Exposition,
    last: Exposition,
}

/// Looks at nodes until it is stopped.
pub struct Scraper {
    client: Client,
    lines: Vec<Line>,
}

impl Scraper {
    /// A scraper that has looked at every node once.
    ///
    /// # Errors
    /// Which node does not answer, and why.
    pub async fn start(client: Client, nodes: Vec<Watched>) -> Result<Self, String> {
        let mut lines = Vec::new();
        for node in nodes {
            let page = page(&client, &node).await?;
            lines.push(Line {
                looks: vec![look(&page, 0.0)],
                first: page.clone(),
                last: page,
                node,
            });
        }
        Ok(Self { client, lines })
    }

    /// Looks once a second until `stop` is done, and once more then.
    pub async fn run(mut self, now: impl Fn() -> Duration, stop: impl Future<Output = ()>) -> Vec<Line> {
        let mut stop = std::pin::pin!(stop);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.tick().await;
        let mut is_last = false;
        while !is_last {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => is_last = true,
            }
            for line in &mut self.lines {
                // A node that was killed has a line that ends.
                if let Ok(page) = page(&self.client, &line.node).await {
                    line.looks.push(look(&page, now().as_secs_f64()));
                    line.last = page;
                }
            }
        }
        self.lines
    }
}

async fn page(client: &Client, node: &Watched) -> Result<Exposition, String> {
    let ask = Ask {
        keep: Keep::Body,
        ..Ask::get(&node.admin, "/metrics")
    };
    let reply = client.ask(&ask).await;
    match (reply.failure, reply.body) {
        (None, Some(body)) => Ok(Exposition::new(String::from_utf8_lossy(&body).into_owned())),
        (failure, _) => Err(format!(
            "{}: http://{}/metrics: {}",
            node.name,
            node.admin.authority(),
            failure.map_or("no body", |failure| failure.label())
        )),
    }
}

fn look(page: &Exposition, at_s: f64) -> Look {
    let count = |name: &str| whole(page.sum(name, &[]));
    let if_there = |name: &str| page.has(name).then(|| page.sum(name, &[]));
    let is_origin = page.has("strata_origin_in_flight");
    Look {
        at_s,
        in_flight: count(if is_origin {
            "strata_origin_in_flight"
        } else {
            "strata_balancer_in_flight"
        }),
        requests: count(if is_origin {
            "strata_origin_requests_total"
        } else {
            "strata_balancer_requests_total"
        }),
        bytes: count(if is_origin {
            "strata_origin_response_bytes_total"
        } else {
            "strata_balancer_body_bytes_total"
        }),
        cpu_seconds: if_there("process_cpu_seconds_total"),
        memory_bytes: if_there("process_resident_memory_bytes").map(whole),
        disk_free_bytes: disk_free(page),
        backlog_s: None,
    }
}

/// Room that the caches' disks have left; `None` for a node without a disk.
fn disk_free(page: &Exposition) -> Option<u64> {
    let on_disk = |name: &str| {
        let tiers = page.by_label(name, "tier").into_iter();
        let on_disk: Vec<f64> = tiers
            .filter(|(tier, _)| tier.ends_with("_disk"))
            .map(|(_, bytes)| bytes)
            .collect();
        (!on_disk.is_empty()).then(|| on_disk.iter().sum::<f64>())
    };
    let capacity = on_disk("strata_cache_capacity_bytes").filter(|capacity| *capacity > 0.0)?;
    Some(whole(
        capacity - on_disk("strata_cache_usage_bytes").unwrap_or(0.0),
    ))
}

impl Line {
    /// Whether the node is a balancer.
    #[must_use]
    pub fn is_balancer(&self) -> bool {
        self.last.has("strata_balancer_in_flight")
    }

    /// A value at the end of the test.
    #[must_use]
    pub fn now(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.last.sum(name, labels))
    }

    /// How much a count has grown during the test.
    #[must_use]
    pub fn grown(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.last.sum(name, labels) - self.first.sum(name, labels))
    }

    /// How much a count has grown, by the value of a label.
    #[must_use]
    pub fn grown_by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let before = self.first.by_label(name, label);
        let now = self.last.by_label(name, label);
        now.into_iter()
            .map(|(value, count)| {
                let earlier = before.get(&value).copied().unwrap_or_default();
                (value, whole(count - earlier))
            })
            .collect()
    }

    /// Mean of a histogram's observations during the test, in seconds.
    #[must_use]
    pub fn mean_seconds(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let count = self.grown(&format!("{name}_count"), labels);
        let sum = format!("{name}_sum");
        let seconds = self.last.sum(&sum, labels) - self.first.sum(&sum, labels);
        let mean_of_microseconds = ratio(whole(seconds * 1e6), count)?;
        Some(mean_of_microseconds / 1e6)
    }
}
