//! A thousand clients on one cold segment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use strata_s3_server::{Effect, Operation};

use crate::answers::a_later_segment;
use crate::bucket::{on_gets, start};

const CLIENTS: usize = 1_000;

/// Long beside what a busy machine needs for a thousand answers.
const STORE_DELAY: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_on_a_cold_segment_cost_one_request_and_wait_no_longer_than_the_first() {
    let more =
        "store:\n  probe_interval: 1h\n  attempt_timeout: 30s\n  timeout: 60s\ncache:\n  fill_wait: 30s\n";
    let bucket = start(more).await;
    let path = a_later_segment(&bucket.rig).await;
    let warm = start("").await.rig.get(&path).await;
    bucket.server.journal().reset();
    bucket.server.faults().inject(on_gets(Effect::Delay(STORE_DELAY)));
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let uri = Arc::new(format!("{}{path}", bucket.rig.base));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (client, uri) = (client.clone(), Arc::clone(&uri));
            tokio::spawn(async move {
                let begun = Instant::now();
                let request = Request::get(uri.as_str()).body(Empty::new()).unwrap();
                let response = client.request(request).await.unwrap();
                let first_byte = begun.elapsed();
                assert_eq!(response.status(), 200);
                (
                    first_byte,
                    response.into_body().collect().await.unwrap().to_bytes(),
                )
            })
        })
        .collect();
    let mut waits = Vec::new();
    for client in clients {
        let (wait, body) = client.await.unwrap();
        assert_eq!(body, warm.body);
        waits.push(wait);
    }
    assert_eq!(bucket.server.journal().count(Operation::GetObject).requests, 1);
    let leader = waits[0];
    waits.sort_unstable();
    let p99 = waits[CLIENTS * 99 / 100];
    assert!(
        p99 <= leader.mul_f64(1.2),
        "{p99:?} where the first waited {leader:?}"
    );
    let joined = "strata_cache_requests_total{outcome=\"joined\",tier=\"chunks_memory\"}";
    assert!(CLIENTS as f64 - 1.0 <= bucket.rig.metric(joined).await);
}

#[tokio::test]
async fn the_first_bytes_go_out_before_the_chunk_is_whole() {
    let bucket = start("store:\n  attempt_timeout: 30s\n").await;
    let path = a_later_segment(&bucket.rig).await;
    let filled = "strata_cache_fills_total{result=\"filled\",tier=\"chunks_memory\"}";
    let before = bucket.rig.metric(filled).await;
    // The store sends what the segment's start needs, and then nothing.
    let cut = Effect::Cut {
        after_bytes: 250_000,
        ending: strata_s3_server::Ending::Stall,
    };
    bucket.server.faults().inject(on_gets(cut));
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = Request::get(format!("{}{path}", bucket.rig.base))
        .body(Empty::new())
        .unwrap();
    let response = client.request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut received = 0;
    while received < 1000 {
        received += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    // The chunk is the whole file of 369,496 bytes, and is not here.
    assert_eq!(bucket.rig.metric(filled).await, before);
}
