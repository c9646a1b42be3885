use crate::{BUCKET, client, server, status_of};

#[tokio::test]
async fn a_long_listing_is_read_page_by_page() {
    let server = server().await;
    for index in 0..25 {
        server.store().put(BUCKET, &format!("shows/{index:02}.mp4"), "x");
    }
    server.store().put(BUCKET, "readme.txt", "x");
    let pages = client(&server)
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("shows/")
        .max_keys(10)
        .into_paginator();
    let keys: Vec<String> = pages
        .send()
        .try_collect()
        .await
        .unwrap()
        .iter()
        .flat_map(|page| {
            page.contents()
                .iter()
                .filter_map(|object| object.key().map(str::to_owned))
        })
        .collect();
    assert_eq!(keys.len(), 25);
    assert_eq!(keys.last().map(String::as_str), Some("shows/24.mp4"));
}

#[tokio::test]
async fn folders_are_rolled_up() {
    let server = server().await;
    server.store().put(BUCKET, "shows/a.mp4", "x");
    server.store().put(BUCKET, "top.txt", "x");
    let page = client(&server)
        .list_objects_v2()
        .bucket(BUCKET)
        .delimiter("/")
        .send()
        .await
        .unwrap();
    assert_eq!(page.contents()[0].key(), Some("top.txt"));
    assert_eq!(page.contents()[0].size(), Some(1));
    assert_eq!(page.common_prefixes()[0].prefix(), Some("shows/"));
}

#[tokio::test]
async fn buckets_are_made_listed_and_removed() {
    let server = server().await;
    let client = client(&server);
    client.create_bucket().bucket("another").send().await.unwrap();
    assert_eq!(
        status_of(client.create_bucket().bucket("another").send().await),
        409
    );
    let buckets = client.list_buckets().send().await.unwrap();
    let names: Vec<&str> = buckets
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    assert_eq!(names, ["another", BUCKET]);
    client.head_bucket().bucket("another").send().await.unwrap();
    client.delete_bucket().bucket("another").send().await.unwrap();
    assert_eq!(
        status_of(client.head_bucket().bucket("another").send().await),
        404
    );
    assert_eq!(
        status_of(client.list_objects_v2().bucket("another").send().await),
        404
    );
}
