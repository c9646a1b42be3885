//! Titles in a bucket, and a bucket that fails.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use http::Method;
use strata_origin::source::{S3Config, S3Source};
use strata_s3_server::{Effect, Ending, Fault, Operation, Server};

use crate::answers::{a_later_segment, a_segment};
use crate::rig::{Answer, Rig, sample};

pub const BUCKET: &str = "titles";

/// An origin over a bucket with the sample title.
pub struct BucketRig {
    pub server: Server,
    pub rig: Rig,
}

pub async fn start(more: &str) -> BucketRig {
    let server = Server::start("127.0.0.1:0".parse().unwrap(), "access", "secret")
        .await
        .unwrap();
    server.store().create_bucket(BUCKET);
    server.store().load_directory(BUCKET, &sample()).unwrap();
    over(server, more).await
}

/// An origin over a bucket that is there.
pub async fn over(server: Server, more: &str) -> BucketRig {
    let credentials = Credentials::new("access", "secret", None, None, "test");
    let sdk = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let config = S3Config {
        bucket: BUCKET.to_owned(),
        prefix: String::new(),
        endpoint: Some(server.endpoint()),
        region: None,
        path_style: true,
        connect_timeout: Duration::from_secs(1),
        // The store in front has limits of its own, which tests set.
        attempt_timeout: Duration::from_secs(60),
    };
    let source = S3Source::with_sdk(&sdk, &config).unwrap();
    let rig = Rig::over(Arc::new(source), more).await;
    // The first look at the store is over, and not among what a test counts.
    while rig.operator("/readyz").await.status != 200 {
        tokio::task::yield_now().await;
    }
    BucketRig { server, rig }
}

pub fn on_gets(effect: Effect) -> Fault {
    Fault::new(effect).on(Operation::GetObject)
}

#[tokio::test]
async fn a_title_in_a_bucket_is_the_title_in_a_folder() {
    let (bucket, folder) = (start("").await, Rig::start().await);
    for path in [
        "/harbour.ism/.mpd".to_owned(),
        "/harbour.ism/.m3u8".to_owned(),
        a_segment(&folder).await,
    ] {
        let (bucket, folder) = (bucket.rig.get(&path).await, folder.get(&path).await);
        assert_eq!(bucket.status, 200, "{path}");
        assert_eq!(bucket.body, folder.body, "{path}");
    }
}

#[tokio::test]
async fn a_cold_title_and_segment_cost_few_requests() {
    let bucket = start("").await;
    bucket.server.journal().reset();
    bucket.rig.get("/harbour-144.mp4/.mpd").await;
    // The head has all of the moov.
    assert_eq!(
        bucket
            .server
            .journal()
            .count_of(Operation::GetObject, "titles/harbour-144.mp4"),
        1
    );
    bucket.rig.get("/harbour-360.mp4/.mpd").await;
    // The head, the end of the top level, the moov behind the media.
    let gets = bucket
        .server
        .journal()
        .count_of(Operation::GetObject, "titles/harbour-360.mp4");
    assert!(gets <= 3, "{gets}");
    let path = a_segment(&bucket.rig).await;
    bucket.server.journal().reset();
    assert_eq!(bucket.rig.get(&path).await.status, 200);
    assert_eq!(bucket.server.journal().count(Operation::GetObject).requests, 1);
    assert_eq!(bucket.rig.get(&path).await.status, 200);
    assert_eq!(bucket.server.journal().entries().len(), 1);
}

#[tokio::test]
async fn a_store_that_is_down_is_503_and_can_be_retried() {
    let bucket = start("").await;
    let fault = bucket.server.faults().inject(on_gets(Effect::slow_down()));
    for _ in 0..2 {
        let answer = bucket.rig.get("/harbour.ism/.mpd").await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), "2");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-strata-fault"), "");
    }
    bucket.server.faults().clear(fault);
    assert_eq!(bucket.rig.get("/harbour.ism/.mpd").await.status, 200);
}

/// The tokens of the tracks that the sample's master playlist lists.
async fn offered(bucket: &BucketRig) -> Vec<String> {
    let master = bucket.rig.get("/harbour.ism/.m3u8").await;
    assert_eq!(master.status, 200, "{}", master.text());
    bucket.rig.tracks("/harbour.ism/.m3u8").await
}

#[tokio::test]
async fn a_title_without_one_of_its_files_is_served_until_the_file_is_there() {
    let bucket = start("titles:\n  ttl: 0s\n").await;
    let whole = offered(&bucket).await;
    let store = bucket.server.store();
    let file = std::fs::read(sample().join("harbour-360.mp4")).unwrap();
    let etag = |answer: &Answer| answer.header("etag").to_owned();
    assert!(store.delete(BUCKET, "harbour-360.mp4"));
    let smaller = offered(&bucket).await;
    assert_eq!(smaller.len(), whole.len() - 1, "{smaller:?}");
    assert!(smaller.iter().all(|name| whole.contains(name)), "{smaller:?}");
    let mpd = bucket.rig.get("/harbour.ism/.mpd").await;
    let segment = bucket.rig.get(&a_segment(&bucket.rig).await).await;
    assert_eq!(segment.header("cache-control"), mpd.header("cache-control"));
    store.put(BUCKET, "harbour-360.mp4", file);
    assert_eq!(offered(&bucket).await, whole);
    let whole_mpd = bucket.rig.get("/harbour.ism/.mpd").await;
    assert_ne!(etag(&whole_mpd), etag(&mpd));
    let segment = bucket.rig.get(&a_segment(&bucket.rig).await).await;
    assert_ne!(segment.header("cache-control"), mpd.header("cache-control"));
}

#[tokio::test]
async fn a_title_without_any_of_its_files_is_502() {
    let bucket = start("").await;
    for name in std::fs::read_dir(sample()).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".mp4") {
            bucket.server.store().delete(BUCKET, &name);
        }
    }
    let answer = bucket.rig.get("/harbour.ism/.mpd").await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.header("x-strata-fault"), "source");
}

#[tokio::test]
async fn a_store_that_fails_for_one_file_makes_no_smaller_title() {
    for (effect, status) in [
        (Effect::slow_down(), 503),
        (Effect::internal_error(), 503),
        (Effect::Delay(Duration::from_secs(30)), 504),
    ] {
        let bucket = start("store:\n  attempt_timeout: 200ms\n  attempts: 1\n").await;
        let fault = on_gets(effect).under("titles/harbour-360.mp4");
        let fault = bucket.server.faults().inject(fault);
        assert_eq!(bucket.rig.get("/harbour.ism/.mpd").await.status, status);
        bucket.server.faults().clear(fault);
        let whole = offered(&bucket).await;
        assert!(whole.iter().any(|name| name.contains("video")), "{whole:?}");
        assert_eq!(bucket.rig.get("/harbour.ism/.mpd").await.status, 200);
    }
}

#[tokio::test]
async fn a_store_that_fails_under_a_segment_is_a_status_too() {
    let bucket = start("store:\n  attempt_timeout: 300ms\n  attempts: 2\n").await;
    let path = a_later_segment(&bucket.rig).await;
    let cases = [
        (Effect::internal_error(), 503),
        (Effect::Reset, 503),
        (Effect::Delay(Duration::from_secs(60)), 504),
        (
            Effect::Cut {
                after_bytes: 1000,
                ending: Ending::Close,
            },
            502,
        ),
    ];
    for (effect, status) in cases {
        let fault = bucket.server.faults().inject(on_gets(effect.clone()));
        assert_eq!(bucket.rig.get(&path).await.status, status, "{effect:?}");
        bucket.server.faults().clear(fault);
    }
    assert_eq!(bucket.rig.get(&path).await.status, 200);
}

#[tokio::test]
async fn what_is_in_memory_is_served_while_the_store_is_down() {
    let bucket = start("titles:\n  ttl: 0\n").await;
    let path = a_segment(&bucket.rig).await;
    assert_eq!(bucket.rig.get(&path).await.status, 200);
    bucket.server.faults().inject(Fault::new(Effect::slow_down()));
    assert_eq!(bucket.rig.get(&path).await.status, 200);
    assert_eq!(bucket.rig.get("/harbour.ism/.mpd").await.status, 200);
    assert!(
        0.0 < bucket
            .rig
            .metric("strata_origin_title_checks_total{outcome=\"kept\"}")
            .await
    );
}

#[tokio::test]
async fn a_version_that_changes_before_the_first_byte_is_started_again() {
    let bucket = start("titles:\n  ttl: 1h\n").await;
    let path = a_later_segment(&bucket.rig).await;
    let mpd = bucket.rig.get("/harbour.ism/.mpd").await;
    assert!(bucket.server.store().flip_etag(BUCKET, "harbour-144.mp4"));
    let segment = bucket.rig.get(&path).await;
    assert_eq!(segment.status, 200);
    assert_eq!(
        bucket
            .rig
            .metric("strata_origin_title_loads_total{outcome=\"loaded\"}")
            .await,
        2.0
    );
    assert_ne!(
        bucket.rig.get("/harbour.ism/.mpd").await.header("etag"),
        mpd.header("etag")
    );
}

#[tokio::test]
async fn a_version_that_changes_in_mid_body_breaks_the_connection() {
    let bucket = start("titles:\n  ttl: 1h\ncache:\n  chunk_size: 64KiB\n").await;
    let mpd = bucket.rig.get("/harbour.ism/.mpd").await;
    let rates = mpd
        .text()
        .split("id=\"video=")
        .skip(1)
        .filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok());
    let path = format!("/harbour.ism/hls/harbour-video={}-3.m4s", rates.max().unwrap());
    // The body breaks off, and when it is taken up the object is another one.
    let cut = Effect::Cut {
        after_bytes: 100_000,
        ending: Ending::Close,
    };
    bucket.server.faults().inject(on_gets(cut).times(1));
    bucket
        .server
        .faults()
        .inject(on_gets(Effect::FlipEtag).after(1).times(1));
    let broken = bucket
        .rig
        .try_ask(&bucket.rig.base, Method::GET, &path, &[])
        .await;
    assert!(broken.is_err(), "{broken:?}");
    let ended = "strata_origin_response_endings_total{ending=\"source_failed\"}";
    assert_eq!(bucket.rig.metric(ended).await, 1.0);
    assert_eq!(bucket.rig.get(&path).await.status, 200);
}

#[tokio::test]
async fn readiness_follows_the_store() {
    let bucket = start("store:\n  probe_interval: 10ms\n").await;
    let ready = async |status: u16| {
        while bucket.rig.operator("/readyz").await.status != status {
            tokio::task::yield_now().await;
        }
    };
    ready(200).await;
    let fault = bucket.server.faults().inject(Fault::new(Effect::slow_down()));
    ready(503).await;
    assert!(bucket.rig.operator("/readyz").await.text().contains("store: "));
    bucket.server.faults().clear(fault);
    ready(200).await;
}
