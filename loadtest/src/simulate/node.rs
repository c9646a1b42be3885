//! A node in virtual time: what it holds, and how its network shares out bytes.

use super::caches::Caches;
use super::reads::{Reader, Viewers};
use super::{CacheSpec, Instance, NodeSpec};
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
    pub(super) fn new(spec: NodeSpec, cache: &CacheSpec) -> Self {
        Self {
            caches: Caches::new(cache, spec.instance.cache_bytes),
            viewers: Viewers::default(),
            network: Network::new(&spec.instance),
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

    /// When `requests` answers of `bytes` each, begun at `now_s`, have been sent.
    pub(super) fn send(&mut self, requests: u64, bytes: f64, now_s: f64) -> f64 {
        let all = float(requests) * bytes;
        self.bytes += all;
        self.network.send(8.0 * all, now_s)
    }

    /// How long what waits at the network takes, in seconds.
    pub(super) fn backlog_s(&self, now_s: f64) -> f64 {
        (self.network.busy_until_s - now_s).max(0.0)
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
}

impl Network {
    fn new(instance: &Instance) -> Self {
        let above = (instance.burst_bps - instance.baseline_bps).max(0.0);
        let allowance = above * instance.burst_s;
        Self {
            baseline_bps: instance.baseline_bps.max(1.0),
            burst_bps: instance.burst_bps.max(instance.baseline_bps).max(1.0),
            allowance_bits: allowance,
            allowance_max_bits: allowance,
            busy_until_s: 0.0,
            settled_s: 0.0,
        }
    }

    /// When `bits` more have been sent.
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
        self.busy_until_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        Network::new(&Instance {
            name: String::new(),
            baseline_bps: 1e9,
            burst_bps: 5e9,
            burst_s: 10.0,
            cache_bytes: 0,
        })
    }

    #[test]
    fn a_link_bursts_until_its_allowance_is_used_up() {
        let mut network = network();
        let near =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        near(network.send(50e9, 0.0), 10.0);
        near(network.send(1e9, 10.0), 11.0);
        // 40 s of idling fill all of it again.
        near(network.send(50e9, 51.0), 61.0);
    }

    #[test]
    fn what_comes_while_it_is_busy_waits() {
        let mut network = network();
        network.allowance_bits = 0.0;
        network.allowance_max_bits = 0.0;
        assert!((network.send(1e9, 5.0) - 6.0).abs() < 1e-9);
        assert!((network.send(1e9, 5.0) - 7.0).abs() < 1e-9);
    }
}
