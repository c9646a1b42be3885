//! What may change while the balancer runs: a request sees one set of it, from its head to its end.

use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;

use crate::attempt::RetryLimits;
use crate::budget::{Budget, BudgetLimits};
use crate::config::{BalancerConfig, ClientLimits, Timeouts};
use crate::hedge::{FirstBytes, HedgeConfig};
use crate::key::KeySource;
use crate::rules::HeaderRules;

/// A snapshot, replaced as a whole.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) hash: KeySource,
    pub(crate) timeouts: Timeouts,
    pub(crate) retry: RetryLimits,
    pub(crate) budget: Arc<Budget>,
    pub(crate) hedge: HedgeConfig,
    /// Of `hedge`.
    pub(crate) hedges: Arc<Budget>,
    pub(crate) first_bytes: Arc<FirstBytes>,
    pub(crate) clients: ClientLimits,
    pub(crate) proxy_protocol: Vec<IpNet>,
    pub(crate) headers: HeaderRules,
    pub(crate) identify: bool,
}

impl Settings {
    /// `before`: what has been in force, and goes on where nothing changes.
    pub(crate) fn new(config: &BalancerConfig, before: Option<&Self>) -> Self {
        let budget = before
            .filter(|before| before.retry.budget == config.retry.budget)
            .map(|before| Arc::clone(&before.budget));
        let hedges = before
            .filter(|before| before.hedge.budget_percent == config.hedge.budget_percent)
            .map(|before| Arc::clone(&before.hedges));
        let hedge_limits = BudgetLimits {
            share_percent: config.hedge.budget_percent,
            floor_per_second: 0,
        };
        Self {
            hash: config.hash.clone(),
            timeouts: config.timeouts,
            retry: config.retry,
            budget: budget.unwrap_or_else(|| Arc::new(Budget::new(config.retry.budget, Instant::now()))),
            hedge: config.hedge,
            hedges: hedges.unwrap_or_else(|| Arc::new(Budget::new(hedge_limits, Instant::now()))),
            first_bytes: before.map_or_else(Arc::default, |before| Arc::clone(&before.first_bytes)),
            clients: config.clients,
            proxy_protocol: config.proxy_protocol.clone(),
            headers: config.headers.clone(),
            identify: config.identify,
        }
    }
}

impl BalancerConfig {
    /// Takes over what can change while the balancer runs. The rest stays as it
    /// is in force, so that it is told again as long as it differs.
    pub(crate) fn take_over(&mut self, config: Self) {
        self.origins = config.origins;
        self.balance = config.balance;
        self.hash = config.hash;
        self.timeouts = config.timeouts;
        self.retry = config.retry;
        self.hedge = config.hedge;
        self.clients = ClientLimits {
            connections: self.clients.connections,
            per_address: self.clients.per_address,
            ..config.clients
        };
        self.proxy_protocol = config.proxy_protocol;
        self.headers = config.headers;
        self.identify = config.identify;
    }
}

/// Keys whose change takes a new process: what they say is built into the running one.
pub(crate) fn takes_a_new_process(before: &BalancerConfig, after: &BalancerConfig) -> Vec<&'static str> {
    [
        ("listen", before.listen != after.listen),
        ("admin", before.admin != after.admin),
        ("threads", before.threads != after.threads),
        ("tls", before.tls != after.tls),
        (
            "clients.connections",
            before.clients.connections != after.clients.connections,
        ),
        (
            "clients.per_address",
            before.clients.per_address != after.clients.per_address,
        ),
        ("drain", before.drain != after.drain),
        ("access_log", before.access_log != after.access_log),
        ("admin_token", before.admin_token != after.admin_token),
        ("discovery", before.discovery != after.discovery),
        ("zone", before.zone != after.zone),
        ("agent", before.agent != after.agent),
        ("observe", before.observe != after.observe),
        ("health", before.health != after.health),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}
