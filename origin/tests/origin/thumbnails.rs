//! Thumbnails over HTTP.

use std::path::Path;
use std::process::Command;

use http::Method;

use crate::rig::{Rig, copy_of_sample};

const TITLE: &str = "/harbour.ism";

/// The playlist of thumbnails that the master playlist names, and the images in it.
async fn images(rig: &Rig) -> (String, Vec<String>) {
    let master = rig.get(&format!("{TITLE}/.m3u8")).await;
    let mut lines = master.text().lines();
    let line = lines.find(|line| line.starts_with("#EXT-X-IMAGE-STREAM-INF:"));
    let (_, rest) = line.unwrap().split_once("URI=\"").unwrap();
    let playlist = format!("{TITLE}/{}", rest.split('"').next().unwrap());
    let names = rig.playlist(&playlist).await.into_iter();
    let names = names.map(|name| format!("{TITLE}/thumbnails/{name}"));
    (playlist, names.collect())
}

/// Takes the images out of the sample title's track of them.
fn extract_images(folder: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i", "harbour-thumbnails.m4v"])
        .args(["-c", "copy", "-f", "image2", "tiles-%d.jpg"])
        .current_dir(folder)
        .output()
        .expect("ffmpeg is installed");
    assert!(output.status.success());
}

/// Puts `elements` in the place of the sample title's own thumbnails.
fn rewrite_manifest(folder: &Path, elements: &str) {
    let path = folder.join("harbour.ism");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = manifest.split_once("<img").unwrap();
    let (_, after) = rest.split_once("</img>").unwrap();
    std::fs::write(path, format!("{before}{elements}{after}")).unwrap();
}

#[tokio::test]
async fn images_of_a_track_are_answered_like_any_segment() {
    let rig = Rig::start().await;
    let (playlist, images) = images(&rig).await;
    assert_eq!(images.len(), 4);
    let answer = rig.get(&playlist).await;
    assert_eq!(answer.header("content-type"), "application/vnd.apple.mpegurl");
    assert!(answer.text().contains("LAYOUT=5x2,DURATION=2.000000"));
    for path in &images {
        let whole = rig.get(path).await;
        assert_eq!(whole.status, 200, "{path}");
        assert_eq!(whole.header("content-type"), "image/jpeg");
        assert_eq!(whole.header("cache-control"), "public, max-age=86400");
        assert!(whole.body.starts_with(&[0xFF, 0xD8]) && whole.body.ends_with(&[0xFF, 0xD9]));
        let head = rig.ask(Method::HEAD, path, &[]).await;
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(head.header(name), whole.header(name), "{name}");
        }
        let part = rig.get_with(path, &[("range", "bytes=10-19")]).await;
        assert_eq!(part.status, 206);
        assert_eq!(part.body, whole.body.slice(10..20));
        let known = [("if-none-match", whole.header("etag"))];
        assert_eq!(rig.get_with(path, &known).await.status, 304);
    }
    let series = "strata_origin_requests_total{class=\"2xx\",kind=\"thumbnails\"}";
    assert_eq!(rig.metric(series).await, 12.0);
    let stem = images[0].strip_suffix("-1.jpg").unwrap();
    for absent in ["-0.jpg", "-5.jpg", "-01.jpg", ".jpg", "9.m3u8"] {
        assert_eq!(rig.get(&format!("{stem}{absent}")).await.status, 404, "{absent}");
    }
}

#[tokio::test]
async fn the_same_images_in_files_of_their_own_are_the_same_thumbnails() {
    let rig = Rig::start().await;
    let (playlist, paths) = images(&rig).await;
    let mut bodies = Vec::new();
    for path in &paths {
        bodies.push(rig.get(path).await.body);
    }
    let layout = rig.get(&playlist).await.text().replace("=10426", "=1");

    let folder = copy_of_sample();
    extract_images(folder.path());
    let params = "<param name=\"trackName\" value=\"thumbnails\"/>";
    let named = "<param name=\"tiles\" value=\"5x2\"/><param name=\"tileDuration\" value=\"2\"/>";
    let of_files: String = (1..=4)
        .map(|number| format!("<img src=\"tiles-{number}.jpg\" systemBitrate=\"1\">{params}{named}</img>"))
        .collect();
    std::fs::create_dir(folder.path().join("list")).unwrap();
    let mut list = String::from("WEBVTT\n");
    for tile in 0..35_u32 {
        let (image, place) = (tile / 10 + 1, tile % 10);
        let (left, top) = (place % 5 * 128, place / 5 * 72);
        let time = |seconds: u32| format!("{:02}:{:02}.000", seconds / 60, seconds % 60);
        let (from, to) = (time(tile * 2), time(tile * 2 + 2));
        list.push_str(&format!(
            "\n{from} --> {to}\n../tiles-{image}.jpg#xywh={left},{top},128,72\n"
        ));
    }
    std::fs::write(folder.path().join("list/tiles.vtt"), list).unwrap();
    let of_list = format!("<img src=\"list/tiles.vtt\" systemBitrate=\"1\">{params}</img>");
    for elements in [of_files, of_list] {
        rewrite_manifest(folder.path(), &elements);
        let other = Rig::over_folder(folder.path(), "").await;
        let (playlist, paths) = images(&other).await;
        assert_eq!(other.get(&playlist).await.text(), layout, "{elements}");
        for (path, body) in paths.iter().zip(&bodies) {
            assert_eq!(other.get(path).await.body, body, "{path}");
        }
        // For the next round.
        rewrite_all(folder.path());
    }
}

/// Leaves one `img` element of several.
fn rewrite_all(folder: &Path) {
    let path = folder.join("harbour.ism");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = manifest.split_once("<img").unwrap();
    let (_, after) = rest.rsplit_once("</img>").unwrap();
    std::fs::write(path, format!("{before}<img></img>{after}")).unwrap();
}

#[tokio::test]
async fn a_title_is_served_without_thumbnails_that_cannot_be_read() {
    let folder = copy_of_sample();
    std::fs::write(folder.path().join("none.jpg"), b"GIF89a").unwrap();
    let named = "<param name=\"tiles\" value=\"5x2\"/><param name=\"tileDuration\" value=\"2\"/>";
    for src in [
        "none.jpg",
        "missing.jpg",
        "missing.vtt",
        "../outside.jpg",
        "harbour-144.mp4",
    ] {
        rewrite_manifest(folder.path(), &format!("<img src=\"{src}\">{named}</img>"));
        let rig = Rig::over_folder(folder.path(), "").await;
        let master = rig.get(&format!("{TITLE}/.m3u8")).await;
        assert_eq!(master.status, 200, "{src}");
        assert!(!master.text().contains("IMAGE-STREAM"), "{src}");
        assert!(master.text().contains("I-FRAME-STREAM"), "{src}");
    }
}

#[tokio::test]
async fn a_clip_has_the_images_that_are_shown_within_it() {
    let rig = Rig::start().await;
    // Images last 20 s.
    let whole = rig
        .get(&format!("{TITLE}/thumbnails/harbour-thumbnails=10426-3.jpg"))
        .await;
    let clip = "vbegin=40&vend=61";
    let master = rig.get(&format!("{TITLE}/.m3u8?{clip}")).await;
    let playlist = format!("thumbnails/harbour-thumbnails=10426.m3u8?{clip}");
    assert!(
        master.text().contains(&format!("URI=\"{playlist}\"")),
        "{}",
        master.text()
    );
    let names = rig.playlist(&format!("{TITLE}/{playlist}")).await;
    let expected = [1, 2].map(|number| format!("harbour-thumbnails=10426-{number}.jpg?{clip}"));
    assert_eq!(names, expected);
    let first = rig.get(&format!("{TITLE}/thumbnails/{}", names[0])).await;
    assert_eq!(first.body, whole.body);
    // HLS cannot say that an image began before the title did; DASH can.
    let clip = "vbegin=41";
    let master = rig.get(&format!("{TITLE}/.m3u8?{clip}")).await;
    assert!(!master.text().contains("IMAGE-STREAM"));
    let mpd = rig.get(&format!("{TITLE}/.mpd?{clip}")).await;
    let (_, template) = mpd.text().split_once("image/jpeg").unwrap();
    // All times of the title are 80 ms later: its pictures are decoded that long before they are shown.
    assert!(
        template.contains("presentationTimeOffset=\"41080\""),
        "{template}"
    );
    assert!(
        template.contains("<S t=\"40080\" d=\"20000\" r=\"1\"/>"),
        "{template}"
    );
    // Without pictures there is nothing to show.
    let sound = rig.get(&format!("{TITLE}/.m3u8?filter=type==%22audio%22")).await;
    assert_eq!(sound.status, 200);
    assert!(!sound.text().contains("IMAGE-STREAM"));
}
