//! The text of a cue as spans.

use std::fmt::Write as _;

use super::sheet::Sheet;
use crate::text::{Colour, Element, Node, Tag};

/// Writes the text of a cue, whose classes `sheet` styles. What TTML has no like of, such as who speaks, is
/// left out; the reading of ruby text comes in parentheses, since players of
/// this profile know no ruby.
pub(super) fn write(text: &mut String, nodes: &[Node], sheet: &Sheet) {
    for node in nodes {
        match node {
            Node::Text(part) => write_text(text, part),
            Node::Timestamp(_) => {}
            Node::Element(element) => write_element(text, element, sheet),
        }
    }
}

fn write_text(text: &mut String, part: &str) {
    for (index, line) in part.split('\n').enumerate() {
        if index > 0 {
            text.push_str("<br/>");
        }
        text.push_str(&escaped(line));
    }
}

fn write_element(text: &mut String, element: &Element, sheet: &Sheet) {
    let attributes = attributes(element, sheet);
    let (before, after) = if element.tag == Tag::RubyText {
        ("(", ")")
    } else {
        ("", "")
    };
    text.push_str(before);
    if attributes.is_empty() {
        write(text, &element.children, sheet);
    } else {
        text.push_str("<span");
        for (name, value) in attributes {
            // Writing to a String cannot fail.
            let _ = write!(text, " {name}=\"{}\"", escaped(&value));
        }
        text.push('>');
        write(text, &element.children, sheet);
        text.push_str("</span>");
    }
    text.push_str(after);
}

/// What an element looks like, each attribute once.
fn attributes(element: &Element, sheet: &Sheet) -> Vec<(&'static str, String)> {
    let own = match element.tag {
        Tag::Bold => Some(("tts:fontWeight", "bold".to_owned())),
        Tag::Italic => Some(("tts:fontStyle", "italic".to_owned())),
        Tag::Underline => Some(("tts:textDecoration", "underline".to_owned())),
        Tag::Language => Some(("xml:lang", element.annotation.clone())),
        Tag::Class | Tag::Ruby | Tag::RubyText | Tag::Voice => None,
    };
    let classes = element.classes.iter().flat_map(|class| {
        let colour = Colour::of_class(class).map(|colour| ("tts:color", colour.to_string()));
        let behind = Colour::of_background_class(class);
        let behind = behind.map(|colour| ("tts:backgroundColor", colour.to_string()));
        let styled = sheet.looks(class).iter().cloned();
        colour.into_iter().chain(behind).chain(styled)
    });
    let mut attributes: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in own.into_iter().chain(classes) {
        match attributes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => attributes.push((name, value)),
        }
    }
    attributes
}

/// `text` as characters of XML or the value of an attribute. Characters XML
/// cannot hold become U+FFFD, `XML 1.0 §2.2`.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(character),
        }
    }
    escaped
}
