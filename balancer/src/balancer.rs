//! A balancer as a whole: bound, run, drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use prometheus::Registry;
use strata_node::access_log::{AccessLog, AccessLogError};
use strata_node::admin::{self, Admin, Readiness};
use strata_node::listen::{self, ListenError};
use strata_node::shutdown::{Drain, Shutdown};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::agent;
use crate::attend;
use crate::budget::Budget;
use crate::check;
use crate::config::BalancerConfig;
use crate::discovery::{self, Assembly, DiscoveryMetrics, Source};
use crate::front::Front;
use crate::health::Health;
use crate::metrics::{Metrics, PoolGauges};
use crate::pool::{Pool, PoolConfig};
use crate::proxy::Proxy;
use crate::ring::RingError;
use crate::status::{Status, Token, TokenError};
use crate::zone::Zone;

/// Idle connections kept to origins, for each thread.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// Time between the end of accepting and the closing of idle connections:
/// requests that are on their way then are still read, and answered.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// How long the access log's last lines are waited for.
const LOG_FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// The part of the node that [`Readiness`] speaks of.
const ORIGINS: &str = "origins";

/// Why a balancer did not start.
#[derive(Debug, thiserror::Error)]
pub enum BalancerError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The access log cannot be opened.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// There is no token to be asked of operators.
    #[error("admin_token_file: {0}")]
    Token(#[from] TokenError),
    /// The origins do not make a ring.
    #[error("origins: {0}")]
    Ring(#[from] RingError),
    /// A metric is registered already: a registry serves one balancer.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The system gives no threads, or a socket has no address.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// A balancer that listens and does not serve yet.
pub struct Balancer {
    config: BalancerConfig,
    listener: TcpListener,
    admin_listener: TcpListener,
    registry: Registry,
    metrics: Metrics,
    pool: Arc<Pool>,
    sources: Vec<Source>,
    assembly: Arc<Assembly>,
    token: Option<Token>,
    access_log: AccessLog,
}

/// Binds a balancer and runs it until `shutdown`. See [`Balancer::run`].
///
/// # Errors
///
/// [`BalancerError`]: it did not start.
pub async fn run(config: BalancerConfig, shutdown: Shutdown) -> Result<(), BalancerError> {
    Balancer::bind(config, Registry::new()).await?.run(shutdown).await
}

impl Balancer {
    /// Binds both listeners and makes the pool. Port 0 lets the system choose;
    /// the addresses are logged as `listening`, with the roles `balancer` and
    /// `admin`.
    ///
    /// # Errors
    ///
    /// [`BalancerError`]; nothing is left bound.
    pub async fn bind(config: BalancerConfig, registry: Registry) -> Result<Self, BalancerError> {
        let metrics = Metrics::new(&registry)?;
        let token = config.admin_token.as_deref().map(Token::read).transpose()?;
        let sources = config.discovery.sources(&DiscoveryMetrics::register(&registry)?);
        let assembly = Arc::new(Assembly::new(config.origins.clone(), &sources));
        let pool_config = pool_config(&config, config.zone.own().await);
        let pool = Arc::new(Pool::new(&assembly.members(), pool_config, &metrics)?);
        PoolGauges::register(&pool, &registry)?;
        let access_log = AccessLog::start(&config.access_log, &registry)?;
        let listener = listen::bind("balancer", "listen", config.listen).await?;
        let admin_listener = listen::bind("admin", "admin", config.admin).await?;
        Ok(Self {
            config,
            listener,
            admin_listener,
            registry,
            metrics,
            pool,
            sources,
            assembly,
            token,
            access_log,
        })
    }

    /// Where clients are served.
    ///
    /// # Errors
    ///
    /// When the system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where the operator is answered.
    ///
    /// # Errors
    ///
    /// When the system does not know.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin_listener.local_addr()
    }

    /// The origins.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Serves until `shutdown` drains, then lets requests in flight end within
    /// the configured time, and stops `shutdown`. A stop before that ends at
    /// once.
    ///
    /// # Errors
    ///
    /// When the system gives no threads; nothing has been served then.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), BalancerError> {
        let leaving = Arc::new(AtomicBool::new(false));
        let (conf, proxy) = (self.server_conf(), self.proxy(&leaving));
        let front = Front::start(self.config.threads.get(), self.config.clients, || {
            http_proxy(&conf, proxy.clone())
        })?;

        let readiness = Readiness::new();
        readiness.unready(ORIGINS, "not checked yet");
        let status = Status::new(Arc::clone(&self.pool), self.metrics.clone(), self.token.clone());
        let admin = Admin {
            registry: self.registry,
            readiness: readiness.clone(),
            purge: None,
            pages: Arc::new(status),
        };
        let admin = tokio::spawn(admin::serve(self.admin_listener, admin, shutdown.clone()));
        let (news, heard) = mpsc::channel(1);
        let checks = tokio::spawn(attend::attend(Arc::clone(&self.pool), {
            let (pool, health) = (Arc::clone(&self.pool), self.config.health.clone());
            move |node| check::watch(node, Arc::clone(&pool), health.clone(), news.clone())
        }));
        let agents = tokio::spawn(attend::attend(Arc::clone(&self.pool), {
            let (pool, config) = (Arc::clone(&self.pool), self.config.agent);
            move |node| agent::watch(node, Arc::clone(&pool), config)
        }));
        let (assembly, pool) = (Arc::clone(&self.assembly), Arc::clone(&self.pool));
        let discoveries = tokio::spawn(discovery::run(self.sources, assembly, pool));
        let settling = tokio::spawn(settle(Arc::clone(&self.pool)));
        let reporter = tokio::spawn(report_readiness(Arc::clone(&self.pool), readiness, heard));

        let open = Drain::new();
        tokio::select! {
            () = front.accept(&self.listener, &open) => {}
            () = async {
                shutdown.draining().await;
                leaving.store(true, Ordering::Relaxed);
                tokio::time::sleep(self.config.drain.notice).await;
            } => {}
            () = shutdown.stopped() => {}
        }
        if let Err(error) = front.accept_last(self.listener, &open) {
            tracing::warn!(%error, "connections that waited are lost");
        }
        tokio::select! {
            // How many are left is told below.
            _ = open.wait(SETTLE_TIME) => {}
            () = shutdown.stopped() => {}
        }
        front.close().await;
        tokio::select! {
            drained = open.wait(self.config.drain.limit) => match drained {
                Ok(()) => tracing::info!("drained"),
                Err(error) => tracing::warn!(%error, "connections are cut off"),
            },
            () = shutdown.stopped() => tracing::warn!(count = open.in_flight(), "connections are cut off"),
        }
        for task in [checks, agents, discoveries, settling, reporter] {
            task.abort();
        }
        // Threads end within their current step, and the log's writer within its limit.
        let access_log = self.access_log;
        let ended = tokio::task::spawn_blocking(move || {
            front.stop();
            access_log.flush(LOG_FLUSH_LIMIT)
        });
        if !matches!(ended.await, Ok(true)) {
            tracing::warn!("the access log may lack its last lines");
        }
        shutdown.stop();
        // A panic there would have been told by its task.
        let _ = admin.await;
        Ok(())
    }

    fn proxy(&self, leaving: &Arc<AtomicBool>) -> Proxy {
        Proxy {
            pool: Arc::clone(&self.pool),
            hash: self.config.hash.clone(),
            timeouts: self.config.timeouts,
            retry: self.config.retry,
            budget: Arc::new(Budget::new(self.config.retry.budget, Instant::now())),
            clients: self.config.clients,
            identify: self.config.identify,
            metrics: self.metrics.clone(),
            access_log: self.access_log.clone(),
            leaving: Arc::clone(leaving),
        }
    }

    /// What pingora is told for each thread. Its server, which waits out its grace period on
    /// every stop and panics when a port is taken, is not used, only its proxy.
    fn server_conf(&self) -> Arc<ServerConf> {
        Arc::new(ServerConf {
            threads: 1,
            upstream_keepalive_pool_size: IDLE_CONNECTIONS_MAX,
            // Attempts are limited by `retry`; this only must not be fewer.
            max_retries: usize::try_from(self.config.retry.attempts)
                .unwrap_or(usize::MAX)
                .saturating_add(2),
            ..ServerConf::default()
        })
    }
}

/// Time between two looks at what has lasted its time: starts, ejections, beliefs.
const SETTLE_INTERVAL: Duration = Duration::from_millis(250);

async fn settle(pool: Arc<Pool>) {
    let mut ticks = tokio::time::interval(SETTLE_INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        pool.settle();
    }
}

fn pool_config(config: &BalancerConfig, own_zone: Option<Zone>) -> PoolConfig {
    PoolConfig {
        balance: config.balance,
        own_zone,
        spill_below_percent: config.zone.spill_below_percent,
        slow_start: config.health.slow_start,
        observe: config.observe,
    }
}

/// Keeps `/readyz` up to date: ready while at least one origin is known to be up.
async fn report_readiness(pool: Arc<Pool>, readiness: Readiness, mut news: mpsc::Receiver<()>) {
    let mut versions = pool.versions();
    loop {
        let heard = tokio::select! {
            heard = news.recv() => heard.is_some(),
            changed = versions.changed() => changed.is_ok(),
        };
        if !heard {
            return;
        }
        let nodes = pool.nodes();
        let count = |health| nodes.iter().filter(|node| node.health() == health).count();
        if count(Health::Up) != 0 {
            readiness.ready(ORIGINS);
        } else if count(Health::Unchecked) == 0 {
            readiness.unready(ORIGINS, format!("none of {} is up", nodes.len()));
        }
    }
}
