//! The sample title's texts through the whole chain: what other readers make of them
//! is what their files say.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::support::{Client, Node, TITLE, chain, manifest, sample};

/// The file of each text, by its token.
const TEXTS: [(&str, &str); 2] = [
    ("textstream_eng=1000", "harbour-eng.vtt"),
    ("textstream_fra=1000", "harbour-fra.ttml"),
];

/// A cue: start and end in milliseconds, and its lines without markup.
type Shown = (u64, u64, String);

/// What ffmpeg reads of the one text in `input`, each cue once and by its start. A cue is in
/// every segment it is shown in, and where its parts meet they are one.
async fn cues(input: &str) -> Vec<Shown> {
    // Segments end in .webvtt, and it knows .vtt only.
    let any_ending: &[&str] = match input.starts_with("http://") {
        true => &["-extension_picky", "0"],
        false => &[],
    };
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-copyts"])
        .args(any_ending)
        .args(["-i", input])
        .args(["-map", "0:s:0", "-f", "srt", "-"])
        .stderr(Stdio::piped())
        .output()
        .await
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{input}: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut cues: Vec<Shown> = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut lines = block.trim().lines().skip(1);
        let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
        let words = plain(&lines.collect::<Vec<_>>().join("\n"));
        let (start, end) = (milliseconds(start), milliseconds(end));
        match cues.iter_mut().find(|cue| cue.2 == words && start <= cue.1) {
            Some(cue) => cue.1 = cue.1.max(end),
            None => cues.push((start, end, words)),
        }
    }
    cues.sort();
    cues
}

/// `00:01:02,500`.
fn milliseconds(text: &str) -> u64 {
    let fields: Vec<u64> = text
        .trim()
        .split([':', ','])
        .map(|field| field.parse().unwrap())
        .collect();
    ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1000 + fields[3]
}

/// `text` without tags, of WebVTT or SubRip, and without the latter's positions.
fn plain(text: &str) -> String {
    let mut words = String::new();
    let mut depth = 0;
    for letter in text.chars() {
        match letter {
            '<' | '{' => depth += 1,
            '>' | '}' => depth -= 1,
            _ if depth == 0 => words.push(letter),
            _ => {}
        }
    }
    words.replace("&amp;", "&")
}

/// What the file of a text says.
async fn source(file: &str) -> Vec<Shown> {
    let path = sample().join(file);
    let shown = if file.ends_with(".vtt") {
        cues(path.to_str().unwrap()).await
    } else {
        paragraphs(&std::fs::read_to_string(path).unwrap())
    };
    assert!(4 < shown.len(), "{shown:?}");
    shown
}

/// The paragraphs of a TTML document, of which ffmpeg reads the older kinds only.
fn paragraphs(ttml: &str) -> Vec<Shown> {
    let paragraphs = ttml.split("<p ").skip(1);
    let shown = paragraphs.map(|paragraph| {
        let (head, rest) = paragraph.split_once('>').unwrap();
        let text = rest.split("</p>").next().unwrap();
        let text = text.replace("<br />", "\n").replace("<br/>", "\n");
        let time = |name: &str| {
            let value = head.split_once(&format!("{name}=\"")).unwrap().1;
            // To the millisecond: a document may say more.
            milliseconds(&value[.."00:00:00.000".len()].replace('.', ","))
        };
        (time("begin"), time("end"), plain(&text))
    });
    shown.collect()
}

#[tokio::test]
async fn ffmpeg_reads_every_cue_over_hls_beside_either_kind_of_media() {
    let (_bucket, _origin, balancer) = chain().await;
    for (token, file) in TEXTS {
        let expected = source(file).await;
        for query in ["", "?hls_fmp4=false"] {
            let playlist = format!("http://{}/{TITLE}/harbour-{token}.m3u8{query}", balancer.address);
            assert_eq!(cues(&playlist).await, expected, "{token}{query}");
        }
    }
}

#[tokio::test]
async fn a_clip_shows_what_its_stretch_of_the_title_does() {
    let (_bucket, _origin, balancer) = chain().await;
    let (begin, end) = (6000, 30_000);
    for (token, file) in TEXTS {
        let within = source(file).await.into_iter().filter_map(|(from, to, words)| {
            let (from, to) = (from.max(begin), to.min(end));
            (from < to).then(|| (from - begin, to - begin, words))
        });
        let within: Vec<Shown> = within.collect();
        assert!(2 < within.len());
        for query in ["?vbegin=6&vend=30", "?hls_fmp4=false&vbegin=6&vend=30"] {
            let playlist = format!("http://{}/{TITLE}/harbour-{token}.m3u8{query}", balancer.address);
            assert_eq!(cues(&playlist).await, within, "{token}{query}");
        }
    }
}

/// When the first picture of a playlist is shown, in ticks of 90 kHz.
async fn first_picture(playlist: &str) -> u64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-read_intervals", "%+#6"])
        .args(["-show_entries", "packet=pts_time", "-of", "csv=p=0", playlist])
        .output()
        .await
        .expect("ffprobe is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.trim_end_matches(','));
    // With six decimals.
    let micros = lines.filter_map(|line| line.replace('.', "").parse::<u64>().ok());
    micros.min().unwrap() * 90 / 1000
}

#[tokio::test]
async fn texts_of_hls_count_from_the_first_picture_of_the_media_beside_them() {
    let (_bucket, _origin, balancer) = chain().await;
    let client = Client::new();
    for (query, segment) in [
        ("", "hls/harbour-textstream_eng=1000-1.webvtt"),
        ("?hls_fmp4=false", "harbour-textstream_eng=1000-12.webvtt"),
        (
            "?vbegin=6&vend=30",
            "hls/harbour-textstream_eng=1000-1.webvtt?vbegin=6&vend=30",
        ),
        (
            "?hls_fmp4=false&vbegin=6&vend=30",
            "harbour-textstream_eng=1000-2.webvtt?vbegin=6&vend=30",
        ),
    ] {
        let playlist = format!(
            "http://{}/{TITLE}/harbour-video=39800.m3u8{query}",
            balancer.address
        );
        let at = first_picture(&playlist).await;
        let segment = client.get(balancer.address, &format!("/{TITLE}/{segment}")).await;
        let expected = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{at},LOCAL:00:00:00.000\n");
        assert!(
            segment.text().starts_with(&expected),
            "{expected}{}",
            segment.text()
        );
    }
}

/// Writes the segments of a text over DASH into one file, the initialization first.
async fn over_dash(balancer: &Node, token: &str, path: &Path) {
    let client = Client::new();
    let tracks = manifest::dash(&client, balancer.address).await;
    let track = tracks.into_iter().find(|track| track.token == token).unwrap();
    let mut file = Vec::new();
    for segment in track.segments {
        let answer = client.get(balancer.address, &segment).await;
        assert_eq!(answer.status, 200, "{segment}");
        file.extend_from_slice(&answer.body);
    }
    std::fs::write(path, file).unwrap();
}

/// When the samples of a file start, from the first one on, in milliseconds, as ffmpeg's
/// demuxer says.
async fn starts(path: &Path) -> Vec<u64> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "packet=pts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(path)
        .output()
        .await
        .expect("ffprobe is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    // With six decimals.
    let time = |line: &str| {
        line.trim_end_matches(',')
            .replace('.', "")
            .parse::<u64>()
            .unwrap()
    };
    let times: Vec<u64> = text.lines().map(time).collect();
    times.iter().map(|time| (time - times[0] + 500) / 1000).collect()
}

#[tokio::test]
async fn samples_over_dash_change_where_something_appears_or_goes_and_where_segments_do() {
    let (_bucket, _origin, balancer) = chain().await;
    let folder = tempfile::TempDir::new().unwrap();
    for (token, file) in TEXTS {
        let path = folder.path().join("text.mp4");
        over_dash(&balancer, token, &path).await;
        let mut expected: BTreeSet<u64> = (0..12).map(|segment| segment * 6000).collect();
        // A document of TTML has the times of its cues within.
        if file.ends_with(".vtt") {
            let shown = source(file).await;
            expected.extend(shown.iter().flat_map(|(start, end, _)| [*start, *end]));
        }
        assert_eq!(starts(&path).await, Vec::from_iter(expected), "{token}");
    }
}

#[tokio::test]
async fn documents_over_smooth_streaming_show_every_cue() {
    let (_bucket, _origin, balancer) = chain().await;
    let client = Client::new();
    let tracks = manifest::smooth(&client, balancer.address).await;
    let time = |path: &str| -> u64 {
        let time = path.rsplit_once('=').unwrap().1;
        time.trim_end_matches(')').parse().unwrap()
    };
    for (token, file) in TEXTS {
        let expected = source(file).await;
        let track = tracks.iter().find(|track| track.token == token).unwrap();
        let first = time(&track.segments[0]);
        let mut shown: Vec<Shown> = Vec::new();
        for path in &track.segments {
            let raw = path.replace("/Fragments(", "/RawFragments(");
            let document = client.get(balancer.address, &raw).await;
            assert_eq!(document.status, 200, "{raw}");
            let whole = client.get(balancer.address, path).await;
            assert!(whole.body.ends_with(&document.body), "{path}");
            // Times within a document count from the start of its fragment.
            let start = (time(path) - first + 5_000) / 10_000;
            for (from, to, words) in paragraphs(document.text()) {
                let (from, to) = (start + from, start + to);
                match shown
                    .iter_mut()
                    .find(|cue| cue.2 == words && from.abs_diff(cue.1) < 2)
                {
                    Some(cue) => cue.1 = to,
                    None => shown.push((from, to, words)),
                }
            }
        }
        shown.sort();
        assert_eq!(shown.len(), expected.len(), "{token}: {shown:?}");
        for (shown, expected) in shown.iter().zip(&expected) {
            assert_eq!(shown.2, expected.2, "{token}");
            assert!(
                shown.0.abs_diff(expected.0) < 2 && shown.1.abs_diff(expected.1) < 2,
                "{shown:?} {expected:?}"
            );
        }
    }
}
