//! The node: everything put together, served and drained.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strata_cache::{ChunkCache, DiskTier};
use strata_node::access_log::{AccessLog, AccessLogError};
use strata_node::admin::{self, Admin, Page, Pages, Purge, PurgeHandler, Question, Readiness};
use strata_node::agent::Load;
use strata_node::listen::{self, ListenError};
use strata_node::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::asset::Catalog;
use crate::config::{OriginConfig, Place};
use crate::http::{self, Front};
use crate::in_process::InProcess;
use crate::load::{self, LoadConfig, LoadState};
use crate::source::{FolderSource, HttpClientError, S3ConnectError, S3Source, Source, SourceError, Store};

/// Longest time to write what waits in the access log at the end.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Why an origin cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The folder cannot be opened.
    #[error("store {} (key `store.url`): {source}", path.display())]
    Folder {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The S3 client cannot be built.
    #[error(transparent)]
    S3(#[from] S3ConnectError),
    /// The client for web servers cannot be built.
    #[error(transparent)]
    Http(#[from] HttpClientError),
    /// The access log cannot be opened.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
    /// The registry holds metrics of these names already.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// An origin that listens and does not serve yet.
#[derive(Debug)]
pub struct Origin {
    listener: TcpListener,
    admin_listener: TcpListener,
    address: SocketAddr,
    admin_address: SocketAddr,
    admin: Admin,
    agent_listener: Option<TcpListener>,
    load: LoadState,
    load_config: LoadConfig,
    front: Arc<Front>,
    catalog: Catalog,
    chunks: ChunkCache<SourceError>,
    disks: Vec<DiskTier>,
    store: Arc<Store>,
    access_log: AccessLog,
    warm_connections: usize,
    probe_interval: Duration,
}

/// Runs an origin until it has drained.
///
/// # Errors
/// [`StartError`]; once it serves there is none.
pub async fn run(config: OriginConfig, shutdown: Shutdown) -> Result<(), StartError> {
    let source = open(&config.store.place).await?;
    let origin = Origin::bind(config, source).await?;
    origin.serve(shutdown).await;
    Ok(())
}

/// Opens the folder or bucket that titles are in.
///
/// # Errors
/// [`StartError::Folder`], [`StartError::S3`].
pub async fn open(place: &Place) -> Result<Arc<dyn Source>, StartError> {
    match place {
        Place::Folder(path) => {
            let source = FolderSource::open(path).map_err(|source| StartError::Folder {
                path: path.clone(),
                source,
            })?;
            Ok(Arc::new(source))
        }
        Place::S3(config) => Ok(Arc::new(S3Source::connect(config).await?)),
    }
}

impl Origin {
    /// Puts an origin together and binds its addresses.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn bind(config: OriginConfig, source: Arc<dyn Source>) -> Result<Self, StartError> {
        let InProcess {
            registry,
            front,
            catalog,
            chunks,
            disks,
            store,
            access_log,
            load,
        } = InProcess::new(&config, source)?;
        let agent_listener = match config.load.agent {
            Some(address) => Some(listen::bind("agent", "agent", address).await?),
            None => None,
        };
        let admin_listener = listen::bind("admin", "admin", config.admin).await?;
        let listener = listen::bind("origin", "listen", config.listen).await?;
        let readiness = Readiness::new();
        readiness.unready("store", "not asked yet");
        Ok(Self {
            address: listener.local_addr().unwrap_or(config.listen),
            admin_address: admin_listener.local_addr().unwrap_or(config.admin),
            listener,
            admin_listener,
            admin: Admin {
                registry,
                readiness,
                purge: Some(purge(config.admin_token, catalog.clone())),
                pages: Arc::new(OriginPages(load.clone())),
            },
            agent_listener,
            load,
            load_config: config.load,
            front,
            catalog,
            chunks,
            disks,
            store,
            access_log,
            warm_connections: match config.store.place {
                Place::S3(_) => config.store.warm_connections,
                Place::Folder(_) => 0,
            },
            probe_interval: config.store.probe_interval,
        })
    }

    /// Where clients are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator is answered.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until it has drained.
    pub async fn serve(self, shutdown: Shutdown) {
        let store = self.store.name();
        tracing::info!(store, address = %self.address, "origin started");
        let readiness = self.admin.readiness.clone();
        let agent = async {
            if let Some(listener) = self.agent_listener {
                load::agent::serve(listener, self.load.clone(), readiness.clone(), shutdown.clone()).await;
            }
        };
        let beside = async {
            tokio::join!(
                admin::serve(self.admin_listener, self.admin, shutdown.clone()),
                agent,
                load::run(self.load.clone(), self.load_config, readiness.clone()),
                watch(&self.store, &readiness, self.probe_interval),
                self.store.warm(self.warm_connections),
            )
        };
        let front = async {
            http::serve(self.listener, self.front, shutdown.clone()).await;
            // Nobody asks any more; fills that were started for them end here.
            let drained = async {
                self.catalog.drain().await;
                self.chunks.drain().await;
            };
            tokio::select! {
                () = drained => {}
                () = shutdown.stopped() => {}
                () = tokio::time::sleep(FLUSH_LIMIT) => {}
            }
        };
        tokio::select! {
            () = front => {}
            // Never: the watch goes on for as long as it is let.
            _ = beside => {}
        }
        for disk in &self.disks {
            disk.close().await;
        }
        let log = self.access_log;
        let flushed = tokio::task::spawn_blocking(move || log.flush(FLUSH_LIMIT)).await;
        if !matches!(flushed, Ok(true)) {
            tracing::warn!("the access log was not written to its end");
        }
    }
}

/// Lets the operator have titles loaded anew.
fn purge(token: Option<Arc<str>>, catalog: Catalog) -> Purge {
    let handler: PurgeHandler = Arc::new(move |selection| {
        let catalog = catalog.clone();
        Box::pin(async move { catalog.purge(selection).await })
    });
    Purge { token, handler }
}

/// What an origin's admin listener says besides.
#[derive(Debug)]
struct OriginPages(LoadState);

impl Pages for OriginPages {
    fn answer(&self, _: &Question<'_>) -> Option<Page> {
        None
    }

    fn paths(&self) -> &'static [&'static str] {
        &[]
    }

    fn load(&self) -> Option<Load> {
        Some(self.0.load())
    }
}

/// Keeps the node's readiness in step with the store's.
async fn watch(store: &Store, readiness: &Readiness, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_ready = true;
    loop {
        ticks.tick().await;
        let probed = store.probe().await;
        let is_ready = probed.is_ok();
        match probed {
            Ok(()) => readiness.ready("store"),
            Err(error) => {
                readiness.unready("store", error.fault.to_string());
                if was_ready {
                    tracing::warn!(%error, "the store cannot be reached");
                }
            }
        }
        if is_ready && !was_ready {
            tracing::info!("the store can be reached again");
        }
        was_ready = is_ready;
    }
}
