//! What the documents say is so.

use std::collections::BTreeSet;

use crate::cache;
use crate::support::{Bucket, Client, Node, TITLE};

/// The names of series between backticks in a document.
fn series(document: &str) -> BTreeSet<String> {
    let words = document.split('`').skip(1).step_by(2);
    let names = words.map(|word| word.split('{').next().unwrap_or_default());
    names
        .filter(|name| name.starts_with("strata_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_series_that_operations_names_is_measured() {
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let config = cache::config_in(folder.path());
    let origin = Node::origin_with(&bucket, &["--config", &config]).await;
    cache::disk_on(&origin).await;
    let mut dying = Node::origin(&bucket).await;
    let balancer = Node::balancer(&[&origin, &dying]).await;
    let client = Client::new();
    client.get(balancer.address, &format!("/{TITLE}/.mpd")).await;
    // Series with labels are there once something happened: errors, retries.
    dying.kill().await;
    for number in 0..20 {
        client
            .get(balancer.address, &format!("/none-{number}.ism/.mpd"))
            .await;
    }
    let mut measured = String::new();
    for node in [&origin, &balancer] {
        measured += client.get(node.admin, "/metrics").await.text();
    }
    let named = series(include_str!("../../docs/operations.md"));
    assert!(10 < named.len());
    for name in named {
        assert!(
            measured.contains(&format!("# TYPE {name} ")),
            "{name} is not measured"
        );
    }
}
