use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;
use prometheus::Registry;
use tokio::sync::Semaphore;

use super::*;
use crate::source::SourceBody;

/// Answers when it is let, and tells how many wait for that.
#[derive(Debug)]
struct Gated {
    gate: Semaphore,
    asked: Semaphore,
}

impl Gated {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Semaphore::new(0),
            asked: Semaphore::new(0),
        })
    }
}

#[async_trait]
impl Source for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        Err(SourceError::new(object, SourceFault::NotFound))
    }

    async fn open(&self, object: &str, _: u64) -> Result<Opened, SourceError> {
        Err(SourceError::new(object, SourceFault::NotFound))
    }

    async fn read(&self, _: &str, _: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.asked.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        Ok(Chunk::from_vec(vec![
            0;
            usize::try_from(range.end - range.start)
                .unwrap()
        ]))
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

fn store(source: Arc<Gated>, concurrency_max: usize, timeout: Duration) -> Arc<Store> {
    let limits = StoreLimits {
        concurrency_max,
        queue_timeout: timeout / 4,
        timeout,
        ..StoreLimits::default()
    };
    let metrics = StoreMetrics::register(&Registry::new()).unwrap();
    Arc::new(Store::new(source, limits, metrics))
}

#[tokio::test]
async fn no_more_requests_than_permitted_reach_the_source_at_once() {
    let source = Gated::new();
    let store = store(Arc::clone(&source), 2, Duration::from_secs(60));
    let tally = Arc::new(Tally::default());
    let reads: Vec<_> = (0..6)
        .map(|_| {
            let (store, tally) = (Arc::clone(&store), Arc::clone(&tally));
            tokio::spawn(async move { store.read("film.mp4", "v", 0..10, &tally).await })
        })
        .collect();
    for _ in 0..3 {
        source.asked.acquire_many(2).await.unwrap().forget();
        assert!(source.asked.try_acquire().is_err(), "a third request at once");
        source.gate.add_permits(2);
    }
    for read in reads {
        read.await.unwrap().unwrap();
    }
    assert_eq!((tally.store_requests(), tally.store_bytes()), (6, 60));
}

#[tokio::test]
async fn each_limit_on_time_is_named_by_its_error() {
    let source = Gated::new();
    let store = store(Arc::clone(&source), 1, Duration::from_millis(100));
    let tally = Tally::default();
    let (first, second) = tokio::join!(
        store.read("film.mp4", "v", 0..10, &tally),
        store.read("film.mp4", "v", 0..10, &tally),
    );
    let limit = |result: Result<Chunk, SourceError>| match result.unwrap_err().fault {
        SourceFault::Slow { limit, .. } => limit,
        other => panic!("{other}"),
    };
    assert_eq!(
        (limit(first), limit(second)),
        ("store.timeout", "store.queue_timeout")
    );
    assert_eq!(tally.store_requests(), 1);
}

/// Answers streams at once, until it is told to hang; the second requests beside
/// those that hang are answered.
#[derive(Debug, Default)]
struct Hanging {
    hangs: AtomicBool,
    apart: AtomicU32,
}

fn body(range: &Range<u64>) -> SourceBody {
    let bytes = vec![7; usize::try_from(range.end - range.start).unwrap()];
    stream::once(async { Ok(bytes.into()) }).boxed()
}

#[async_trait]
impl Source for Hanging {
    fn name(&self) -> &str {
        "hanging"
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        Err(SourceError::new(object, SourceFault::NotFound))
    }

    async fn open(&self, object: &str, _: u64) -> Result<Opened, SourceError> {
        Err(SourceError::new(object, SourceFault::NotFound))
    }

    async fn read(&self, object: &str, _: &str, _: Range<u64>) -> Result<Chunk, SourceError> {
        Err(SourceError::new(object, SourceFault::NotFound))
    }

    async fn stream(&self, _: &str, _: &str, range: Range<u64>) -> Result<SourceBody, SourceError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(body(&range))
    }

    async fn stream_apart(&self, _: &str, _: &str, range: Range<u64>) -> Result<SourceBody, SourceError> {
        self.apart.fetch_add(1, Ordering::SeqCst);
        Ok(body(&range))
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_request_goes_over_a_connection_of_its_own_and_wins() {
    let source = Arc::new(Hanging::default());
    let registry = Registry::new();
    let metrics = StoreMetrics::register(&registry).unwrap();
    let store = Store::new(
        Arc::clone(&source) as Arc<dyn Source>,
        StoreLimits::default(),
        metrics,
    );
    // What is usual is known after a while, and a second request saved up for.
    for _ in 0..64 {
        drop(store.answer("film.mp4", "v", 0..10).await.unwrap());
    }
    source.hangs.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    assert!(store.answer("film.mp4", "v", 0..10).await.is_ok());
    assert_eq!(begun.elapsed(), HedgeLimits::default().floor);
    assert_eq!(source.apart.load(Ordering::SeqCst), 1);
    let families = registry.gather();
    let hedges = families
        .iter()
        .find(|family| family.name() == "strata_origin_store_hedges_total")
        .unwrap();
    let won = hedges.get_metric().iter();
    let won = won.filter(|metric| metric.get_label()[0].value() == "won");
    assert_eq!(
        won.map(|metric| metric.get_counter().get_value()).sum::<f64>(),
        1.0
    );
    // None is left to pay for another.
    assert!(store.answer("film.mp4", "v", 0..10).await.is_err());
    assert_eq!(source.apart.load(Ordering::SeqCst), 1);
}
