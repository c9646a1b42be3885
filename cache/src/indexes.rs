//! Parsed title indexes in memory.

use std::fmt;
use std::future::Future;
use std::mem::size_of;
use std::sync::Arc;

use foyer::{Cache, CacheBuilder, LruConfig};
use tokio::runtime::Handle;

use crate::flight::{FillError, Flights, Looked, Outcome};
use crate::metrics::{CacheMetrics, Evictions, Tier, TierMetrics};

/// What an entry costs beside its value: key, record, map slot.
const ENTRY_OVERHEAD_BYTES: usize = 256;

/// Few enough that one large index fits its shard, enough that lookups of
/// different titles rarely meet.
const SHARDS: usize = 4;

/// Something whose memory can be weighed.
pub trait HeapSize {
    /// Bytes held on the heap, not counting the value itself.
    fn heap_size(&self) -> usize;
}

/// Parsed indexes by title, weighed by the heap they hold.
pub struct IndexCache<T: Send + Sync + 'static, E> {
    inner: Arc<Inner<T, E>>,
}

struct Inner<T: Send + Sync + 'static, E> {
    memory: Cache<String, Arc<T>>,
    flights: Flights<String, Arc<T>, E>,
    metrics: TierMetrics,
}

impl<T: Send + Sync + 'static, E> Clone for IndexCache<T, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T, E> IndexCache<T, E>
where
    T: HeapSize + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// An empty cache whose fills run on `runtime`.
    #[must_use]
    pub fn new(capacity_bytes: usize, runtime: Handle, metrics: &CacheMetrics) -> Self {
        let metrics = metrics.tier(Tier::Indexes);
        metrics.set_capacity(capacity_bytes);
        let memory = CacheBuilder::new(capacity_bytes)
            .with_name("indexes")
            .with_shards(SHARDS)
            .with_eviction_config(LruConfig::default())
            .with_weighter(|_: &String, index: &Arc<T>| weight(index) + ENTRY_OVERHEAD_BYTES)
            .with_event_listener(Arc::new(Evictions::new(metrics.clone(), weight::<T>)))
            .build();
        Self {
            inner: Arc::new(Inner {
                memory,
                flights: Flights::new(runtime),
                metrics,
            }),
        }
    }

    /// The index of `title`, if it is in memory.
    #[must_use]
    pub fn get(&self, title: &str) -> Option<Arc<T>> {
        let index = self.inner.peek(title)?;
        self.inner.metrics.looked(Outcome::Hit, weight(&index));
        Some(index)
    }

    /// The index of `title`, from memory, from a fill under way, or by
    /// `fill`, which then runs as a task of its own.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it.
    pub async fn get_or_fill<F, Fut>(&self, title: &str, fill: F) -> Result<Looked<Arc<T>>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        if let Some(value) = self.get(title) {
            return Ok(Looked {
                value,
                outcome: Outcome::Hit,
            });
        }
        self.fill(title, |_| true, fill).await
    }

    /// Like [`IndexCache::get_or_fill`], but an index in memory only counts
    /// when it is `fresh`; one that is not stays in place until the fill
    /// succeeds.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it.
    pub async fn fill<F, Fut>(
        &self,
        title: &str,
        fresh: impl FnOnce(&T) -> bool,
        fill: F,
    ) -> Result<Looked<Arc<T>>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let land = move |title: &String, result: &Result<Arc<T>, FillError<E>>| {
            inner.metrics.filled(result.is_ok());
            if let Ok(index) = result {
                inner.memory.insert(title.clone(), Arc::clone(index));
                inner.metrics.set_usage(inner.memory.usage());
            }
        };
        let peek = || self.inner.peek(title).filter(|index| fresh(index));
        let fill = || async move { fill().await.map(Arc::new) };
        let looked = self
            .inner
            .flights
            .get(&title.to_owned(), peek, fill, land)
            .await?;
        self.inner.metrics.looked(looked.outcome, weight(&looked.value));
        Ok(looked)
    }

    /// Forgets a title. Whoever holds its index goes on with it.
    pub fn remove(&self, title: &str) {
        self.inner.memory.remove(title);
        self.inner.metrics.set_usage(self.inner.memory.usage());
    }

    /// Bytes held, overhead included.
    #[must_use]
    pub fn usage_bytes(&self) -> usize {
        self.inner.memory.usage()
    }

    /// Waits until no fill runs.
    pub async fn drain(&self) {
        self.inner.flights.drain().await;
    }
}

impl<T, E> Inner<T, E>
where
    T: Send + Sync + 'static,
{
    fn peek(&self, title: &str) -> Option<Arc<T>> {
        self.memory.get(title).map(|entry| Arc::clone(entry.value()))
    }
}

fn weight<T: HeapSize>(index: &Arc<T>) -> usize {
    index.heap_size().saturating_add(size_of::<T>())
}

impl<T: Send + Sync + 'static, E> fmt::Debug for IndexCache<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IndexCache")
            .field("flights", &self.inner.flights)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "indexes_tests.rs"]
mod tests;
