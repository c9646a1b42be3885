use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;
use tokio::sync::{Semaphore, oneshot};

use super::*;
use crate::key::ObjectKey;

const CHUNK_BYTES: u32 = 1024;

fn cache(chunks: usize) -> (ChunkCache<&'static str>, Registry) {
    let registry = Registry::new();
    let metrics = CacheMetrics::register(&registry).unwrap();
    let config = ChunkCacheConfig {
        capacity_bytes: chunks * (CHUNK_BYTES as usize + ENTRY_OVERHEAD_BYTES),
        chunk_bytes: CHUNK_BYTES,
    };
    (ChunkCache::new(&config, Handle::current(), &metrics), registry)
}

fn key(index: u32) -> ChunkKey {
    ChunkKey {
        object: ObjectKey::new("store", "film.mp4", "v1"),
        size: CHUNK_BYTES,
        index,
    }
}

fn chunk(fill: u8) -> Chunk {
    Chunk::from_vec(vec![fill; CHUNK_BYTES as usize])
}

/// The value of a counter of the `chunks_memory` tier.
fn counted(registry: &Registry, name: &str, label: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let metric = family
        .get_metric()
        .iter()
        .find(|metric| {
            let labels = metric.get_label();
            labels.iter().any(|pair| pair.value() == label)
                && labels.iter().any(|pair| pair.value() == "chunks_memory")
        })
        .unwrap();
    metric.get_counter().get_value()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_concurrent_askers_cost_one_fill() {
    let (cache, registry) = cache(8);
    let fills = Arc::new(AtomicUsize::new(0));
    let gate = Arc::new(Semaphore::new(0));
    let askers: Vec<_> = (0..1_000)
        .map(|_| {
            let (cache, fills, gate) = (cache.clone(), Arc::clone(&fills), Arc::clone(&gate));
            tokio::spawn(async move {
                let fill = move || async move {
                    fills.fetch_add(1, Ordering::SeqCst);
                    gate.acquire().await.unwrap().forget();
                    Ok(chunk(7))
                };
                cache.get_or_fill(&key(0), fill).await.unwrap().value
            })
        })
        .collect();
    gate.add_permits(1);
    for asker in askers {
        assert_eq!(asker.await.unwrap(), *chunk(7).bytes());
    }
    assert_eq!(fills.load(Ordering::SeqCst), 1);
    let requests = |outcome| counted(&registry, "strata_cache_requests_total", outcome);
    assert_eq!(requests("miss"), 1.0);
    assert_eq!(requests("hit") + requests("joined"), 999.0);
    assert_eq!(counted(&registry, "strata_cache_fills_total", "filled"), 1.0);
}

#[tokio::test]
async fn a_leader_who_leaves_does_not_cancel_the_fill_for_others() {
    let (cache, _) = cache(8);
    let (begun, has_begun) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let leader = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let fill = || async move {
                begun.send(()).unwrap();
                may_go.await.unwrap();
                Ok(chunk(1))
            };
            cache.get_or_fill(&key(0), fill).await
        })
    };
    has_begun.await.unwrap();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    let key = key(0);
    let (looked, ()) = tokio::join!(
        cache.get_or_fill(&key, || async { Err("a second fill was started") }),
        async { go.send(()).unwrap() },
    );
    let looked = looked.unwrap();
    assert_eq!(looked.outcome, Outcome::Joined);
    assert_eq!(looked.value, *chunk(1).bytes());
}

#[tokio::test]
async fn an_error_reaches_everyone_who_waits_and_the_next_asker_tries_again() {
    let (cache, registry) = cache(8);
    let (go, may_go) = oneshot::channel::<()>();
    let key = key(0);
    let failing = cache.get_or_fill(&key, || async move {
        may_go.await.unwrap();
        Err("store is down")
    });
    let waiting = || cache.get_or_fill(&key, || async { Ok(chunk(0)) });
    let (first, second, third, ()) =
        tokio::join!(failing, waiting(), waiting(), async { go.send(()).unwrap() });
    for result in [first, second, third] {
        assert_eq!(result.unwrap_err(), FillError::Failed("store is down"));
    }
    let looked = cache.get_or_fill(&key, || async { Ok(chunk(2)) }).await.unwrap();
    assert_eq!((looked.value, looked.outcome), (chunk(2).into(), Outcome::Miss));
    assert_eq!(counted(&registry, "strata_cache_fills_total", "failed"), 1.0);
}

#[tokio::test]
async fn a_fill_that_panics_is_reported_and_can_be_tried_again() {
    let (cache, _) = cache(8);
    let panicking = cache
        .get_or_fill(&key(0), || async { panic!("a bug in the fill") })
        .await;
    assert_eq!(panicking.unwrap_err(), FillError::Lost);
    let looked = cache
        .get_or_fill(&key(0), || async { Ok(chunk(3)) })
        .await
        .unwrap();
    assert_eq!(looked.value, *chunk(3).bytes());
}

#[tokio::test]
async fn memory_stays_within_its_capacity() {
    let (cache, registry) = cache(16);
    for index in 0..100 {
        cache
            .get_or_fill(&key(index), || async { Ok(chunk(0)) })
            .await
            .unwrap();
    }
    assert!(cache.usage_bytes() <= 16 * (CHUNK_BYTES as usize + ENTRY_OVERHEAD_BYTES));
    let evicted = registry.gather();
    let evicted = evicted
        .iter()
        .find(|family| family.name() == "strata_cache_evictions_total")
        .unwrap();
    assert_eq!(evicted.get_metric()[0].get_counter().get_value(), 84.0);
}

#[tokio::test]
async fn versions_of_an_object_do_not_meet() {
    let (cache, _) = cache(8);
    let newer = ChunkKey {
        object: ObjectKey::new("store", "film.mp4", "v2"),
        ..key(0)
    };
    cache
        .get_or_fill(&key(0), || async { Ok(chunk(1)) })
        .await
        .unwrap();
    assert!(cache.get(&newer).is_none());
    assert_eq!(cache.get(&key(0)).unwrap(), *chunk(1).bytes());
}

#[tokio::test]
async fn fills_are_drained() {
    let (cache, _) = cache(8);
    let asker = cache.clone();
    let task = tokio::spawn(async move {
        asker
            .get_or_fill(&key(0), || async {
                tokio::task::yield_now().await;
                Ok(chunk(1))
            })
            .await
    });
    tokio::task::yield_now().await;
    cache.drain().await;
    assert!(cache.get(&key(0)).is_some());
    task.await.unwrap().unwrap();
}
