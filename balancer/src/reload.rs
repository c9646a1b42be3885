//! Reading the configuration and the certificates again, on SIGHUP and when a file changes.
//!
//! What can be read takes the old one's place between two requests; what cannot
//! is told, and the old one stays.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use strata_node::config::Mistakes;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::BalancerConfig;
use crate::discovery::{self, Assembly};
use crate::front::tls::{FileVersion, Tls, file_version};
use crate::metrics::{Metrics, Reload};
use crate::pool::Pool;
use crate::settings::{Settings, takes_a_new_process};

/// How often files are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

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
    pub(crate) metrics: Metrics,
    pub(crate) pool: Arc<Pool>,
    pub(crate) assembly: Arc<Assembly>,
}

/// What the files looked like when they were read.
#[derive(PartialEq)]
struct Seen {
    config: Option<FileVersion>,
    certificates: Vec<Option<FileVersion>>,
}

impl Reloading {
    /// Watches until dropped.
    pub(crate) async fn run(mut self) {
        let mut hangup = signal(SignalKind::hangup())
            .inspect_err(|error| tracing::warn!(%error, "SIGHUP is not listened to"))
            .ok();
        let mut seen = self.look();
        loop {
            let asked = tokio::select! {
                () = received(&mut hangup) => true,
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
        match (source.read)() {
            Ok(config) => {
                let waits = takes_a_new_process(&self.config, &config);
                if !waits.is_empty() {
                    tracing::warn!(
                        keys = waits.join(", "),
                        "changed, and in force after an upgrade (SIGUSR2) or a restart"
                    );
                }
                let before = self.settings.load_full();
                self.settings
                    .store(Arc::new(Settings::new(&config, Some(&before))));
                if self.config.balance != config.balance {
                    self.pool.set_balance(config.balance);
                }
                if self.config.origins != config.origins {
                    discovery::fix(config.origins.clone(), &self.assembly, &self.pool).await;
                }
                self.config.take_over(config);
                self.metrics.reloaded(Reload::Config, true);
                tracing::info!("configuration reloaded");
            }
            Err(mistakes) => {
                self.metrics.reloaded(Reload::Config, false);
                tracing::error!(%mistakes, "configuration not reloaded, the old one stays in force");
            }
        }
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

/// The next signal; never, where signals are not listened to.
async fn received(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
