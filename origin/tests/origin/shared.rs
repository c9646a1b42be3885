//! Crowds: what many ask for at once is read once.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use strata_cache::Chunk;
use strata_origin::source::{FolderSource, ObjectMeta, Opened, Source, SourceError};
use tokio::sync::Semaphore;

use crate::answers::a_later_segment;
use crate::rig::{Rig, sample};

/// The sample title behind a gate that reads wait at.
#[derive(Debug)]
pub struct Gated {
    inner: FolderSource,
    pub gate: Semaphore,
    pub reads: AtomicUsize,
    opens: AtomicUsize,
}

impl Gated {
    pub fn open(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            inner: FolderSource::open(&sample()).unwrap(),
            gate: Semaphore::new(permits),
            reads: AtomicUsize::new(0),
            opens: AtomicUsize::new(0),
        })
    }

    /// Waits until `count` reads have come to the gate.
    pub async fn reads_reach(&self, count: usize) {
        while self.reads.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Source for Gated {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.inner.head(object).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        self.opens.fetch_add(1, Ordering::SeqCst);
        self.inner.open(object, head_size).await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.unwrap().forget();
        self.inner.read(object, version, range).await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.inner.probe().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_on_a_cold_title_opens_each_file_once() {
    let source = Gated::open(Semaphore::MAX_PERMITS);
    let rig = Arc::new(Rig::over(Arc::clone(&source) as Arc<dyn Source>, "").await);
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.get("/harbour.ism/.mpd").await })
        })
        .collect();
    let mut bodies = Vec::new();
    for asker in crowd {
        let answer = asker.await.unwrap();
        assert_eq!(answer.status, 200);
        bodies.push(answer.body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
    // The manifest, seven MP4 files and two texts.
    assert_eq!(source.opens.load(Ordering::SeqCst), 10);
    assert_eq!(
        rig.metric("strata_origin_title_loads_total{outcome=\"loaded\"}")
            .await,
        1.0
    );
    assert_eq!(
        rig.metric("strata_cache_fills_total{result=\"filled\",tier=\"manifests_memory\"}")
            .await,
        1.0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_on_a_cold_segment_reads_each_chunk_once() {
    let source = Gated::open(Semaphore::MAX_PERMITS);
    let rig = Arc::new(Rig::over(Arc::clone(&source) as Arc<dyn Source>, "").await);
    let path = a_later_segment(&rig).await;
    // From here on, reads wait: all of the crowd is there before the first chunk.
    source.gate.forget_permits(Semaphore::MAX_PERMITS);
    source.reads.store(0, Ordering::SeqCst);
    let crowd: Vec<_> = (0..500)
        .map(|_| {
            let (rig, path) = (Arc::clone(&rig), path.clone());
            tokio::spawn(async move { rig.get(&path).await })
        })
        .collect();
    source.reads_reach(1).await;
    while rig.metric("strata_origin_in_flight").await < 500.0 {
        tokio::task::yield_now().await;
    }
    source.gate.add_permits(1_000);
    for asker in crowd {
        assert_eq!(asker.await.unwrap().status, 200);
    }
    // The whole file is one chunk.
    assert_eq!(source.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_leaves_does_not_stop_the_read_that_others_wait_for() {
    let source = Gated::open(Semaphore::MAX_PERMITS);
    let rig = Arc::new(Rig::over(Arc::clone(&source) as Arc<dyn Source>, "").await);
    let path = a_later_segment(&rig).await;
    source.gate.forget_permits(Semaphore::MAX_PERMITS);
    source.reads.store(0, Ordering::SeqCst);
    let ask = || {
        let (rig, path) = (Arc::clone(&rig), path.clone());
        tokio::spawn(async move { rig.get(&path).await })
    };
    let first = ask();
    source.reads_reach(1).await;
    let second = ask();
    while rig.metric("strata_origin_in_flight").await < 2.0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    while rig.metric("strata_origin_in_flight").await > 1.0 {
        tokio::task::yield_now().await;
    }
    source.gate.add_permits(100);
    assert_eq!(second.await.unwrap().status, 200);
    assert_eq!(source.reads.load(Ordering::SeqCst), 1);
    assert_eq!(
        rig.metric("strata_origin_requests_total{class=\"none\",kind=\"segment\"}")
            .await,
        1.0
    );
}

#[tokio::test]
async fn a_client_that_leaves_stops_further_reads() {
    let source = Gated::open(Semaphore::MAX_PERMITS);
    let more = "cache:\n  chunk_size: 64KiB\n  fill_keep: 0\nhttp:\n  read_ahead: 2\n";
    let rig = Arc::new(Rig::over(Arc::clone(&source) as Arc<dyn Source>, more).await);
    let path = a_later_segment(&rig).await.replace("-6.m4s", "-3.m4s");
    let name = path.rsplit_once('=').unwrap().0.to_owned();
    // The largest rendition: its segments span several chunks.
    let mpd = rig.get("/harbour.ism/.mpd").await;
    let largest = mpd
        .text()
        .split("id=\"video=")
        .skip(1)
        .filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok());
    let path = format!("{name}={}-3.m4s", largest.max().unwrap());
    source.gate.forget_permits(Semaphore::MAX_PERMITS);
    source.reads.store(0, Ordering::SeqCst);
    let client = {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.get(&path).await })
    };
    // Its chunks are one range.
    source.reads_reach(1).await;
    client.abort();
    while rig.metric("strata_origin_in_flight").await > 0.0 {
        tokio::task::yield_now().await;
    }
    // Given up, though the store has not answered.
    while rig.metric("strata_origin_store_in_flight").await > 0.0 {
        tokio::task::yield_now().await;
    }
    let aborted = "strata_cache_fills_total{result=\"aborted\",tier=\"chunks_memory\"}";
    assert_eq!(rig.metric(aborted).await, 1.0);
    assert_eq!(source.reads.load(Ordering::SeqCst), 1);
}
