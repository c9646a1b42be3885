use std::time::Duration;

use prometheus::Registry;
use strata_cache::{CacheMetrics, ChunkCache, ChunkCacheConfig, DiskAdmission, FillLimits};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::*;
use crate::source::{FolderSource, ReadLimits, Store, StoreLimits, StoreMetrics};

const CHUNK: u32 = 100;

async fn object(bytes: &[u8]) -> (SourceObject, TempDir) {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("film.mp4"), bytes).unwrap();
    let registry = Registry::new();
    let limits = StoreLimits {
        concurrency_max: 8,
        queue_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        ..StoreLimits::default()
    };
    let source = Arc::new(FolderSource::open(folder.path()).unwrap());
    let store = Arc::new(Store::new(
        source,
        limits,
        StoreMetrics::register(&registry).unwrap(),
    ));
    let metrics = CacheMetrics::register(&registry).unwrap();
    let config = ChunkCacheConfig {
        capacity_bytes: 1 << 20,
        chunk_bytes: CHUNK,
        fills: FillLimits::default(),
        admission: DiskAdmission::default(),
    };
    let chunks = ChunkCache::new(&config, Handle::current(), &metrics);
    let meta = store.head("film.mp4", &Tally::default()).await.unwrap();
    let limits = ReadLimits {
        range_bytes_max: 300,
        ahead_bytes_max: 0,
    };
    let reader = SourceReader::new(store, chunks, limits);
    (SourceObject::new(reader, "film.mp4", meta), folder)
}

fn slice<'b>(bytes: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

#[tokio::test]
async fn any_range_is_read_through_chunks() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1_050).collect();
    let (object, _folder) = object(&bytes).await;
    let tally = Arc::new(Tally::default());
    for range in [
        0..0,
        0..1,
        0..100,
        99..101,
        100..200,
        250..1_050,
        1_049..1_050,
        0..1_050,
    ] {
        let read = object.read(range.clone(), &tally).await.unwrap();
        assert_eq!(read.as_ref(), slice(&bytes, &range), "{range:?}");
    }
    // Neighbours that are missing are read together, three at a time.
    assert_eq!(tally.store_requests(), 5);
    assert_eq!(tally.store_bytes(), 1_050);
}

#[tokio::test]
async fn a_range_beyond_the_object_is_refused_before_anything_is_read() {
    let (object, _folder) = object(&[0; 1_050]).await;
    let tally = Arc::new(Tally::default());
    let error = object.read(1_000..1_051, &tally).await.unwrap_err();
    assert!(matches!(error.fault, SourceFault::Broken { .. }), "{error}");
    assert_eq!(tally.store_requests(), 0);
}

#[tokio::test]
async fn a_range_within_a_chunk_is_a_slice_of_it() {
    let (object, _folder) = object(&[7; 1_050]).await;
    let tally = Arc::new(Tally::default());
    let reading = object.chunk(3, 3, 3, &tally).await.unwrap();
    let Reading::Growing(follower) = reading else {
        panic!("it is not read yet")
    };
    let chunk = follower.whole().await.unwrap();
    let slice = object.read(310..320, &tally).await.unwrap();
    assert_eq!(slice.as_ptr(), chunk[10..].as_ptr());
}

#[tokio::test]
async fn pieces_partition_their_range() {
    let (object, _folder) = object(&[0; 10]).await;
    let pieces: Vec<_> = object
        .pieces(150..420)
        .map(|piece| (piece.chunk, piece.within))
        .collect();
    assert_eq!(pieces, [(1, 50..100), (2, 0..100), (3, 0..100), (4, 0..20)]);
}
