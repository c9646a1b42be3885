use prometheus::Registry;

use super::*;

struct Index {
    version: u32,
    heap: usize,
}

impl HeapSize for Index {
    fn heap_size(&self) -> usize {
        self.heap
    }
}

fn cache(capacity_bytes: usize) -> DerivedCache<Index, &'static str> {
    let metrics = CacheMetrics::register(&Registry::new()).unwrap();
    DerivedCache::new(capacity_bytes, Handle::current(), Tier::Indexes, &metrics)
}

fn index(version: u32, heap: usize) -> Result<Arc<Index>, &'static str> {
    Ok(Arc::new(Index { version, heap }))
}

#[tokio::test]
async fn an_index_is_weighed_by_the_heap_it_holds() {
    let cache = cache(1 << 20);
    cache
        .get_or_fill("film.ism", || async { index(1, 10_000) })
        .await
        .unwrap();
    let overhead = size_of::<Index>() + ENTRY_OVERHEAD_BYTES;
    assert_eq!(cache.usage_bytes(), 10_000 + overhead);
    cache.remove("film.ism");
    assert_eq!(cache.usage_bytes(), 0);
    assert!(cache.get("film.ism").is_none());
}

#[tokio::test]
async fn a_stale_index_stays_until_its_replacement_is_there() {
    let cache = cache(1 << 20);
    cache
        .get_or_fill("film.ism", || async { index(1, 0) })
        .await
        .unwrap();
    let failed = cache
        .fill(
            "film.ism",
            |index| index.version > 1,
            || async { Err("store is down") },
        )
        .await;
    assert!(failed.is_err());
    assert_eq!(cache.get("film.ism").unwrap().version, 1);
    let renew = || async { index(2, 0) };
    let looked = cache
        .fill("film.ism", |index| index.version > 1, renew)
        .await
        .unwrap();
    assert_eq!((looked.value.version, looked.outcome), (2, Outcome::Miss));
    let looked = cache
        .fill("film.ism", |index| index.version > 1, renew)
        .await
        .unwrap();
    assert_eq!((looked.value.version, looked.outcome), (2, Outcome::Hit));
}
