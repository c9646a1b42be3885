//! Stopping.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Method;
use strata_origin::source::Source;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::answers::a_later_segment;
use crate::rig::Rig;
use crate::shared::Gated;

const SOON: Duration = Duration::from_secs(10);

/// A rig with one segment request waiting for its chunk.
async fn with_a_request_in_flight(more: &str) -> (Arc<Gated>, Arc<Rig>, String) {
    let source = Gated::open(Semaphore::MAX_PERMITS);
    let rig = Rig::over(Arc::clone(&source) as Arc<dyn Source>, more).await;
    let path = a_later_segment(&rig).await;
    source.gate.forget_permits(Semaphore::MAX_PERMITS);
    source.reads.store(0, Ordering::SeqCst);
    (source, Arc::new(rig), path)
}

#[tokio::test]
async fn what_is_in_flight_ends_and_nothing_new_begins() {
    let (source, rig, path) = with_a_request_in_flight("").await;
    let waiting = {
        let (rig, path) = (Arc::clone(&rig), path.clone());
        tokio::spawn(async move { rig.get(&path).await })
    };
    source.reads_reach(1).await;
    rig.shutdown.drain();
    while rig
        .try_ask(&rig.base, Method::GET, "/harbour.ism/.mpd", &[])
        .await
        .is_ok()
    {
        tokio::task::yield_now().await;
    }
    let readiness = rig.operator("/readyz").await;
    assert_eq!(readiness.status, 503);
    assert!(readiness.text().contains("draining"));
    assert!(!rig.task.is_finished());
    source.gate.add_permits(100);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, 200);
    let rig = Arc::into_inner(rig).unwrap();
    timeout(SOON, rig.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_has_a_limit() {
    let (source, rig, path) = with_a_request_in_flight("drain:\n  limit: 50ms\n").await;
    let waiting = {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.try_ask(&rig.base, Method::GET, &path, &[]).await.is_err() })
    };
    source.reads_reach(1).await;
    rig.shutdown.drain();
    assert!(waiting.await.unwrap());
    let rig = Arc::into_inner(rig).unwrap();
    timeout(SOON, rig.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait() {
    let (source, rig, path) = with_a_request_in_flight("").await;
    let waiting = {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.try_ask(&rig.base, Method::GET, &path, &[]).await.is_err() })
    };
    source.reads_reach(1).await;
    rig.shutdown.stop();
    assert!(waiting.await.unwrap());
    let rig = Arc::into_inner(rig).unwrap();
    timeout(SOON, rig.task).await.unwrap().unwrap();
}
