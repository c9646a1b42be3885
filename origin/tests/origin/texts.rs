//! Texts of a title over HTTP: side files and text tracks, in every format.

use std::path::Path;
use std::process::Command;

use http::Method;
use tempfile::TempDir;

use crate::rig::{Answer, Rig, copy_of_sample};

const TITLE: &str = "/harbour.ism";

/// A cue across segments of 6 s, one after a gap, and one at the end of the title.
const WEBVTT: &str = "WEBVTT\n\n\
                      00:00:01.000 --> 00:00:03.500 line:10%\nThe <i>lighthouse</i>\n\n\
                      00:00:05.000 --> 00:00:14.000\nA long one\n\n\
                      00:01:05.250 --> 00:01:12.000\nThe end & more\n";

/// Puts texts into a copy of the sample title: what stands in its server manifest, and
/// the files.
fn title_with(texts: &str, files: &[(&str, &[u8])]) -> TempDir {
    let folder = copy_of_sample();
    let path = folder.path().join("harbour.ism");
    let manifest = std::fs::read_to_string(&path).unwrap();
    // The sample's own text is another test's.
    let own = |line: &&str| !line.contains("textstream");
    let manifest: String = manifest
        .lines()
        .filter(own)
        .map(|line| format!("{line}\n"))
        .collect();
    let manifest = manifest.replace("</switch>", &format!("{texts}</switch>"));
    std::fs::write(&path, manifest).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn english(src: &str, params: &str) -> String {
    format!("<textstream src=\"{src}\" systemBitrate=\"1000\" systemLanguage=\"eng\">{params}</textstream>")
}

async fn rig_with(texts: &str, files: &[(&str, &[u8])]) -> (Rig, TempDir) {
    let folder = title_with(texts, files);
    (Rig::over_folder(folder.path(), "").await, folder)
}

/// What stands between `before` and the next `after` in `text`.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .1;
    rest.split(after).next().unwrap()
}

/// A title with [`WEBVTT`] as its one text.
async fn rig_with_english() -> (Rig, TempDir) {
    // Endings in any case.
    rig_with(&english("film.VTT", ""), &[("film.VTT", WEBVTT.as_bytes())]).await
}

/// What the title answers to `path`.
async fn get(rig: &Rig, path: &str) -> Answer {
    let answer = rig.get(&format!("{TITLE}/{path}")).await;
    assert_eq!(answer.status, 200, "{path}");
    answer
}

#[tokio::test]
async fn a_text_is_segments_of_webvtt_in_hls() {
    let (rig, _folder) = rig_with_english().await;
    let master = get(&rig, ".m3u8").await;
    let media = "TYPE=SUBTITLES,GROUP-ID=\"subtitles\",LANGUAGE=\"en\",NAME=\"English\",DEFAULT=NO,\
                 AUTOSELECT=YES,FORCED=NO,URI=\"harbour-textstream_eng=1000.m3u8\"";
    assert!(master.text().contains(media), "{}", master.text());
    let variants = master.text().matches("SUBTITLES=\"subtitles\"").count();
    assert_eq!(variants, 4, "{}", master.text());
    let playlist = rig
        .playlist(&format!("{TITLE}/harbour-textstream_eng=1000.m3u8"))
        .await;
    assert_eq!(playlist.len(), 12, "{playlist:?}");
    assert_eq!(playlist[0], "hls/harbour-textstream_eng=1000-1.webvtt");
    let first = get(&rig, &playlist[0]).await;
    assert_eq!(first.header("content-type"), "text/vtt");
    for part in [
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:",
        "00:00:01.000 --> 00:00:03.500 line:10%\nThe <i>lighthouse</i>\n",
        "00:00:05.000 --> 00:00:14.000\nA long one\n",
    ] {
        assert!(first.text().contains(part), "{}", first.text());
    }
    // It spans three segments and stands in each; a segment without cues is one all the same.
    for (number, count) in [(2, 1), (3, 1), (4, 0), (11, 1)] {
        let segment = get(&rig, &playlist[number - 1]).await;
        let found = segment.text().matches(" --> ").count();
        assert_eq!(found, count, "{number}: {}", segment.text());
    }
    let counted = rig.metric("strata_origin_requests_total{class=\"2xx\",kind=\"text\"}");
    assert_eq!(counted.await, 5.0);
}

#[tokio::test]
async fn a_text_is_fragments_of_wvtt_in_dash() {
    let (rig, _folder) = rig_with_english().await;
    let mpd = get(&rig, ".mpd").await;
    let set = between(mpd.text(), "contentType=\"text\"", "</AdaptationSet>");
    assert!(
        set.contains("lang=\"en\"") && set.contains("codecs=\"wvtt\""),
        "{set}"
    );
    let init = get(&rig, "dash/harbour-textstream_eng=1000.dash").await;
    assert_eq!(init.body[4..8], *b"ftyp");
    assert_eq!(init.header("content-type"), "application/mp4");
    let start = between(set, "<S t=\"", "\"");
    let timed = get(&rig, &format!("dash/harbour-textstream_eng=1000-{start}.dash")).await;
    let numbered = get(&rig, "dash/harbour-textstream_eng=1000-1.m4s").await;
    assert_eq!(timed.body, numbered.body);
    assert_eq!(timed.header("content-type"), "application/mp4");
}

#[tokio::test]
async fn a_text_is_documents_of_ttml_in_smooth_streaming() {
    let (rig, _folder) = rig_with_english().await;
    let manifest = get(&rig, "Manifest").await;
    let stream = between(manifest.text(), "Type=\"text\"", "</StreamIndex>");
    assert!(
        stream.contains("Name=\"textstream_eng\"") && stream.contains("FourCC=\"TTML\""),
        "{stream}"
    );
    let time = between(stream, " t=\"", "\"");
    let name = |noun: &str| format!("QualityLevels(1000)/{noun}(textstream_eng={time})");
    let fragment = get(&rig, &name("Fragments")).await;
    assert_eq!(fragment.body[4..8], *b"moof");
    assert!(fragment.header("link").starts_with("<Fragments(textstream_eng="));
    let document = get(&rig, &name("RawFragments")).await;
    assert_eq!(document.header("content-type"), "application/ttml+xml");
    assert!(document.text().contains("lighthouse"), "{}", document.text());
    assert!(fragment.body.ends_with(&document.body));
    let info = get(&rig, &name("FragmentInfo")).await;
    assert_eq!(info.body.len() + 8 + document.body.len(), fragment.body.len());
}

#[tokio::test]
async fn segments_beside_transport_streams_stand_on_their_clock() {
    let (rig, _folder) = rig_with_english().await;
    let master = rig.get(&format!("{TITLE}/.m3u8?hls_fmp4=false")).await;
    let uri = "URI=\"harbour-textstream_eng=1000.m3u8?hls_fmp4=false\"";
    assert!(master.text().contains(uri), "{}", master.text());
    let playlist = rig
        .playlist(&format!(
            "{TITLE}/harbour-textstream_eng=1000.m3u8?hls_fmp4=false"
        ))
        .await;
    assert_eq!(playlist[0], "harbour-textstream_eng=1000-1.webvtt");
    let beside_ts = rig.get(&format!("{TITLE}/{}", playlist[0])).await;
    let map = between(beside_ts.text(), "X-TIMESTAMP-MAP=", "\n");
    // The clock of transport streams starts at ten seconds.
    assert_eq!(map, "MPEGTS:900000,LOCAL:00:00:00.000");
}

#[tokio::test]
async fn a_segment_of_text_is_answered_like_any_other() {
    let (rig, _folder) = rig_with_english().await;
    let path = format!("{TITLE}/hls/harbour-textstream_eng=1000-1.webvtt");
    let whole = rig.get(&path).await;
    let size = whole.body.len();
    assert_eq!(whole.header("content-length"), size.to_string());
    assert_eq!(whole.header("vary"), "accept-encoding");
    let head = rig.ask(Method::HEAD, &path, &[]).await;
    for name in ["content-length", "content-type", "etag", "cache-control"] {
        assert_eq!(head.header(name), whole.header(name), "{name}");
        assert!(!whole.header(name).is_empty(), "{name}");
    }
    let media = rig.get(&format!("{TITLE}/hls/harbour-video=39800-1.m4s")).await;
    assert_eq!(whole.header("cache-control"), media.header("cache-control"));
    let part = rig.get_with(&path, &[("range", "bytes=7-20")]).await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[7..=20]));
    let known = [("if-none-match", whole.header("etag"))];
    assert_eq!(rig.get_with(&path, &known).await.status, 304);
    let gzip = rig.get_with(&path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);
    assert_ne!(gzip.header("etag"), whole.header("etag"));
    let fragment = format!("{TITLE}/dash/harbour-textstream_eng=1000-1.m4s");
    let boxes = rig.get_with(&fragment, &[("accept-encoding", "gzip")]).await;
    assert_eq!(boxes.header("content-encoding"), "");
}

#[tokio::test]
async fn a_filter_goes_with_texts_and_leaves_them_out() {
    let (rig, _folder) = rig_with_english().await;
    let without = get(&rig, ".m3u8?filter=type!=%22textstream%22").await;
    assert!(!without.text().contains("SUBTITLES"), "{}", without.text());
    let english = "filter=systemLanguage==%22eng%22%7C%7Ctype==%22video%22";
    let master = get(&rig, &format!(".m3u8?{english}")).await;
    let uri = between(master.text(), "TYPE=SUBTITLES", "\n");
    let playlist = between(uri, "URI=\"", "\"");
    assert!(playlist.contains("?filter="), "{playlist}");
    for segment in rig.playlist(&format!("{TITLE}/{playlist}")).await {
        assert!(segment.contains(".webvtt?filter="), "{segment}");
        assert_eq!(get(&rig, &segment).await.header("content-type"), "text/vtt");
    }
    let manifest = get(&rig, &format!("Manifest?{english}")).await;
    assert!(manifest.text().contains("Type=\"text\""), "{}", manifest.text());
    let mpd = get(&rig, &format!(".mpd?{english}")).await;
    let set = between(mpd.text(), "contentType=\"text\"", "</AdaptationSet>");
    assert!(set.contains(".dash?filter="), "{set}");
    let left_out = "harbour-textstream_eng=1000.m3u8?filter=type!=%22textstream%22";
    let answer = rig.get(&format!("{TITLE}/{left_out}")).await;
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn what_no_manifest_names_is_absent() {
    let (rig, _folder) = rig_with_english().await;
    for absent in [
        "hls/harbour-textstream_eng=1000-0.webvtt",
        "hls/harbour-textstream_eng=1000-01.webvtt",
        "hls/harbour-textstream_eng=1000-13.webvtt",
        "hls/harbour-textstream_eng=1000-1.m4s",
        "hls/harbour-video=39800-1.webvtt",
        "hls/harbour-textstream_fra=1000-1.webvtt",
        "dash/harbour-textstream_eng=1000.vtt",
        "dash/harbour-textstream_eng=1000.ttml",
        "dash/harbour-textstream_eng=1000-7.dash",
        "harbour-textstream_eng=1000-1.ts",
        "harbour-textstream_eng=1001.m3u8",
        "QualityLevels(1000)/Fragments(textstream_eng=7)",
    ] {
        let answer = rig.get(&format!("{TITLE}/{absent}")).await;
        assert_eq!(answer.status, 404, "{absent}");
    }
}

#[tokio::test]
async fn a_text_can_be_one_file_in_dash() {
    let whole = "<param name=\"dashForm\" value=\"vtt\"/>";
    let (rig, _folder) = rig_with(&english("film.vtt", whole), &[("film.vtt", WEBVTT.as_bytes())]).await;
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    let set = between(mpd.text(), "contentType=\"text\"", "</AdaptationSet>");
    let name = between(set, "<BaseURL>", "</BaseURL>");
    let file = rig.get(&format!("{TITLE}/dash/{name}")).await;
    assert_eq!(file.header("content-type"), "text/vtt");
    assert_eq!(file.text().matches(" --> ").count(), 3, "{}", file.text());
    let gzip = rig
        .get_with(&format!("{TITLE}/dash/{name}"), &[("accept-encoding", "gzip")])
        .await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let init = rig
        .get(&format!("{TITLE}/dash/harbour-textstream_eng=1000.dash"))
        .await;
    assert_eq!(init.status, 404, "one file has no segments");
}

/// The starts, ends and texts of all cues in the segments of the text `token`, each once.
async fn cues(rig: &Rig, token: &str) -> Vec<String> {
    let mut cues: Vec<String> = Vec::new();
    for segment in rig.playlist(&format!("{TITLE}/harbour-{token}.m3u8")).await {
        let segment = rig.get(&format!("{TITLE}/{segment}")).await;
        let blocks = segment.text().split("\n\n").map(str::trim);
        for block in blocks.filter(|block| block.contains(" --> ")) {
            if !cues.iter().any(|cue| cue == block) {
                cues.push(block.to_owned());
            }
        }
    }
    cues
}

#[tokio::test]
async fn every_kind_of_file_in_every_encoding_is_read() {
    let subrip = "1\r\n00:00:01,000 --> 00:00:02,000\r\nCaf\u{e9}\r\n";
    let ttml = "<tt xmlns=\"http://www.w3.org/ns/ttml\"><body><div>\
                <p begin=\"1s\" end=\"2s\">Caf\u{e9}</p></div></body></tt>";
    let utf_16: Vec<u8> = "\u{feff}"
        .chars()
        .chain(subrip.chars())
        .flat_map(|c| (c as u16).to_le_bytes())
        .collect();
    let latin_1: Vec<u8> = subrip
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    for (name, bytes) in [
        ("a.srt", subrip.as_bytes()),
        ("b.SRT", &utf_16),
        ("c.srt", &latin_1),
        ("d.ttml", ttml.as_bytes()),
        ("e.Dfxp", ttml.as_bytes()),
    ] {
        let (rig, _folder) = rig_with(&english(name, ""), &[(name, bytes)]).await;
        let cues = cues(&rig, "textstream_eng=1000").await;
        assert_eq!(cues, ["00:00:01.000 --> 00:00:02.000\nCaf\u{e9}"], "{name}");
    }
}

/// What ffmpeg, run in `folder`, writes to its standard output.
fn ffmpeg(folder: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    output.stdout
}

/// Has ffmpeg make an MP4 file with a text track of [`WEBVTT`].
fn text_track(folder: &Path) -> Vec<u8> {
    std::fs::write(folder.join("in.vtt"), WEBVTT).unwrap();
    ffmpeg(folder, "-i in.vtt -c:s mov_text out.mp4");
    std::fs::read(folder.join("out.mp4")).unwrap()
}

#[tokio::test]
async fn a_text_track_of_an_mp4_file_is_served() {
    let work = TempDir::new().unwrap();
    let file = text_track(work.path());
    let (rig, _folder) = rig_with(&english("film.ismt", ""), &[("film.ismt", &file)]).await;
    let mut texts = Vec::new();
    for cue in cues(&rig, "textstream_eng=1000").await {
        texts.push(cue.split_once('\n').unwrap().1.to_owned());
    }
    texts.dedup();
    assert_eq!(
        texts,
        ["The <i>lighthouse</i>", "A long one", "The end &amp; more"]
    );
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    assert!(mpd.text().contains("codecs=\"wvtt\""), "{}", mpd.text());
    let segment = rig
        .get(&format!("{TITLE}/dash/harbour-textstream_eng=1000-1.m4s"))
        .await;
    assert_eq!(segment.status, 200);
    // In a clip, times count from its start, and what plays before it is gone.
    let clipped = "hls/harbour-textstream_eng=1000-1.webvtt?vbegin=6";
    let clipped = get(&rig, clipped).await;
    let shown = "00:00:00.000 --> 00:00:06.000\nA long one\n";
    assert!(clipped.text().contains(shown), "{}", clipped.text());
    assert_eq!(clipped.text().matches(" --> ").count(), 1);
}

#[tokio::test]
async fn a_bad_text_is_left_out_and_the_title_is_served() {
    let large = vec![b'x'; 9 << 20];
    let texts = [
        english("missing.vtt", ""),
        english("bad.vtt", ""),
        english("large.vtt", ""),
        english("bad.ismt", ""),
        english("http://127.0.0.1/elsewhere.vtt", ""),
        english("good.vtt", ""),
    ];
    let files: [(&str, &[u8]); 4] = [
        ("bad.vtt", b"<html>"),
        ("large.vtt", &large),
        ("bad.ismt", b"no boxes at all"),
        ("good.vtt", WEBVTT.as_bytes()),
    ];
    let (rig, _folder) = rig_with(&texts.concat(), &files).await;
    for manifest in [".mpd", ".m3u8", "Manifest"] {
        let answer = rig.get(&format!("{TITLE}/{manifest}")).await;
        assert_eq!(answer.status, 200, "{manifest}");
        let count = answer.text().matches("textstream_eng").count();
        assert!(0 < count, "{manifest}: {}", answer.text());
        assert!(!answer.text().contains("textstream_eng_1"), "{}", answer.text());
    }
    assert_eq!(cues(&rig, "textstream_eng=1000").await.len(), 3);
}

#[tokio::test]
async fn a_text_that_comes_later_is_found() {
    let folder = title_with(&english("film.vtt", ""), &[]);
    let rig = Rig::over_folder(folder.path(), "titles:\n  ttl: 1ms\n").await;
    let before = rig.get(&format!("{TITLE}/.m3u8")).await;
    assert!(!before.text().contains("SUBTITLES"), "{}", before.text());
    std::fs::write(folder.path().join("film.vtt"), WEBVTT).unwrap();
    let found = async {
        loop {
            let after = rig.get(&format!("{TITLE}/.m3u8")).await;
            if after.text().contains("SUBTITLES") {
                return after;
            }
        }
    };
    let after = tokio::time::timeout(std::time::Duration::from_secs(30), found)
        .await
        .unwrap();
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn closed_captions_that_the_manifest_states_are_signalled() {
    let folder = title_with("", &[]);
    let path = folder.path().join("harbour.ism");
    let manifest = std::fs::read_to_string(&path).unwrap();
    let meta = "<head><meta name=\"closed_captions\" content=\"CC1=eng;SERVICE1=fra\"/>";
    std::fs::write(&path, manifest.replace("<head>", meta)).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let mpd = rig.get(&format!("{TITLE}/.mpd")).await;
    for stated in [
        "schemeIdUri=\"urn:scte:dash:cc:cea-608:2015\" value=\"CC1=eng\"",
        "schemeIdUri=\"urn:scte:dash:cc:cea-708:2015\" value=\"1=lang:fra\"",
    ] {
        assert!(mpd.text().contains(stated), "{}", mpd.text());
    }
    for query in ["", "?hls_fmp4=false"] {
        let master = rig.get(&format!("{TITLE}/.m3u8{query}")).await;
        for stated in [
            "INSTREAM-ID=\"CC1\"",
            "INSTREAM-ID=\"SERVICE1\"",
            "CLOSED-CAPTIONS=\"closed-captions\"",
        ] {
            assert!(master.text().contains(stated), "{}", master.text());
        }
    }
}

#[tokio::test]
async fn messages_within_the_pictures_such_as_captions_stay_there() {
    const MARK: &str = "capt10n5";
    let folder = title_with("", &[]);
    // One a group of pictures.
    let mark = format!("h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+{MARK}");
    let command = format!("-i harbour-144.mp4 -c copy -bsf:v {mark} marked.mp4");
    ffmpeg(folder.path(), &command);
    std::fs::rename(
        folder.path().join("marked.mp4"),
        folder.path().join("harbour-144.mp4"),
    )
    .unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    for playlist in [
        "harbour-video=39800.m3u8",
        "harbour-video=39800.m3u8?hls_fmp4=false",
    ] {
        let mut stream = Vec::new();
        for part in rig.playlist(&format!("{TITLE}/{playlist}")).await {
            stream.extend_from_slice(&get(&rig, &part).await.body);
        }
        std::fs::write(folder.path().join("served"), stream).unwrap();
        let pictures = ffmpeg(folder.path(), "-i served -c copy -f h264 -");
        let found = pictures
            .windows(MARK.len())
            .filter(|bytes| *bytes == MARK.as_bytes());
        assert_eq!(found.count(), 35, "{playlist}");
    }
}

/// The title with the text of one language.
fn with_text(language: &str) -> String {
    format!("filter=type!=%22textstream%22||systemLanguage==%22{language}%22")
}

#[tokio::test]
async fn texts_are_offered_in_fragments_over_hls_when_that_is_asked_for() {
    let rig = Rig::start().await;
    for (language, codec) in [("eng", "wvtt"), ("fra", "stpp.ttml.im1t")] {
        let filter = with_text(language);
        let plain = rig.get(&format!("{TITLE}/.m3u8?{filter}")).await;
        assert!(!plain.text().contains(codec), "{}", plain.text());
        let url = format!("{TITLE}/.m3u8?hls_text=fmp4&{filter}");
        let master = rig.get(&url).await;
        assert_ne!(master.header("etag"), plain.header("etag"));
        let is_variant = |line: &&str| line.starts_with("#EXT-X-STREAM-INF");
        for variant in master.text().lines().filter(is_variant) {
            assert!(variant.contains(&format!(",{codec}\"")), "{variant}");
        }
        let lists = rig.playlist(&url).await;
        let texts: Vec<&String> = lists.iter().filter(|name| name.contains("textstream_")).collect();
        assert_eq!(texts.len(), 1, "{lists:?}");
        assert!(texts[0].ends_with("&hls_text=fmp4"), "{texts:?}");
        let playlist = rig.get(&format!("{TITLE}/{}", texts[0])).await;
        assert!(
            playlist.text().contains("#EXT-X-MAP:URI=\"dash/"),
            "{}",
            playlist.text()
        );
        // The initialization, then the segments, of the fragments that DASH has.
        let names = rig.playlist(&format!("{TITLE}/{}", texts[0])).await;
        assert!(names[0].contains(".dash?"), "{names:?}");
        for (index, name) in names.iter().enumerate() {
            let answer = rig.get(&format!("{TITLE}/{name}")).await;
            assert_eq!(answer.status, 200, "{name}");
            let first = if index == 0 { b"ftyp" } else { b"styp" };
            assert_eq!(&answer.body[4..8], first, "{name}");
        }
        // Beside transport streams there is WebVTT.
        let streams = rig.get(&format!("{url}&hls_fmp4=false")).await;
        assert!(!streams.text().contains(codec), "{}", streams.text());
    }
    let refused = rig.get(&format!("{TITLE}/.m3u8?hls_text=srt")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.text(), "hls_text: it is fmp4 or vtt\n");
}

#[tokio::test]
async fn texts_that_differ_in_fragments_are_offered_as_webvtt() {
    let rig = Rig::start().await;
    let plain = rig.get(&format!("{TITLE}/.m3u8")).await;
    let asked = rig.get(&format!("{TITLE}/.m3u8?hls_text=fmp4")).await;
    assert_eq!(asked.text(), plain.text());
    let text = format!("{TITLE}/harbour-textstream_fra=1000.m3u8");
    let playlist = rig.get(&format!("{text}?hls_text=fmp4")).await;
    assert_eq!(playlist.text(), rig.get(&text).await.text());
    assert!(playlist.text().contains(".webvtt"), "{}", playlist.text());
}

#[tokio::test]
async fn a_title_can_want_its_texts_in_fragments() {
    let meta = "<head><meta name=\"hls_text\" content=\"fmp4\"/></head>";
    let folder = copy_of_sample();
    let ism = folder.path().join("harbour.ism");
    let manifest = std::fs::read_to_string(&ism).unwrap();
    let start = manifest.find("<head>").unwrap();
    let end = manifest.find("</head>").unwrap() + "</head>".len();
    std::fs::write(&ism, [&manifest[..start], meta, &manifest[end..]].concat()).unwrap();
    let rig = Rig::over_folder(folder.path(), "").await;
    let filter = with_text("eng");
    let master = rig.get(&format!("{TITLE}/.m3u8?{filter}")).await;
    assert!(master.text().contains(",wvtt\""), "{}", master.text());
    assert!(!master.text().contains("hls_text"), "{}", master.text());
    let vtt = rig.get(&format!("{TITLE}/.m3u8?hls_text=vtt&{filter}")).await;
    assert!(!vtt.text().contains("wvtt"), "{}", vtt.text());
    assert!(vtt.text().contains("&hls_text=vtt"), "{}", vtt.text());
}
