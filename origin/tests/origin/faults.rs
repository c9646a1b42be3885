//! Bad requests, bad titles, a folder that goes away.

use std::path::Path;

use crate::answers::a_segment;
use crate::rig::{Answer, Rig, copy_of_sample};

/// An error as every client sees it: short, plain, not kept.
fn check(answer: &Answer, status: u16, is_source: bool) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        answer.text().ends_with('\n') && answer.body.len() < 100,
        "{}",
        answer.text()
    );
    let kept = if status == 404 {
        "public, max-age=1"
    } else {
        "no-store"
    };
    assert_eq!(answer.header("cache-control"), kept);
    assert_eq!(
        answer.header("x-strata-fault"),
        if is_source { "source" } else { "" }
    );
}

fn write_ism(folder: &Path, name: &str, src: &str) {
    let text = format!(
        "<smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\"><body><switch>\
         <video src=\"{src}\" systemBitrate=\"100000\"><param name=\"trackID\" value=\"1\"/></video>\
         </switch></body></smil>"
    );
    std::fs::write(folder.join(name), text).unwrap();
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let rig = Rig::start().await;
    for path in [
        "/",
        "/favicon.ico",
        "/absent.ism/.mpd",
        "/absent/absent.mp4/.m3u8",
        "/harbour.ism",
        "/harbour.ism/",
        "/harbour.mp4/.mpd",
        "/harbour-144.mp4",
        "/harbour.ism/index.html",
        "/harbour.ism/Manifest.xml",
        "/harbour.ism/harbour-video=1.m3u8",
        "/harbour.ism/dash/harbour-video=1-0.dash",
        "/harbour.ism/dash/harbour-144.mp4",
        "/harbour.ism/hls/harbour-144.mp4",
    ] {
        check(&rig.get(path).await, 404, false);
    }
    let segment = a_segment(&rig).await;
    for end in [
        "-0.m4s",
        "-01.m4s",
        "-1000.m4s",
        "-99999999999999999999.m4s",
        "--1.m4s",
        "-1.dash",
    ] {
        check(&rig.get(&segment.replace("-1.m4s", end)).await, 404, false);
    }
}

#[tokio::test]
async fn path_tricks_are_400() {
    let folder = copy_of_sample();
    let store = folder.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let rig = Rig::over_folder(&store, "").await;
    for path in [
        "/../harbour.ism/.mpd",
        "/%2e%2e/harbour.ism/.mpd",
        "/..%2fharbour.ism/.mpd",
        "/x/%2E%2E/%2e%2e/harbour.ism/.mpd",
        "/..%5charbour.ism/.mpd",
        "/harbour.ism%00/.mpd",
        "/harbour.ism/%00.mpd",
        "/%ff.ism/.mpd",
        "/%zz.ism/.mpd",
        &format!("/{}.ism/.mpd", "x".repeat(2000)),
    ] {
        check(&rig.get(path).await, 400, false);
    }
    check(&rig.get("/%252e%252e/harbour.ism/.mpd").await, 404, false);
}

#[tokio::test]
async fn a_title_that_is_incomplete_or_leads_elsewhere_is_the_sources_fault() {
    let folder = copy_of_sample();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.mp4")).unwrap();
    let sources = [
        "absent.mp4",
        "../harbour-144.mp4",
        "http://127.0.0.1:1/film.mp4",
        "file:///etc/passwd",
        "/etc/passwd",
        "link.mp4",
        "",
    ];
    let rig = Rig::over_folder(folder.path(), "").await;
    for (index, src) in sources.into_iter().enumerate() {
        let name = format!("film{index}.ism");
        write_ism(folder.path(), &name, src);
        let answer = rig.get(&format!("/{name}/.mpd")).await;
        check(&answer, 502, true);
        assert!(!answer.text().contains("passwd"), "{}", answer.text());
    }
}

#[tokio::test]
async fn a_rendition_that_leads_elsewhere_is_left_out_of_its_title() {
    let folder = copy_of_sample();
    let video = |src: &str| format!("<video src=\"{src}\" systemBitrate=\"39800\"/>");
    let elsewhere = ["../../x.mp4", "/etc/passwd", "file:///x.mp4", "a%00.mp4"].map(video);
    let text = "<textstream src=\"../film.vtt\" systemLanguage=\"eng\"/>";
    let title = format!(
        "<smil><body><switch>{}{}{text}</switch></body></smil>",
        elsewhere.concat(),
        video("harbour-144.mp4"),
    );
    std::fs::write(folder.path().join("film.ism"), title).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    for manifest in [".mpd", ".m3u8", "Manifest"] {
        let answer = rig.get(&format!("/film.ism/{manifest}")).await;
        assert_eq!(answer.status, 200, "{manifest}: {}", answer.text());
    }
    let lists = rig.playlist("/film.ism/.m3u8").await;
    assert_eq!(
        lists,
        ["film-video=39800.m3u8", "keyframes/film-video=39800.m3u8"]
    );
}

#[tokio::test]
async fn a_title_that_is_corrupt_is_the_sources_fault() {
    let folder = copy_of_sample();
    let good = std::fs::read(folder.path().join("harbour-144.mp4")).unwrap();
    let moov = good.windows(4).position(|window| window == b"moov").unwrap();
    let mut giant = good.clone();
    giant[moov - 4..moov].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    let mut holes = good.clone();
    holes[moov + 100..moov + 2000].fill(0xff);
    let files: [(&str, &[u8]); 7] = [
        ("empty.mp4", b""),
        ("short.mp4", &good[..moov + 50]),
        ("giant.mp4", &giant),
        ("holes.mp4", &holes),
        ("text.mp4", b"this is not an MP4 file at all, whatever its name"),
        ("not.ism", b"<smil><body><switch/></body></smil>"),
        ("junk.ism", b"\xff\xfe\x00 not even text"),
    ];
    let rig = Rig::over_folder(folder.path(), "").await;
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        check(&rig.get(&format!("/{name}/.mpd")).await, 502, true);
    }
    write_ism(folder.path(), "names.ism", "holes.mp4");
    check(&rig.get("/names.ism/.mpd").await, 502, true);
}

#[tokio::test]
async fn a_title_of_unknown_codecs_says_that_nothing_can_be_served() {
    let folder = copy_of_sample();
    let mut bytes = std::fs::read(folder.path().join("harbour-144.mp4")).unwrap();
    let entry = bytes.windows(4).rposition(|window| window == b"avc1").unwrap();
    bytes[entry..entry + 4].copy_from_slice(b"apch");
    std::fs::write(folder.path().join("edit.mp4"), bytes).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let answer = rig.get("/edit.mp4/.mpd").await;
    check(&answer, 502, true);
    assert_eq!(answer.text(), "no track of the title can be served\n");
}

#[tokio::test]
async fn a_file_cut_behind_its_tables_is_the_sources_fault() {
    let folder = copy_of_sample();
    let path = folder.path().join("harbour-144.mp4");
    let good = std::fs::read(&path).unwrap();
    std::fs::write(&path, &good[..good.len() / 4]).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let mut statuses = Vec::new();
    let master = rig.get("/harbour-144.mp4/.m3u8").await;
    if master.status == 200 {
        for name in rig.tracks("/harbour-144.mp4/.m3u8").await {
            for part in rig.playlist(&format!("/harbour-144.mp4/{name}")).await {
                let answer = rig.get(&format!("/harbour-144.mp4/{part}")).await;
                if answer.status != 200 {
                    check(&answer, 502, true);
                }
                statuses.push(answer.status.as_u16());
            }
        }
    } else {
        check(&master, 502, true);
    }
    // Either the reader refuses the file, or what is missing of it is refused.
    assert!(statuses.is_empty() || statuses.ends_with(&[502]), "{statuses:?}");
}

#[tokio::test]
async fn an_absent_title_is_asked_for_once_in_a_while() {
    let rig = Rig::over_folder(&crate::rig::sample(), "titles:\n  absent_ttl: 1h\n").await;
    for _ in 0..50 {
        assert_eq!(rig.get("/absent.ism/.mpd").await.status, 404);
    }
    let asked = "strata_origin_store_requests_total{operation=\"open\",outcome=\"not_found\"}";
    assert_eq!(rig.metric(asked).await, 1.0);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let rig = Rig::start().await;
    let long = "x".repeat(40_000);
    let answer = rig.get_with("/harbour.ism/.mpd", &[("x-long", &long)]).await;
    assert_eq!(answer.status, 431);
}
