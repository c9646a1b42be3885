//! What may change while the balancer runs: a request sees one set of it, from its head to its end.

use std::sync::Arc;
use std::time::Instant;

use ipnet::IpNet;

use crate::attempt::RetryLimits;
use crate::budget::{Budget, BudgetLimits};
use crate::config::{BalancerConfig, ClientLimits, DrainConfig, Timeouts, TlsConfig};
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
    pub(crate) drain: DrainConfig,
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
            drain: config.drain,
            identify: config.identify,
        }
    }
}

/// Keys whose change takes a new process: what they say is built into the running one.
pub(crate) fn takes_a_new_process(before: &BalancerConfig, after: &BalancerConfig) -> Vec<&'static str> {
    let tls = |config: &BalancerConfig| config.tls.as_ref().map(|tls| tls.listen);
    [
        ("listen", before.listen != after.listen),
        ("admin", before.admin != after.admin),
        ("admin_token_file", before.admin_token != after.admin_token),
        ("threads", before.threads != after.threads),
        ("tls.listen", tls(before) != tls(after)),
        ("access_log", before.access_log != after.access_log),
    ]
    .into_iter()
    .filter_map(|(key, changed)| changed.then_some(key))
    .collect()
}

impl BalancerConfig {
    /// Keeps what takes a new process as `running` has it, so that it is told again as long as it differs.
    pub(crate) fn keeping(mut self, running: &Self) -> Self {
        self.listen = running.listen;
        self.admin = running.admin;
        self.admin_token.clone_from(&running.admin_token);
        self.threads = running.threads;
        self.access_log = running.access_log.clone();
        self.tls = match (self.tls, &running.tls) {
            (Some(tls), Some(running)) => Some(TlsConfig {
                listen: running.listen,
                ..tls
            }),
            (_, running) => running.clone(),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strata_node::config::Document;

    fn config(text: &str) -> BalancerConfig {
        let text = format!("origins: [{{ address: '127.0.0.1:1' }}]\n{text}");
        BalancerConfig::from_document(Document::parse("t", &text, Vec::new()).unwrap()).unwrap()
    }

    #[test]
    fn what_is_built_into_the_process_is_told_as_long_as_it_differs() {
        let running = config("listen: 127.0.0.1:1\nthreads: 1\naccess_log: off\n");
        let wanted = config(
            "listen: 127.0.0.1:2\nadmin: 127.0.0.1:3\nthreads: 2\naccess_log: stdout\nadmin_token_file: /t\n\
             tls: { listen: 127.0.0.1:4, certificates: [{ certificate: a, key: b }] }\n",
        );
        let keys = [
            "listen",
            "admin",
            "admin_token_file",
            "threads",
            "tls.listen",
            "access_log",
        ];
        assert_eq!(takes_a_new_process(&running, &wanted), keys);
        let kept = wanted.clone().keeping(&running);
        assert_eq!(takes_a_new_process(&running, &kept), [""; 0]);
        assert_eq!(takes_a_new_process(&kept, &wanted), keys);
    }

    #[test]
    fn everything_else_changes_while_the_process_runs() {
        let running = config("listen: 127.0.0.1:1\n");
        let wanted = config(
            "listen: 127.0.0.1:1\ndiscovery: { files: [{ path: a }] }\nzone: { own: z }\nhealth: { interval: 5s }\n\
             agent: { interval: 5s }\nobserve: { errors: 9 }\ndrain: { limit: 9s }\nhedge: { budget: 1 }\n\
             clients: { connections: 5, per_address: 2 }\n",
        );
        assert_eq!(takes_a_new_process(&running, &wanted), [""; 0]);
        assert_eq!(wanted.clone().keeping(&running), wanted);
    }
}
