use crate::{ACCESS_KEY, BUCKET, SECRET_KEY, client, client_signing_with, server, status_of};
use aws_sdk_s3::error::ProvideErrorMetadata;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_request_signed_with_another_secret_is_refused() {
    let server = server().await;
    server.store().put(BUCKET, "k", "bytes");
    let error = client_signing_with(&server, ACCESS_KEY, "guess")
        .get_object()
        .bucket(BUCKET)
        .key("k");
    let error = error.send().await.unwrap_err();
    assert_eq!(error.code(), Some("SignatureDoesNotMatch"));
}

#[tokio::test]
async fn an_unknown_access_key_is_refused() {
    let server = server().await;
    let client = client_signing_with(&server, "stranger", SECRET_KEY);
    let error = client.list_buckets().send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidAccessKeyId"));
}

#[tokio::test]
async fn a_request_without_a_signature_is_refused() {
    let server = server().await;
    server.store().put(BUCKET, "k", "bytes");
    let mut connection = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let request = format!("GET /{BUCKET}/k HTTP/1.1\r\nHost: s3\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("AccessDenied"), "{answer}");
}

#[tokio::test]
async fn the_right_key_pair_is_served() {
    let server = server().await;
    server.store().put(BUCKET, "k", "bytes");
    let answer = client(&server)
        .get_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.body.collect().await.unwrap().into_bytes(), "bytes");
    let absent = client(&server)
        .get_object()
        .bucket(BUCKET)
        .key("absent")
        .send()
        .await;
    assert_eq!(status_of(absent), 404);
}
