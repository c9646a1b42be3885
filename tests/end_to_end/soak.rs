//! Hours in minutes: an origin at full load whose memory, descriptors and tasks
//! must not grow. By hand: `make soak`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Bucket, Client, Node, manifest};

/// How long, unless `STRATA_SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 900;

const CLIENTS: usize = 32;

/// Memory that the node is given for caches; less than the title, so that it is
/// evicted from all the time.
const CACHE: &str = "\
cache:
  chunk_size: 64KiB
  chunks: 4MiB
  indexes: 16MiB
  manifests: 4MiB
  disk:
    chunks: 64MiB
    indexes: 64MiB
    queue: 4MiB
";

/// What may not grow, and by how much it may breathe.
const BREATH: f64 = 1.15;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: make soak"]
async fn memory_descriptors_and_threads_stay_flat_under_load() {
    let seconds = std::env::var("STRATA_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("origin.yaml");
    let text = format!("{CACHE}    path: {}\n", folder.path().join("cache").display());
    std::fs::write(&config, text).unwrap();
    let origin = Node::origin_with(&bucket, &["--config", config.to_str().unwrap()]).await;
    let paths = Arc::new(manifest::everything(&Client::new(), origin.address).await);
    let (is_over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (paths, is_over, served) = (Arc::clone(&paths), Arc::clone(&is_over), Arc::clone(&served));
            let address = origin.address;
            tokio::spawn(async move {
                let http = Client::new();
                // Each at another place, with a step that meets every path.
                let mut at = client * 7919;
                while !is_over.load(Ordering::Relaxed) {
                    at += 31;
                    let path = &paths[at % paths.len()];
                    let answer = http.get(address, path).await;
                    assert_eq!(answer.status, http::StatusCode::OK, "{path}");
                    served.fetch_add(answer.body.len() as u64, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (begun, length) = (Instant::now(), Duration::from_secs(seconds));
    let mut samples = Vec::new();
    while begun.elapsed() < length {
        tokio::time::sleep(length / 100).await;
        samples.push(origin.sample());
    }
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let bytes = served.load(Ordering::Relaxed);
    println!(
        "{} MiB served in {seconds} s; memory, descriptors, threads:",
        bytes >> 20
    );
    for (name, of) in [("memory", 0), ("descriptors", 1), ("threads", 2)] {
        let median = |samples: &[[u64; 3]]| {
            let mut values: Vec<u64> = samples.iter().map(|sample| sample[of]).collect();
            values.sort_unstable();
            values[values.len() / 2] as f64
        };
        let count = samples.len();
        let (early, late) = (
            median(&samples[count / 4..count / 2]),
            median(&samples[count * 3 / 4..]),
        );
        println!("{name}: {early} in the second quarter, {late} in the last");
        assert!(late <= early * BREATH, "{name} grows from {early} to {late}");
    }
    assert_eq!(origin.metric("strata_origin_panics_total", "").await, 0.0);
}
