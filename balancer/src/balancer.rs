//! A balancer as a whole: bound, run, drained.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use pingora::apps::HttpServerOptions;
use pingora::protocols::http::v2::server::{H2Options, default_h2_options};
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use prometheus::Registry;
use strata_node::access_log::{AccessLog, AccessLogError};
use strata_node::admin::{self, Admin, Readiness};
use strata_node::listen::ListenError;
use strata_node::shutdown::{Drain, Shutdown};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::config::{BalancerConfig, ClientLimits};
use crate::discovery::{Assembly, DiscoveryMetrics, Source};
use crate::front::Front;
use crate::front::tls::{Tls, TlsError};
use crate::health::Health;
use crate::metrics::{Metrics, PoolGauges};
use crate::pool::{Pool, PoolConfig};
use crate::proxy::Proxy;
use crate::reload::{ConfigSource, Reloading};
use crate::ring::RingError;
use crate::settings::Settings;
use crate::signals::OperatorSignal;
use crate::status::{Status, Token, TokenError};
use crate::tending::Tending;
use crate::upgrade::{self, Inheritance, Role};
use crate::zone::Zone;

/// Idle connections kept to origins, for each thread.
const IDLE_CONNECTIONS_MAX: usize = 256;

/// Requests at once over one connection of HTTP/2.
const HTTP_2_STREAMS_MAX: u32 = 100;

/// What a client may send of bodies, which nothing here takes.
const HTTP_2_STREAM_WINDOW: u32 = 64 << 10;

/// What waits to be sent over one stream of HTTP/2.
const HTTP_2_SEND_BUFFER: usize = 256 << 10;

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
    /// The certificates cannot be used.
    #[error("key `tls`: {0}")]
    Tls(#[from] TlsError),
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
    /// Where clients are served with TLS, and what with.
    tls: Option<(TcpListener, Tls)>,
    source: Option<ConfigSource>,
    /// What the process before this one left, if there was one.
    inheritance: Inheritance,
    admin_listener: TcpListener,
    registry: Registry,
    metrics: Metrics,
    pool: Arc<Pool>,
    discovery_metrics: DiscoveryMetrics,
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
pub async fn run(
    config: BalancerConfig,
    source: ConfigSource,
    shutdown: Shutdown,
) -> Result<(), BalancerError> {
    let balancer = Balancer::bind(config, Registry::new()).await?;
    balancer.reloads_from(source).run(shutdown).await
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
        let discovery_metrics = DiscoveryMetrics::register(&registry)?;
        let sources = config.discovery.sources(&discovery_metrics);
        let assembly = Arc::new(Assembly::new(config.origins.clone(), &sources));
        let pool_config = pool_config(&config, config.zone.own().await);
        let pool = Arc::new(Pool::new(&assembly.members(), pool_config, &metrics)?);
        PoolGauges::register(&pool, &registry)?;
        let access_log = AccessLog::start(&config.access_log, &registry)?;
        let mut inheritance = Inheritance::take()?;
        let listener = inheritance.listen(Role::Clients, config.listen).await?;
        let tls = match &config.tls {
            Some(tls) => {
                let certificates = Tls::new(&tls.certificates)?;
                let listener = inheritance.listen(Role::ClientsTls, tls.listen).await?;
                Some((listener, certificates))
            }
            None => None,
        };
        let admin_listener = inheritance.listen(Role::Admin, config.admin).await?;
        Ok(Self {
            config,
            listener,
            tls,
            source: None,
            inheritance,
            admin_listener,
            registry,
            metrics,
            pool,
            discovery_metrics,
            sources,
            assembly,
            token,
            access_log,
        })
    }

    /// Has the configuration read again from `source` when that changes, and on
    /// SIGHUP. Without one only the certificates are.
    #[must_use]
    pub fn reloads_from(mut self, source: ConfigSource) -> Self {
        self.source = Some(source);
        self
    }

    /// Where clients are served with TLS. `None`: nowhere.
    ///
    /// # Errors
    ///
    /// When the system does not know.
    pub fn tls_address(&self) -> io::Result<Option<SocketAddr>> {
        let listener = self.tls.as_ref().map(|(listener, _)| listener);
        listener.map(TcpListener::local_addr).transpose()
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

    /// Serves until `shutdown` drains, or a new process takes over (SIGUSR2), then
    /// lets requests in flight end within the configured time, and stops
    /// `shutdown`. A stop before that ends at once.
    ///
    /// # Errors
    ///
    /// When the system gives no threads; nothing has been served then.
    #[allow(
        clippy::too_many_lines,
        reason = "one life in its order: what is started, served, left, and ended"
    )]
    pub async fn run(self, shutdown: Shutdown) -> Result<(), BalancerError> {
        // Before anybody is told that this process serves.
        let (reload, upgrade) = (OperatorSignal::reload(), OperatorSignal::upgrade());
        let leaving = Arc::new(AtomicBool::new(false));
        let settings = Arc::new(ArcSwap::from_pointee(Settings::new(&self.config, None)));
        let (conf, proxy) = (self.server_conf(), self.proxy(&settings, &leaving));
        let (tls_listener, tls) = self.tls.unzip();
        let (threads, limits) = (self.config.threads.get(), self.config.clients);
        let front = Front::start(threads, limits, tls.clone(), &proxy, || {
            let mut app = http_proxy(&conf, proxy.clone());
            app.h2_options = Some(http_2_options(&limits));
            app.server_options = Some(server_options(&limits));
            app
        })?;
        let (news, heard) = mpsc::channel(1);
        let tending = Tending::new(Arc::clone(&self.pool), news);
        tending.check(self.config.health.clone());
        tending.ask_agents(self.config.agent);
        tending.discover(self.sources, Arc::clone(&self.assembly));
        let reloading = Reloading {
            source: self.source,
            config: self.config,
            settings: Arc::clone(&settings),
            tls,
            room: front.room(),
            metrics: self.metrics.clone(),
            discovery_metrics: self.discovery_metrics,
            pool: Arc::clone(&self.pool),
            assembly: self.assembly,
            tending: tending.clone(),
        };
        let reloading = tokio::spawn(reloading.run(reload));

        let readiness = Readiness::new();
        readiness.unready(ORIGINS, "not checked yet");
        let status = Status::new(Arc::clone(&self.pool), self.metrics.clone(), self.token.clone());
        let admin = Admin {
            registry: self.registry,
            readiness: readiness.clone(),
            purge: None,
            pages: Arc::new(status),
        };
        let admin_socket = self.admin_listener.as_fd().try_clone_to_owned()?;
        let admin = tokio::spawn(admin::serve(self.admin_listener, admin, shutdown.clone()));
        let settling = tokio::spawn(settle(Arc::clone(&self.pool)));
        let reporter = tokio::spawn(report_readiness(Arc::clone(&self.pool), readiness, heard));

        let open = Drain::new();
        let mut sockets = vec![
            (Role::Clients, self.listener.as_fd()),
            (Role::Admin, admin_socket.as_fd()),
        ];
        sockets.extend(
            tls_listener
                .iter()
                .map(|listener| (Role::ClientsTls, listener.as_fd())),
        );
        self.inheritance.serving();
        let mut handed_over = false;
        tokio::select! {
            () = upgrade::hand_over(upgrade, sockets) => handed_over = true,
            () = front.accept(&self.listener, false, &open) => {}
            () = accept_tls(&front, tls_listener.as_ref(), &open) => {}
            () = async {
                shutdown.draining().await;
                leaving.store(true, Ordering::Relaxed);
                let notice = settings.load().drain.notice;
                tokio::time::sleep(notice).await;
            } => {}
            () = shutdown.stopped() => {}
        }
        leaving.store(true, Ordering::Relaxed);
        reloading.abort();
        let drain = settings.load().drain;
        if handed_over {
            // The operator talks to the new process from now on.
            admin.abort();
        }
        drop(admin_socket);
        let listeners = [(Some(self.listener), false), (tls_listener, true)];
        for (listener, is_tls) in listeners {
            let Some(listener) = listener else { continue };
            if let Err(error) = front.accept_last(listener, is_tls, &open) {
                tracing::warn!(%error, "connections that waited are lost");
            }
        }
        tokio::select! {
            // How many are left is told below.
            _ = open.wait(SETTLE_TIME) => {}
            () = shutdown.stopped() => {}
        }
        if handed_over {
            // Clients are asked to leave with each answer. Only those that ask
            // nothing any more are closed on, at the end: others might be asking.
            tokio::select! {
                _ = open.wait(drain.limit) => {}
                () = shutdown.stopped() => {}
            }
        }
        front.close();
        tokio::select! {
            drained = open.wait(drain.limit) => match drained {
                Ok(()) => tracing::info!("drained"),
                Err(error) => tracing::warn!(%error, "connections are cut off"),
            },
            () = shutdown.stopped() => tracing::warn!(count = open.in_flight(), "connections are cut off"),
        }
        tending.stop();
        for task in [settling, reporter] {
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
        // A panic there would have been told by its task, and an abort is ours.
        let _ = admin.await;
        Ok(())
    }

    fn proxy(&self, settings: &Arc<ArcSwap<Settings>>, leaving: &Arc<AtomicBool>) -> Proxy {
        Proxy {
            pool: Arc::clone(&self.pool),
            settings: Arc::clone(settings),
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

/// Accepts where TLS is listened for; never ends where it is not.
async fn accept_tls(front: &Front, listener: Option<&TcpListener>, open: &Drain) {
    match listener {
        Some(listener) => front.accept(listener, true, open).await,
        None => std::future::pending().await,
    }
}

/// What clients of HTTP/2 may do.
fn http_2_options(limits: &ClientLimits) -> H2Options {
    let mut options = default_h2_options();
    options
        .max_header_list_size(u32::try_from(limits.heads.bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(HTTP_2_STREAMS_MAX)
        .initial_window_size(HTTP_2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP_2_STREAM_WINDOW)
        .max_send_buffer_size(HTTP_2_SEND_BUFFER);
    options
}

fn server_options(limits: &ClientLimits) -> HttpServerOptions {
    let mut options = HttpServerOptions::default();
    options.h2_idle_timeout = Some(limits.idle);
    options
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

pub(crate) fn pool_config(config: &BalancerConfig, own_zone: Option<Zone>) -> PoolConfig {
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
