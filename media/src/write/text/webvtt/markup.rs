//! The text of a cue, `W3C WebVTT §4.2.2`.

use super::timestamp;
use crate::text::{Element, Node, Tag};

/// Writes the text of a cue, without empty lines, since one would end it.
pub(in crate::write::text) fn write(nodes: &[Node]) -> String {
    let mut text = String::new();
    write_nodes(&mut text, nodes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n")
}

fn write_nodes(text: &mut String, nodes: &[Node]) {
    for node in nodes {
        match node {
            Node::Text(part) => escape(text, part),
            Node::Timestamp(time) => {
                text.push('<');
                text.push_str(&timestamp(*time));
                text.push('>');
            }
            Node::Element(element) => write_element(text, element),
        }
    }
}

fn write_element(text: &mut String, element: &Element) {
    let name = match element.tag {
        Tag::Class => "c",
        Tag::Italic => "i",
        Tag::Bold => "b",
        Tag::Underline => "u",
        Tag::Ruby => "ruby",
        Tag::RubyText => "rt",
        Tag::Voice => "v",
        Tag::Language => "lang",
    };
    text.push('<');
    text.push_str(name);
    for class in &element.classes {
        let is_safe = |character: &char| !character.is_whitespace() && !"<>&.".contains(*character);
        text.push('.');
        text.extend(class.chars().filter(is_safe));
    }
    if !element.annotation.is_empty() {
        text.push(' ');
        escape(text, &element.annotation.replace(['\n', '\r'], " "));
    }
    // With the bracket that would be an arrow, which starts a cue.
    if text.ends_with("--") {
        text.push(' ');
    }
    text.push('>');
    write_nodes(text, &element.children);
    text.push_str("</");
    text.push_str(name);
    text.push('>');
}

fn escape(text: &mut String, part: &str) {
    for character in part.chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '\r' => {}
            '\0' => text.push(char::REPLACEMENT_CHARACTER),
            _ => text.push(character),
        }
    }
}
