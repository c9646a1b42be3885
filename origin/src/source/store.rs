//! The way to the source: bounded, timed and counted.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use strata_cache::Chunk;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::metrics::Operation;
use super::{ObjectMeta, Opened, Source, SourceError, SourceFault, StoreMetrics, Tally};

/// Bounds on the requests to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Requests at the store at the same time; more wait.
    pub concurrency_max: usize,
    /// Longest wait for one of them to end.
    pub queue_timeout: Duration,
    /// Longest time for a request, body and further attempts included.
    pub timeout: Duration,
}

/// A source behind bounds.
#[derive(Debug)]
pub struct Store {
    source: Arc<dyn Source>,
    limits: StoreLimits,
    permits: Semaphore,
    metrics: StoreMetrics,
}

impl Store {
    /// Puts bounds around `source`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, limits: StoreLimits, metrics: StoreMetrics) -> Self {
        let permits = Semaphore::new(limits.concurrency_max.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            source,
            limits,
            permits,
            metrics,
        }
    }

    /// The store's name, the same on every node that reads from it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// [`Source::head`].
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn head(&self, object: &str, tally: &Tally) -> Result<ObjectMeta, SourceError> {
        let request = self.source.head(object);
        self.ask(Operation::Head, object, tally, request, |_| 0).await
    }

    /// [`Source::open`].
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn open(&self, object: &str, head_size: u64, tally: &Tally) -> Result<Opened, SourceError> {
        let request = self.source.open(object, head_size);
        let size = |opened: &Opened| opened.head.len();
        self.ask(Operation::Open, object, tally, request, size).await
    }

    /// [`Source::read`].
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn read(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
        tally: &Tally,
    ) -> Result<Chunk, SourceError> {
        let request = self.source.read(object, version, range);
        self.ask(Operation::Read, object, tally, request, Chunk::len)
            .await
    }

    /// [`Source::probe`]. Does not wait behind other requests.
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn probe(&self) -> Result<(), SourceError> {
        let begun = Instant::now();
        let result = self.timed("", self.source.probe()).await;
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.ended(Operation::Probe, &result, seconds, 0);
        result
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        object: &str,
        tally: &Tally,
        request: impl Future<Output = Result<T, SourceError>>,
        size: impl FnOnce(&T) -> usize,
    ) -> Result<T, SourceError> {
        let _permit = self.permit(object).await?;
        let begun = Instant::now();
        self.metrics.in_flight.inc();
        let result = self.timed(object, request).await;
        self.metrics.in_flight.dec();
        let bytes = result.as_ref().map_or(0, size);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        tally.asked_store(bytes);
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.ended(operation, &result, seconds, bytes);
        result
    }

    async fn permit(&self, object: &str) -> Result<tokio::sync::SemaphorePermit<'_>, SourceError> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        self.metrics.waiting.inc();
        let waited = timeout(self.limits.queue_timeout, self.permits.acquire()).await;
        self.metrics.waiting.dec();
        // The semaphore is never closed, so waiting ends in a permit or in time.
        waited.ok().and_then(Result::ok).ok_or_else(|| {
            let fault = SourceFault::Slow {
                limit: "store.queue_timeout",
                after: self.limits.queue_timeout,
            };
            SourceError::new(object, fault)
        })
    }

    async fn timed<T>(
        &self,
        object: &str,
        request: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let answered = timeout(self.limits.timeout, request).await;
        answered.unwrap_or_else(|_| {
            let fault = SourceFault::Slow {
                limit: "store.timeout",
                after: self.limits.timeout,
            };
            Err(SourceError::new(object, fault))
        })
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
