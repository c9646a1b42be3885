use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use prometheus::Registry;
use tempfile::TempDir;

use super::*;
use crate::key::{ChunkKey, EntryKind, ObjectKey};

const ENTRY_BYTES: usize = 100_000;

fn config(directory: &Path) -> DiskConfig {
    DiskConfig {
        block_bytes: 1 << 20,
        buffer_bytes: 4 << 20,
        check_interval: Duration::from_millis(20),
        // A machine that is busy is not a slow disk.
        load_timeout: Duration::from_secs(30),
        ..DiskConfig::new(directory.to_owned(), 16 << 20)
    }
}

fn start(config: DiskConfig) -> (DiskTier, Registry) {
    let registry = Registry::new();
    let metrics = CacheMetrics::register(&registry).unwrap();
    (
        DiskTier::start(config, Tier::Chunks, &Handle::current(), &metrics),
        registry,
    )
}

fn name(index: u32) -> Bytes {
    let key = ChunkKey {
        object: ObjectKey::new("store", "film.mp4", "v1"),
        size: 1,
        index,
    };
    key.disk_name()
}

fn entry(index: u32) -> Bytes {
    vec![u8::try_from(index % 251).unwrap(); ENTRY_BYTES].into()
}

async fn filled(directory: &Path, count: u32) -> (DiskTier, Registry) {
    let (tier, registry) = start(config(directory));
    assert_eq!(tier.opened().await, DiskState::On);
    for index in 0..count {
        tier.offer(name(index), entry(index));
        tier.written().await;
    }
    (tier, registry)
}

async fn held(tier: &DiskTier, count: u32) -> u32 {
    let mut held = 0;
    for index in 0..count {
        if let Some(bytes) = tier.load(&name(index)).await {
            assert_eq!(bytes, entry(index), "wrong bytes");
            held += 1;
        }
    }
    held
}

fn counted(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let of_chunks = family.get_metric().iter().filter(|metric| {
        let mut labels = metric.get_label().iter();
        labels.any(|label| label.value() == "chunks_disk")
    });
    of_chunks.map(|metric| metric.get_counter().get_value()).sum()
}

async fn becomes(tier: &DiskTier, wanted: impl Fn(&DiskState) -> bool) {
    let mut changes = tier.inner.health().changed();
    changes.wait_for(wanted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_offered_is_there_and_is_not_written_twice() {
    let folder = TempDir::new().unwrap();
    let (tier, registry) = filled(folder.path(), 20).await;
    assert_eq!(held(&tier, 20).await, 20);
    let written = counted(&registry, "strata_cache_disk_written_total");
    for index in 0..20 {
        tier.offer(name(index), entry(index));
    }
    tier.written().await;
    assert_eq!(counted(&registry, "strata_cache_disk_written_total"), written);
    assert!(tier.load(&name(99)).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_was_not_closed_is_read_again() {
    let folder = TempDir::new().unwrap();
    let (tier, _) = filled(folder.path(), 20).await;
    // What a process that is killed leaves behind: the files as they are.
    let copy = TempDir::new().unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    drop(tier);
    let (again, _) = start(config(copy.path()));
    assert_eq!(again.opened().await, DiskState::On);
    assert_eq!(held(&again, 20).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_tier_gives_its_folder_to_the_next_one() {
    let folder = TempDir::new().unwrap();
    let (tier, _) = filled(folder.path(), 5).await;
    let (rival, _) = start(config(folder.path()));
    let state = rival.opened().await;
    assert!(
        matches!(&state, DiskState::Off(Trouble::Failing(reason)) if reason.contains("in use")),
        "{state}"
    );
    tier.close().await;
    // By itself.
    becomes(&rival, |state| *state == DiskState::On).await;
    assert_eq!(held(&rival, 5).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_entries_are_misses_and_never_wrong_bytes() {
    let folder = TempDir::new().unwrap();
    let (tier, _) = filled(folder.path(), 20).await;
    let mut damaged = 0;
    for index in 0..16 {
        let path = folder.path().join(engine::block_name(index));
        let file = File::options().write(true).open(path).unwrap();
        // Once in every 64 KiB.
        for at in (0..1 << 20).step_by(64 << 10) {
            file.write_all_at(b"damaged!", at + 40_000).unwrap();
            damaged += 1;
        }
    }
    assert!(0 < damaged);
    let held = held(&tier, 20).await;
    assert!(held < 20, "{held}");
    assert_eq!(tier.state(), DiskState::On);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_that_does_not_fit_the_volume_stays_off_and_says_so() {
    let folder = TempDir::new().unwrap();
    let huge = DiskConfig {
        capacity_bytes: fs4::total_space(folder.path()).unwrap() / 100 * 90,
        block_bytes: 1 << 30,
        ..config(folder.path())
    };
    let (tier, _) = start(huge);
    let state = tier.opened().await;
    assert!(matches!(state, DiskState::Off(Trouble::Full { .. })), "{state}");
    tier.offer(name(1), entry(1));
    assert!(tier.load(&name(1)).await.is_none());
    let blocks = std::fs::read_dir(folder.path()).unwrap().filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(engine::BLOCK_PREFIX)
    });
    assert_eq!(blocks.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_switched_off_and_on_again_when_it_is_mended() {
    let folder = TempDir::new().unwrap();
    let (tier, registry) = filled(folder.path(), 20).await;
    // The blocks end early: reading them fails.
    for index in 0..16 {
        let path = folder.path().join(engine::block_name(index));
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(0)
            .unwrap();
    }
    let mut asked = 0;
    while tier.state() == DiskState::On {
        assert!(tier.load(&name(asked % 20)).await.is_none());
        asked += 1;
        assert!(asked < 100, "it goes on failing");
    }
    assert!(5.0 <= counted(&registry, "strata_cache_disk_failures_total"));
    // Opening it anew allocates the blocks again.
    becomes(&tier, |state| *state == DiskState::On).await;
    tier.offer(name(50), entry(50));
    tier.written().await;
    assert_eq!(tier.load(&name(50)).await.unwrap(), entry(50));
}

#[tokio::test]
async fn a_disk_that_is_slower_than_its_limit_is_switched_off_and_on_again() {
    let folder = TempDir::new().unwrap();
    let (tier, registry) = filled(folder.path(), 20).await;
    // From here on limits pass as soon as there is nothing to do but to wait for
    // the disk, which has threads of its own.
    tokio::time::pause();
    let mut asked = 0;
    while tier.state() == DiskState::On {
        tier.load(&name(asked % 20)).await;
        asked += 1;
        assert!(asked < 10_000, "it is never too slow");
    }
    let state = tier.state();
    assert!(matches!(state, DiskState::Off(Trouble::Slow(_))), "{state}");
    assert!(5.0 <= counted(&registry, "strata_cache_disk_failures_total"));
    assert!(tier.load(&name(1)).await.is_none());
    tokio::time::resume();
    becomes(&tier, |state| *state == DiskState::On).await;
    assert_eq!(held(&tier, 20).await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_written_without_the_engine_dropping_any_of_it() {
    let folder = TempDir::new().unwrap();
    let burst = DiskConfig {
        capacity_bytes: 64 << 20,
        ..config(folder.path())
    };
    let (tier, registry) = start(burst);
    assert_eq!(tier.opened().await, DiskState::On);
    for index in 0..400 {
        tier.offer(name(index), entry(index));
    }
    tier.written().await;
    assert_eq!(held(&tier, 400).await, 400);
    assert_eq!(tier.inner.engine().unwrap().dropped(), 0);
    assert_eq!(counted(&registry, "strata_cache_disk_written_total"), 400.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_queue_is_bounded_in_bytes_and_tells_what_it_drops() {
    let folder = TempDir::new().unwrap();
    let small = DiskConfig {
        queue_bytes: 2 * ENTRY_BYTES,
        ..config(folder.path())
    };
    let (tier, registry) = start(small);
    assert_eq!(tier.opened().await, DiskState::On);
    for index in 0..500 {
        tier.offer(name(index), entry(index));
    }
    tier.written().await;
    let written = counted(&registry, "strata_cache_disk_written_total");
    let dropped = counted(&registry, "strata_cache_disk_dropped_total");
    assert!(
        0.0 < dropped && written + dropped == 500.0,
        "{written} and {dropped}"
    );
    assert_eq!(tier.inner.queued_bytes.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_geometry_begins_anew_and_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let (tier, _) = filled(folder.path(), 5).await;
    tier.close().await;
    let smaller = DiskConfig {
        capacity_bytes: 8 << 20,
        ..config(folder.path())
    };
    let (tier, _) = start(smaller);
    assert_eq!(tier.opened().await, DiskState::On);
    assert!(tier.load(&name(1)).await.is_none());
    assert!(!folder.path().join(engine::block_name(8)).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_inspected_verified_and_cleared() {
    let folder = TempDir::new().unwrap();
    let (tier, _) = filled(folder.path(), 20).await;
    let index = ObjectKey::new("store", "film.mp4", "v1").disk_name(EntryKind::Index);
    tier.offer(index, Bytes::from_static(b"an index"));
    tier.written().await;
    assert!(matches!(verify(folder.path()), Err(OpenError::InUse(_))));
    assert!(matches!(clear(folder.path()), Err(OpenError::InUse(_))));
    let scan = inspect(folder.path()).unwrap();
    let chunks = ScannedKind {
        entries: 20,
        bytes: 20 * ENTRY_BYTES as u64,
    };
    assert_eq!(scan.kinds[&EntryKind::Chunk], chunks);
    assert_eq!(scan.kinds[&EntryKind::Index].bytes, 8);
    assert_eq!(scan.objects["film.mp4"], (21, chunks.bytes + 8));
    tier.close().await;
    assert_eq!(verify(folder.path()).unwrap().damaged, 0);
    for index in 0..16 {
        let path = folder.path().join(engine::block_name(index));
        let block = File::options().write(true).open(path).unwrap();
        block.write_all_at(b"damaged!", 50_000).unwrap();
    }
    let scan = verify(folder.path()).unwrap();
    assert!(0 < scan.damaged);
    assert_eq!(scan.damaged + scan.kinds[&EntryKind::Chunk].entries, 20);
    assert_eq!(clear(folder.path()).unwrap(), 16 << 20);
    assert!(inspect(folder.path()).is_err());
}
