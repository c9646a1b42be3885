use crate::{BUCKET, client, server, status_of};
use aws_sdk_s3::primitives::DateTime;
use strata_s3_server::Operation;

#[tokio::test]
async fn a_get_pinned_to_an_etag_fails_once_the_object_is_replaced() {
    let server = server().await;
    let etag = format!("\"{}\"", server.store().put(BUCKET, "k", "first"));
    let get = || {
        client(&server)
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .if_match(&etag)
            .range("bytes=0-1")
            .send()
    };
    assert_eq!(get().await.unwrap().e_tag(), Some(etag.as_str()));
    server.store().put(BUCKET, "k", "second");
    assert_eq!(status_of(get().await), 412);
}

#[tokio::test]
async fn a_known_etag_is_not_sent_again() {
    let server = server().await;
    let etag = format!("\"{}\"", server.store().put(BUCKET, "k", "bytes"));
    let get = |known: &str| {
        client(&server)
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .if_none_match(known)
            .send()
    };
    assert_eq!(status_of(get(&etag).await), 304);
    assert_eq!(get("\"other\"").await.unwrap().content_length(), Some(5));
}

#[tokio::test]
async fn an_object_is_not_newer_than_its_own_last_modified() {
    let server = server().await;
    server.store().put(BUCKET, "k", "bytes");
    let client = client(&server);
    let modified = *client
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap()
        .last_modified()
        .unwrap();
    let head = |time| {
        client
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .if_modified_since(time)
            .send()
    };
    assert_eq!(status_of(head(modified).await), 304);
    assert!(head(DateTime::from_secs(modified.secs() - 1)).await.is_ok());
    let head = |time| {
        client
            .head_object()
            .bucket(BUCKET)
            .key("k")
            .if_unmodified_since(time)
            .send()
    };
    assert!(head(modified).await.is_ok());
    assert_eq!(
        status_of(head(DateTime::from_secs(modified.secs() - 1)).await),
        412
    );
}

#[tokio::test]
async fn ranges_answer_the_bytes_they_name_and_where_they_lie() {
    let server = server().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(700_000).collect();
    server.store().put(BUCKET, "k", bytes.clone());
    let client = client(&server);
    for (range, expected, content_range) in [
        ("bytes=0-0", &bytes[..1], "bytes 0-0/700000"),
        (
            "bytes=1000-600000",
            &bytes[1000..=600_000],
            "bytes 1000-600000/700000",
        ),
        ("bytes=699990-", &bytes[699_990..], "bytes 699990-699999/700000"),
        ("bytes=-15", &bytes[699_985..], "bytes 699985-699999/700000"),
    ] {
        let answer = client
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.content_range(), Some(content_range));
        assert_eq!(
            answer.body.collect().await.unwrap().into_bytes(),
            expected,
            "{range}"
        );
    }
    let sent: usize = 1 + 599_001 + 10 + 15;
    let count = server.journal().count(Operation::GetObject);
    assert_eq!((count.requests, count.bytes_sent), (4, sent as u64));
    assert_eq!(server.journal().entries()[0].range.as_deref(), Some("bytes=0-0"));
}

#[tokio::test]
async fn a_range_beyond_the_end_is_416_and_tells_the_size() {
    let server = server().await;
    server.store().put(BUCKET, "k", "hello");
    let error = client(&server)
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .range("bytes=5-")
        .send()
        .await
        .unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 416);
    assert_eq!(response.headers().get("content-range"), Some("bytes */5"));
}

#[tokio::test]
async fn a_head_tells_what_a_get_would() {
    let server = server().await;
    let etag = server.store().put(BUCKET, "k", "hello");
    let head = client(&server)
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.e_tag(), Some(format!("\"{etag}\"").as_str()));
    assert_eq!(head.accept_ranges(), Some("bytes"));
    let absent = client(&server)
        .head_object()
        .bucket(BUCKET)
        .key("absent")
        .send()
        .await;
    assert_eq!(status_of(absent), 404);
}
