use std::time::{Duration, Instant};

use crate::{BUCKET, client, server, status_of};
use aws_sdk_s3::error::ProvideErrorMetadata;
use bytes::Bytes;
use strata_s3_server::{Effect, Ending, Fault, Operation, Server};

const GET: Operation = Operation::GetObject;

#[tokio::test]
async fn slow_down_is_answered_the_number_of_times_it_was_asked_for() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    server
        .faults()
        .inject(Fault::new(Effect::slow_down()).on(GET).times(2));
    let get = || client(&server).get_object().bucket(BUCKET).key("k").send();
    assert_eq!(get().await.unwrap_err().code(), Some("SlowDown"));
    assert_eq!(status_of(get().await), 503);
    assert!(get().await.is_ok());
    let count = server.journal().count(GET);
    assert_eq!((count.requests, count.failures), (3, 2));
    assert_eq!(server.journal().count_of(GET, "titles/k"), 3);
}

#[tokio::test]
async fn a_fault_lasts_until_it_is_cleared() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    let id = server
        .faults()
        .inject(Fault::new(Effect::internal_error()).under("titles/k"));
    let head = || client(&server).head_object().bucket(BUCKET).key("k").send();
    assert_eq!(status_of(head().await), 500);
    assert_eq!(status_of(head().await), 500);
    server.faults().clear(id);
    assert!(head().await.is_ok());
}

#[tokio::test]
async fn latency_is_added_before_the_answer() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    server
        .faults()
        .inject(Fault::new(Effect::Delay(Duration::from_millis(80))));
    let start = Instant::now();
    client(&server)
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert!(Duration::from_millis(80) <= start.elapsed());
}

#[tokio::test]
async fn a_reset_connection_gives_no_answer_at_all() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    server.faults().inject(Fault::new(Effect::Reset).times(1));
    let get = client(&server).get_object().bucket(BUCKET).key("k").send().await;
    assert_eq!(status_of(get), 0);
    assert_eq!(server.journal().entries()[0].status, None);
    assert!(
        client(&server)
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .send()
            .await
            .is_ok()
    );
}

/// Reads the object while its body is cut; returns what came and whether the
/// client noticed.
async fn read_cut(server: &Server, after_bytes: u64, ending: Ending) -> (usize, bool) {
    server
        .faults()
        .inject(Fault::new(Effect::Cut { after_bytes, ending }).on(GET).times(1));
    let mut answer = client(server)
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.content_length(),
        Some(1_000_000),
        "the whole length is promised"
    );
    let mut received = 0;
    loop {
        match answer.body.try_next().await {
            Ok(Some(bytes)) => received += bytes.len(),
            Ok(None) => return (received, false),
            Err(_) => return (received, true),
        }
    }
}

#[tokio::test]
async fn a_body_is_cut_short_after_the_bytes_it_was_told() {
    let server = server().await;
    server.store().put(BUCKET, "k", vec![7; 1_000_000]);
    assert_eq!(read_cut(&server, 300_000, Ending::Close).await, (300_000, true));
    assert_eq!(read_cut(&server, 0, Ending::Close).await, (0, true));
    let (received, noticed) = read_cut(&server, 300_000, Ending::Reset).await;
    assert!(received <= 300_000 && noticed);
}

#[tokio::test]
async fn a_stalled_body_stays_open_and_silent() {
    let server = server().await;
    server.store().put(BUCKET, "k", vec![7; 1_000_000]);
    let read = read_cut(&server, 1000, Ending::Stall);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), read)
            .await
            .is_err()
    );
    server.shutdown().await;
}

#[tokio::test]
async fn an_etag_flips_between_two_ranges_of_one_object() {
    let server = server().await;
    let etag = format!("\"{}\"", server.store().put(BUCKET, "k", "hello"));
    server
        .faults()
        .inject(Fault::new(Effect::FlipEtag).on(GET).after(1).times(1));
    let get = || {
        client(&server)
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .range("bytes=0-1")
            .if_match(&etag)
            .send()
    };
    assert!(get().await.is_ok());
    assert_eq!(status_of(get().await), 412);
}

#[tokio::test]
async fn an_object_is_replaced_between_two_requests() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    server.faults().inject(
        Fault::new(Effect::Replace(Bytes::from_static(b"world")))
            .on(GET)
            .times(1),
    );
    let answer = client(&server)
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.body.collect().await.unwrap().into_bytes(), "world");
}

#[tokio::test]
async fn an_outage_is_a_shutdown_and_a_start_over_the_same_store() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    let (addr, store) = (server.addr(), server.store().clone());
    let client = client(&server);
    server.shutdown().await;
    assert_eq!(
        status_of(client.head_object().bucket(BUCKET).key("k").send().await),
        0
    );
    let _again = Server::start_with_store(addr, crate::ACCESS_KEY, crate::SECRET_KEY, store)
        .await
        .unwrap();
    assert!(client.head_object().bucket(BUCKET).key("k").send().await.is_ok());
}

#[tokio::test]
async fn a_taken_address_is_named_in_the_error() {
    let server = server().await;
    let error = Server::start(server.addr(), "a", "b").await.unwrap_err();
    assert!(error.to_string().contains(&server.addr().to_string()), "{error}");
}
