//! Texts of every source, in every form they are served in: golden files, and
//! ffmpeg as the other reader.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failing test may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "test files are small"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::plan::FileIndex;
use strata_media::presentation::Presentation;
use strata_media::read::ism::TrackReference;
use strata_media::read::text::{self, TextFormat};
use strata_media::text::{HlsMedia, SegmentForm, SideFile, TextForm, TextTrack};
use strata_media::text_segment::{self, Step, TextSegment};
use support::Folder;

/// Pictures with reordering, so that the presentation does not start at tick 0.
const VIDEO: &str =
    "-f lavfi -i testsrc2=s=96x54:r=25:d=20 -c:v libx264 -preset veryfast -g 50 -bf 2 -sc_threshold 0";

/// A text with a cue across segments, cues at once, and a stretch without any.
const SUBRIP: &str = "1\n00:00:01,000 --> 00:00:04,500\nHello there\nsecond line\n\n\
                      2\n00:00:05,500 --> 00:00:13,250\nThis one spans\n\n\
                      3\n00:00:13,250 --> 00:00:14,000\nRight behind\n";

/// What [`SUBRIP`] shows: starts and ends in milliseconds.
const SHOWN: [(u64, u64, &str); 3] = [
    (1000, 4500, "Hello there\nsecond line"),
    (5500, 13_250, "This one spans"),
    (13_250, 14_000, "Right behind"),
];

type Shown = (u64, u64, String);

fn shown() -> Vec<Shown> {
    SHOWN
        .iter()
        .map(|(start, end, text)| (*start, *end, (*text).to_owned()))
        .collect()
}

/// A title of pictures made by ffmpeg; its one file.
fn title(folder: &Folder, options: &str) -> (Presentation, Bytes) {
    folder.ffmpeg(&format!("{options} film.mp4"));
    let file = Bytes::from(std::fs::read(folder.path("film.mp4")).unwrap());
    let title = support::assemble(std::slice::from_ref(&file), Duration::from_secs(6));
    (title, file)
}

fn add(title: &mut Presentation, name: &str, bytes: &[u8], form: Option<TextForm>) {
    let format = TextFormat::of_name(name).unwrap();
    let file = text::read(bytes, format).unwrap();
    assert_eq!(file.notes, []);
    title.add_side_file(SideFile {
        file: FileIndex(1),
        reference: TrackReference {
            kind: MediaKind::Text,
            src: name.to_owned(),
            system_bitrate: None,
            system_language: Some("eng".to_owned()),
            track_id: None,
            track_name: None,
            params: Vec::new(),
        },
        document: file.document,
        form: form.unwrap_or(format.form()),
    });
}

fn make(text: &TextTrack, segment: usize, form: SegmentForm, file: &Bytes) -> Bytes {
    let mut making = TextSegment::new(text, segment, form).unwrap();
    let mut supplied = Vec::new();
    loop {
        match making.step(supplied).unwrap() {
            Step::Done(bytes) => return bytes,
            Step::Need(ranges) => {
                let read = |range: std::ops::Range<u64>| file.slice(range.start as usize..range.end as usize);
                supplied = ranges.into_iter().map(read).collect();
            }
        }
    }
}

/// The text as DASH has it, in one file.
fn fragmented(text: &TextTrack, file: &Bytes) -> Vec<u8> {
    let mut out = text_segment::init(text).to_vec();
    for segment in 0..text.track.segments.len() {
        out.extend(make(text, segment, SegmentForm::Fragment, file));
    }
    out
}

/// What ffmpeg reads from a file of text.
fn read_by_ffmpeg(path: &Path) -> Vec<Shown> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-f", "srt", "-"])
        .output()
        .expect("ffmpeg is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let time = |text: &str| {
        let fields: Vec<u64> = text
            .split([':', ','])
            .map(|field| field.trim().parse().unwrap())
            .collect();
        ((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1000 + fields[3]
    };
    let cues = text.split("\n\n").filter(|cue| !cue.trim().is_empty());
    cues.map(|cue| {
        let mut lines = cue.trim().lines().skip(1);
        let (start, end) = lines.next().unwrap().split_once(" --> ").unwrap();
        (time(start), time(end), lines.collect::<Vec<_>>().join("\n"))
    })
    .collect()
}

/// Packets of a file as ffmpeg's demuxer sees them: start in milliseconds, and
/// size.
fn packets(path: &Path) -> Vec<(u64, u64)> {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-of",
            "csv=p=0",
            "-show_entries",
            "packet=pts_time,size",
        ])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let packet = |line: &str| {
        let (start, size) = line.trim_end_matches(',').split_once(',').unwrap();
        let (seconds, micros) = start.split_once('.').unwrap();
        let micros = micros.parse::<u64>().unwrap();
        (
            seconds.parse::<u64>().unwrap() * 1000 + micros / 1000,
            size.parse().unwrap(),
        )
    };
    text.lines().filter(|line| !line.is_empty()).map(packet).collect()
}

/// What is shown in all segments of WebVTT, as ffmpeg reads them: each cue once,
/// and the parts of one that was cut joined.
fn shown_in_segments(folder: &Folder, text: &TextTrack, file: &Bytes) -> Vec<Shown> {
    let mut cues: Vec<Shown> = Vec::new();
    for segment in 0..text.track.segments.len() {
        let path = folder.path(&format!("{segment}.vtt"));
        std::fs::write(
            &path,
            make(text, segment, SegmentForm::WebVtt(HlsMedia::FragmentedMp4), file),
        )
        .unwrap();
        let (start, end) = text.window(segment).unwrap();
        for cue in read_by_ffmpeg(&path) {
            assert!(
                u128::from(cue.0) < end.as_millis() && start.as_millis() < u128::from(cue.1),
                "{cue:?}"
            );
            match cues.iter_mut().find(|other| other.2 == cue.2 && cue.0 <= other.1) {
                Some(other) => other.1 = other.1.max(cue.1),
                None => cues.push(cue),
            }
        }
    }
    cues
}

#[test]
fn ffmpeg_reads_segments_of_a_side_file() {
    let folder = Folder::new();
    let (mut title, file) = title(&folder, VIDEO);
    add(&mut title, "film.srt", SUBRIP.as_bytes(), None);
    let text = &title.texts[0];
    assert_eq!(text.track.segments.len(), 4);
    assert!(text.track.presentation_time_offset > 0);
    assert_eq!(shown_in_segments(&folder, text, &file), shown());
    // The cue that spans stands in three, with its whole time.
    for segment in 0..3 {
        assert!(read_by_ffmpeg(&folder.path(&format!("{segment}.vtt"))).contains(&shown()[1]));
    }
}

#[test]
fn ffmpeg_sees_samples_of_webvtt_without_a_gap() {
    let folder = Folder::new();
    let (mut title, file) = title(&folder, VIDEO);
    add(&mut title, "film.srt", SUBRIP.as_bytes(), None);
    let text = &title.texts[0];
    std::fs::write(folder.path("text.mp4"), fragmented(text, &file)).unwrap();
    let offset = text.track.timescale.duration(text.track.presentation_time_offset);
    let offset = offset.as_millis() as u64;
    // Cut where a cue appears or goes, and where segments start.
    let moments = [0, 1000, 4500, 5500, 6000, 12_000, 13_250, 14_000, 18_000];
    let packets = packets(&folder.path("text.mp4"));
    let starts: Vec<_> = packets.iter().map(|packet| packet.0 - offset).collect();
    assert_eq!(starts, moments);
    let empty = packets.iter().filter(|packet| packet.1 == 8).count();
    assert_eq!(empty, 4, "stretches without a cue are samples, too");
}

#[test]
fn ffmpeg_sees_one_document_of_stpp_a_segment() {
    let folder = Folder::new();
    let (mut title, file) = title(&folder, VIDEO);
    add(&mut title, "film.srt", SUBRIP.as_bytes(), Some(TextForm::Stpp));
    let text = &title.texts[0];
    std::fs::write(folder.path("text.mp4"), fragmented(text, &file)).unwrap();
    let packets = packets(&folder.path("text.mp4"));
    let starts: Vec<_> = packets.iter().map(|packet| packet.0).collect();
    assert_eq!(starts, [80, 6080, 12_080, 18_080]);
}

#[test]
fn timed_text_of_a_muxed_file_is_served_as_webvtt() {
    let folder = Folder::new();
    std::fs::write(folder.path("film.srt"), SUBRIP).unwrap();
    let input = VIDEO.replacen("-c:v", "-i film.srt -map 0:v -map 1:s -c:s mov_text -c:v", 1);
    let (title, file) = title(&folder, &input);
    assert_eq!((title.tracks.len(), title.texts.len()), (1, 1));
    let text = &title.texts[0];
    assert_eq!(text.form, TextForm::Wvtt);
    assert_eq!(shown_in_segments(&folder, text, &file), shown());
    // And as wvtt, which is read again.
    let again = Bytes::from(fragmented(text, &file));
    let second = support::assemble(std::slice::from_ref(&again), Duration::from_secs(6));
    let later = text
        .track
        .timescale
        .duration(text.track.presentation_time_offset)
        .as_millis() as u64;
    let expected: Vec<_> = shown()
        .into_iter()
        .map(|(start, end, text)| (start + later, end + later, text))
        .collect();
    assert_eq!(shown_in_segments(&folder, &second.texts[0], &again), expected);
}

#[test]
fn documents_of_ffmpeg_are_read_and_passed_on() {
    let folder = Folder::new();
    std::fs::write(folder.path("film.srt"), SUBRIP).unwrap();
    folder.ffmpeg("-i film.srt -c:s ttml text.mp4");
    folder.ffmpeg(&format!("{VIDEO} film.mp4"));
    let files = ["film.mp4", "text.mp4"].map(|name| Bytes::from(std::fs::read(folder.path(name)).unwrap()));
    let title = support::assemble(&files, Duration::from_secs(6));
    let text = &title.texts[0];
    assert_eq!((text.form, text.track.file), (TextForm::Stpp, FileIndex(1)));
    assert_eq!(shown_in_segments(&folder, text, &files[1]), shown());
    // What is passed on is the same document, later by what pictures are decoded
    // before they are shown, in every segment it is shown in.
    for segment in 0..3 {
        let fragment = make(text, segment, SegmentForm::Fragment, &files[1]);
        let text = String::from_utf8_lossy(&fragment);
        assert!(text.contains("<body begin=\"0.080000s\">"), "{text}");
    }
}

/// Makes every form of `case`, a text in `tests/golden/text/<case>/source.*`
/// beside 20 s of pictures, and compares it with the files there.
/// `STRATA_BLESS=1` writes them; look at the difference before it is committed.
fn check(case: &str) {
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/text")
        .join(case);
    let sources = ["vtt", "srt", "ttml"].map(|ending| golden.join(format!("source.{ending}")));
    let source = sources.iter().find(|path| path.exists()).unwrap();
    let folder = Folder::new();
    let (mut title, file) = title(&folder, VIDEO);
    let name = source.file_name().unwrap().to_str().unwrap();
    add(&mut title, name, &std::fs::read(source).unwrap(), None);
    let text = &title.texts[0];
    let compare = |file: &str, actual: &str| {
        let path = golden.join(file);
        if std::env::var_os("STRATA_BLESS").is_some() {
            std::fs::write(&path, actual).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            expected == actual,
            "{} differs from what is made now:\n{actual}",
            path.display()
        );
    };
    compare("whole.vtt", &text_segment::webvtt(text).unwrap());
    compare("whole.ttml", &text_segment::ttml_file(text).unwrap());
    for (form, name) in [
        (SegmentForm::WebVtt(HlsMedia::FragmentedMp4), "segment-2.webvtt"),
        (SegmentForm::Ttml, "segment-2.ttml"),
    ] {
        let bytes = make(text, 1, form, &file);
        compare(name, std::str::from_utf8(&bytes).unwrap());
    }
}

#[test]
fn webvtt_keeps_its_styles_and_regions() {
    check("webvtt");
}

#[test]
fn subrip_keeps_its_tags() {
    check("subrip");
}

#[test]
fn imsc_keeps_its_colours_and_regions() {
    check("imsc");
}

#[test]
fn dfxp_of_broadcasters_keeps_its_time_codes() {
    check("dfxp");
}
