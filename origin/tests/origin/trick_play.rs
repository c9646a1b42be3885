//! Key frames over HTTP.

use http::Method;

use crate::rig::Rig;

const TITLE: &str = "/harbour.ism";

/// The I-frame playlists that a master playlist names, as paths.
async fn playlists(rig: &Rig, master: &str) -> Vec<String> {
    let answer = rig.get(&format!("{TITLE}/{master}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let lines = answer.text().lines();
    let streams = lines.filter(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF:"));
    let uri = |line: &str| {
        let (_, rest) = line.split_once("URI=\"").unwrap();
        format!("{TITLE}/{}", rest.split('"').next().unwrap())
    };
    streams.map(uri).collect()
}

/// The segments of a playlist, as paths.
async fn segments(rig: &Rig, playlist: &str) -> Vec<String> {
    let names = rig.playlist(playlist).await.into_iter();
    let names = names.filter(|name| !name.starts_with(".."));
    names.map(|name| format!("{TITLE}/keyframes/{name}")).collect()
}

#[tokio::test]
async fn every_key_frame_is_served_in_both_kinds_of_segments() {
    let rig = Rig::start().await;
    for (master, kind, fits) in [
        (
            ".m3u8",
            "video/mp4",
            (|body| body[4..8] == *b"styp") as fn(&[u8]) -> bool,
        ),
        (".m3u8?hls_fmp4=false", "video/mp2t", |body| {
            body[0] == 0x47 && body.len() % 188 == 0
        }),
    ] {
        let playlists = playlists(&rig, master).await;
        assert_eq!(playlists.len(), 4, "{playlists:?}");
        for playlist in &playlists {
            let answer = rig.get(playlist).await;
            assert_eq!(answer.header("content-type"), "application/vnd.apple.mpegurl");
            assert_eq!(answer.header("cache-control"), "public, max-age=60");
            // 70 s, a key frame every 2 s.
            let segments = segments(&rig, playlist).await;
            assert_eq!(segments.len(), 35, "{playlist}");
            for path in &segments {
                let answer = rig.get(path).await;
                assert_eq!(answer.status, 200, "{path}");
                assert_eq!(answer.header("content-type"), kind);
                assert_eq!(answer.header("content-length"), answer.body.len().to_string());
                assert!(fits(&answer.body), "{path}");
            }
        }
    }
    let series = "strata_origin_requests_total{class=\"2xx\",kind=\"key_frames\"}";
    assert_eq!(rig.metric(series).await, 2.0 * 4.0 * 35.0);
}

#[tokio::test]
async fn a_key_frame_is_answered_like_any_segment() {
    let rig = Rig::start().await;
    let playlist = &playlists(&rig, ".m3u8").await[0];
    let playlist_ts = &playlists(&rig, ".m3u8?hls_fmp4=false").await[0];
    let of_dash = format!("{TITLE}/dash/harbour-video=41978-keyframes-1.m4s");
    let paths = [
        segments(&rig, playlist).await.remove(2),
        segments(&rig, playlist_ts).await.remove(2),
        of_dash.replace("41978", &bitrate_of(playlist)),
    ];
    for path in &paths {
        let whole = rig.get(path).await;
        assert_eq!(whole.status, 200, "{path}");
        assert_eq!(whole.header("cache-control"), "public, max-age=86400");
        let head = rig.ask(Method::HEAD, path, &[]).await;
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(head.header(name), whole.header(name), "{path} {name}");
        }
        let part = rig.get_with(path, &[("range", "bytes=100-999")]).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.body, whole.body.slice(100..1000), "{path}");
        let known = [("if-none-match", whole.header("etag"))];
        assert_eq!(rig.get_with(path, &known).await.status, 304);
    }
}

/// The bitrate in the name of a playlist: `keyframes/harbour-video=BITRATE.m3u8`.
fn bitrate_of(playlist: &str) -> String {
    let (_, rest) = playlist.rsplit_once('=').unwrap();
    rest.split('.').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_segments_of_the_trick_mode_set_hold_the_key_frames_of_the_main_ones() {
    let rig = Rig::start().await;
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    assert!(mpd.text().contains("http://dashif.org/guidelines/trickmode"));
    let (_, trick) = mpd.text().split_once("-keyframes\"").unwrap();
    assert!(!trick.is_empty());
    let playlist = &playlists(&rig, ".m3u8").await[0];
    let bitrate = bitrate_of(playlist);
    let stem = format!("{TITLE}/dash/harbour-video={bitrate}");
    let main = rig.get(&format!("{stem}.dash")).await;
    assert_eq!(rig.get(&format!("{stem}-keyframes.dash")).await.body, main.body);
    let first = rig.get(&format!("{stem}-keyframes-1.m4s")).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), "video/mp4");
    // 6 s: the key frames at 0, 2 and 4 s.
    let mut media: Vec<u8> = Vec::new();
    for path in segments(&rig, playlist).await.iter().take(3) {
        let body = rig.get(path).await.body;
        media.extend(media_of(&body));
    }
    assert_eq!(media_of(&first.body), media);
}

/// What is in the `mdat` of a segment, which it ends with.
fn media_of(segment: &[u8]) -> &[u8] {
    let at = segment.windows(4).position(|kind| kind == b"mdat").unwrap();
    &segment[at + 4..]
}

#[tokio::test]
async fn what_no_playlist_lists_is_absent() {
    let rig = Rig::start().await;
    let playlist = &playlists(&rig, ".m3u8").await[0];
    let stem = playlist.strip_suffix(".m3u8").unwrap();
    for absent in [
        format!("{stem}-0.m4s"),
        format!("{stem}-36.m4s"),
        format!("{stem}-36.ts"),
        format!("{stem}-01.m4s"),
        format!("{stem}.m4s"),
        format!("{stem}9.m3u8"),
        format!("{TITLE}/keyframes/harbour.m3u8"),
        format!("{TITLE}/keyframes/harbour-audio_eng=64000.m3u8"),
        format!(
            "{TITLE}/dash/harbour-video={}-keyframes-1.dash",
            bitrate_of(playlist)
        ),
        format!(
            "{TITLE}/dash/harbour-video={}-keyframes-13.m4s",
            bitrate_of(playlist)
        ),
    ] {
        assert_eq!(rig.get(&absent).await.status, 404, "{absent}");
    }
    for sound in rig.tracks(&format!("{TITLE}/.m3u8")).await {
        if sound.contains("audio") {
            let path = format!("{TITLE}/keyframes/{sound}");
            assert_eq!(rig.get(&path).await.status, 404, "{path}");
        }
    }
}

#[tokio::test]
async fn a_clip_has_the_key_frames_within_it_and_the_one_it_begins_after() {
    let rig = Rig::start().await;
    let filter = "filter=type==%22video%22%26%26MaxHeight%3C=240";
    for master in [".m3u8?", ".m3u8?hls_fmp4=false&"] {
        let playlists = playlists(&rig, &format!("{master}vbegin=15&vend=31&{filter}")).await;
        assert_eq!(playlists.len(), 2, "{playlists:?}");
        for playlist in &playlists {
            let text = rig.get(playlist).await;
            let durations = text.text().lines().filter_map(|line| {
                let seconds = line.strip_prefix("#EXTINF:")?;
                seconds.trim_end_matches(',').parse::<f64>().ok()
            });
            let durations: Vec<f64> = durations.collect();
            // From 15 s on the picture of 14 s, then one every 2 s up to 31 s.
            assert_eq!(
                durations,
                [1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0],
                "{playlist}"
            );
            for path in segments(&rig, playlist).await {
                assert!(path.contains("vbegin=15&vend=31"), "{path}");
                assert_eq!(rig.get(&path).await.status, 200, "{path}");
            }
        }
    }
    let mpd = rig
        .get(&format!(
            "{TITLE}/.mpd?vbegin=15&vend=31&mpd_segment_template=number"
        ))
        .await;
    let template = "-$RepresentationID$-$Number$.m4s?vbegin=15&amp;vend=31\"";
    assert!(mpd.text().contains(template), "{}", mpd.text());
    let (_, trick) = mpd.text().split_once("guidelines/trickmode").unwrap();
    let (_, id) = trick.split_once("<Representation id=\"").unwrap();
    let id = id.split('"').next().unwrap();
    for number in 1..=3 {
        let path = format!("{TITLE}/dash/harbour-{id}-{number}.m4s?vbegin=15&vend=31");
        assert_eq!(rig.get(&path).await.status, 200, "{path}");
    }
}
