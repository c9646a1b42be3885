//! Samples of `tx3g`: text and boxes that style it, `3GPP TS 26.245 §5.17`.

use super::super::{Problem, TextError};
use super::wvtt::Boxes;
use crate::codec::FourCc;
use crate::text::{Align, Colour, Cue, Element, Line, LineAlign, Node, Percent, Placement, Tag};

/// Bytes of the sample entry before its default style, and of a style.
const STYLE_OFFSET: usize = 18;
const STYLE_SIZE: usize = 12;

/// How some characters look.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Style {
    /// Half-open range of characters.
    start: u16,
    end: u16,
    /// 1 bold, 2 italic, 4 underlined.
    face: u8,
    colour: Colour,
}

const BOLD: u8 = 1;
const ITALIC: u8 = 2;
const UNDERLINE: u8 = 4;

impl Style {
    fn read(bytes: &[u8; STYLE_SIZE]) -> Self {
        let [
            start_high,
            start_low,
            end_high,
            end_low,
            _,
            _,
            face,
            _,
            red,
            green,
            blue,
            alpha,
        ] = *bytes;
        Self {
            start: u16::from_be_bytes([start_high, start_low]),
            end: u16::from_be_bytes([end_high, end_low]),
            face,
            colour: Colour {
                red,
                green,
                blue,
                alpha,
            },
        }
    }

    /// Whether both look the same.
    fn looks_like(self, other: Self) -> bool {
        (self.face, self.colour) == (other.face, other.colour)
    }

    fn node(self, text: String) -> Node {
        let mut node = Node::Text(text);
        for (bit, tag) in [
            (UNDERLINE, Tag::Underline),
            (ITALIC, Tag::Italic),
            (BOLD, Tag::Bold),
        ] {
            if self.face & bit != 0 {
                node = Node::Element(Element::new(tag, vec![node]));
            }
        }
        // Programs that have no colours write black or nothing one can see.
        if self.colour == Colour::WHITE || self.colour.alpha == 0 || self.colour == Colour::BLACK {
            return node;
        }
        Node::Element(Element {
            classes: vec![self.colour.class()],
            ..Element::new(Tag::Class, vec![node])
        })
    }
}

/// Reads a sample; `record` is its sample entry after the index of the data
/// reference. A sample without text is no cue.
pub(super) fn read(record: &[u8], payload: &[u8]) -> Result<Vec<Cue>, TextError> {
    let fail = || {
        let kind = FourCc(*b"tx3g");
        TextError::at(1, Problem::BadBox { kind, offset: 0 })
    };
    if payload.is_empty() {
        return Ok(Vec::new());
    }
    let (size, rest) = payload.split_first_chunk::<2>().ok_or_else(fail)?;
    let size = usize::from(u16::from_be_bytes(*size));
    let (text, modifiers) = rest.split_at_checked(size).ok_or_else(fail)?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let text = decode(text);
    let mut styles = Vec::new();
    for found in Boxes::of(modifiers, size + 2) {
        // What is damaged here only costs the looks.
        let Ok((kind, _, content)) = found else { break };
        if &kind.0 == b"styl" {
            let records = content.get(2..).unwrap_or_default();
            styles.extend(records.as_chunks().0.iter().map(Style::read));
        }
    }
    let cue = Cue {
        placement: placement(record),
        content: nodes(&text, default_style(record), &styles),
        ..Cue::default()
    };
    Ok(vec![cue])
}

/// UTF-8, or UTF-16 behind its byte order mark.
fn decode(bytes: &[u8]) -> String {
    let text = match bytes.strip_prefix(&[0xFE, 0xFF]) {
        Some(units) => {
            let units = units.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units)
                .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn default_style(record: &[u8]) -> Style {
    let style = record.get(STYLE_OFFSET..).and_then(|rest| rest.first_chunk());
    style.map_or(
        Style {
            start: 0,
            end: 0,
            face: 0,
            colour: Colour::WHITE,
        },
        Style::read,
    )
}

/// Where the sample entry's justification puts text, `§5.16`.
fn placement(record: &[u8]) -> Placement {
    let justification = |index: usize| record.get(index).map(|byte| byte.cast_signed());
    let mut placement = Placement {
        align: match justification(4) {
            Some(0) => Align::Left,
            Some(-1) => Align::Right,
            _ => Align::Center,
        },
        ..Placement::default()
    };
    match justification(5) {
        Some(0) => placement.line = Some(Line::Number(0)),
        Some(1) => {
            placement.line = Some(Line::Percent(Percent::from_hundredths(5000)));
            placement.line_align = LineAlign::Center;
        }
        _ => {}
    }
    placement
}

fn nodes(text: &str, default: Style, styles: &[Style]) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut run: Option<(Style, String)> = None;
    // Styles are in order and do not overlap, so each is looked at once.
    let mut styles = styles.iter().peekable();
    for (index, character) in text.chars().enumerate() {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        while styles.next_if(|style| style.end <= index).is_some() {}
        let style = styles
            .peek()
            .filter(|style| style.start <= index)
            .map_or(default, |style| **style);
        match &mut run {
            Some((looks, run)) if looks.looks_like(style) => run.push(character),
            _ => {
                let finished = run.replace((style, character.to_string()));
                nodes.extend(finished.map(|(style, text)| style.node(text)));
            }
        }
    }
    nodes.extend(run.map(|(style, text)| style.node(text)));
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::plain_text;

    fn sample(text: &[u8], styles: &[[u8; STYLE_SIZE]]) -> Vec<u8> {
        let mut payload = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
        payload.extend(text);
        let size = u32::try_from(10 + styles.len() * STYLE_SIZE).unwrap();
        payload.extend(size.to_be_bytes());
        payload.extend(b"styl");
        payload.extend(u16::try_from(styles.len()).unwrap().to_be_bytes());
        payload.extend(styles.as_flattened());
        payload
    }

    #[test]
    fn styles_hold_for_their_characters() {
        let style = |start, end, face, blue| [0, start, 0, end, 0, 1, face, 18, 255, 255, blue, 255];
        let payload = sample(
            "día und Nacht".as_bytes(),
            &[style(0, 3, ITALIC, 255), style(8, 13, 0, 0)],
        );
        let cues = read(&[], &payload).unwrap();
        let [Node::Element(italic), Node::Text(plain), Node::Element(yellow)] = cues[0].content.as_slice()
        else {
            panic!("{cues:?}")
        };
        assert_eq!(
            (italic.tag, plain_text(&italic.children).as_str()),
            (Tag::Italic, "día")
        );
        assert_eq!((plain.as_str(), yellow.classes[0].as_str()), (" und ", "yellow"));
    }

    #[test]
    fn text_may_be_utf_16_or_missing() {
        let mut text = vec![0xFE, 0xFF];
        text.extend("Öl".encode_utf16().flat_map(u16::to_be_bytes));
        assert_eq!(
            plain_text(&read(&[], &sample(&text, &[])).unwrap()[0].content),
            "Öl"
        );
        assert_eq!(read(&[], &[0, 0]), Ok(Vec::new()));
        assert!(read(&[], &[0, 9, b'x']).is_err());
        assert!(read(&[], &[0]).is_err());
    }

    #[test]
    fn the_sample_entry_places_text() {
        let mut record = vec![0; 30];
        (record[4], record[5]) = (0xFF, 0);
        let placement = placement(&record);
        assert_eq!(
            (placement.align, placement.line),
            (Align::Right, Some(Line::Number(0)))
        );
    }
}
