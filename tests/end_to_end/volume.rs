//! A volume that is full: under the cache on disk, with the real binary.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use http::StatusCode;

use crate::cache::disk_on;
use crate::support::{Bucket, Client, Node, manifest};

const MIB: u64 = 1 << 20;

/// Room for both tiers, of 64 MiB each, and a little more.
const VOLUME_BYTES: u64 = 192 * MIB;

/// Too little is left for either.
const TAKEN_BYTES: u64 = 150 * MIB;

/// Memory holds little, so that what is read is written, and read again.
const CACHE: &str = "\
cache:
  chunk_size: 64KiB
  chunks: 1MiB
  read_ahead: 0
  disk:
    chunks: 64MiB
    indexes: 64MiB
    load_timeout: 30s
    check_interval: 50ms
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_volume_costs_the_tier_and_nothing_else_until_there_is_room_again() {
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("volume");
    std::fs::create_dir(&place).unwrap();
    let config = folder.path().join("origin.yaml");
    std::fs::write(&config, format!("{CACHE}    path: {}\n", place.display())).unwrap();
    let flags = ["--config", config.to_str().unwrap()];
    let origin = Node::origin_on_volume(&bucket, &place, VOLUME_BYTES, TAKEN_BYTES, &flags).await;
    let viewer = Viewer::of(&bucket).await;

    // Full from the start: it says so, once, and serves.
    origin
        .logged(&["disk tier switched off", "bytes wanted where"])
        .await;
    viewer.watches(&origin).await;
    assert_eq!(origin.metric("strata_cache_disk_on", "").await, 0.0);

    // Room is made: it comes on by itself.
    let volume = origin.within(&place);
    std::fs::remove_file(volume.join("taken")).unwrap();
    disk_on(&origin).await;
    viewer.watches(&origin).await;
    let written = async || {
        origin
            .metric("strata_cache_disk_written_total", "chunks_disk")
            .await
    };
    assert!(0.0 < written().await);

    // Somebody else fills it: what is allocated cannot be taken away.
    fill(&volume);
    viewer.watches(&origin).await;
    assert_eq!(origin.metric("strata_cache_disk_failures_total", "").await, 0.0);

    // On a file system that cannot allocate, the blocks are holes, and writing
    // them fails.
    hollow(&volume.join("chunks"));
    fill(&volume);
    let alerts = switched_off(&origin);
    while 1.0 < origin.metric("strata_cache_disk_on", "").await {
        viewer.watches(&origin).await;
    }
    assert!(
        0.0 < origin
            .metric("strata_cache_disk_failures_total", "chunks_disk")
            .await
    );
    origin.logged(&["disk tier switched off", "chunks"]).await;
    assert!(alerts < switched_off(&origin));
    viewer.watches(&origin).await;

    let before = written().await;
    std::fs::remove_file(volume.join("filler")).unwrap();
    disk_on(&origin).await;
    viewer.watches(&origin).await;
    assert!(before < written().await);
    assert_eq!(origin.metric("strata_origin_panics_total", "").await, 0.0);
}

/// How often the node has told that a tier is off.
fn switched_off(origin: &Node) -> usize {
    let log = origin.log();
    let told = log.iter().filter(|line| line.contains("disk tier switched off"));
    told.count()
}

/// Writes until nothing more fits.
fn fill(volume: &Path) {
    let mut filler = File::options()
        .create(true)
        .append(true)
        .open(volume.join("filler"))
        .unwrap();
    let error = loop {
        if let Err(error) = filler.write_all(&[1; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

/// Gives the room of every block back, and leaves it as long as it was.
fn hollow(tier: &Path) {
    let mut hollowed = 0;
    for file in std::fs::read_dir(tier).unwrap() {
        let path = file.unwrap().path();
        let size = std::fs::metadata(&path).unwrap().len();
        if MIB <= size {
            let block = File::options().write(true).open(path).unwrap();
            block.set_len(0).unwrap();
            block.set_len(size).unwrap();
            hollowed += 1;
        }
    }
    assert!(0 < hollowed);
}

/// Asks for segments, and knows what they are.
struct Viewer {
    client: Client,
    segments: Vec<(String, bytes::Bytes)>,
}

impl Viewer {
    async fn of(bucket: &Bucket) -> Self {
        let (client, reference) = (Client::new(), Node::origin(bucket).await);
        let tracks = manifest::dash(&client, reference.address).await;
        let mut segments = Vec::new();
        for path in tracks.into_iter().flat_map(|track| track.segments) {
            let body = client.get(reference.address, &path).await.body;
            segments.push((path, body));
        }
        Self { client, segments }
    }

    /// Watches all of the title: every byte is right.
    async fn watches(&self, origin: &Node) {
        for (path, body) in &self.segments {
            let answer = self.client.get(origin.address, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert!(answer.body == body, "{path}: other bytes");
        }
    }
}
