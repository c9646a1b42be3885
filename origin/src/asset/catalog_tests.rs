use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use prometheus::Registry;
use strata_cache::{Chunk, ChunkCache, ChunkCacheConfig, DiskAdmission, FillLimits, HeapSize};

use super::*;
use crate::source::web_server::WebServer;
use crate::source::{
    FolderSource, HttpConfig, HttpSource, ObjectMeta, Opened, Places, ReadLimits, Source, SourceError,
    SourceFault, Store, StoreLimits, StoreMetrics,
};

/// The sample title; opening waits at a gate, and can be made to panic.
#[derive(Debug)]
struct Sample {
    inner: FolderSource,
    gate: Semaphore,
    opens: AtomicUsize,
    heads: AtomicUsize,
}

impl Sample {
    fn new(permits: usize) -> Arc<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title");
        Arc::new(Self {
            inner: FolderSource::open(&folder).unwrap(),
            gate: Semaphore::new(permits),
            opens: AtomicUsize::new(0),
            heads: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Source for Sample {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        self.inner.head(object).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        assert!(!object.contains("panic"), "a bug in a source");
        self.opens.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.inner.open(object, head_size).await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.inner.read(object, version, range).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.inner.probe().await
    }
}

fn config() -> CatalogConfig {
    CatalogConfig {
        index_bytes: 1 << 20,
        shape_bytes: 1 << 20,
        ttl: Duration::from_secs(3600),
        absent_ttl: Duration::from_secs(3600),
        load_timeout: Duration::from_secs(30),
        load_concurrency: 2,
        file_concurrency: 8,
        segment_duration: Duration::from_secs(6),
        packaging: Packaging::default(),
    }
}

fn catalog(source: &Arc<Sample>, config: CatalogConfig) -> Catalog {
    catalog_of(Arc::clone(source) as Arc<dyn Source>, config)
}

fn catalog_of(source: Arc<dyn Source>, config: CatalogConfig) -> Catalog {
    let registry = Registry::new();
    let limits = StoreLimits {
        concurrency_max: 64,
        queue_timeout: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        ..StoreLimits::default()
    };
    let store = Store::new(source, limits, StoreMetrics::register(&registry).unwrap());
    let cache_metrics = CacheMetrics::register(&registry).unwrap();
    let chunk_config = ChunkCacheConfig {
        capacity_bytes: 1 << 24,
        chunk_bytes: 1 << 20,
        fills: FillLimits::default(),
        admission: DiskAdmission::default(),
    };
    let chunks = ChunkCache::new(&chunk_config, Handle::current(), &cache_metrics);
    let metrics = CatalogMetrics::register(&registry).unwrap();
    Catalog::new(
        SourceReader::new(Arc::new(store), chunks, ReadLimits::default()),
        None,
        config,
        Handle::current(),
        metrics,
        &cache_metrics,
    )
}

async fn title(catalog: &Catalog, path: &str) -> Result<Arc<Title>, LoadError> {
    catalog.title(path, &Arc::default()).await
}

#[tokio::test]
async fn a_title_knows_its_tracks_and_files() {
    let catalog = catalog(&Sample::new(Semaphore::MAX_PERMITS), config());
    let title = title(&catalog, "harbour.ism").await.unwrap();
    assert_eq!(title.presentation().tracks.len(), 6);
    assert_eq!(title.stem(), "harbour");
    for track in &title.presentation().tracks {
        assert!(title.object(track.file).unwrap().name().starts_with("harbour-"));
    }
    assert!(title.modified().is_some());
    assert!(0 < title.heap_size());
}

#[tokio::test]
async fn a_failure_is_remembered_and_a_success_is_kept() {
    let source = Sample::new(Semaphore::MAX_PERMITS);
    let catalog = catalog(&source, config());
    for _ in 0..10 {
        assert!(matches!(
            title(&catalog, "absent.ism").await,
            Err(LoadError::Title(_))
        ));
    }
    assert_eq!(source.opens.load(Ordering::SeqCst), 1);
    for _ in 0..10 {
        title(&catalog, "harbour-144.mp4").await.unwrap();
    }
    assert_eq!(source.opens.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_load_has_a_deadline_and_the_next_one_may_succeed() {
    let source = Sample::new(0);
    let config = CatalogConfig {
        load_timeout: Duration::from_millis(500),
        ..config()
    };
    let catalog = catalog(&source, config);
    assert!(matches!(
        title(&catalog, "harbour-144.mp4").await,
        Err(LoadError::Deadline { .. })
    ));
    source.gate.add_permits(10);
    title(&catalog, "harbour-144.mp4").await.unwrap();
}

#[tokio::test]
async fn no_more_titles_are_loaded_at_once_than_permitted() {
    let source = Sample::new(0);
    let catalog = catalog(&source, config());
    let names = [
        "harbour-144.mp4",
        "harbour-240.mp4",
        "harbour-360.mp4",
        "harbour-eng.mp4",
    ];
    let loads = names.map(|name| {
        let catalog = catalog.clone();
        tokio::spawn(async move { title(&catalog, name).await })
    });
    while source.opens.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.opens.load(Ordering::SeqCst), 2);
    source.gate.add_permits(4);
    for load in loads {
        load.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_bug_in_a_load_is_an_error_and_not_remembered() {
    let catalog = catalog(&Sample::new(0), config());
    for _ in 0..2 {
        assert!(matches!(title(&catalog, "panic.mp4").await, Err(LoadError::Lost)));
    }
}

#[tokio::test]
async fn a_stale_title_is_served_while_it_is_checked() {
    let source = Sample::new(Semaphore::MAX_PERMITS);
    let ttl = Duration::from_millis(200);
    let catalog = catalog(&source, CatalogConfig { ttl, ..config() });
    let first = title(&catalog, "harbour-144.mp4").await.unwrap();
    while first.age(Instant::now(), ttl) == Age::Fresh {
        tokio::task::yield_now().await;
    }
    let second = title(&catalog, "harbour-144.mp4").await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    while first.age(Instant::now(), ttl) != Age::Fresh {
        tokio::task::yield_now().await;
    }
    assert_eq!(source.heads.load(Ordering::SeqCst), 1);
    assert_eq!(source.opens.load(Ordering::SeqCst), 1);
}

/// A server manifest in a folder, which names a file of a web server.
async fn title_with_a_url(server: &WebServer, web: Option<HttpSource>) -> (tempfile::TempDir, Catalog) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title/harbour-144.mp4");
    server.put("films/harbour 144.mp4", &std::fs::read(sample).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let src = server.url("films/harbour 144.mp4");
    let manifest = format!("<smil><body><switch><video src=\"{src}\"/></switch></body></smil>");
    std::fs::write(folder.path().join("far.ism"), manifest).unwrap();
    let store = Arc::new(FolderSource::open(folder.path()).unwrap());
    let catalog = catalog_of(Arc::new(Places::new(store, web)), config());
    (folder, catalog)
}

#[tokio::test]
async fn a_server_manifest_names_files_of_a_web_server_that_is_allowed() {
    let server = WebServer::start().await;
    let web = HttpSource::new(HttpConfig {
        hosts: vec![server.address().to_string().parse().unwrap()],
        private_addresses: true,
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(5),
        attempts_max: 1,
    });
    let (_folder, catalog) = title_with_a_url(&server, Some(web.unwrap())).await;
    let title = title(&catalog, "far.ism").await.unwrap();
    let track = &title.presentation().tracks[0];
    let object = title.object(track.file).unwrap();
    assert_eq!(object.name(), server.url("films/harbour 144.mp4"));
    let ranges = track.table_ranges(0);
    let range = ranges.into_iter().find(|range| !range.is_empty()).unwrap();
    let bytes = object.read(range.clone(), &Arc::default()).await.unwrap();
    assert_eq!(bytes.len() as u64, range.end - range.start);
}

#[tokio::test]
async fn no_web_server_is_asked_unless_that_is_allowed() {
    let server = WebServer::start().await;
    let (_folder, catalog) = title_with_a_url(&server, None).await;
    let error = title(&catalog, "far.ism").await.unwrap_err();
    assert!(
        matches!(&error, LoadError::File(error) if matches!(error.fault, SourceFault::Denied { .. })),
        "{error}"
    );
    assert_eq!(server.requests(), 0);
}
