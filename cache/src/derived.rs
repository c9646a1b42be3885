//! What is derived from sources, in memory: parsed title indexes, rendered
//! manifests.

use std::fmt;
use std::future::Future;
use std::mem::size_of;
use std::sync::Arc;

use foyer::{Cache, CacheBuilder, LruConfig};
use tokio::runtime::Handle;

use crate::chunks::ENTRY_OVERHEAD_BYTES;
use crate::flight::{FillError, Flights, Looked, Outcome};
use crate::metrics::{CacheMetrics, Evictions, Tier, TierMetrics};

/// Shards of a [`DerivedCache`]: few enough that one large value fits its shard, enough that lookups of
/// different titles rarely meet.
pub const DERIVED_SHARDS: usize = 4;

/// Something whose memory can be weighed.
pub trait HeapSize {
    /// Bytes held on the heap, not counting the value itself.
    fn heap_size(&self) -> usize;
}

/// Derived values by name, weighed by the heap they hold; the least recently
/// used leave first.
pub struct DerivedCache<T: Send + Sync + 'static, E> {
    inner: Arc<Inner<T, E>>,
}

struct Inner<T: Send + Sync + 'static, E> {
    memory: Cache<String, Arc<T>>,
    flights: Flights<String, Arc<T>, E>,
    metrics: TierMetrics,
}

impl<T: Send + Sync + 'static, E> Clone for DerivedCache<T, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T, E> DerivedCache<T, E>
where
    T: HeapSize + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// An empty cache whose fills run on `runtime`, counted as `tier`.
    #[must_use]
    pub fn new(capacity_bytes: usize, runtime: Handle, tier: Tier, metrics: &CacheMetrics) -> Self {
        let metrics = metrics.tier(tier);
        metrics.set_capacity(capacity_bytes);
        let memory = CacheBuilder::new(capacity_bytes)
            .with_name("derived")
            .with_shards(DERIVED_SHARDS)
            .with_eviction_config(LruConfig::default())
            .with_weighter(|_: &String, value: &Arc<T>| weight(value) + ENTRY_OVERHEAD_BYTES)
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

    /// The value of `name`, if it is in memory.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        let entry = self.inner.memory.get(name)?;
        self.inner.metrics.looked(Outcome::Hit, entry.weight());
        Some(Arc::clone(entry.value()))
    }

    /// The value of `name`, from memory, from a fill under way, or by `fill`,
    /// which then runs as a task of its own.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it.
    pub async fn get_or_fill<F, Fut>(&self, name: &str, fill: F) -> Result<Looked<Arc<T>>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Arc<T>, E>> + Send + 'static,
    {
        if let Some(value) = self.get(name) {
            return Ok(Looked {
                value,
                outcome: Outcome::Hit,
            });
        }
        self.fill(name, |_| true, fill).await
    }

    /// Like [`DerivedCache::get_or_fill`], but a value in memory only counts
    /// when it is `fresh`; one that is not stays in place until the fill
    /// succeeds.
    ///
    /// # Errors
    /// The fill's error, the same for everyone who waited for it.
    pub async fn fill<F, Fut>(
        &self,
        name: &str,
        fresh: impl FnOnce(&T) -> bool,
        fill: F,
    ) -> Result<Looked<Arc<T>>, FillError<E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Arc<T>, E>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let land = move |name: &String, result: &Result<Arc<T>, FillError<E>>| {
            inner.metrics.filled(result.is_ok());
            if let Ok(value) = result {
                inner.memory.insert(name.clone(), Arc::clone(value));
                inner.metrics.set_usage(inner.memory.usage());
            }
        };
        let peek = || {
            let entry = self.inner.memory.get(name)?;
            fresh(entry.value()).then(|| Arc::clone(entry.value()))
        };
        let looked = self.inner.flights.get(&name.to_owned(), peek, fill, land).await?;
        self.inner.metrics.looked(looked.outcome, weight(&looked.value));
        Ok(looked)
    }

    /// A value was handed out though it is due to be looked at again.
    pub fn count_stale(&self, value: &T) {
        self.inner.metrics.stale(value.heap_size());
    }

    /// Forgets every name.
    pub fn clear(&self) {
        self.inner.memory.clear();
        self.inner.metrics.set_usage(self.inner.memory.usage());
    }

    /// Forgets a name. Whoever holds its value goes on with it.
    pub fn remove(&self, name: &str) {
        self.inner.memory.remove(name);
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

fn weight<T: HeapSize>(value: &Arc<T>) -> usize {
    value.heap_size().saturating_add(size_of::<T>())
}

impl<T: Send + Sync + 'static, E> fmt::Debug for DerivedCache<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DerivedCache")
            .field("flights", &self.inner.flights)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "derived_tests.rs"]
mod tests;
