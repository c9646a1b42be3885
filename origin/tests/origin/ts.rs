//! HLS in transport streams over HTTP.

use http::Method;

use crate::rig::{Rig, copy_of_sample, sample};

const TITLE: &str = "/harbour.ism";

/// The first variant's playlist of a master, and that playlist's segments.
async fn first_variant(rig: &Rig, master: &str) -> (String, Vec<String>) {
    let answer = rig.get(&format!("{TITLE}/{master}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let is_name = |line: &&str| !line.starts_with('#') && !line.is_empty();
    let name = answer.text().lines().find(is_name).unwrap().to_owned();
    let segments = rig.playlist(&format!("{TITLE}/{name}")).await;
    (name, segments)
}

/// Checks that every segment consists of whole packets.
async fn check_segments(rig: &Rig, segments: &[String]) {
    assert!(6 < segments.len());
    for segment in segments {
        let answer = rig.get(&format!("{TITLE}/{segment}")).await;
        assert_eq!(answer.status, 200, "{segment}");
        assert_eq!(answer.header("content-type"), "video/mp2t");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        assert!(answer.header("etag").starts_with('"'), "{segment}");
        assert_eq!(answer.body.len() % 188, 0, "{segment}");
        assert!(
            answer.body.chunks(188).all(|packet| packet[0] == 0x47),
            "{segment}"
        );
    }
}

#[tokio::test]
async fn a_query_chooses_transport_streams_with_pictures_and_sound() {
    let rig = Rig::start().await;
    let (name, segments) = first_variant(&rig, ".m3u8?hls_fmp4=false").await;
    assert!(name.starts_with("harbour-audio_eng=64256-video="), "{name}");
    assert!(name.ends_with(".m3u8?hls_fmp4=false"), "{name}");
    assert!(segments[0].ends_with("-1.ts"), "{}", segments[0]);
    check_segments(&rig, &segments).await;
    // Two tracks stand together in transport streams only, whatever is asked for.
    let bare = rig
        .playlist(&format!("{TITLE}/{}", name.split('?').next().unwrap()))
        .await;
    assert_eq!(bare, segments);
    // A further language has a stream of its own.
    let french = rig
        .playlist(&format!("{TITLE}/harbour-audio_fra=64763.m3u8?hls_fmp4=false"))
        .await;
    assert_eq!(french[0], "harbour-audio_fra=64763-1.ts");
    check_segments(&rig, &french).await;
}

#[tokio::test]
async fn fragmented_mp4_is_the_default() {
    let rig = Rig::start().await;
    let unasked = rig.get(&format!("{TITLE}/.m3u8")).await;
    for query in ["?hls_fmp4", "?hls_fmp4=true"] {
        let asked = rig.get(&format!("{TITLE}/.m3u8{query}")).await;
        assert_eq!(asked.body, unasked.body);
        assert_eq!(asked.header("etag"), unasked.header("etag"));
    }
    let streams = rig.get(&format!("{TITLE}/.m3u8?hls_fmp4=false")).await;
    assert_ne!(streams.header("etag"), unasked.header("etag"));
    let bad = rig.get(&format!("{TITLE}/.m3u8?hls_fmp4=maybe")).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn the_configuration_chooses_too_and_a_query_overrides_it() {
    let more = "packaging:\n  hls_segments: ts\n  hls_streams: demuxed\n";
    let rig = Rig::over_folder(&sample(), more).await;
    let (name, segments) = first_variant(&rig, ".m3u8").await;
    assert!(name.starts_with("harbour-video="), "{name}");
    assert!(!name.contains('?'), "{name}");
    check_segments(&rig, &segments).await;
    let (name, segments) = first_variant(&rig, ".m3u8?hls_fmp4").await;
    assert!(name.ends_with(".m3u8?hls_fmp4=true"), "{name}");
    assert!(segments.iter().all(|segment| segment.ends_with(".m4s")));
}

#[tokio::test]
async fn a_server_manifest_for_old_players_chooses_transport_streams() {
    let folder = copy_of_sample();
    let path = folder.path().join("harbour.ism");
    let text = std::fs::read_to_string(&path).unwrap();
    let meta = "<head><meta name=\"hls_client_manifest_version\" content=\"4\"/>";
    std::fs::write(&path, text.replace("<head>", meta)).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let (name, segments) = first_variant(&rig, ".m3u8").await;
    assert!(name.contains("-video=") && name.ends_with(".m3u8"), "{name}");
    check_segments(&rig, &segments[..7]).await;
}

#[tokio::test]
async fn a_segment_is_answered_like_any_other() {
    // Small chunks, so that ranges cross many of them.
    let rig = Rig::over_folder(&sample(), "cache:\n  chunk_size: 64KiB\n").await;
    let (_, segments) = first_variant(&rig, ".m3u8?hls_fmp4=false").await;
    let path = format!("{TITLE}/{}", segments[1]);
    let whole = rig.get(&path).await;
    let size = whole.body.len();
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let head = rig.ask(Method::HEAD, &path, &[]).await;
    for name in ["content-length", "content-type", "etag", "cache-control"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
    }
    for (first, last) in [
        (0, 0),
        (0, 187),
        (188, size / 2),
        (size / 3, size / 3 + 1000),
        (size - 1, size - 1),
    ] {
        let part = rig
            .get_with(&path, &[("range", &format!("bytes={first}-{last}"))])
            .await;
        assert_eq!(part.status, 206);
        assert_eq!(part.body, whole.body.slice(first..=last), "{first}-{last}");
        assert_eq!(
            part.header("content-range"),
            format!("bytes {first}-{last}/{size}")
        );
        assert_eq!(part.header("etag"), whole.header("etag"));
    }
    let known = [("if-none-match", whole.header("etag"))];
    assert_eq!(rig.get_with(&path, &known).await.status, 304);
    let beyond = [("range", &*format!("bytes={size}-"))];
    assert_eq!(rig.get_with(&path, &beyond).await.status, 416);
}

#[tokio::test]
async fn what_no_playlist_names_is_absent() {
    let rig = Rig::start().await;
    let (_, segments) = first_variant(&rig, ".m3u8?hls_fmp4=false").await;
    let first = segments[0].trim_end_matches("-1.ts");
    for absent in [
        format!("{first}-0.ts"),
        format!("{first}-01.ts"),
        format!("{first}-1000.ts"),
        format!("{first}.ts"),
        "harbour-video=1-1.ts".to_owned(),
        "harbour-1.ts".to_owned(),
        format!("hls/{first}-1.ts"),
    ] {
        let answer = rig.get(&format!("{TITLE}/{absent}")).await;
        assert_eq!(answer.status, 404, "{absent}");
    }
}
