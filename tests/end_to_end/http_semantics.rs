//! HTTP as players and CDNs rely on it, through the balancer.

use std::io::Read as _;
use std::net::SocketAddr;

use http::Method;
use tokio::process::Command;

use crate::support::{Answer, Bucket, Client, Node, TITLE, manifest};

/// The chain, and one path of each kind.
struct Chain {
    _bucket: Bucket,
    _origin: Node,
    balancer: Node,
    client: Client,
    segment: String,
}

impl Chain {
    async fn start() -> Self {
        let bucket = Bucket::with_sample().await;
        let origin = Node::origin(&bucket).await;
        let balancer = Node::balancer(&[&origin]).await;
        let client = Client::new();
        let tracks = manifest::dash(&client, balancer.address).await;
        let segment = tracks[0].segments[3].clone();
        Self {
            _bucket: bucket,
            _origin: origin,
            balancer,
            client,
            segment,
        }
    }

    fn address(&self) -> SocketAddr {
        self.balancer.address
    }

    fn manifests(&self) -> [String; 3] {
        [".mpd", ".m3u8", "Manifest"].map(|name| format!("/{TITLE}/{name}"))
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.client.get_with(self.address(), path, headers).await
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let chain = Chain::start().await;
    for path in chain.manifests().iter().chain([&chain.segment]) {
        let get = chain.get(path, &[]).await;
        let head = chain.client.head(chain.address(), path).await;
        assert_eq!(head.status, 200);
        assert!(head.body.is_empty());
        assert_eq!(
            head.header("content-length"),
            get.body.len().to_string(),
            "{path}"
        );
        for name in [
            "etag",
            "last-modified",
            "cache-control",
            "content-type",
            "access-control-allow-origin",
        ] {
            assert!(!get.header(name).is_empty(), "{path} has {name}");
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn ranges_are_slices_of_the_whole() {
    let chain = Chain::start().await;
    let whole = chain.get(&chain.segment, &[]).await;
    let size = whole.body.len();
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let cases = [
        ("bytes=0-9".to_owned(), 0..10),
        ("bytes=100-".to_owned(), 100..size),
        ("bytes=-7".to_owned(), size - 7..size),
        (format!("bytes={}-{}", size - 1, size + 1000), size - 1..size),
        // Across the head that is made and the media that is copied.
        ("bytes=500-5000".to_owned(), 500..5001),
    ];
    for (range, expected) in cases {
        let answer = chain.get(&chain.segment, &[("range", &range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {}-{}/{size}", expected.start, expected.end - 1)
        );
        assert_eq!(answer.body, whole.body.slice(expected), "{range}");
        assert_eq!(answer.header("etag"), whole.header("etag"));
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_416_and_says_the_size() {
    let chain = Chain::start().await;
    let size = chain.get(&chain.segment, &[]).await.body.len();
    for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
        let answer = chain.get(&chain.segment, &[("range", &range)]).await;
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
    }
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_sent_again() {
    let chain = Chain::start().await;
    for path in chain.manifests().iter().chain([&chain.segment]) {
        let first = chain.get(path, &[]).await;
        let etag = first.header("etag").to_owned();
        for known in [
            etag.clone(),
            format!("\"other\", {etag}"),
            format!("W/{etag}"),
            "*".to_owned(),
        ] {
            let answer = chain.get(path, &[("if-none-match", &known)]).await;
            assert_eq!(answer.status, 304, "{path}: {known}");
            assert!(answer.body.is_empty());
            assert_eq!(answer.header("etag"), etag);
        }
        let answer = chain.get(path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.len()),
            (200, first.body.len())
        );
    }
}

#[tokio::test]
async fn manifests_are_compressed_for_those_who_take_it_and_segments_never() {
    let chain = Chain::start().await;
    for path in chain.manifests() {
        let plain = chain.get(&path, &[]).await;
        let packed = chain.get(&path, &[("accept-encoding", "br;q=0.5, gzip")]).await;
        assert_eq!(
            (
                plain.header("content-encoding"),
                packed.header("content-encoding")
            ),
            ("", "gzip")
        );
        assert!(
            plain
                .header("vary")
                .to_ascii_lowercase()
                .contains("accept-encoding"),
            "{path}"
        );
        assert_ne!(
            plain.header("etag"),
            packed.header("etag"),
            "two representations, two ETags"
        );
        assert!(packed.body.len() < plain.body.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.body.as_ref())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, plain.text());
        let refused = chain.get(&path, &[("accept-encoding", "gzip;q=0")]).await;
        assert_eq!(refused.header("content-encoding"), "");
    }
    let segment = chain.get(&chain.segment, &[("accept-encoding", "gzip")]).await;
    assert_eq!(segment.header("content-encoding"), "");
}

#[tokio::test]
async fn manifests_and_segments_are_cached_apart_and_open_to_every_page() {
    let chain = Chain::start().await;
    let manifest = chain
        .get(&chain.manifests()[0], &[("origin", "https://example.org")])
        .await;
    let segment = chain
        .get(&chain.segment, &[("origin", "https://example.org")])
        .await;
    assert_ne!(manifest.header("cache-control"), segment.header("cache-control"));
    for answer in [&manifest, &segment] {
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }
    let preflight = [
        ("origin", "https://example.org"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    let answer = chain
        .client
        .send(Method::OPTIONS, chain.address(), &chain.segment, &preflight)
        .await;
    assert!(answer.status.is_success(), "{}", answer.status);
    assert!(
        answer
            .header("access-control-allow-headers")
            .to_ascii_lowercase()
            .contains("range")
    );
}

#[tokio::test]
async fn other_methods_are_refused() {
    let chain = Chain::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = chain
            .client
            .send(method.clone(), chain.address(), &chain.segment, &[])
            .await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.header("allow").contains("GET"));
    }
}

#[tokio::test]
async fn content_types_are_those_that_players_know() {
    let chain = Chain::start().await;
    let hls = manifest::hls(&chain.client, chain.address()).await;
    let cases = [
        (chain.manifests()[0].clone(), "application/dash+xml"),
        (chain.manifests()[1].clone(), "application/vnd.apple.mpegurl"),
        (chain.manifests()[2].clone(), "application/vnd.ms-sstr+xml"),
        (hls[0].playlist.clone().unwrap(), "application/vnd.apple.mpegurl"),
        (
            hls.iter()
                .find(|track| track.token.starts_with("video"))
                .unwrap()
                .segments[1]
                .clone(),
            "video/mp4",
        ),
        (
            hls.iter()
                .find(|track| track.token.starts_with("audio"))
                .unwrap()
                .segments[1]
                .clone(),
            "audio/mp4",
        ),
        (
            hls.iter().find(|track| track.is_text()).unwrap().segments[1].clone(),
            "text/vtt",
        ),
    ];
    for (path, expected) in cases {
        assert!(
            chain
                .get(&path, &[])
                .await
                .header("content-type")
                .starts_with(expected),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_plain_mp4_is_a_title_too() {
    let chain = Chain::start().await;
    for manifest in [".mpd", ".m3u8", "anything.mpd"] {
        let answer = chain.get(&format!("/harbour-720.mp4/{manifest}"), &[]).await;
        assert_eq!(answer.status, 200, "{manifest}");
        assert!(answer.text().contains("avc1.640028"));
    }
}

#[tokio::test]
async fn an_mpd_is_well_formed_to_another_parser() {
    let chain = Chain::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("title.mpd");
    std::fs::write(&file, chain.get(&chain.manifests()[0], &[]).await.body).unwrap();
    let output = Command::new("xmllint")
        .arg("--noout")
        .arg(file)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
