use std::ops::Range;

use async_trait::async_trait;
use prometheus::Registry;
use tokio::sync::Semaphore;

use super::*;

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
