//! Titles and texts made for tests.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::codec::{Codec, CodecConfig, Details, MediaKind, VideoDetails};
use crate::plan::FileIndex;
use crate::presentation::Presentation;
use crate::read::ism::TrackReference;
use crate::sample::{Cursor, SampleMap};
use crate::text::{
    Align, Colour, Cue, Document, Element, Line, LineAlign, Node, Percent, Placement, PositionAlign,
    SideFile, Tag, TextForm, Writing,
};
use crate::time::Timescale;
use crate::track::{Bandwidth, Segment, Track};
use crate::trick_play::KeyFrames;

/// Pictures of 20.4 s in four segments, in clock 12 800, which start at `offset`.
pub(super) fn title(offset: u64) -> Presentation {
    let mut title = title_of(4, 76_800, offset);
    if let Some(last) = title.tracks[0].segments.last_mut() {
        last.duration = 30_720;
    }
    title
}

/// Pictures in `count` segments of `duration` ticks.
pub(super) fn title_of(count: u64, duration: u64, offset: u64) -> Presentation {
    let segment = |index| Segment {
        start: offset + index * duration,
        duration,
        media_size: 0,
        cursor: Cursor::default(),
    };
    let codec = CodecConfig {
        codec: Codec::Avc,
        rfc6381: "avc1.42c015".to_owned(),
        supplemental: None,
        details: Details::Video(VideoDetails::default()),
        entry: bytes::Bytes::new(),
        record: bytes::Bytes::new(),
    };
    let track = Track {
        kind: MediaKind::Video,
        file: FileIndex(0),
        source_id: 1,
        token: "video=1000".to_owned(),
        name: "video".to_owned(),
        bitrate: 1000,
        language: None,
        audio: crate::track::AudioTraits::default(),
        timescale: Timescale::new(12_800).unwrap(),
        codecs: vec![codec],
        display_size: (0, 0),
        frame_rate: None,
        roll_distance: None,
        presentation_time_offset: offset,
        bandwidth: Bandwidth::default(),
        segments: (0..count).map(segment).collect(),
        key_frames: KeyFrames::default(),
        samples: SampleMap::default(),
        end: Cursor::default(),
    };
    Presentation {
        name: "film".to_owned(),
        tracks: vec![track],
        texts: Vec::new(),
        thumbnails: Vec::new(),
        closed_captions: crate::text::ClosedCaptions::default(),
        skipped: Vec::new(),
        warnings: Vec::new(),
        target_duration: Duration::from_secs(6),
        suffix: crate::shape::Suffix::default(),
    }
}

pub(super) fn side_file(document: Document, form: TextForm) -> SideFile {
    SideFile {
        file: FileIndex(1),
        reference: TrackReference {
            src: "film.vtt".to_owned(),
            system_language: Some("swe".to_owned()),
            ..TrackReference::with_params(MediaKind::Text, &[])
        },
        document,
        form,
    }
}

pub(super) fn cue(start_ms: u64, end_ms: u64, text: &str) -> Cue {
    Cue {
        start: Duration::from_millis(start_ms),
        end: Duration::from_millis(end_ms),
        content: vec![Node::Text(text.to_owned())],
        ..Cue::default()
    }
}

/// Where a presentation may start: whole milliseconds in clock 12 800.
pub(super) fn offset() -> impl Strategy<Value = u64> {
    (0_u64..1000).prop_map(|count| count * 64)
}

/// Forms that come in segments.
pub(super) fn segmented() -> impl Strategy<Value = TextForm> {
    prop_oneof![Just(TextForm::Wvtt), Just(TextForm::Stpp)]
}

/// Up to a dozen cues within and beyond 20 s, no two alike.
pub(super) fn document() -> impl Strategy<Value = Document> {
    vec(any_cue(), 0..12).prop_map(|mut cues| {
        cues.sort_by_key(|cue| cue.start);
        for (index, cue) in cues.iter_mut().enumerate() {
            cue.content.insert(0, Node::Text(format!("{index}: ")));
            cue.content = merged(std::mem::take(&mut cue.content));
        }
        Document {
            cues,
            ..Document::default()
        }
    })
}

fn any_cue() -> impl Strategy<Value = Cue> {
    let times = (0_u64..22_000, 1_u64..9000);
    let lines = vec(vec(node(2), 1..3), 1..3);
    (times, "[a-zA-Z0-9#]{0,6}", placement(), lines).prop_map(
        |((start, length), identifier, placement, lines)| {
            let lines: Vec<Vec<Node>> = lines;
            let content = lines.join(&Node::Text("\n".to_owned()));
            Cue {
                start: Duration::from_millis(start),
                end: Duration::from_millis(start + length),
                identifier,
                placement,
                content,
            }
        },
    )
}

fn node(depth: u32) -> BoxedStrategy<Node> {
    let text = "[a-zé漢<>&.:-]{1,8}( [a-z]{1,5}){0,2}".prop_map(Node::Text);
    if depth == 0 {
        return text.boxed();
    }
    let tag = prop_oneof![
        Just(Tag::Bold),
        Just(Tag::Italic),
        Just(Tag::Underline),
        Just(Tag::Class),
        Just(Tag::Voice)
    ];
    let element = (tag, colour(), vec(node(depth - 1), 1..3)).prop_map(|(tag, colour, children)| {
        let mut element = Element::new(tag, merged(children));
        match tag {
            Tag::Class => element.classes.push(colour.class()),
            Tag::Voice => element.annotation = "Ann & <Bob>".to_owned(),
            _ => {}
        }
        Node::Element(element)
    });
    prop_oneof![2 => text, 1 => element].boxed()
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![
        Just(Colour::opaque(0xFF, 0xFF, 0)),
        (any::<u8>(), any::<u8>(), any::<u8>())
            .prop_map(|(red, green, blue)| Colour::opaque(red, green, blue)),
    ]
}

fn percent() -> impl Strategy<Value = Percent> {
    (0_u32..=10_000).prop_map(Percent::from_hundredths)
}

fn placement() -> impl Strategy<Value = Placement> {
    let line = prop_oneof![
        (-20_i16..20).prop_map(Line::Number),
        percent().prop_map(Line::Percent),
    ];
    let line_align = prop_oneof![
        Just(LineAlign::Start),
        Just(LineAlign::Center),
        Just(LineAlign::End)
    ];
    let position_align = prop_oneof![
        Just(PositionAlign::Auto),
        Just(PositionAlign::LineLeft),
        Just(PositionAlign::Center),
        Just(PositionAlign::LineRight)
    ];
    let align = prop_oneof![
        Just(Align::Start),
        Just(Align::Center),
        Just(Align::End),
        Just(Align::Left),
        Just(Align::Right)
    ];
    let writing = prop_oneof![
        4 => Just(Writing::Horizontal),
        1 => Just(Writing::VerticalLeftToRight),
        1 => Just(Writing::VerticalRightToLeft)
    ];
    let line = proptest::option::of((line, line_align));
    let position = proptest::option::of((percent(), position_align));
    (writing, line, position, proptest::option::of(percent()), align).prop_map(
        |(writing, line, position, size, align)| Placement {
            writing,
            line: line.map(|(line, _)| line),
            line_align: line.map_or(LineAlign::Start, |(_, align)| align),
            position: position.map(|(position, _)| position),
            position_align: position.map_or(PositionAlign::Auto, |(_, align)| align),
            size,
            align,
            region: None,
        },
    )
}

/// `nodes` with texts that follow each other made one, as readers do.
fn merged(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::new();
    for node in nodes {
        match (merged.last_mut(), node) {
            (Some(Node::Text(last)), Node::Text(text)) => last.push_str(&text),
            (_, node) => merged.push(node),
        }
    }
    merged
}

/// A cue as every format shows it: its times in milliseconds, and its text, with
/// its looks in braces wherever they change.
pub(super) type Shown = (u128, u128, String);

#[derive(Clone, Default, PartialEq, Eq)]
struct Looks {
    is_bold: bool,
    is_italic: bool,
    is_underlined: bool,
    colour: Option<Colour>,
}

impl Looks {
    fn name(&self) -> String {
        let flags = [
            (self.is_bold, 'b'),
            (self.is_italic, 'i'),
            (self.is_underlined, 'u'),
        ];
        let flags: String = flags
            .iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, flag)| flag)
            .collect();
        format!(
            "{{{flags}{}}}",
            self.colour.map_or_else(String::new, |colour| colour.to_string())
        )
    }
}

pub(super) fn shown(cue: &Cue) -> Shown {
    let mut text = Written::default();
    text.write(&cue.content, &Looks::default());
    (cue.start.as_millis(), cue.end.as_millis(), text.text)
}

#[derive(Default)]
struct Written {
    text: String,
    last: Looks,
}

impl Written {
    fn write(&mut self, nodes: &[Node], looks: &Looks) {
        for node in nodes {
            match node {
                Node::Text(text) => text.chars().for_each(|character| self.push(character, looks)),
                Node::Timestamp(_) => {}
                Node::Element(element) => {
                    let mut looks = looks.clone();
                    match element.tag {
                        Tag::Bold => looks.is_bold = true,
                        Tag::Italic => looks.is_italic = true,
                        Tag::Underline => looks.is_underlined = true,
                        _ => {}
                    }
                    let mut colours = element.classes.iter().filter_map(|class| Colour::of_class(class));
                    // White is what text is anyway.
                    looks.colour = match colours.next_back() {
                        Some(colour) => Some(colour).filter(|colour| *colour != Colour::WHITE),
                        None => looks.colour,
                    };
                    self.write(&element.children, &looks);
                }
            }
        }
    }

    fn push(&mut self, character: char, looks: &Looks) {
        // Nobody sees how the end of a line looks.
        if character != '\n' && *looks != self.last {
            self.text.push_str(&looks.name());
            self.last = looks.clone();
        }
        self.text.push(character);
    }
}
