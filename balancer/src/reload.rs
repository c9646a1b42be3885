//! Reading the configuration and the certificates again, on SIGHUP and when a file changes.
//!
//! What can be read takes the old one's place between two requests; what cannot
//! is told, and the old one stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use strata_node::config::Mistakes;

use crate::balancer::pool_config;
use crate::config::BalancerConfig;
use crate::discovery::{self, Assembly, DiscoveryMetrics};
use crate::front::Room;
use crate::front::tls::{FileVersion, Tls, file_version};
use crate::metrics::{Metrics, Reload};
use crate::pool::Pool;
use crate::settings::{Settings, takes_a_new_process};
use crate::signals::OperatorSignal;
use crate::tending::Tending;

/// How often files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Where the configuration comes from.
pub struct ConfigSource {
    /// The file that is watched. `None`: there is none, and SIGHUP reads the certificates only.
    pub path: Option<PathBuf>,
    /// Reads it, as at the start.
    pub read: Box<dyn Fn() -> Result<BalancerConfig, Mistakes> + Send + Sync>,
}

/// What is reloaded, and what it takes effect on.
pub(crate) struct Reloading {
    pub(crate) source: Option<ConfigSource>,
    /// What is in force.
    pub(crate) config: BalancerConfig,
    pub(crate) settings: Arc<ArcSwap<Settings>>,
    pub(crate) tls: Option<Tls>,
    pub(crate) room: Room,
    pub(crate) metrics: Metrics,
    pub(crate) discovery_metrics: DiscoveryMetrics,
    pub(crate) pool: Arc<Pool>,
    pub(crate) assembly: Arc<Assembly>,
    pub(crate) tending: Tending,
}

/// What the files looked like when they were read.
#[derive(PartialEq)]
struct Seen {
    config: Option<FileVersion>,
    certificates: Vec<Option<FileVersion>>,
}

impl Reloading {
    /// Reads again what changes, and all of it when `signal` asks for it, until dropped.
    pub(crate) async fn run(mut self, mut signal: OperatorSignal) {
        let mut seen = self.look();
        loop {
            let asked = tokio::select! {
                () = signal.received() => true,
                () = tokio::time::sleep(WATCH_INTERVAL) => false,
            };
            let now = self.look();
            if asked || (now.config != seen.config && now.config.is_some()) {
                self.reload_config().await;
            }
            if asked || now.certificates != seen.certificates {
                self.reload_certificates();
            }
            seen = now;
        }
    }

    fn look(&self) -> Seen {
        let path = self.source.as_ref().and_then(|source| source.path.as_ref());
        Seen {
            config: path.and_then(|path| file_version(path).ok()),
            certificates: self.tls.as_ref().map(Tls::versions).unwrap_or_default(),
        }
    }

    async fn reload_config(&mut self) {
        let Some(source) = &self.source else { return };
        let applied = match (source.read)() {
            Ok(config) => self.apply(config).await,
            Err(mistakes) => Err(mistakes.to_string()),
        };
        self.metrics.reloaded(Reload::Config, applied.is_ok());
        match applied {
            Ok(()) => tracing::info!("configuration reloaded"),
            Err(mistakes) => {
                tracing::error!(%mistakes, "configuration not reloaded, the old one stays in force");
            }
        }
    }

    /// Puts a configuration in force, as far as the running process can. What may
    /// still be refused comes first: a change is whole or none.
    async fn apply(&mut self, config: BalancerConfig) -> Result<(), String> {
        let waits = takes_a_new_process(&self.config, &config);
        if !waits.is_empty() {
            tracing::warn!(
                keys = waits.join(", "),
                "changed, and in force after an upgrade (SIGUSR2) or a restart"
            );
        }
        let config = config.keeping(&self.config);
        let own_zone = if config.zone == self.config.zone {
            self.pool.own_zone()
        } else {
            config.zone.own().await
        };
        if let (Some(tls), Some(files)) = (&self.tls, &config.tls)
            && self.config.tls != config.tls
        {
            tls.replace(&files.certificates)
                .map_err(|error| format!("key `tls`: {error}"))?;
        }
        self.pool
            .configure(pool_config(&config, own_zone))
            .map_err(|error| format!("key `zone`: {error}"))?;
        if self.config.balance != config.balance {
            self.pool.set_balance(config.balance);
        }
        let before = self.settings.load_full();
        self.settings
            .store(Arc::new(Settings::new(&config, Some(&before))));
        self.room.resize(config.clients.connections.get());
        if self.config.origins != config.origins {
            discovery::fix(config.origins.clone(), &self.assembly, &self.pool).await;
        }
        if self.config.discovery != config.discovery {
            let sources = config.discovery.sources(&self.discovery_metrics);
            let before = self.assembly.names();
            let sources = discovery::replace(sources, &self.assembly, &self.pool).await;
            let after = self.assembly.names();
            for gone in before.iter().filter(|name| !after.contains(name)) {
                self.discovery_metrics.forget(gone);
            }
            self.tending.discover(sources, Arc::clone(&self.assembly));
        }
        if self.config.health != config.health {
            self.tending.check(config.health.clone());
        }
        if self.config.agent != config.agent {
            self.tending.ask_agents(config.agent);
        }
        self.config = config;
        Ok(())
    }

    fn reload_certificates(&self) {
        let Some(tls) = &self.tls else { return };
        let reloaded = tls.reload();
        self.metrics.reloaded(Reload::Certificates, reloaded.is_ok());
        match reloaded {
            Ok(()) => tracing::info!("certificates reloaded"),
            Err(error) => tracing::error!(%error, "certificates not reloaded, the old ones stay in use"),
        }
    }
}
