//! What a title offers, and how it is described.

use std::io::Read;

use http::Method;

use crate::rig::{Rig, sample};

const TITLE: &str = "/harbour.ism";

/// How the names of video segments begin.
const SEGMENT: &str = "/harbour.ism/hls/harbour-video=";

/// The name of a media segment of the smallest video track.
pub async fn a_segment(rig: &Rig) -> String {
    let master = rig.playlist(&format!("{TITLE}/.m3u8")).await;
    let video = master.iter().find(|name| name.contains("video")).unwrap();
    let media = rig.playlist(&format!("{TITLE}/{video}")).await;
    let segment = format!("{TITLE}/{}", media[1]);
    assert!(segment.starts_with(SEGMENT), "{segment}");
    segment
}

/// The name of a segment further on, none of which was read when its file was
/// opened.
pub async fn a_later_segment(rig: &Rig) -> String {
    let first = a_segment(rig).await;
    let later = first.replace("-1.m4s", "-6.m4s");
    assert_ne!(first, later);
    later
}

#[tokio::test]
async fn everything_that_playlists_name_is_served() {
    let rig = Rig::start().await;
    let mut segments = 0;
    for name in rig.tracks(&format!("{TITLE}/.m3u8")).await {
        for part in rig.playlist(&format!("{TITLE}/{name}")).await {
            let answer = rig.get(&format!("{TITLE}/{part}")).await;
            assert_eq!(answer.status, 200, "{part}");
            let kinds = [
                ("audio", "audio/mp4"),
                ("video", "video/mp4"),
                ("text", "text/vtt"),
            ];
            let kind = kinds.iter().find(|(name, _)| part.contains(name)).unwrap().1;
            assert_eq!(answer.header("content-type"), kind, "{part}");
            assert_eq!(answer.header("content-length"), answer.body.len().to_string());
            assert_eq!(answer.header("accept-ranges"), "bytes");
            segments += 1;
        }
    }
    assert!(6 * 12 < segments, "{segments}");
}

#[tokio::test]
async fn dash_and_hls_name_the_same_bytes() {
    let rig = Rig::start().await;
    let segment = a_segment(&rig).await;
    let hls = rig.get(&segment).await;
    let dash = segment.replace("/hls/", "/dash/").replace("-1.m4s", "");
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    let video = mpd.text().split_once("video/mp4").unwrap().1;
    let first = video.split_once("<S t=\"").unwrap().1.split('"').next().unwrap();
    let answer = rig.get(&format!("{dash}-{first}.dash")).await;
    assert_eq!(answer.status, 200, "{dash}-{first}.dash");
    assert_eq!(answer.body, hls.body);
    assert_eq!(answer.header("etag"), hls.header("etag"));
    let init = rig.get(&format!("{dash}.dash")).await;
    assert_eq!(init.body[4..8], *b"ftyp");
}

#[tokio::test]
async fn an_mpd_may_name_segments_by_their_numbers() {
    let rig = Rig::start().await;
    let timed = rig.get(&format!("{TITLE}/.mpd")).await;
    let numbered = rig
        .get(&format!("{TITLE}/.mpd?mpd_segment_template=number"))
        .await;
    assert_eq!(numbered.status, 200);
    assert!(numbered.text().contains("startNumber=\"1\""));
    assert!(numbered.text().contains("-$RepresentationID$-$Number$.m4s\""));
    assert!(!numbered.text().contains("$Time$"));
    assert_ne!(numbered.header("etag"), timed.header("etag"));
    let asked = rig.get(&format!("{TITLE}/.mpd?mpd_segment_template=time")).await;
    assert_eq!(asked.body, timed.body);
    let segment = a_segment(&rig).await;
    let by_number = rig.get(&segment.replace("/hls/", "/dash/")).await;
    assert_eq!(by_number.status, 200);
    assert_eq!(by_number.body, rig.get(&segment).await.body);
    let bad = rig.get(&format!("{TITLE}/.mpd?mpd_segment_template=list")).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn a_server_manifest_may_want_numbers() {
    let folder = crate::rig::copy_of_sample();
    let path = folder.path().join("harbour.ism");
    let text = std::fs::read_to_string(&path).unwrap();
    let meta = "<head><meta name=\"mpd_segment_template\" content=\"number\"/>";
    std::fs::write(&path, text.replace("<head>", meta)).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    assert!(mpd.text().contains("$Number$.m4s"));
}

#[tokio::test]
async fn a_plain_mp4_is_a_title_with_its_moov_first_or_last() {
    let rig = Rig::start().await;
    for file in ["harbour-240.mp4", "harbour-360.mp4", "harbour-eng.mp4"] {
        for name in [".mpd", "anything.mpd", ".m3u8"] {
            let answer = rig.get(&format!("/{file}/{name}")).await;
            assert_eq!(answer.status, 200, "{file}/{name}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn manifests_have_their_types_and_times_to_live() {
    let rig = Rig::over_folder(&sample(), "http:\n  cache_control:\n    segments: max-age=7\n").await;
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    assert_eq!(mpd.header("content-type"), "application/dash+xml");
    assert_eq!(mpd.header("cache-control"), "public, max-age=60");
    assert_eq!(mpd.header("vary"), "accept-encoding");
    let master = rig.get(&format!("{TITLE}/.m3u8")).await;
    assert_eq!(master.header("content-type"), "application/vnd.apple.mpegurl");
    let segment = rig.get(&a_segment(&rig).await).await;
    assert_eq!(segment.header("cache-control"), "max-age=7");
    assert_eq!(segment.header("vary"), "");
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let rig = Rig::start().await;
    let segment = a_segment(&rig).await;
    for path in [
        "/harbour.ism/.mpd",
        "/harbour.ism/.m3u8",
        &segment,
        "/absent.ism/.mpd",
    ] {
        let get = rig.get(path).await;
        let head = rig.ask(Method::HEAD, path, &[]).await;
        assert!(head.body.is_empty());
        assert_eq!(head.status, get.status);
        for name in [
            "content-length",
            "content-type",
            "etag",
            "cache-control",
            "last-modified",
        ] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
        assert_eq!(
            head.header("content-length"),
            get.body.len().to_string(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_play() {
    let rig = Rig::start().await;
    let preflight = rig
        .ask(
            Method::OPTIONS,
            "/harbour.ism/.mpd",
            &[
                ("origin", "https://play.example"),
                ("access-control-request-headers", "range,x-own"),
            ],
        )
        .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert_eq!(preflight.header("access-control-allow-headers"), "range,x-own");
    assert!(preflight.header("access-control-allow-methods").contains("GET"));
    for path in ["/harbour.ism/.mpd", "/absent.ism/.mpd", "/../x.ism/.mpd"] {
        assert_eq!(
            rig.get(path).await.header("access-control-allow-origin"),
            "*",
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let rig = Rig::start().await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = rig.ask(method, "/harbour.ism/.mpd", &[]).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
}

#[tokio::test]
async fn manifests_are_compressed_for_those_who_like_it() {
    let rig = Rig::start().await;
    for name in [".mpd", ".m3u8"] {
        let path = format!("{TITLE}/{name}");
        let plain = rig.get(&path).await;
        let gzip = rig
            .get_with(&path, &[("accept-encoding", "br;q=1, gzip;q=0.8")])
            .await;
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(gzip.header("vary"), "accept-encoding");
        assert_ne!(gzip.header("etag"), plain.header("etag"));
        assert!(gzip.body.len() < plain.body.len());
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&*gzip.body)
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, plain.body);
        let refused = rig.get_with(&path, &[("accept-encoding", "gzip;q=0")]).await;
        assert_eq!(refused.header("content-encoding"), "");
    }
    let segment = rig
        .get_with(&a_segment(&rig).await, &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(segment.header("content-encoding"), "");
}

#[tokio::test]
async fn a_copy_that_is_good_is_not_sent_again() {
    let rig = Rig::start().await;
    for path in ["/harbour.ism/.mpd".to_owned(), a_segment(&rig).await] {
        let first = rig.get(&path).await;
        for (name, value) in [
            ("if-none-match", first.header("etag")),
            ("if-none-match", "*"),
            ("if-modified-since", first.header("last-modified")),
        ] {
            let again = rig.get_with(&path, &[(name, value)]).await;
            assert_eq!(again.status, 304, "{path} {name}: {value}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), first.header("etag"));
            assert_eq!(again.header("cache-control"), first.header("cache-control"));
        }
        let other = rig.get_with(&path, &[("if-match", "\"other\"")]).await;
        assert_eq!(other.status, 412);
    }
}

#[tokio::test]
async fn every_node_gives_the_same_answer() {
    let (one, other) = (Rig::start().await, Rig::start().await);
    for path in ["/harbour.ism/.mpd".to_owned(), a_segment(&one).await] {
        let (one, other) = (one.get(&path).await, other.get(&path).await);
        assert_eq!(one.body, other.body);
        for name in [
            "etag",
            "last-modified",
            "cache-control",
            "content-type",
            "content-length",
        ] {
            assert_eq!(one.header(name), other.header(name));
        }
    }
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let rig = Rig::start().await;
    for _ in 0..20 {
        assert_eq!(rig.get("/harbour.ism/.mpd").await.status, 200);
    }
    assert_eq!(rig.metric("strata_origin_connections").await, 1.0);
}
