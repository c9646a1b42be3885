//! Hours in minutes: an origin at full load whose memory, descriptors and tasks
//! must not grow. By hand: `make soak`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Bucket, Client, Node, manifest, sample};

/// How long, unless `STRATA_SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 900;

const CLIENTS: usize = 32;

/// Copies of the sample title, 5.5 MB each: more than memory holds, and more than
/// the disk does, so that both are evicted from all the time.
const TITLES: usize = 96;

const CACHE: &str = "\
cache:
  chunks: 256MiB
  indexes: 16MiB
  shapes: 8MiB
  manifests: 16MiB
  disk:
    chunks: 256MiB
    indexes: 64MiB
    queue: 16MiB
";

/// What may not grow, and by how much it may breathe; and how far memory may exceed
/// its budget.
const BREATH: f64 = 1.15;

/// What a node holds.
struct Sample {
    memory: f64,
    descriptors: f64,
    threads: f64,
    tasks: f64,
}

impl Sample {
    async fn of(origin: &Node) -> Self {
        let [memory, descriptors, threads] = origin.sample().map(|value| value as f64);
        Self {
            memory,
            descriptors,
            threads,
            tasks: origin.metric("strata_tasks", "").await,
        }
    }
}

/// The paths of all titles: copies of the sample title in folders of their own.
async fn paths(bucket: &Bucket, origin: &Node) -> Vec<String> {
    let store = bucket.server.store();
    for entry in std::fs::read_dir(sample()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // One copy in this process's memory.
        let bytes = bytes::Bytes::from(std::fs::read(&path).unwrap());
        for copy in 0..TITLES {
            store.put("titles", &format!("vod/{copy}/{name}"), bytes.clone());
        }
    }
    let of_one = manifest::everything(&Client::new(), origin.address).await;
    let copies = (0..TITLES).flat_map(|copy| of_one.iter().map(move |path| format!("/{copy}{path}")));
    copies.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: make soak"]
async fn memory_descriptors_and_tasks_stay_flat_and_within_budget_under_load() {
    let seconds = std::env::var("STRATA_SOAK_SECONDS").ok();
    let seconds = seconds.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("origin.yaml");
    let text = format!("{CACHE}    path: {}\n", folder.path().join("cache").display());
    std::fs::write(&config, text).unwrap();
    let origin = Node::origin_with(&bucket, &["--config", config.to_str().unwrap()]).await;
    let paths = Arc::new(paths(&bucket, &origin).await);
    let idle = Sample::of(&origin).await;
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
        samples.push(Sample::of(&origin).await);
    }
    let usage = origin.metric("strata_cache_usage_bytes", "chunks_memory").await;
    let capacity = origin
        .metric("strata_cache_capacity_bytes", "chunks_memory")
        .await;
    let budget = origin.metric("strata_origin_memory_budget_bytes", "").await;
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let bytes = served.load(Ordering::Relaxed);
    println!("{} MiB served in {seconds} s", bytes >> 20);
    is_flat("memory", &samples, |sample| sample.memory);
    is_flat("descriptors", &samples, |sample| sample.descriptors);
    is_flat("threads", &samples, |sample| sample.threads);
    is_flat("tasks", &samples, |sample| sample.tasks);
    let peak = samples.iter().map(|sample| sample.memory).fold(0.0, f64::max);
    let mib = f64::from(1 << 20);
    println!(
        "memory: {:.0} MiB before any load, {:.0} at most, of a budget of {:.0}; chunks {:.0} of {:.0}",
        idle.memory / mib,
        peak / mib,
        budget / mib,
        usage / mib,
        capacity / mib
    );
    assert!(0.9 * capacity < usage, "the cache is not full: it was not tested");
    assert!(peak <= budget * BREATH, "{peak} bytes of a budget of {budget}");
    assert_eq!(origin.metric("strata_origin_panics_total", "").await, 0.0);
}

/// Compares the second quarter of the time with the last.
#[allow(clippy::print_stdout, reason = "what was measured is what a soak is run for")]
fn is_flat(name: &str, samples: &[Sample], of: impl Fn(&Sample) -> f64) {
    let median = |samples: &[Sample]| {
        let mut values: Vec<f64> = samples.iter().map(&of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let count = samples.len();
    let (early, late) = (
        median(&samples[count / 4..count / 2]),
        median(&samples[count * 3 / 4..]),
    );
    println!("{name}: {early} in the second quarter, {late} in the last");
    assert!(late <= early * BREATH, "{name} grows from {early} to {late}");
}
