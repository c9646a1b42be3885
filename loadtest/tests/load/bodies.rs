//! What comes is read whole, however it is cut.

use http::HeaderValue;
use strata_loadtest::client::{Keep, Version};
use xxhash_rust::xxh3::xxh3_64;

use crate::server::{ask, body, client, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_and_a_body_longer_than_one_read_come_whole() {
    const SIZE: u32 = 300_000;
    let bytes: Vec<u8> = (0..SIZE)
        .map(|at| at.wrapping_mul(at / 7).to_le_bytes()[1])
        .collect();
    let hash = xxh3_64(&bytes);
    let policy = "x".repeat(40_000);
    let sent = HeaderValue::from_str(&policy).unwrap();
    let address = serve(move |_| {
        let mut response = body(bytes.clone());
        response.headers_mut().insert("x-policy", sent.clone());
        async { response }
    })
    .await;
    let mut ask = ask(address, "/").await;
    ask.keep = Keep::Hash;
    let client = client(Version::Http1);
    // Twice, so that the second answer meets what the first left of a connection.
    for _ in 0..2 {
        let reply = client.ask(&ask).await;
        assert_eq!((reply.failure, reply.bytes), (None, u64::from(SIZE)));
        assert_eq!(reply.hash, Some(hash));
        assert_eq!(reply.headers["x-policy"].len(), policy.len());
    }
    assert_eq!(client.connections_opened(), 1);
}
