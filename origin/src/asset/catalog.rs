//! The titles in memory, loaded when asked for and kept like the store.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use strata_cache::{CacheMetrics, DerivedCache, DiskTier, FillError, NegativeCache, Tier};
use strata_media::segment::SegmentationOptions;
use strata_media::shape::Shape;
use strata_node::admin::Selection;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::error::LoadError;
use super::freshness::Age;
use super::load::Loader;
use super::metrics::{CatalogMetrics, Check};
use super::packaging::Packaging;
use super::shapes::{ShapeFault, Shapes};
use super::title::Title;
use crate::source::{ObjectMeta, SourceFault, SourceReader, Tally};

/// Most failures remembered at a time.
const ABSENT_MAX: usize = 16_384;

/// How many loads are waited for that somebody else began too early.
const LOADS_JOINED_MAX: u32 = 4;

/// How titles are loaded and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogConfig {
    /// Bytes of memory the indexes may take together.
    pub index_bytes: usize,
    /// Bytes of memory that shaped titles may take together.
    pub shape_bytes: usize,
    /// After how long a title is compared with the store again.
    pub ttl: Duration,
    /// How long a title that cannot be served is not asked for again.
    pub absent_ttl: Duration,
    /// Longest time to load a title, waiting for its turn included.
    pub load_timeout: Duration,
    /// Titles loaded at the same time; more wait.
    pub load_concurrency: usize,
    /// Files of one title read at the same time.
    pub file_concurrency: usize,
    /// Into which segments titles are cut.
    pub segment_duration: Duration,
    /// How titles are offered whose server manifests do not say it.
    pub packaging: Packaging,
}

/// The titles. Clones are the same catalog.
///
/// A title is compared with the store every `ttl`: while it is asked for, in
/// the background; after a pause, before it is served. A title that the store
/// has in other versions is loaded anew. While the store does not answer, what
/// is in memory goes on being served.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    loader: Loader,
    titles: DerivedCache<Title, LoadError>,
    shapes: Shapes,
    failures: NegativeCache<LoadError>,
    loads: Semaphore,
    purges: Purges,
    runtime: Handle,
    config: CatalogConfig,
    metrics: CatalogMetrics,
}

impl Catalog {
    /// An empty catalog of the titles that `reader` reads, whose work runs on
    /// `runtime`. What indexes are read from is kept in `indexes`.
    #[must_use]
    pub fn new(
        reader: SourceReader,
        indexes: Option<DiskTier>,
        config: CatalogConfig,
        runtime: Handle,
        metrics: CatalogMetrics,
        cache_metrics: &CacheMetrics,
    ) -> Self {
        let loader = Loader {
            reader,
            indexes,
            segmentation: SegmentationOptions {
                target_duration: config.segment_duration,
            },
            packaging: config.packaging,
            file_concurrency: config.file_concurrency,
        };
        let titles = DerivedCache::new(config.index_bytes, runtime.clone(), Tier::Indexes, cache_metrics);
        let shapes = Shapes::new(config.shape_bytes, runtime.clone(), cache_metrics);
        Self {
            inner: Arc::new(Inner {
                loader,
                titles,
                shapes,
                failures: NegativeCache::new(ABSENT_MAX, config.absent_ttl),
                loads: Semaphore::new(config.load_concurrency.clamp(1, Semaphore::MAX_PERMITS)),
                purges: Purges::default(),
                runtime,
                config,
                metrics,
            }),
        }
    }

    /// The title at `path`.
    ///
    /// # Errors
    /// [`LoadError`], the same for all who waited for the same load.
    pub async fn title(&self, path: &str, tally: &Arc<Tally>) -> Result<Arc<Title>, LoadError> {
        let inner = &self.inner;
        let now = Instant::now();
        let purged = inner.purges.last(path);
        let kept = inner.titles.get(path);
        let kept = kept.filter(|title| purged.is_none_or(|purged| purged <= title.loaded()));
        if let Some(title) = kept {
            match title.age(now, inner.config.ttl) {
                Age::Fresh => return Ok(title),
                Age::Stale => {
                    inner.titles.count_stale(&title);
                    self.check_in_background(&title);
                    return Ok(title);
                }
                Age::Old => return self.load(path, Some(title), Loaded::Fresh, tally).await,
            }
        }
        if let Some(error) = inner.failures.recall(path, now, purged) {
            return Err(error);
        }
        let wanted = purged.map_or(Loaded::Any, Loaded::Since);
        self.load(path, None, wanted, tally).await
    }

    /// What is selected is loaded anew before it is served again. With
    /// everything, the bytes that were read are forgotten too.
    pub async fn purge(&self, selection: Selection) {
        let is_all = selection == Selection::All;
        self.inner.purges.add(selection, Instant::now());
        if is_all {
            self.inner.titles.clear();
            self.inner.loader.reader.clear().await;
            if let Some(indexes) = &self.inner.loader.indexes {
                indexes.destroy().await;
            }
        }
    }

    /// The title that `stale` has become: a read found that one of its objects
    /// was replaced.
    ///
    /// # Errors
    /// [`LoadError`].
    pub async fn reload(&self, stale: &Arc<Title>, tally: &Arc<Tally>) -> Result<Arc<Title>, LoadError> {
        let other_than = Loaded::OtherThan(stale.fingerprint());
        self.load(stale.path(), None, other_than, tally).await
    }

    /// `title` in `shape`: itself, if that is all of it.
    ///
    /// # Errors
    /// [`ShapeFault`], the same for all who waited for the same one.
    pub async fn shaped(
        &self,
        title: &Arc<Title>,
        shape: &Shape,
        tally: &Arc<Tally>,
    ) -> Result<Arc<Title>, ShapeFault> {
        if shape.is_whole() {
            return Ok(Arc::clone(title));
        }
        self.inner.shapes.get(title, shape, tally).await
    }

    /// Waits until nothing is being loaded.
    pub async fn drain(&self) {
        self.inner.shapes.drain().await;
        self.inner.titles.drain().await;
    }

    fn check_in_background(&self, title: &Arc<Title>) {
        let Some(claim) = title.claim_check() else { return };
        let catalog = self.clone();
        // Ends by itself: the load has a deadline.
        self.inner.runtime.spawn(async move {
            let title = claim.title();
            let (path, known) = (title.path(), Some(Arc::clone(title)));
            let loaded = catalog.load(path, known, Loaded::Fresh, &Arc::default()).await;
            if let Err(error) = loaded {
                tracing::warn!(title = path, %error, "title can no longer be served");
            }
        });
    }

    async fn load(
        &self,
        path: &str,
        known: Option<Arc<Title>>,
        wanted: Loaded,
        tally: &Arc<Tally>,
    ) -> Result<Arc<Title>, LoadError> {
        let ttl = self.inner.config.ttl;
        let satisfies = |title: &Title| match wanted {
            Loaded::Any => true,
            Loaded::Fresh => title.age(Instant::now(), ttl) == Age::Fresh,
            Loaded::OtherThan(fingerprint) => title.fingerprint() != fingerprint,
            Loaded::Since(instant) => instant <= title.loaded(),
        };
        // A load that is under way may have begun before what was waited for.
        for _ in 0..LOADS_JOINED_MAX {
            let (inner, name, known) = (Arc::clone(&self.inner), path.to_owned(), known.clone());
            let fill_tally = Arc::clone(tally);
            let fill = move || async move { inner.renew_or_load(&name, known, &fill_tally).await };
            let looked = self.inner.titles.fill(path, satisfies, fill).await;
            let looked = looked.map_err(|error| match error {
                FillError::Failed(error) => error,
                FillError::Lost => LoadError::Lost,
            })?;
            tally.looked(looked.outcome);
            let is_early = match wanted {
                Loaded::Since(instant) => looked.value.loaded() < instant,
                Loaded::Any | Loaded::Fresh | Loaded::OtherThan(_) => false,
            };
            if !is_early {
                return Ok(looked.value);
            }
        }
        Err(LoadError::Lost)
    }
}

/// Which title in memory saves a load.
#[derive(Clone, Copy)]
enum Loaded {
    Any,
    Fresh,
    OtherThan(u128),
    /// Whose load began after this.
    Since(Instant),
}

/// Most purges remembered; of more, everything counts as purged.
const PURGES_MAX: usize = 256;

/// When which titles were purged.
#[derive(Debug, Default)]
struct Purges(RwLock<Vec<(Selection, Instant)>>);

impl Purges {
    fn add(&self, selection: Selection, now: Instant) {
        let mut purges = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let is_all = selection == Selection::All || PURGES_MAX <= purges.len();
        if is_all {
            purges.clear();
        }
        purges.retain(|(known, _)| *known != selection);
        purges.push((if is_all { Selection::All } else { selection }, now));
    }

    /// When the title at `path` was purged last.
    fn last(&self, path: &str) -> Option<Instant> {
        let purges = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let of_title = purges.iter().filter(|(selection, _)| match selection {
            Selection::Title(title) => title == path,
            Selection::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Selection::All => true,
        });
        of_title.map(|(_, at)| *at).max()
    }
}

impl Inner {
    async fn renew_or_load(
        &self,
        path: &str,
        known: Option<Arc<Title>>,
        tally: &Arc<Tally>,
    ) -> Result<Arc<Title>, LoadError> {
        if let Some(known) = known {
            let check = self.check(&known, tally).await;
            self.metrics.checked(check);
            if check != Check::Changed {
                known.renew(Instant::now());
                return Ok(known);
            }
            tracing::info!(title = path, "sources changed; loading anew");
        }
        self.metrics.loading.inc();
        let begun = Instant::now();
        let result = self.load_in_time(path, tally).await;
        self.metrics.loading.dec();
        self.metrics.seconds.observe(begun.elapsed().as_secs_f64());
        self.metrics.loaded(&result);
        if let Err(error) = &result
            && error.is_lasting()
        {
            self.titles.remove(path);
            self.failures.remember(path, error.clone(), Instant::now());
        }
        result.map(Arc::new)
    }

    async fn load_in_time(&self, path: &str, tally: &Arc<Tally>) -> Result<Title, LoadError> {
        let load = async {
            // Never closed, so this only waits.
            let _turn = self.loads.acquire().await;
            match self.loader.load(path, tally).await {
                // Replaced between two reads; now there is the new one.
                Err(error) if error.is_change() => self.loader.load(path, tally).await,
                result => result,
            }
        };
        let after = self.config.load_timeout;
        let loaded = timeout(after, load).await;
        loaded.unwrap_or(Err(LoadError::Deadline { after }))
    }

    /// Compares a title with the store.
    async fn check(&self, title: &Title, tally: &Tally) -> Check {
        let store = self.loader.reader.store();
        let sources = title.sources().map(|(object, known)| (object, Some(known)));
        let absent = title.absent().map(|object| (object, None));
        let checks = sources.chain(absent).map(|(object, known)| async move {
            let is_known = |meta: &ObjectMeta| {
                known.is_some_and(|known| meta.version == known.version && meta.size == known.size)
            };
            match store.head(object, tally).await {
                Ok(meta) if is_known(&meta) => Check::Unchanged,
                Ok(_) => Check::Changed,
                Err(error) => match error.fault {
                    SourceFault::NotFound | SourceFault::Denied { .. } if known.is_none() => Check::Unchanged,
                    // The load says what is missing.
                    SourceFault::NotFound | SourceFault::Changed => Check::Changed,
                    _ => {
                        tracing::warn!(title = title.path(), %error, "cannot compare with the store; kept");
                        Check::Kept
                    }
                },
            }
        });
        let concurrency = self.config.file_concurrency.max(1);
        // Collected first: the iterator borrows the title in a way that a
        // stream of futures sent between threads cannot.
        let checks: Vec<_> = checks.collect();
        let results: Vec<Check> = stream::iter(checks).buffer_unordered(concurrency).collect().await;
        if results.contains(&Check::Changed) {
            Check::Changed
        } else if results.contains(&Check::Kept) {
            Check::Kept
        } else {
            Check::Unchanged
        }
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("titles", &self.inner.titles)
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
