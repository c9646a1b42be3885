//! How the nodes see it: their `/metrics` pages, once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strata_node::exposition::Exposition;
use tokio::time::MissedTickBehavior;

use crate::client::{Ask, Client, Keep, Target};
use crate::number::{ratio, whole};

/// What nodes call what is read of them.
pub mod names {
    /// Requests by how they ended. Of balancers, as those below.
    pub const BALANCED: &str = "strata_balancer_requests_total";
    /// Bytes of body passed on.
    pub const BALANCED_BYTES: &str = "strata_balancer_body_bytes_total";
    /// Requests in flight, by node.
    pub const BALANCED_IN_FLIGHT: &str = "strata_balancer_in_flight";
    /// Time of a request, a histogram.
    pub const BALANCED_SECONDS: &str = "strata_balancer_request_seconds";
    /// Attempts by why their node was chosen.
    pub const CHOICES: &str = "strata_balancer_choices_total";
    /// Attempts that followed a failed one, by why that failed.
    pub const RETRIES: &str = "strata_balancer_retries_total";
    /// Attempts by how they ended.
    pub const ATTEMPTS: &str = "strata_balancer_attempts_total";
    /// Answers that broke off elsewhere and that a node went on with.
    pub const RESUMES: &str = "strata_balancer_resumes_total";
    /// Times a node was passed over as full.
    pub const BOUND_HITS: &str = "strata_balancer_bound_hits_total";
    /// Bytes of body that came from another zone.
    pub const OTHER_ZONE_BODY: &str = "strata_balancer_other_zone_body_bytes_total";
    /// The balance factor.
    pub const FACTOR: &str = "strata_balancer_factor_percent";
    /// The balance floor.
    pub const FLOOR: &str = "strata_balancer_floor";

    /// Requests by what they are for. Of origins, as those below.
    pub const REQUESTS: &str = "strata_origin_requests_total";
    /// Bytes of bodies.
    pub const RESPONSE_BYTES: &str = "strata_origin_response_bytes_total";
    /// Requests being answered.
    pub const IN_FLIGHT: &str = "strata_origin_in_flight";
    /// Time of a request, a histogram.
    pub const REQUEST_SECONDS: &str = "strata_origin_request_duration_seconds";
    /// Requests at the store, by operation.
    pub const STORE_REQUESTS: &str = "strata_origin_store_requests_total";
    /// Bytes from the store.
    pub const STORE_BYTES: &str = "strata_origin_store_bytes_total";
    /// Time of a request at the store, a histogram.
    pub const STORE_SECONDS: &str = "strata_origin_store_request_duration_seconds";
    /// Time of a load, a histogram.
    pub const TITLE_LOAD_SECONDS: &str = "strata_origin_title_load_duration_seconds";
    /// Titles loaded.
    pub const TITLE_LOADS: &str = "strata_origin_title_loads_total";
    /// Titles compared with the store.
    pub const TITLE_CHECKS: &str = "strata_origin_title_checks_total";
    /// Lookups by tier and outcome.
    pub const CACHE_REQUESTS: &str = "strata_cache_requests_total";
    /// Time of a wait for a fill's head, a histogram.
    pub const FILL_WAIT_SECONDS: &str = "strata_cache_fill_wait_seconds";
    /// Bytes that a tier may hold.
    pub const CACHE_CAPACITY: &str = "strata_cache_capacity_bytes";
    /// Bytes that a tier holds.
    pub const CACHE_USAGE: &str = "strata_cache_usage_bytes";
    /// Bytes in a chunk.
    pub const CHUNK_BYTES: &str = "strata_cache_chunk_bytes";
    /// Bytes free on the volume of a tier on disk.
    pub const DISK_FREE: &str = "strata_cache_disk_free_bytes";

    /// Processor time. Of every node, as the one below.
    pub const CPU_SECONDS: &str = "process_cpu_seconds_total";
    /// Memory that is resident.
    pub const MEMORY: &str = "process_resident_memory_bytes";

    /// All that a balancer tells, once it has served, failed over and crossed a zone.
    pub const OF_BALANCERS: [&str; 14] = [
        BALANCED,
        BALANCED_BYTES,
        BALANCED_IN_FLIGHT,
        BALANCED_SECONDS,
        CHOICES,
        RETRIES,
        ATTEMPTS,
        RESUMES,
        BOUND_HITS,
        OTHER_ZONE_BODY,
        FACTOR,
        FLOOR,
        CPU_SECONDS,
        MEMORY,
    ];

    /// All that an origin with a disk tells, once it has served for longer than a title is good.
    pub const OF_ORIGINS: [&str; 18] = [
        REQUESTS,
        RESPONSE_BYTES,
        IN_FLIGHT,
        REQUEST_SECONDS,
        STORE_REQUESTS,
        STORE_BYTES,
        STORE_SECONDS,
        TITLE_LOADS,
        TITLE_LOAD_SECONDS,
        TITLE_CHECKS,
        CACHE_REQUESTS,
        FILL_WAIT_SECONDS,
        CACHE_CAPACITY,
        CACHE_USAGE,
        CHUNK_BYTES,
        DISK_FREE,
        CPU_SECONDS,
        MEMORY,
    ];
}

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
    /// Bytes free on the volume of its cache; of the fullest one, where there are several.
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
        (failure, _) => {
            let label = failure.map_or("no body", |failure| failure.label());
            let status = reply.status.map(|status| status.to_string());
            Err(format!(
                "{}: http://{}/metrics: {}",
                node.name,
                node.admin.authority(),
                reply.detail.or(status).unwrap_or_else(|| label.to_owned())
            ))
        }
    }
}

fn look(page: &Exposition, at_s: f64) -> Look {
    let if_there = |name: &str| page.has(name).then(|| page.sum(name, &[]));
    let (in_flight, requests, bytes) = if page.has(names::IN_FLIGHT) {
        (names::IN_FLIGHT, names::REQUESTS, names::RESPONSE_BYTES)
    } else {
        (names::BALANCED_IN_FLIGHT, names::BALANCED, names::BALANCED_BYTES)
    };
    let count = |name: &str| whole(page.sum(name, &[]));
    // Tiers may share a volume, so that their rooms must not be added up.
    let free = page.by_label(names::DISK_FREE, "tier").into_values();
    Look {
        at_s,
        in_flight: count(in_flight),
        requests: count(requests),
        bytes: count(bytes),
        cpu_seconds: if_there(names::CPU_SECONDS),
        memory_bytes: if_there(names::MEMORY).map(whole),
        disk_free_bytes: free.reduce(f64::min).map(whole),
        backlog_s: None,
    }
}

impl Line {
    /// Whether the node is a balancer.
    #[must_use]
    pub fn is_balancer(&self) -> bool {
        self.last.has(names::BALANCED_IN_FLIGHT)
    }

    /// A value at the end of the test.
    #[must_use]
    pub fn now(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.last.sum(name, labels))
    }

    /// Whether the node told this at the end of the test.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.last.has(name)
    }

    /// A value at the end of the test; `None` for a node that does not tell it.
    #[must_use]
    pub fn told(&self, name: &str) -> Option<u64> {
        self.last.has(name).then(|| whole(self.last.sum(name, &[])))
    }

    /// The values of a metric's label, sorted.
    #[must_use]
    pub fn labels(&self, name: &str, label: &str) -> Vec<String> {
        self.last.by_label(name, label).into_keys().collect()
    }

    /// A value at the start of the test.
    #[must_use]
    pub fn at_first(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.first.sum(name, labels))
    }

    /// How much a count has grown during the test.
    #[must_use]
    pub fn grown(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        whole(self.grown_exactly(name, labels))
    }

    /// The same of what is no whole number.
    #[must_use]
    pub fn grown_exactly(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.last.sum(name, labels) - self.first.sum(name, labels)
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
