//! Files of every format, and any damage to them.

use std::time::Duration;

use proptest::prelude::*;

use super::{Problem, TextFile, TextFormat, read, read_sample};
use crate::codec::{self, FourCc};
use crate::text::{Align, Cue, Line, LineAlign, Percent, PositionAlign, plain_text};
use crate::time::Timescale;

const WEBVTT: &str = "\u{FEFF}WEBVTT - a title
X-TIMESTAMP-MAP=LOCAL:00:00:01.000,MPEGTS:900000

NOTE a comment
of two lines

STYLE
::cue(.loud) { color: red; }

REGION
id:fred
width:40%
lines:2
regionanchor:0%,100%
viewportanchor:10%,90%
scroll:up

1
00:01.000 --> 00:02.500 region:fred align:start
<v Fred>Hi, my name is <b>Fred</b>

STYLE
00:00:03.000 --> 00:00:04.000
Not a style

00:05.000 --> 00:04.000
Backwards

00:06.000 -> 00:07.000
no arrow

00:bad --> 00:08.000
Bad

without empty line before
1:00:00.000 --> 1:00:01.000
Next
00:09.000 --> 00:10.000
Glued";

const SUBRIP: &str = "1
00:00:01,000 --> 00:00:02,500
First line
second line


2
00:00:03,000 --> 00:00:04,000 X1:100 X2:200 Y1:1 Y2:2

After an empty line

1984

3
00:00:05,000 --> 00:00:04,000
Backwards

4
00:00:06,000 --> nonsense
Lost

00:00:07.5 --> 00:00:08.5
{\\an8}<font color=\"#ff0000\">No number</font>";

fn texts(file: &TextFile) -> Vec<(u128, u128, String)> {
    let cue = |cue: &Cue| {
        (
            cue.start.as_millis(),
            cue.end.as_millis(),
            plain_text(&cue.content),
        )
    };
    file.document.cues.iter().map(cue).collect()
}

fn check(source: &[u8], format: TextFormat, expected: &[(u128, u128, &str)]) -> TextFile {
    let file = read(source, format).unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|(start, end, text)| (*start, *end, (*text).to_owned()))
        .collect();
    assert_eq!(texts(&file), expected);
    file
}

#[test]
fn webvtt_is_read_as_players_do() {
    let expected = [
        (1000, 2500, "Hi, my name is Fred"),
        (3000, 4000, "Not a style"),
        (9000, 10_000, "Glued"),
        (3_600_000, 3_601_000, "Next"),
    ];
    let file = check(WEBVTT.as_bytes(), TextFormat::WebVtt, &expected);
    let document = &file.document;
    assert_eq!(document.cues[0].identifier, "1");
    assert_eq!(document.cues[1].identifier, "STYLE");
    assert_eq!(document.cues[0].placement.region.as_deref(), Some("fred"));
    assert_eq!(document.style_sheets, ["::cue(.loud) { color: red; }"]);
    assert_eq!(
        (document.regions[0].lines, document.regions[0].scrolls),
        (2, true)
    );
    assert_eq!(
        document.timestamp_map.map(|map| (map.mpegts, map.local)),
        Some((900_000, Duration::from_secs(1)))
    );
    let notes: Vec<_> = file.notes.iter().map(|note| note.line).collect();
    assert_eq!(notes, [26, 32]);
}

#[test]
fn a_file_that_is_no_webvtt_is_refused() {
    for text in ["", "WEBVTTX\n", "\nWEBVTT\n", "1\n00:01.000 --> 00:02.000\nx"] {
        let problem = read(text.as_bytes(), TextFormat::WebVtt).unwrap_err().problem;
        assert_eq!(problem, Problem::NotWebVtt, "{text:?}");
    }
    check(b"WEBVTT", TextFormat::WebVtt, &[]);
    check(
        b"WEBVTT\r\r00:01.000 --> 00:02.000\rx",
        TextFormat::WebVtt,
        &[(1000, 2000, "x")],
    );
}

#[test]
fn subrip_is_read_whoever_wrote_it() {
    let expected = [
        (1000, 2500, "First line\nsecond line"),
        (3000, 4000, "After an empty line\n1984"),
        (7500, 8500, "No number"),
    ];
    let file = check(SUBRIP.as_bytes(), TextFormat::SubRip, &expected);
    assert_eq!(file.document.cues[2].placement.line, Some(Line::Number(0)));
    assert_eq!(file.notes.len(), 2);
    let windows = SUBRIP.replace('\n', "\r\n");
    check(windows.as_bytes(), TextFormat::SubRip, &expected);
    let utf_16: Vec<u8> = windows.encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&utf_16, TextFormat::SubRip, &expected);
    assert_eq!(
        read(b"hello", TextFormat::SubRip).unwrap_err().problem,
        Problem::NoCues
    );
    check(b" \n", TextFormat::SubRip, &[]);
}

/// A document with `body` and, in its head, `head`.
fn ttml(attributes: &str, head: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\" \
         xmlns:tts=\"http://www.w3.org/ns/ttml#styling\" {attributes}><head>{head}</head>{body}</tt>"
    )
}

fn check_ttml(attributes: &str, head: &str, body: &str, expected: &[(u128, u128, &str)]) -> TextFile {
    check(
        ttml(attributes, head, body).as_bytes(),
        TextFormat::Ttml,
        expected,
    )
}

#[test]
fn times_are_passed_on_through_containers() {
    check_ttml(
        "",
        "",
        "<body begin='10s'><div begin='1s' end='20s'>
           <p begin='1s' dur='2s'>one</p>
           <p begin='18s' end='60s'>cut</p>
           <p>as long as the division</p>
         </div></body>",
        &[
            (11_000, 30_000, "as long as the division"),
            (12_000, 14_000, "one"),
            (29_000, 30_000, "cut"),
        ],
    );
    check_ttml(
        "",
        "",
        "<body><div timeContainer='seq'><p dur='1s'>a</p><p begin='1s' dur='2s'>b</p><p dur='1s'>c</p></div></body>",
        &[(0, 1000, "a"), (2000, 4000, "b"), (4000, 5000, "c")],
    );
}

#[test]
fn spans_with_times_make_cues_of_their_own() {
    check_ttml(
        "",
        "",
        "<body><div><p begin='1s' end='4s'><span end='1s'>one</span><span begin='1s' end='3s'> two</span></p></div></body>",
        &[(1000, 2000, "one"), (2000, 4000, "two")],
    );
}

#[test]
fn white_space_collapses_unless_it_is_preserved() {
    let lines =
        "<body><div><p begin='0s' end='1s'>\n  one\n  <span>two </span> three <br/> four\n</p></div></body>";
    check_ttml("", "", lines, &[(0, 1000, "one two three\nfour")]);
    let kept = "<body xml:space='preserve'><p begin='0s' end='1s'> a  b\nc</p></body>";
    check_ttml("", "", kept, &[(0, 1000, " a  b\nc")]);
    let entities = "<body><p begin='0s' end='1s'>&lt;&amp;&#x2013;&gt; &unknown;<![CDATA[<c>]]></p></body>";
    check_ttml("", "", entities, &[(0, 1000, "<&–> <c>")]);
}

#[test]
fn styles_and_regions_are_followed() {
    let head = "<styling>
          <style xml:id='base' tts:color='yellow'/>
          <style xml:id='strong' style='base' tts:fontWeight='bold' tts:fontStyle='italic'/>
          <style xml:id='loop' style='loop'/>
        </styling><layout>
          <region xml:id='top' tts:origin='10% 5%' tts:extent='80% 20%' tts:textAlign='center'>
            <style tts:displayAlign='before'/></region>
          <region xml:id='bottom' tts:origin='10% 70%' tts:extent='80% 20%' tts:displayAlign='after'/>
        </layout>";
    let body = "<body><div region='bottom'>
          <p begin='0s' end='1s' style='strong'>bold<span tts:fontStyle='normal' tts:textDecoration='underline'> not</span></p>
          <p begin='1s' end='2s' region='top' style='loop nowhere'>up</p>
        </div></body>";
    let file = check_ttml(
        "xml:lang='sv'",
        head,
        body,
        &[(0, 1000, "bold not"), (1000, 2000, "up")],
    );
    assert_eq!(file.document.language.as_deref(), Some("sv"));
    let document = &file.document;
    let vtt = crate::write::text::webvtt_file(document);
    assert!(
        vtt.contains("<c.yellow><b><i>bold</i></b></c><c.yellow><b><u> not</u></b></c>"),
        "{vtt}"
    );
    let percent = Percent::from_hundredths;
    let (bottom, top) = (&document.cues[0].placement, &document.cues[1].placement);
    assert_eq!(
        (bottom.line, bottom.line_align),
        (Some(Line::Percent(percent(9000))), LineAlign::End)
    );
    assert_eq!(
        (bottom.position, bottom.position_align, bottom.align),
        (Some(percent(1000)), PositionAlign::LineLeft, Align::Start)
    );
    assert_eq!(
        (top.line, top.line_align, top.align),
        (Some(Line::Percent(percent(500))), LineAlign::Start, Align::Center)
    );
    assert_eq!(
        (top.position, top.size),
        (Some(percent(5000)), Some(percent(8000)))
    );
}

#[test]
fn ruby_keeps_its_reading() {
    let body = "<body><p begin='0s' end='1s'><span tts:ruby='container'><span tts:ruby='base'>漢</span><span tts:ruby='text'>kan</span></span></p></body>";
    let file = check_ttml("", "", body, &[(0, 1000, "漢kan")]);
    let vtt = crate::write::text::webvtt_file(&file.document);
    assert!(vtt.contains("<ruby>漢<rt>kan</rt></ruby>"), "{vtt}");
}

#[test]
fn what_is_no_ttml_is_refused_with_its_line() {
    let error = |text: &str| read(text.as_bytes(), TextFormat::Ttml).unwrap_err();
    assert_eq!(
        error("<smil/>").problem,
        Problem::NotTtml {
            root: "smil".to_owned()
        }
    );
    assert_eq!(error("<tt>\n<body>\n").problem, Problem::Unclosed);
    assert!(matches!(
        error("<tt>\n<body></p>"),
        super::TextError {
            line: 2,
            problem: Problem::Syntax(_)
        }
    ));
    assert_eq!(error(&"<a>".repeat(100)).problem, Problem::TooDeep);
    assert_eq!(error("").problem, Problem::Unclosed);
    let file = check_ttml(
        "",
        "",
        "<body>\n<p begin='x' end='1s'>a</p>\n<p end='1s'>b</p></body>",
        &[(0, 1000, "b")],
    );
    assert_eq!((file.notes.len(), file.notes[0].line), (1, 3));
}

#[test]
fn files_are_told_apart_by_their_names() {
    for (name, format) in [
        ("a.vtt", Some(TextFormat::WebVtt)),
        ("b/c.SRT", Some(TextFormat::SubRip)),
        ("https://x/y.dfxp?z=1.mp4", Some(TextFormat::Ttml)),
        ("a.xml", Some(TextFormat::Ttml)),
        ("a.ismt", None),
        ("vtt", None),
    ] {
        assert_eq!(TextFormat::of_name(name), format, "{name}");
    }
}

fn any_format() -> impl Strategy<Value = TextFormat> {
    prop_oneof![
        Just(TextFormat::WebVtt),
        Just(TextFormat::SubRip),
        Just(TextFormat::Ttml)
    ]
}

fn sample(format: TextFormat) -> String {
    match format {
        TextFormat::WebVtt => WEBVTT.to_owned(),
        TextFormat::SubRip => SUBRIP.to_owned(),
        TextFormat::Ttml => ttml(
            "ttp:frameRate='25'",
            "<styling><style xml:id='a' tts:color='#ff0000'/></styling><layout><region xml:id='r' tts:origin='1c 2c'/></layout>",
            "<body><div><p begin='00:00:01:12' end='3s' region='r' style='a'>a<br/><span begin='1s'>b</span></p></div></body>",
        ),
    }
}

/// What is read can be written, too.
fn write_all(file: &TextFile) {
    let _ = crate::write::text::webvtt_file(&file.document);
    let cues = file.document.cues.iter().collect();
    let regions = &file.document.regions;
    let _ = crate::write::text::ttml(&crate::write::text::Ttml {
        cues,
        regions,
        ..Default::default()
    });
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512), format in any_format()) {
        if let Ok(file) = read(&bytes, format) {
            write_all(&file);
        }
        let entries = [b"wvtt", b"stpp", b"tx3g"];
        for kind in entries {
            let mut entry = vec![0, 0, 0, 50];
            entry.extend(kind);
            entry.extend([0; 42]);
            if kind == b"wvtt" {
                entry = crate::write::text::wvtt_entry("WEBVTT").to_vec();
            }
            let codec = codec::read_sample_entry(&entry, FourCc(*b"text")).unwrap();
            let shift = Timescale::MILLISECONDS.instant(-5);
            let _ = read_sample(&codec, &bytes, Duration::ZERO, Duration::from_secs(1), shift);
        }
    }

    #[test]
    fn any_damage_is_read_or_refused(
        format in any_format(),
        at in any::<prop::sample::Index>(),
        size in 0_usize..8,
        insert in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'<'), Just(b'>'), Just(b'&'), Just(b'\n'), Just(b'%')], 0..8),
    ) {
        let mut bytes = sample(format).into_bytes();
        let start = at.index(bytes.len());
        let end = (start + size).min(bytes.len());
        bytes.splice(start..end, insert);
        if let Ok(file) = read(&bytes, format) {
            write_all(&file);
        }
    }

    #[test]
    fn text_of_markup_is_read_or_refused(text in "[<>/&;.a-z0-9 bivcrutlang{}\\\\=\"#:-]{0,200}") {
        for (format, text) in [
            (TextFormat::WebVtt, format!("WEBVTT\n\n00:00.000 --> 00:01.000 {text}\n{text}")),
            (TextFormat::SubRip, format!("1\n00:00:00,000 --> 00:00:01,000\n{text}")),
        ] {
            write_all(&read(text.as_bytes(), format).unwrap());
        }
    }
}

#[test]
fn hostile_texts_take_no_more_than_their_size() {
    let size = 1024 * 1024;
    let fill = |pattern: &str| pattern.repeat(size / pattern.len());
    for pattern in [
        "<",
        "{",
        "&",
        "<b>",
        "<b></b>",
        "</i>",
        "&amp",
        "\n\n",
        "00:00:00,000 --> 00:00:01,000\n",
    ] {
        let text = format!("1\n00:00:00,000 --> 00:00:01,000\n{}", fill(pattern));
        let _ = read(text.as_bytes(), TextFormat::SubRip);
        let text = format!("WEBVTT\n\n00:00.000 --> 00:01.000\n{}", fill(pattern));
        let _ = read(text.as_bytes(), TextFormat::WebVtt);
    }
    for text in [
        format!("<tt {}/>", fill("a='' ")),
        format!("<tt><body><p end='9s'>{}</p></body></tt>", fill("<span/>x")),
        format!(
            "<tt><body><p end='9s'>{}</p></body></tt>",
            fill("<span begin='1.5s' end='2.5s'>x</span>")
        ),
        format!(
            "<tt><head><styling>{}</styling></head></tt>",
            fill("<style xml:id='a' style='a b c'/>")
        ),
        format!("<tt>{}", fill("&#65;")),
    ] {
        let _ = read(text.as_bytes(), TextFormat::Ttml);
    }
}
