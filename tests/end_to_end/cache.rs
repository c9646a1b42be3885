//! The cache on disk, with the real binary.

use std::path::Path;
use std::process::Stdio;

use strata_s3_server::Operation;

use crate::support::node::strata;
use crate::support::{Bucket, Client, Node, manifest};

#[tokio::test]
async fn an_origin_that_was_killed_serves_from_its_disk() {
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let config = config_in(folder.path());
    let flags = ["--config", config.as_str()];
    let client = Client::new();
    let mut origin = Node::origin_with(&bucket, &flags).await;
    disk_on(&origin).await;
    let tracks = manifest::dash(&client, origin.address).await;
    let mut before = Vec::new();
    for track in &tracks {
        before.push(client.get(origin.address, &track.segments[4]).await);
    }
    // Everything that was read is written by then.
    while origin
        .metric("strata_cache_disk_written_total", "chunks_disk")
        .await
        < origin.metric("strata_cache_fills_total", "chunks_memory").await
    {
        tokio::task::yield_now().await;
    }
    // The last burst is on its way to the disk a moment longer than it is counted.
    let settled = origin
        .metric("strata_cache_disk_written_bytes_total", "chunks_disk")
        .await;
    assert!(0.0 < settled);
    origin.kill().await;
    bucket.server.journal().reset();
    let origin = Node::origin_with(&bucket, &flags).await;
    disk_on(&origin).await;
    for (track, before) in tracks.iter().zip(&before) {
        let after = client.get(origin.address, &track.segments[4]).await;
        assert_eq!((after.status, &after.body), (before.status, &before.body));
    }
    let hits = origin
        .metric(
            "strata_cache_requests_total",
            "outcome=\"hit\",tier=\"chunks_disk\"",
        )
        .await;
    assert!(
        0.0 < hits,
        "{:?}",
        bucket.server.journal().count(Operation::GetObject)
    );
}

/// Writes the configuration of an origin with a small disk into `folder`: its path.
pub(crate) fn config_in(folder: &Path) -> String {
    let config = folder.join("origin.yaml");
    let text = format!(
        "cache:\n  disk:\n    path: {}\n    chunks: 64MiB\n    indexes: 64MiB\n    load_timeout: 30s\n",
        folder.join("cache").display()
    );
    std::fs::write(&config, text).unwrap();
    config.to_str().unwrap().to_owned()
}

/// Waits until the origin uses its disk.
pub(crate) async fn disk_on(origin: &Node) {
    while origin.metric("strata_cache_disk_on", "").await < 2.0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_command_tells_what_is_in_a_cache_and_empties_it() {
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let config = folder.path().join("origin.yaml");
    let text = format!(
        "cache:\n  disk:\n    path: {}\n    chunks: 64MiB\n    indexes: 64MiB\n",
        cache.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut origin = Node::origin_with(&bucket, &["--config", config.to_str().unwrap()]).await;
    disk_on(&origin).await;
    let client = Client::new();
    let tracks = manifest::dash(&client, origin.address).await;
    client.get(origin.address, &tracks[0].segments[2]).await;
    let run = async |action: &str, more: &[&str]| {
        let mut command = strata();
        command.args(["cache", action]).arg(&cache).args(more);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .await
            .unwrap()
    };
    let refused = run("clear", &[]).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use"));
    origin.signal("TERM").await;
    assert!(origin.ended().await.success());
    let told = run("inspect", &["--json"]).await;
    assert!(told.status.success(), "{told:?}");
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told[0]["tier"], "chunks");
    assert!(0 < told[0]["chunks"]["entries"].as_u64().unwrap(), "{told}");
    let verified = run("verify", &[]).await;
    assert!(verified.status.success(), "{verified:?}");
    assert!(String::from_utf8_lossy(&verified.stdout).contains("0 damaged entries"));
    assert!(run("clear", &[]).await.status.success());
    let nothing = run("inspect", &[]).await;
    assert!(!nothing.status.success());
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("cache.disk.path"));
}
