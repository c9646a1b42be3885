//! A node in virtual time: what it holds, and how its network shares out bytes.

use super::caches::Caches;
use super::reads::{Reader, Viewers};
use super::{CacheSpec, Instance, NodeSpec, SPREAD_S};
use crate::number::float;

/// A node.
pub(super) struct SimNode {
    pub(super) spec: NodeSpec,
    pub(super) caches: Caches,
    viewers: Viewers,
    pub(super) is_up: bool,
    /// Requests on it.
    pub(super) held: u64,
    pub(super) requests: u64,
    pub(super) bytes: f64,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) store_requests: f64,
    /// Told in lives: what is released of an earlier one is not counted out of a later one.
    pub(super) life: u32,
    network: Network,
}

impl SimNode {
    /// One whose viewers walk in bundles of `bundle`.
    pub(super) fn new(spec: NodeSpec, cache: &CacheSpec, bundle: u64) -> Self {
        Self {
            caches: Caches::new(cache, spec.instance.cache_bytes),
            viewers: Viewers::default(),
            network: Network::new(&spec.instance, bundle),
            spec,
            is_up: true,
            held: 0,
            requests: 0,
            bytes: 0.0,
            hits: 0,
            misses: 0,
            store_requests: 0.0,
            life: 0,
        }
    }

    /// Dies: what it held is gone, and what was on its way; returns how many requests that are.
    pub(super) fn die(&mut self, cache: &CacheSpec) -> u64 {
        self.is_up = false;
        self.life += 1;
        self.caches = Caches::new(cache, self.spec.instance.cache_bytes);
        self.viewers = Viewers::default();
        std::mem::take(&mut self.held)
    }

    /// What it reads with at `now_s`, from a store that takes `store_s`.
    pub(super) fn reader<'a>(&'a mut self, spec: &'a CacheSpec, now_s: f64, store_s: f64) -> Reader<'a> {
        Reader {
            caches: &self.caches,
            viewers: &mut self.viewers,
            spec,
            now_s,
            store_s,
        }
    }

    /// Sends `requests` answers of `bytes` each, begun at `now_s`; what one of them takes, its wait included, in
    /// seconds.
    pub(super) fn send(&mut self, requests: u64, bytes: f64, now_s: f64) -> f64 {
        let all = float(requests) * bytes;
        self.bytes += all;
        let wait_s = self.network.wait_s(now_s);
        wait_s + self.network.send(8.0 * all, now_s) / float(requests.max(1))
    }

    /// What sending an answer of `bytes` takes at the baseline, its wait included, in seconds.
    pub(super) fn sending_s(&self, bytes: f64, now_s: f64) -> f64 {
        self.network.wait_s(now_s) + 8.0 * bytes / self.network.baseline_bps
    }

    /// How long an answer waits at the network, in seconds.
    pub(super) fn wait_s(&self, now_s: f64) -> f64 {
        self.network.wait_s(now_s)
    }
}

/// A link that works off what it is given in order. Above its baseline it uses up an allowance, which fills again
/// while it sends less (a token bucket, as of instances that burst).
struct Network {
    baseline_bps: f64,
    burst_bps: f64,
    allowance_bits: f64,
    allowance_max_bits: f64,
    busy_until_s: f64,
    settled_s: f64,
    bundle: f64,
}

impl Network {
    fn new(instance: &Instance, bundle: u64) -> Self {
        let above = (instance.burst_bps - instance.baseline_bps).max(0.0);
        let allowance = above * instance.burst_s;
        Self {
            baseline_bps: instance.baseline_bps.max(1.0),
            burst_bps: instance.burst_bps.max(instance.baseline_bps).max(1.0),
            allowance_bits: allowance,
            allowance_max_bits: allowance,
            busy_until_s: 0.0,
            settled_s: 0.0,
            bundle: float(bundle.max(1)),
        }
    }

    /// How long what comes now waits for what is there, in seconds.
    ///
    /// A bundle's answers are given to the link at once, and stand for such that come over [`SPREAD_S`]. A queue
    /// whose arrivals are `n` times as rare and as long is `n` times as long as the one that it stands for; beyond
    /// what is spread the link is overloaded, and its queue grows by what it cannot send, however that is bundled.
    fn wait_s(&self, now_s: f64) -> f64 {
        let there_s = (self.busy_until_s - now_s).max(0.0);
        let beyond_s = there_s - SPREAD_S * (1.0 - 1.0 / self.bundle);
        beyond_s.max(there_s / self.bundle)
    }

    /// Takes `bits` more; how long they take once what is there has been sent, in seconds.
    fn send(&mut self, bits: f64, now_s: f64) -> f64 {
        let start_s = self.busy_until_s.max(now_s);
        // Idle since it was last busy: the allowance fills.
        let idle_s = (start_s - self.settled_s).max(0.0);
        self.allowance_bits = (self.allowance_bits + idle_s * self.baseline_bps).min(self.allowance_max_bits);
        let above_bps = self.burst_bps - self.baseline_bps;
        let burst_s = bits / self.burst_bps;
        let needed = burst_s * above_bps;
        let took_s = if needed <= self.allowance_bits {
            self.allowance_bits -= needed;
            burst_s
        } else {
            let bursting_s = if above_bps > 0.0 {
                self.allowance_bits / above_bps
            } else {
                0.0
            };
            self.allowance_bits = 0.0;
            bursting_s + (bits - bursting_s * self.burst_bps) / self.baseline_bps
        };
        self.busy_until_s = start_s + took_s;
        self.settled_s = self.busy_until_s;
        took_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(bundle: u64) -> Network {
        let instance = Instance {
            name: String::new(),
            baseline_bps: 1e9,
            burst_bps: 5e9,
            burst_s: 10.0,
            cache_bytes: 0,
        };
        Network::new(&instance, bundle)
    }

    fn is_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn a_link_bursts_until_its_allowance_is_used_up() {
        let mut network = network(1);
        is_near(network.send(50e9, 0.0), 10.0);
        is_near(network.send(1e9, 10.0), 1.0);
        // 40 s of idling fill all of it again.
        is_near(network.send(50e9, 51.0), 10.0);
    }

    #[test]
    fn what_comes_while_it_is_busy_waits() {
        let mut network = network(1);
        network.allowance_bits = 0.0;
        network.allowance_max_bits = 0.0;
        is_near(network.wait_s(5.0), 0.0);
        is_near(network.send(1e9, 5.0), 1.0);
        is_near(network.wait_s(5.5), 0.5);
        is_near(network.send(1e9, 5.5), 1.0);
        is_near(network.wait_s(5.5), 1.5);
    }

    #[test]
    fn a_bundle_waits_as_one_of_its_viewers_does_and_an_overloaded_link_as_long_as_it_takes() {
        let mut network = network(100);
        network.allowance_bits = 0.0;
        network.allowance_max_bits = 0.0;
        network.send(1e9, 0.0);
        is_near(network.wait_s(0.0), 0.01);
        network.send(41e9 - 0.02 * 1e9, 0.0);
        is_near(network.wait_s(0.0), 40.0);
    }
}
