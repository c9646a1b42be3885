//! Bad titles, bad paths: the right status, a reason in the log, and no harm.

use http::StatusCode;
use strata_s3_server::Operation;

use crate::support::{Bucket, Client, Node, TITLE, sample_file};

/// Longest body of an error: a short text.
const ERROR_BYTES_MAX: usize = 200;

/// The most memory an origin may have used after the hostile titles.
const MEMORY_BYTES_MAX: u64 = 200 << 20;

struct Chain {
    bucket: Bucket,
    origin: Node,
    balancer: Node,
    client: Client,
}

impl Chain {
    async fn start() -> Self {
        let bucket = Bucket::with_sample().await;
        let origin = Node::origin(&bucket).await;
        let balancer = Node::balancer(&[&origin]).await;
        Self {
            bucket,
            origin,
            balancer,
            client: Client::new(),
        }
    }

    /// Asks the origin and the balancer; both give this status and a short text.
    async fn refused(&self, path: &str, status: StatusCode) {
        for address in [self.origin.address, self.balancer.address] {
            let answer = self.client.get(address, path).await;
            assert_eq!(answer.status, status, "{path}");
            assert!(answer.body.len() <= ERROR_BYTES_MAX, "{path}: {}", answer.text());
            assert!(answer.text().lines().count() <= 1, "{path}: {}", answer.text());
        }
    }

    /// A source that is at fault: 502, marked, asked of one node only, and not held against it.
    async fn source_at_fault(&self, path: &str, reason: &[&str]) {
        self.refused(path, StatusCode::BAD_GATEWAY).await;
        let answer = self.client.get(self.balancer.address, path).await;
        assert_eq!(answer.header("x-strata-fault"), "source", "{path}");
        assert_eq!(answer.header("x-strata-attempts"), "1", "{path}");
        let retries = self.balancer.metric("strata_balancer_retries_total", "").await;
        let up = self.balancer.metric("strata_balancer_node_up", "").await;
        assert_eq!((retries, up), (0.0, 1.0), "{path}");
        self.origin.logged(reason).await;
        self.still_serves().await;
    }

    /// No request to the store, but the upload, had this in its path.
    fn never_read(&self, word: &str) {
        for entry in self.bucket.server.journal().entries() {
            assert!(
                entry.operation == Operation::PutObject || !entry.path.contains(word),
                "{entry:?}"
            );
        }
    }

    async fn still_serves(&self) {
        let answer = self
            .client
            .get(self.balancer.address, &format!("/{TITLE}/.mpd"))
            .await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_404() {
    let chain = Chain::start().await;
    for path in [
        "/unknown.ism/.mpd",
        "/unknown.mp4/.m3u8",
        "/unknown.ism/dash/unknown-video=1-0.dash",
        "/harbour.ism/dash/harbour-video=1-0.dash",
        "/harbour.ism/dash/harbour-video=268794-1.dash",
        "/harbour.ism/hls/harbour-video=268794-999.m4s",
        "/harbour.ism/nothing",
        "/harbour",
        "/",
    ] {
        chain.refused(path, StatusCode::NOT_FOUND).await;
    }
}

#[tokio::test]
async fn path_tricks_are_400_and_nothing_outside_the_store_is_read() {
    let chain = Chain::start().await;
    chain.bucket.upload_outside("secret.mp4", b"not for you").await;
    let long = format!("/{}.mp4/.mpd", "a".repeat(1100));
    for path in [
        "/../secret.mp4/.mpd",
        "/a/../../secret.mp4/.mpd",
        "/%2e%2e/secret.mp4/.mpd",
        "/.%2E/secret.mp4/.mpd",
        "/..%2fsecret.mp4/.mpd",
        "/%2e%2e%5csecret.mp4/.mpd",
        "/harbour.ism/%00/.mpd",
        "/harbour.ism%00.mp4/.mpd",
        "/harbour.ism/%ff",
        "/harbour.ism/%2",
        &long,
    ] {
        chain.refused(path, StatusCode::BAD_REQUEST).await;
    }
    // Encoded twice, it is a name like any other.
    chain
        .refused("/%252e%252e/other.mp4/.mpd", StatusCode::NOT_FOUND)
        .await;
    chain.never_read("secret");
    chain.still_serves().await;
}

#[tokio::test]
async fn a_manifest_that_names_missing_files_only_is_502_with_the_reason_in_the_log() {
    let chain = Chain::start().await;
    let ism = String::from_utf8(sample_file(TITLE))
        .unwrap()
        .replace("src=\"harbour-", "src=\"gone-");
    chain.bucket.upload("broken.ism", ism).await;
    chain
        .source_at_fault("/broken.ism/.mpd", &["broken.ism", "gone-eng.mp4"])
        .await;
}

#[tokio::test]
async fn a_manifest_that_is_none_is_502() {
    let chain = Chain::start().await;
    for (name, text) in [
        ("empty.ism", ""),
        ("html.ism", "<html></html>"),
        ("open.ism", "<smil><body><switch>"),
    ] {
        chain.bucket.upload(name, text).await;
        chain.source_at_fault(&format!("/{name}/.m3u8"), &[name]).await;
    }
}

#[tokio::test]
async fn a_manifest_cannot_reach_outside_the_store() {
    let chain = Chain::start().await;
    chain.bucket.upload_outside("secret.mp4", b"not for you").await;
    let sources = [
        "../secret.mp4",
        "%2e%2e/secret.mp4",
        "a/../../secret.mp4",
        "/etc/passwd",
    ];
    for (number, src) in sources.into_iter().enumerate() {
        let ism = String::from_utf8(sample_file(TITLE))
            .unwrap()
            .replace("harbour-360.mp4", src);
        chain.bucket.upload(&format!("reach-{number}.ism"), ism).await;
        let path = format!("/reach-{number}.ism/.mpd");
        let answer = chain.client.get(chain.balancer.address, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{src}");
        let offers = |height: &str| answer.text().contains(&format!("height=\"{height}\""));
        assert!(offers("720") && !offers("360"), "{src}: {}", answer.text());
        let only = format!("<smil><body><switch><video src=\"{src}\"/></switch></body></smil>");
        chain.bucket.upload(&format!("only-{number}.ism"), only).await;
        chain
            .refused(&format!("/only-{number}.ism/.mpd"), StatusCode::BAD_GATEWAY)
            .await;
    }
    chain.never_read("secret");
}

#[tokio::test]
async fn corrupt_and_truncated_files_are_502_and_harm_nothing() {
    let chain = Chain::start().await;
    let good = sample_file("harbour-720.mp4");
    let mut scrambled = good.clone();
    let tables = scrambled.windows(4).position(|window| window == b"stbl").unwrap();
    scrambled[tables + 4..tables + 400].fill(0xff);
    let cases = [
        (
            "noise.mp4",
            (0..100_000_u32)
                .map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3])
                .collect(),
        ),
        ("empty.mp4", Vec::new()),
        ("cut.mp4", good[..good.len() / 2].to_vec()),
        ("head.mp4", good[..100].to_vec()),
        ("scrambled.mp4", scrambled),
        ("huge.mp4", claims_four_billion_samples()),
    ];
    for (name, bytes) in cases {
        chain.bucket.upload(name, bytes).await;
        chain.source_at_fault(&format!("/{name}/.mpd"), &[name]).await;
        chain
            .source_at_fault(&format!("/{name}/hls/x-video=1-1.m4s"), &[name])
            .await;
    }
    let used = chain.origin.memory_peak();
    assert!(used < MEMORY_BYTES_MAX, "{used} bytes");
}

/// A box of an MP4 file.
fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&size.to_be_bytes(), kind.as_slice(), content].concat()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A few hundred bytes with a track of 2^32 - 1 samples.
fn claims_four_billion_samples() -> Vec<u8> {
    let most = u32::MAX;
    let entry = boxed(b"sowt", &[0; 28]);
    let stsd = boxed(b"stsd", &[words(&[0, 1]), entry].concat());
    let tables = [
        stsd,
        boxed(b"stts", &words(&[0, 1, most, 1])),
        boxed(b"stsz", &words(&[0, 1, most])),
        boxed(b"stsc", &words(&[0, 1, 1, most, 1])),
        boxed(b"stco", &words(&[0, 1, 0])),
    ];
    let minf = boxed(b"minf", &boxed(b"stbl", &tables.concat()));
    let mdhd = boxed(b"mdhd", &words(&[0, 0, 0, 48_000, most, 0]));
    let hdlr = boxed(
        b"hdlr",
        &[words(&[0, 0]), b"soun".to_vec(), words(&[0, 0, 0]), vec![0]].concat(),
    );
    let mdia = boxed(b"mdia", &[mdhd, hdlr, minf].concat());
    let tkhd = boxed(b"tkhd", &words(&[[0, 0, 0, 1, 0].as_slice(), &[0; 16]].concat()));
    let trak = boxed(b"trak", &[tkhd, mdia].concat());
    let mvhd = boxed(
        b"mvhd",
        &words(&[[0, 0, 0, 1000, most].as_slice(), &[0; 20]].concat()),
    );
    let moov = boxed(b"moov", &[mvhd, trak].concat());
    [boxed(b"ftyp", b"isom\0\0\0\0"), moov].concat()
}
