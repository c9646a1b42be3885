//! A store that is down, slow, or changes under the origin's feet.

use http::StatusCode;
use strata_s3_server::{Effect, Ending, Fault, Operation};

use crate::support::{Bucket, Client, Node, TITLE, manifest, sample_file};

#[tokio::test]
async fn a_store_that_is_down_is_503_with_a_time_to_come_back_and_back_it_comes() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let client = Client::new();
    let path = format!("/{TITLE}/.mpd");
    let down = bucket.down().await;
    let answer = client.get(origin.address, &path).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok(),
        "{:?}",
        answer.headers
    );
    assert_eq!(
        answer.header("x-strata-fault"),
        "",
        "another node may have better luck"
    );
    let _bucket = Bucket::up_again(down).await;
    assert_eq!(client.get(origin.address, &path).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_the_store_cuts_short_never_reaches_a_client() {
    let bucket = Bucket::with_sample().await;
    let origins = [Node::origin(&bucket).await, Node::origin(&bucket).await];
    let balancer = Node::balancer(&[&origins[0], &origins[1]]).await;
    let client = Client::new();
    let reference = Node::origin(&bucket).await;
    let tracks = manifest::dash(&client, reference.address).await;
    for (track, ending) in tracks.iter().zip([Ending::Close, Ending::Reset]) {
        let good = client.get(reference.address, &track.segments[3]).await;
        let cut = Effect::Cut {
            after_bytes: 1000,
            ending,
        };
        bucket
            .server
            .faults()
            .inject(Fault::new(cut).on(Operation::GetObject).times(1));
        let answer = client.get(balancer.address, &track.segments[3]).await;
        assert_eq!(answer.status, StatusCode::OK, "{ending:?}");
        assert_eq!(answer.body, good.body, "{ending:?}");
        assert_eq!(bucket.server.faults().count(), 0, "the fault was met");
    }
}

#[tokio::test]
async fn a_store_that_asks_for_fewer_requests_is_asked_again() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    bucket
        .server
        .faults()
        .inject(Fault::new(Effect::slow_down()).times(1));
    let answer = Client::new().get(origin.address, &format!("/{TITLE}/.mpd")).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_source_replaced_in_place_is_never_spliced() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let client = Client::new();
    // Another film under the same name: other sizes, other bytes.
    let path = "/film.mp4/.mpd";
    bucket.upload("film.mp4", sample_file("harbour-144.mp4")).await;
    let before = client.get(origin.address, path).await;
    assert!(before.text().contains("256"), "{}", before.text());
    bucket.upload("film.mp4", sample_file("harbour-720.mp4")).await;
    // The old manifest may live for a while; a segment of it is old, new or refused, but never a mixture.
    let segment = "/film.mp4/hls/film-video=39800-4.m4s";
    let answer = client.get(origin.address, segment).await;
    if answer.status == StatusCode::OK {
        let sources = [sample_file("harbour-144.mp4"), sample_file("harbour-720.mp4")];
        let mdat = answer
            .body
            .windows(4)
            .position(|window| window == b"mdat")
            .unwrap()
            + 4;
        let media = &answer.body[mdat..];
        let whole = |source: &&Vec<u8>| source.windows(media.len()).any(|window| window == media);
        assert!(sources.iter().find(whole).is_some());
    }
}
