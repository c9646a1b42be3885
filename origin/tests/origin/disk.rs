//! What a restart finds.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use strata_s3_server::Operation;
use tempfile::TempDir;

use crate::answers::a_segment;
use crate::bucket::{BucketRig, over, start};

fn with_disk(folder: &TempDir) -> String {
    format!(
        "cache:\n  disk:\n    path: {}\n    chunks: 64MiB\n    indexes: 64MiB\n    load_timeout: 30s\n",
        folder.path().display()
    )
}

async fn until_on(bucket: &BucketRig) {
    for tier in ["chunks_disk", "indexes_disk"] {
        while bucket
            .rig
            .metric(&format!("strata_cache_disk_on{{tier=\"{tier}\"}}"))
            .await
            < 1.0
        {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_reads_neither_tables_nor_media_again() {
    let folder = TempDir::new().unwrap();
    let first = start(&with_disk(&folder)).await;
    until_on(&first).await;
    let path = a_segment(&first.rig).await;
    let warm = first.rig.get(&path).await;
    first.rig.get("/harbour-720.mp4/.mpd").await;
    let BucketRig { server, rig } = first;
    rig.shutdown.drain();
    rig.task.await.unwrap();
    server.journal().reset();
    let second = over(server, &with_disk(&folder)).await;
    until_on(&second).await;
    let again = second.rig.get(&path).await;
    assert_eq!((again.status, &again.body), (warm.status, &warm.body));
    assert_eq!(second.rig.get("/harbour-720.mp4/.mpd").await.status, 200);
    let reads = "strata_origin_store_requests_total{operation=\"read\",outcome=\"ok\"}";
    assert_eq!(
        second.rig.metric(reads).await,
        0.0,
        "{:?}",
        second.server.journal().entries()
    );
    // Each object was opened, which tells its version.
    assert!(0 < second.server.journal().count(Operation::GetObject).requests);
    assert!(
        0.0 < second
            .rig
            .metric("strata_cache_requests_total{outcome=\"hit\",tier=\"chunks_disk\"}")
            .await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_were_damaged_are_read_from_the_store_again() {
    let folder = TempDir::new().unwrap();
    let more = with_disk(&folder).replace("cache:\n", "cache:\n  chunk_size: 64KiB\n");
    let first = start(&more).await;
    until_on(&first).await;
    let playlist = first.rig.playlist("/harbour-720.mp4/.m3u8").await.remove(0);
    let paths: Vec<String> = first
        .rig
        .playlist(&format!("/harbour-720.mp4/{playlist}"))
        .await
        .into_iter()
        .map(|name| format!("/harbour-720.mp4/{name}"))
        .collect();
    let mut bodies = Vec::new();
    for path in &paths {
        bodies.push(first.rig.get(path).await.body);
    }
    let BucketRig { server, rig } = first;
    rig.shutdown.drain();
    rig.task.await.unwrap();
    damage(&folder.path().join("chunks"));
    let second = over(server, &more).await;
    until_on(&second).await;
    for (path, body) in paths.iter().zip(&bodies) {
        let answer = second.rig.get(path).await;
        assert!(answer.status == 200 && answer.body == body, "{path}");
    }
    let looked = async |outcome: &str| {
        let series = "strata_cache_requests_total";
        let series = format!("{series}{{outcome=\"{outcome}\",tier=\"chunks_disk\"}}");
        second.rig.metric(&series).await
    };
    // The index of a block was there, and so were some of its entries.
    assert!(0.0 < looked("miss").await);
    let on = "strata_cache_disk_on{tier=\"chunks_disk\"}";
    assert_eq!(second.rig.metric(on).await, 1.0);
    let reads = "strata_origin_store_requests_total{operation=\"read\",outcome=\"ok\"}";
    assert!(0.0 < second.rig.metric(reads).await);
}

/// Writes over each block, a few bytes in every 64 KiB.
fn damage(tier: &Path) {
    for file in std::fs::read_dir(tier).unwrap() {
        let path = file.unwrap().path();
        let size = std::fs::metadata(&path).unwrap().len();
        let file = File::options().write(true).open(path).unwrap();
        for at in (0..size).step_by(64 << 10).filter(|at| at + 40_008 < size) {
            file.write_all_at(b"damaged!", at + 40_000).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_serves_though_its_disk_cannot_be_used() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("no folder");
    std::fs::write(&file, "a file").unwrap();
    let more = format!(
        "cache:\n  disk:\n    path: {}\n    chunks: 64MiB\n    check_interval: 10ms\n",
        file.display()
    );
    let bucket = start(&more).await;
    let path = a_segment(&bucket.rig).await;
    assert_eq!(bucket.rig.get(&path).await.status, 200);
    assert_eq!(
        bucket
            .rig
            .metric("strata_cache_disk_on{tier=\"chunks_disk\"}")
            .await,
        0.0
    );
}
