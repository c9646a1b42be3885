use crate::{BUCKET, client, server, status_of};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

#[tokio::test]
async fn an_object_reads_back_as_it_was_uploaded() {
    let server = server().await;
    let client = client(&server);
    let body: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("a b/ü.mp4")
        .content_type("video/mp4");
    let etag = put
        .body(body.clone().into())
        .send()
        .await
        .unwrap()
        .e_tag()
        .unwrap()
        .to_owned();
    let got = client
        .get_object()
        .bucket(BUCKET)
        .key("a b/ü.mp4")
        .send()
        .await
        .unwrap();
    assert_eq!(got.e_tag(), Some(etag.as_str()));
    assert_eq!(got.content_type(), Some("video/mp4"));
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), body);
    client
        .delete_object()
        .bucket(BUCKET)
        .key("a b/ü.mp4")
        .send()
        .await
        .unwrap();
    assert!(server.store().get(BUCKET, "a b/ü.mp4").is_none());
}

#[tokio::test]
async fn an_upload_that_may_only_create_does_not_replace() {
    let server = server().await;
    server.store().put(BUCKET, "k", "first");
    let put = client(&server)
        .put_object()
        .bucket(BUCKET)
        .key("k")
        .if_none_match("*");
    assert_eq!(
        status_of(put.body(ByteStream::from_static(b"second")).send().await),
        412
    );
    assert_eq!(server.store().get(BUCKET, "k").unwrap().bytes, "first");
}

#[tokio::test]
async fn an_upload_to_an_absent_bucket_is_404() {
    let server = server().await;
    let put = client(&server).put_object().bucket("absent").key("k");
    assert_eq!(
        status_of(put.body(ByteStream::from_static(b"x")).send().await),
        404
    );
}

#[tokio::test]
async fn a_multipart_upload_becomes_one_object() {
    let server = server().await;
    let client = client(&server);
    let upload = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    let mut parts = Vec::new();
    for (number, body) in [(1, "hello "), (2, "world")] {
        let part = client
            .upload_part()
            .bucket(BUCKET)
            .key("k")
            .upload_id(id)
            .part_number(number);
        let part = part
            .body(ByteStream::from_static(body.as_bytes()))
            .send()
            .await
            .unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .build(),
        );
    }
    assert!(
        server.store().get(BUCKET, "k").is_none(),
        "nothing is there before the upload completes"
    );
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client
        .complete_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(id);
    let completed = complete.multipart_upload(parts).send().await.unwrap();
    assert!(completed.e_tag().unwrap().ends_with("-2\""));
    assert_eq!(server.store().get(BUCKET, "k").unwrap().bytes, "hello world");
}

#[tokio::test]
async fn an_aborted_upload_takes_no_more_parts() {
    let server = server().await;
    let client = client(&server);
    let upload = client
        .create_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    let id = upload.upload_id().unwrap();
    client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("k")
        .upload_id(id)
        .send()
        .await
        .unwrap();
    let part = client
        .upload_part()
        .bucket(BUCKET)
        .key("k")
        .upload_id(id)
        .part_number(1);
    assert_eq!(
        status_of(part.body(ByteStream::from_static(b"x")).send().await),
        404
    );
}
