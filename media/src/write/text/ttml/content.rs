//! The text of a cue as spans.

use std::fmt::Write as _;

use crate::text::{Colour, Element, Node, Tag};

/// Writes the text of a cue. What TTML has no like of, such as who speaks, is
/// left out; the reading of ruby text comes in parentheses, since players of
/// this profile know no ruby.
pub(super) fn write(text: &mut String, nodes: &[Node]) {
    for node in nodes {
        match node {
            Node::Text(part) => write_text(text, part),
            Node::Timestamp(_) => {}
            Node::Element(element) => write_element(text, element),
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

fn write_element(text: &mut String, element: &Element) {
    let mut attributes = String::new();
    match element.tag {
        Tag::Bold => attributes.push_str(" tts:fontWeight=\"bold\""),
        Tag::Italic => attributes.push_str(" tts:fontStyle=\"italic\""),
        Tag::Underline => attributes.push_str(" tts:textDecoration=\"underline\""),
        Tag::Language => {
            let _ = write!(attributes, " xml:lang=\"{}\"", escaped(&element.annotation));
        }
        Tag::Class | Tag::Ruby | Tag::RubyText | Tag::Voice => {}
    }
    // An attribute may stand once: the last colour holds.
    let mut last = |name: &str, read: fn(&str) -> Option<Colour>| {
        if let Some(colour) = element.classes.iter().rev().find_map(|class| read(class)) {
            let _ = write!(attributes, " {name}=\"{colour}\"");
        }
    };
    last("tts:color", Colour::of_class);
    last("tts:backgroundColor", Colour::of_background_class);
    let (before, after) = if element.tag == Tag::RubyText {
        ("(", ")")
    } else {
        ("", "")
    };
    text.push_str(before);
    if attributes.is_empty() {
        write(text, &element.children);
    } else {
        let _ = write!(text, "<span{attributes}>");
        write(text, &element.children);
        text.push_str("</span>");
    }
    text.push_str(after);
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
