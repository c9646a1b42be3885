//! The elements of a document that matter here.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::{Problem, TextError};

/// Deepest nesting of elements.
const DEPTH_MAX: usize = 32;
/// Most elements of a document.
const ELEMENTS_MAX: usize = 400_000;

/// Attributes that are kept, by their local names.
const KEPT: [&str; 33] = [
    "id",
    "lang",
    "space",
    "begin",
    "end",
    "dur",
    "timeContainer",
    "style",
    "region",
    "timeBase",
    "frameRate",
    "frameRateMultiplier",
    "subFrameRate",
    "tickRate",
    "dropMode",
    "cellResolution",
    "color",
    "backgroundColor",
    "fontWeight",
    "fontStyle",
    "textDecoration",
    "textAlign",
    "displayAlign",
    "origin",
    "extent",
    "position",
    "writingMode",
    "direction",
    "ruby",
    "display",
    "visibility",
    "opacity",
    "src",
];

/// An element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Its name without prefix.
    pub(super) name: String,
    /// Where it starts.
    pub(super) line: usize,
    attributes: Vec<(&'static str, String)>,
    pub(super) children: Vec<Child>,
}

/// What is in an element.
#[derive(Debug)]
pub(super) enum Child {
    Element(Element),
    Text(String),
}

impl Element {
    /// The attribute of this local name, whatever its prefix.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The elements in it.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }
}

/// Reads the document. Entities that a document type declares are never expanded.
pub(super) fn read(text: &str) -> Result<Element, TextError> {
    let mut reader = Reader::from_str(text);
    let mut lines = Lines {
        text,
        offset: 0,
        line: 1,
    };
    // The bottom holds the root once it is closed.
    let mut open = vec![Element::default()];
    let mut count = 0;
    loop {
        let line = lines.at(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let line = lines.at(reader.error_position());
            TextError::at(line, Problem::Syntax(error.to_string()))
        })?;
        let fail = |problem| TextError::at(line, problem);
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                count += 1;
                if count > ELEMENTS_MAX {
                    return Err(fail(Problem::TooManyElements));
                }
                if open.len() > DEPTH_MAX {
                    return Err(fail(Problem::TooDeep));
                }
                open.push(element(start, line).map_err(fail)?);
                if matches!(event, Event::Empty(_)) {
                    close(&mut open);
                }
            }
            Event::End(_) => close(&mut open),
            Event::Text(text) => append(&mut open, text),
            Event::CData(text) => append(&mut open, text),
            Event::GeneralRef(reference) => append(&mut open, &resolve(reference)),
            Event::Eof => break,
            _ => {}
        }
        // A sample may have images behind its document.
        if open.len() == 1 && count > 0 {
            break;
        }
    }
    let root = open.drain(..).next().filter(|_| count > 0);
    let children = root.map(|bottom| bottom.children).unwrap_or_default();
    let root = children.into_iter().find_map(|child| match child {
        Child::Element(element) => Some(element),
        Child::Text(_) => None,
    });
    root.ok_or_else(|| TextError::at(lines.line, Problem::Unclosed))
}

fn element(start: &BytesStart<'_>, line: usize) -> Result<Element, Problem> {
    let mut element = Element {
        name: start.local_name().into_inner().to_owned(),
        line,
        ..Element::default()
    };
    // Looking for doubles would take the square of their number.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| Problem::Syntax(error.to_string()))?;
        let name = attribute.key.local_name().into_inner();
        let Some(name) = KEPT.iter().find(|kept| **kept == name) else {
            continue;
        };
        let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
        let value = value.map_err(|error| Problem::Syntax(error.to_string()))?;
        element.attributes.push((name, value.trim().to_owned()));
    }
    Ok(element)
}

fn close(open: &mut Vec<Element>) {
    if open.len() > 1
        && let Some(element) = open.pop()
        && let Some(parent) = open.last_mut()
    {
        parent.children.push(Child::Element(element));
    }
}

fn append(open: &mut [Element], text: &str) {
    // Text outside of the root says nothing.
    let Some(parent) = open.get_mut(1..).and_then(<[Element]>::last_mut) else {
        return;
    };
    match parent.children.last_mut() {
        Some(Child::Text(last)) => last.push_str(text),
        _ => parent.children.push(Child::Text(text.to_owned())),
    }
}

/// The character a reference stands for; nothing for one that nobody knows.
fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    resolve_predefined_entity(reference)
        .unwrap_or_default()
        .to_owned()
}

/// Counts lines on the way through a text.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line at `offset`, which must not go back from call to call.
    fn at(&mut self, offset: u64) -> usize {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.offset = self.offset.max(offset);
        self.line
    }
}
