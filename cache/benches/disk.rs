//! Hits on disk, of 1 MiB, against what fio reads from the same folder at the same
//! concurrency: once each from the device, and then again from the page cache.
//!
//! `cargo bench -p strata-cache --bench disk [-- FOLDER]`; the folder is below
//! `target/` by default, and has to have 3 GiB to spare. Without fio only the tier is
//! measured. See `bench/store/README.md`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing benchmark may panic"
)]
#![allow(clippy::cast_precision_loss, reason = "small figures")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prometheus::Registry;
use strata_cache::{CacheMetrics, ChunkKey, DiskConfig, DiskState, DiskTier, ObjectKey, Tier};
use tokio::runtime::{Handle, Runtime};

/// That of the binary: an entry is read into memory that is new.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 5;

/// Readers at once.
const READERS: u32 = 8;

/// Entries of 1 MiB: each reader has its own.
const ENTRIES: u32 = 1024;
const ENTRY_BYTES: usize = 1 << 20;

/// A step that meets each of a reader's entries, in no order that helps.
const STEP: u32 = 53;

fn main() {
    // Cargo's own flags come first.
    let named = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let parent = named.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::TempDir::new_in(parent).unwrap();
    let (tier_folder, fio_folder) = (folder.path().join("tier"), folder.path().join("fio"));
    std::fs::create_dir(&fio_folder).unwrap();
    let fio = lay_out(&fio_folder);
    if fio.is_none() {
        println!("no fio here: the tier alone");
    }
    let runtime = Runtime::new().unwrap();
    let tier = runtime.block_on(filled(&tier_folder));
    for (name, is_cold) in [("from the device", true), ("from the page cache", false)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            if is_cold {
                forget(&tier_folder);
            }
            ours.push(runtime.block_on(read_all(&tier)));
            if let Some(file) = &fio {
                if is_cold {
                    forget(&fio_folder);
                }
                theirs.push(fio_reads(file));
            }
        }
        let ours = median(&mut ours);
        print!("{READERS} readers of 1 MiB, {name}: tier {ours:.0} MiB/s");
        if fio.is_some() {
            let theirs = median(&mut theirs);
            print!(", fio {theirs:.0} MiB/s, ratio {:.2}", ours / theirs);
        }
        println!();
    }
    runtime.block_on(tier.close());
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn name(index: u32) -> Bytes {
    let object = ObjectKey::new("store", "film.mp4", "v1");
    ChunkKey {
        object,
        size: 1,
        index,
    }
    .disk_name()
}

/// A tier that has every entry.
async fn filled(folder: &Path) -> DiskTier {
    let metrics = CacheMetrics::register(&Registry::new()).unwrap();
    let config = DiskConfig {
        block_bytes: 64 << 20,
        load_timeout: Duration::from_secs(30),
        ..DiskConfig::new(folder.to_owned(), 3 << 29)
    };
    let tier = DiskTier::start(config, Tier::Chunks, &Handle::current(), &metrics);
    assert_eq!(tier.opened().await, DiskState::On);
    for index in 0..ENTRIES {
        tier.offer(name(index), vec![7; ENTRY_BYTES].into());
        if index % 16 == 0 {
            tier.written().await;
        }
    }
    tier.written().await;
    tier
}

/// MiB a second, of every entry once.
async fn read_all(tier: &DiskTier) -> f64 {
    let begun = Instant::now();
    let each = ENTRIES / READERS;
    let readers: Vec<_> = (0..READERS)
        .map(|reader| {
            let tier = tier.clone();
            tokio::spawn(async move {
                for step in 0..each {
                    let entry = tier.load(&name(reader * each + step * STEP % each)).await;
                    assert_eq!(entry.map(|bytes| bytes.len()), Some(ENTRY_BYTES));
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    f64::from(ENTRIES) / begun.elapsed().as_secs_f64()
}

/// The file that fio reads; `None` when there is no fio.
fn lay_out(folder: &Path) -> Option<PathBuf> {
    let file = folder.join("file");
    let made = Command::new("fio")
        .args(["--name=write", "--rw=write", "--bs=1M", "--end_fsync=1"])
        .arg(format!("--size={ENTRIES}M"))
        .arg(format!("--filename={}", file.display()))
        .output();
    made.ok()?.status.success().then_some(file)
}

/// MiB a second of as many jobs, each of which reads its part of the file once.
fn fio_reads(file: &Path) -> f64 {
    let each = ENTRIES / READERS;
    let output = Command::new("fio")
        .args(["--name=read", "--rw=randread", "--bs=1M", "--ioengine=psync"])
        // It would drop the file from the page cache; `forget` does where that is wanted.
        .args([
            "--invalidate=0",
            "--group_reporting",
            "--thread",
            "--output-format=terse",
        ])
        .arg(format!("--numjobs={READERS}"))
        .arg(format!("--size={each}M"))
        .arg(format!("--offset_increment={each}M"))
        .arg(format!("--filename={}", file.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    // fio(1), "Terse output": the seventh field is KiB a second.
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains(';')).unwrap();
    line.split(';').nth(6).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// Drops what the page cache holds of a folder's files.
fn forget(folder: &Path) {
    for file in std::fs::read_dir(folder).unwrap() {
        let mut from = std::ffi::OsString::from("if=");
        from.push(file.unwrap().path());
        let synced = Command::new("sync").status().unwrap();
        // With no count it only advises the kernel.
        let dropped = Command::new("dd")
            .arg(from)
            .args(["iflag=nocache", "count=0", "status=none"])
            .status()
            .unwrap();
        assert!(synced.success() && dropped.success());
    }
}
