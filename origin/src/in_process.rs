//! An origin without sockets: for whoever wants its answers and is in the same
//! process, such as a command that writes them to files.

use std::sync::Arc;

use prometheus::{IntGauge, Registry};
use strata_cache::{CacheMetrics, ChunkCache, ChunkCacheConfig, DiskConfig, DiskTier, Tier};
use strata_node::access_log::AccessLog;
use tokio::runtime::Handle;

use crate::asset::{Catalog, CatalogMetrics, LoadError, Title};
use crate::config::{DiskSettings, OriginConfig};
use crate::http::{Front, HttpMetrics};
use crate::load::LoadState;
use crate::origin::StartError;
use crate::source::{HttpSource, Places, Source, SourceError, SourceReader, Store, StoreMetrics};

/// The parts of an origin that answer: what every origin is built of.
#[derive(Debug)]
pub struct InProcess {
    pub(crate) registry: Registry,
    pub(crate) front: Arc<Front>,
    pub(crate) catalog: Catalog,
    pub(crate) chunks: ChunkCache<SourceError>,
    pub(crate) disks: Vec<DiskTier>,
    pub(crate) store: Arc<Store>,
    pub(crate) access_log: AccessLog,
    pub(crate) load: LoadState,
}

impl InProcess {
    /// Puts them together over `source`. Of `config`, addresses are of no use.
    ///
    /// # Errors
    /// [`StartError`], such as an access log that cannot be opened.
    pub fn new(config: &OriginConfig, source: Arc<dyn Source>) -> Result<Self, StartError> {
        let registry = Registry::new();
        let runtime = Handle::current();
        let store_metrics = StoreMetrics::register(&registry)?;
        let catalog_metrics = CatalogMetrics::register(&registry)?;
        let http_metrics = HttpMetrics::register(&registry)?;
        let cache_metrics = CacheMetrics::register(&registry)?;
        let load = LoadState::register(http_metrics.in_flight(), &registry)?;
        let access_log = AccessLog::start(&config.access_log, &registry)?;
        state_budget(config, &registry)?;
        let web = config.http_sources.clone().map(HttpSource::new).transpose()?;
        let source = Arc::new(Places::new(source, web));
        let store = Arc::new(Store::new(source, config.store.limits.clone(), store_metrics));
        let chunk_config = ChunkCacheConfig {
            capacity_bytes: config.chunk_cache_bytes,
            chunk_bytes: config.chunk_bytes,
            fills: config.fills.clone(),
            admission: config
                .disk
                .as_ref()
                .map_or_else(Default::default, |disk| disk.admission),
        };
        let [chunk_disk, index_disk] = disks(config.disk.as_ref(), &runtime, &cache_metrics);
        let disks = chunk_disk.iter().chain(&index_disk).cloned().collect();
        let chunks = ChunkCache::over_disk(&chunk_config, chunk_disk, runtime.clone(), &cache_metrics);
        let catalog = Catalog::new(
            SourceReader::new(Arc::clone(&store), chunks.clone(), config.reads),
            index_disk,
            config.titles.clone(),
            runtime.clone(),
            catalog_metrics,
            &cache_metrics,
        );
        let front = Front::new(
            catalog.clone(),
            config.http.clone(),
            runtime,
            access_log.clone(),
            http_metrics,
            &cache_metrics,
            load.clone(),
        );
        Ok(Self {
            registry,
            front: Arc::new(front),
            catalog,
            chunks,
            disks,
            store,
            access_log,
            load,
        })
    }

    /// What answers requests.
    #[must_use]
    pub fn front(&self) -> Arc<Front> {
        Arc::clone(&self.front)
    }

    /// The title at `path` in the store.
    ///
    /// # Errors
    /// Why it cannot be served.
    pub async fn title(&self, path: &str) -> Result<Arc<Title>, LoadError> {
        self.catalog.title(path, &Arc::default()).await
    }
}

/// Tells operators how much memory the configuration allows.
fn state_budget(config: &OriginConfig, registry: &Registry) -> prometheus::Result<()> {
    let budget = IntGauge::new(
        "strata_origin_memory_budget_bytes",
        "Memory that caches, disk buffers and the idle process may take; 15 % more is for what is under way.",
    )?;
    budget.set(i64::try_from(config.memory_budget_bytes()).unwrap_or(i64::MAX));
    registry.register(Box::new(budget))
}

/// Begins to open what there is on disk: of chunks, of indexes.
fn disks(settings: Option<&DiskSettings>, runtime: &Handle, metrics: &CacheMetrics) -> [Option<DiskTier>; 2] {
    let start = |tier, config: &DiskConfig| DiskTier::start(config.clone(), tier, runtime, metrics);
    [
        settings.map(|settings| start(Tier::Chunks, &settings.chunks)),
        settings.map(|settings| start(Tier::Indexes, &settings.indexes)),
    ]
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod outage_tests;
#[cfg(test)]
#[path = "in_process_tests.rs"]
mod tests;
