//! The way to the source: bounded, timed, tried again and counted.

mod breaker;
mod gate;
mod hedge;
mod retry;
mod stream;

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use strata_cache::Chunk;
use tokio::time::{Instant, timeout, timeout_at};

pub use self::breaker::BreakerLimits;
pub use self::hedge::HedgeLimits;
pub use self::retry::RetryLimits;

use self::breaker::Breaker;
use self::gate::{Gate, Place};
use self::hedge::Hedges;
use super::metrics::Operation;
use super::{ObjectMeta, Opened, Source, SourceError, SourceFault, StoreMetrics, Tally};

/// Keys of limits, as errors name them.
const QUEUE_TIMEOUT: &str = "store.queue_timeout";
const TIMEOUT: &str = "store.timeout";
const ATTEMPT_TIMEOUT: &str = "store.attempt_timeout";

/// A body may take this much longer than [`StoreLimits::timeout`], by its size:
/// slower than 256 KiB a second is no store to play from.
const BODY_BYTES_PER_SECOND_MIN: u64 = 256 << 10;

/// Bounds on the requests to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Requests at the store at the same time; more wait.
    pub concurrency_max: usize,
    /// Longest wait for one of them to end.
    pub queue_timeout: Duration,
    /// Longest time for a request, further attempts included. Large bodies get
    /// more, by their size.
    pub timeout: Duration,
    /// Longest time until an attempt is answered, and between two pieces of
    /// its body.
    pub attempt_timeout: Duration,
    /// What is tried again.
    pub retry: RetryLimits,
    /// When a second request is sent beside a slow one.
    pub hedge: HedgeLimits,
    /// When the store is left alone.
    pub breaker: BreakerLimits,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self {
            concurrency_max: 64,
            queue_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(3),
            retry: RetryLimits::default(),
            hedge: HedgeLimits::default(),
            breaker: BreakerLimits::default(),
        }
    }
}

/// A source behind bounds.
#[derive(Debug)]
pub struct Store {
    source: Arc<dyn Source>,
    limits: StoreLimits,
    gate: Gate,
    breaker: Breaker,
    hedges: Hedges,
    metrics: StoreMetrics,
}

impl Store {
    /// Puts bounds around `source`.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, limits: StoreLimits, metrics: StoreMetrics) -> Self {
        Self {
            source,
            gate: Gate::new(limits.concurrency_max.max(1)),
            breaker: Breaker::new(limits.breaker),
            hedges: Hedges::new(limits.hedge),
            limits,
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
        let request = || self.source.head(object);
        self.ask(Operation::Head, object, tally, request, |_| 0).await
    }

    /// [`Source::open`].
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn open(&self, object: &str, head_size: u64, tally: &Tally) -> Result<Opened, SourceError> {
        let request = || self.source.open(object, head_size);
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
        range: std::ops::Range<u64>,
        tally: &Tally,
    ) -> Result<Chunk, SourceError> {
        let request = || self.source.read(object, version, range.clone());
        self.ask(Operation::Read, object, tally, request, Chunk::len)
            .await
    }

    /// [`Source::probe`]. Neither waits behind other requests nor is tried
    /// again.
    ///
    /// # Errors
    /// The source's, and [`SourceFault::Slow`].
    pub async fn probe(&self) -> Result<(), SourceError> {
        let begun = Instant::now();
        let probed = timeout(self.limits.timeout, self.source.probe()).await;
        let result = probed.unwrap_or_else(|_| Err(self.slow("", TIMEOUT, self.limits.timeout)));
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.ended(Operation::Probe, &result, seconds, 0);
        result
    }

    /// Opens `count` connections before anybody needs them. What goes wrong is
    /// found out by whoever needs one.
    pub async fn warm(&self, count: usize) {
        let probes: Vec<_> = (0..count).map(|_| self.source.probe()).collect();
        let _ = futures_util::future::join_all(probes).await;
    }

    /// Counts chunks that are read ahead, that were and are used, or were in
    /// vain.
    pub(super) fn read_ahead(&self, read: u32, used: u32, wasted: u32) {
        self.metrics.read_ahead(read, used, wasted);
    }

    /// One request with all its attempts.
    async fn ask<T, Request>(
        &self,
        operation: Operation,
        object: &str,
        tally: &Tally,
        request: impl Fn() -> Request,
        size: impl Fn(&T) -> usize,
    ) -> Result<T, SourceError>
    where
        Request: Future<Output = Result<T, SourceError>>,
    {
        let until = Instant::now() + self.limits.timeout;
        let attempt = async || {
            let _place = self.enter(object).await?;
            let begun = Instant::now();
            self.metrics.in_flight.inc();
            let answered = timeout_at(until, request()).await;
            self.metrics.in_flight.dec();
            let result = answered.unwrap_or_else(|_| Err(self.slow(object, TIMEOUT, self.limits.timeout)));
            let bytes = result.as_ref().map_or(0, &size) as u64;
            tally.asked_store(bytes);
            self.ended(operation, &result, begun, bytes);
            result
        };
        let mut failed = 0;
        loop {
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failed += 1;
            self.pause(failed, until, error).await?;
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error`, when there is to be no other.
    async fn pause(&self, failed: u32, until: Instant, error: SourceError) -> Result<(), SourceError> {
        let pause = self.limits.retry.pause(failed, random());
        let is_over = self.limits.retry.attempts_max <= failed || until <= Instant::now() + pause;
        if is_over || !RetryLimits::is_worth_it(&error.fault) {
            return Err(error);
        }
        self.metrics.retries.inc();
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// A place among the requests at the store.
    async fn enter(&self, object: &str) -> Result<Place<'_>, SourceError> {
        if !self.breaker.allows(Instant::now().into_std()) {
            self.metrics.spared.inc();
            let fault = SourceFault::unavailable("left alone for a moment after many failures in a row");
            return Err(SourceError::new(object, fault));
        }
        if let Some(place) = self.gate.try_enter() {
            return Ok(place);
        }
        self.metrics.waiting.inc();
        let waited = timeout(self.limits.queue_timeout, self.gate.enter()).await;
        self.metrics.waiting.dec();
        waited.map_err(|_| self.slow(object, QUEUE_TIMEOUT, self.limits.queue_timeout))
    }

    /// Counts a request that has ended, and learns from it.
    fn ended<T>(&self, operation: Operation, result: &Result<T, SourceError>, begun: Instant, bytes: u64) {
        let seconds = begun.elapsed().as_secs_f64();
        self.metrics.ended(operation, result, seconds, bytes);
        let now = Instant::now().into_std();
        match result.as_ref().map_err(|error| &error.fault) {
            Err(SourceFault::Busy { .. }) => {
                self.gate.refused(now);
                self.hedges.refused(now);
                self.failed(now);
            }
            Err(SourceFault::Unavailable { .. } | SourceFault::Slow { .. } | SourceFault::Broken { .. }) => {
                self.failed(now);
            }
            Ok(_) | Err(SourceFault::NotFound | SourceFault::Changed | SourceFault::Denied { .. }) => {
                self.gate.succeeded();
                self.breaker.succeeded();
            }
        }
        self.metrics.learned(self.gate.limit(), self.breaker.is_tripped());
    }

    fn failed(&self, now: std::time::Instant) {
        if self.breaker.failed(now) {
            let store = self.name();
            tracing::warn!(
                store,
                "the store is left alone for a moment after many failures in a row"
            );
        }
    }

    fn slow(&self, object: &str, limit: &'static str, after: Duration) -> SourceError {
        SourceError::new(object, SourceFault::Slow { limit, after })
    }
}

/// From 0 to 1. Each [`RandomState`] has keys of its own.
fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(bits).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
