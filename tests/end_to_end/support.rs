//! What the tests stand on: nodes, a store, a client.

pub(crate) mod client;
pub(crate) mod manifest;
pub(crate) mod node;
pub(crate) mod store;

use std::path::{Path, PathBuf};

pub(crate) use client::{Answer, Client};
pub(crate) use node::Node;
pub(crate) use store::Bucket;

/// The sample title's server manifest, as it lies in the bucket.
pub(crate) const TITLE: &str = "harbour.ism";

/// A balancer over one origin over a bucket with the sample title.
pub(crate) async fn chain() -> (Bucket, Node, Node) {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let balancer = Node::balancer(&[&origin]).await;
    (bucket, origin, balancer)
}

/// The folder of the sample title.
pub(crate) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/title")
}

/// A file of the sample title.
pub(crate) fn sample_file(name: &str) -> Vec<u8> {
    std::fs::read(sample().join(name)).unwrap()
}
