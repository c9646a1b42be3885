use std::path::Path;
use std::time::Duration;

use prometheus::Registry;
use tempfile::TempDir;

use super::*;
use crate::disk::{DiskConfig, DiskState};

const CHUNK_BYTES: u32 = 1024;

fn config(chunks: usize) -> ChunkCacheConfig {
    ChunkCacheConfig {
        capacity_bytes: chunks * (CHUNK_BYTES as usize + ENTRY_OVERHEAD_BYTES),
        chunk_bytes: CHUNK_BYTES,
        fills: FillLimits::default(),
        admission: DiskAdmission::Filled,
    }
}

fn cache(chunks: usize) -> (ChunkCache<&'static str>, Registry) {
    let registry = Registry::new();
    let metrics = CacheMetrics::register(&registry).unwrap();
    let cache = ChunkCache::new(&config(chunks), Handle::current(), &metrics);
    (cache, registry)
}

/// A cache over a disk in `folder`.
async fn over_disk(
    chunks: usize,
    folder: &Path,
    admission: DiskAdmission,
) -> (ChunkCache<&'static str>, DiskTier, Registry) {
    let registry = Registry::new();
    let metrics = CacheMetrics::register(&registry).unwrap();
    let disk = DiskConfig {
        block_bytes: 1 << 20,
        load_timeout: Duration::from_secs(30),
        ..DiskConfig::new(folder.to_owned(), 16 << 20)
    };
    let disk = DiskTier::start(disk, Tier::Chunks, &Handle::current(), &metrics);
    assert_eq!(disk.opened().await, DiskState::On);
    let config = ChunkCacheConfig {
        admission,
        ..config(chunks)
    };
    let cache = ChunkCache::over_disk(&config, Some(disk.clone()), Handle::current(), &metrics);
    (cache, disk, registry)
}

fn sum(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    family
        .get_metric()
        .iter()
        .map(|metric| metric.get_counter().get_value())
        .sum()
}

fn span(first: u32, last: u32) -> ChunkSpan {
    ChunkSpan {
        object: ObjectKey::new("store", "film.mp4", "v1"),
        object_size: 100 * u64::from(CHUNK_BYTES) - 24,
        first,
        last,
        is_ahead: false,
    }
}

/// What chunk `index` is filled with.
fn mark(index: u32) -> u8 {
    u8::try_from(index % 251).unwrap()
}

/// Fills every chunk with its mark.
async fn indexes(mut filling: ChunkFilling<&'static str>) {
    let keys: Vec<ChunkKey> = filling.keys().cloned().collect();
    filling.head(&(), None);
    for key in keys {
        let size = if key.index == 99 {
            1000
        } else {
            CHUNK_BYTES as usize
        };
        filling.push(vec![mark(key.index); size].into()).unwrap();
    }
}

async fn unwanted(_: ChunkFilling<&'static str>) {
    panic!("a fill was started")
}

async fn whole(reading: Reading<&'static str>) -> Bytes {
    match reading {
        Reading::Whole(bytes) => bytes,
        Reading::Growing(follower) => follower.whole().await.unwrap(),
    }
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

#[tokio::test]
async fn chunks_of_a_span_come_from_one_fill_and_are_hits_afterwards() {
    let (cache, registry) = cache(200);
    let looked = cache.open(&span(96, 120), indexes).await.unwrap();
    assert_eq!(looked.outcome, Outcome::Miss);
    assert_eq!(whole(looked.value).await, vec![96; 1024]);
    cache.drain().await;
    for index in 96..100 {
        let looked = cache.open(&span(index, index), unwanted).await.unwrap();
        assert_eq!(looked.outcome, Outcome::Hit);
        let size = if index == 99 { 1000 } else { 1024 };
        assert_eq!(whole(looked.value).await, vec![mark(index); size]);
    }
    let requests = |outcome| counted(&registry, "strata_cache_requests_total", outcome);
    assert_eq!((requests("miss"), requests("hit")), (1.0, 4.0));
    assert_eq!(counted(&registry, "strata_cache_fills_total", "filled"), 4.0);
}

#[tokio::test]
async fn a_fill_stops_at_a_chunk_that_is_here() {
    let (cache, _) = cache(200);
    whole(cache.open(&span(3, 3), indexes).await.unwrap().value).await;
    assert_eq!(cache.read_ahead(&span(1, 9), indexes), 2);
    cache.drain().await;
    let here = (0..10).filter(|index| cache.contains(&span(0, 0).key(*index, CHUNK_BYTES)));
    assert_eq!(here.collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn what_is_read_ahead_with_a_chunk_comes_though_nobody_follows() {
    for is_ahead in [false, true] {
        let (cache, _) = cache(8_000);
        let (go, may_go) = tokio::sync::watch::channel(false);
        let fill = move |filling: ChunkFilling<&'static str>| {
            let mut may_go = may_go.clone();
            async move {
                let mut filling = filling;
                filling.head(&(), None);
                let _ = may_go.wait_for(|may_go| *may_go).await;
                indexes(filling).await;
            }
        };
        let wide = ChunkSpan {
            object_size: 2_000 * u64::from(CHUNK_BYTES),
            is_ahead,
            ..span(0, 1_999)
        };
        drop(cache.open(&wide, fill).await.unwrap());
        // Whoever is let go first, the fill or who gives it up: both are ready.
        if !is_ahead {
            cache.drain().await;
        }
        let _ = go.send(true);
        cache.drain().await;
        assert_eq!(cache.contains(&wide.key(7, CHUNK_BYTES)), is_ahead);
    }
}

#[tokio::test]
async fn memory_stays_within_its_capacity() {
    let (cache, registry) = cache(16);
    for index in 0..99 {
        whole(cache.open(&span(index, index), indexes).await.unwrap().value).await;
        assert!(cache.usage_bytes() <= 16 * (CHUNK_BYTES as usize + ENTRY_OVERHEAD_BYTES));
    }
    let evictions = registry
        .gather()
        .into_iter()
        .find(|family| family.name() == "strata_cache_evictions_total")
        .unwrap();
    assert!(80.0 < evictions.get_metric()[0].get_counter().get_value());
}

#[tokio::test]
async fn an_empty_object_has_one_empty_chunk() {
    let (cache, _) = cache(16);
    let empty = ChunkSpan {
        object_size: 0,
        ..span(0, 3)
    };
    let fill = |mut filling: ChunkFilling<&'static str>| async move { filling.head(&(), None) };
    assert_eq!(whole(cache.open(&empty, fill).await.unwrap().value).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hit_in_memory_writes_nothing_to_disk() {
    for admission in [DiskAdmission::Filled, DiskAdmission::Evicted] {
        let folder = TempDir::new().unwrap();
        let (cache, disk, registry) = over_disk(200, folder.path(), admission).await;
        whole(cache.open(&span(0, 20), indexes).await.unwrap().value).await;
        cache.drain().await;
        disk.written().await;
        let written = sum(&registry, "strata_cache_disk_written_total");
        assert_eq!(
            written,
            if admission == DiskAdmission::Filled {
                21.0
            } else {
                0.0
            }
        );
        for _ in 0..50 {
            for index in 0..21 {
                let looked = cache.open(&span(index, index), unwanted).await.unwrap();
                assert_eq!(looked.outcome, Outcome::Hit);
            }
        }
        disk.written().await;
        assert_eq!(sum(&registry, "strata_cache_disk_written_total"), written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_memory_comes_from_disk_and_is_not_written_again() {
    let folder = TempDir::new().unwrap();
    let (cache, disk, registry) = over_disk(8, folder.path(), DiskAdmission::Evicted).await;
    for index in 0..60 {
        whole(cache.open(&span(index, index), indexes).await.unwrap().value).await;
        disk.written().await;
    }
    let first = span(0, 9);
    assert!(!cache.contains(&first.key(0, CHUNK_BYTES)) && cache.is_coming(&first.key(0, CHUNK_BYTES)));
    let before = sum(&registry, "strata_cache_disk_written_total");
    for index in 0..40 {
        let looked = cache.open(&span(index, 99), unwanted).await.unwrap();
        assert_eq!(whole(looked.value).await, vec![mark(index); 1024]);
    }
    disk.written().await;
    // The last few that were in memory have left it by now.
    assert!(sum(&registry, "strata_cache_disk_written_total") <= before + 8.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_the_disk_and_asks_the_source_for_nothing() {
    let folder = TempDir::new().unwrap();
    let (cache, disk, _) = over_disk(200, folder.path(), DiskAdmission::Filled).await;
    whole(cache.open(&span(0, 99), indexes).await.unwrap().value).await;
    cache.drain().await;
    disk.close().await;
    drop((cache, disk));
    let (cache, _, registry) = over_disk(200, folder.path(), DiskAdmission::Filled).await;
    for index in 0..100 {
        let looked = cache.open(&span(index, 99), unwanted).await.unwrap();
        whole(looked.value).await;
    }
    assert_eq!(sum(&registry, "strata_cache_disk_written_total"), 0.0);
    cache.clear().await;
    assert!(!cache.is_coming(&span(0, 0).key(0, CHUNK_BYTES)));
}
