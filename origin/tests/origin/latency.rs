//! How long a cold segment takes over a store that is far away. By hand:
//! `cargo test -p strata-origin --test origin -- --ignored --nocapture far_away`

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use strata_s3_server::{Effect, Fault};

use crate::bucket::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cold_segments_of_a_store_that_is_far_away() {
    for delay in [30, 150].map(Duration::from_millis) {
        // Nothing is read ahead, so that every segment is cold.
        let bucket = start("cache:\n  read_ahead: 0\n  chunk_size: 64KiB\n").await;
        let mut paths = Vec::new();
        for name in bucket.rig.playlist("/harbour.ism/.m3u8").await {
            let parts = bucket.rig.playlist(&format!("/harbour.ism/{name}")).await;
            paths.extend(parts.into_iter().skip(1).step_by(2));
        }
        bucket.server.faults().inject(Fault::new(Effect::Delay(delay)));
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let (mut firsts, mut wholes) = (Vec::new(), Vec::new());
        for path in &paths {
            let uri = format!("{}/harbour.ism/{path}", bucket.rig.base);
            let begun = Instant::now();
            let request = Request::get(uri).body(Empty::new()).unwrap();
            let response = client.request(request).await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            firsts.push(begun.elapsed());
            response.into_body().collect().await.unwrap();
            wholes.push(begun.elapsed());
        }
        for (what, times) in [("first byte", &mut firsts), ("whole", &mut wholes)] {
            times.sort_unstable();
            let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
            println!(
                "{delay:?} away, {} cold segments, {what}: p50 {p50:.1?}, p99 {p99:.1?}",
                times.len()
            );
        }
    }
}
