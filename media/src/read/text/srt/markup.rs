//! Tags in SubRip text: `<b>`, `<i>`, `<u>`, `<font color="…">`, the same in
//! braces, and `{\an8}`, which says where the cue stands.

use crate::text::{Align, Colour, Element, Line, NODE_DEPTH_MAX, Node, Placement, Tag};

/// Longest tag, in bytes; a `<` without an end so near is text.
const TAG_SIZE_MAX: usize = 200;

/// Reads the text of a cue and where it stands.
pub(super) fn read(text: &str) -> (Vec<Node>, Placement) {
    let mut placement = Placement::default();
    let mut tree = Tree::default();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '{']) {
        let (before, after) = rest.split_at(at);
        tree.text(before);
        let end = if after.starts_with('<') { b'>' } else { b'}' };
        let inside = after.get(1..).unwrap_or_default();
        // A search for an end that never comes would take the whole text each time.
        let bytes = inside.as_bytes();
        let near = bytes.get(..TAG_SIZE_MAX).unwrap_or(bytes);
        let tag = near.iter().position(|byte| *byte == end);
        let tag = tag.and_then(|size| Some((inside.get(..size)?, inside.get(size + 1..)?)));
        let is_known = tag.is_some_and(|(tag, _)| match tag.strip_prefix('\\') {
            Some(codes) if end == b'}' => {
                place(codes, &mut placement);
                true
            }
            _ => tree.tag(tag),
        });
        rest = match tag {
            Some((_, after)) if is_known => after,
            _ => {
                tree.text(after.get(..1).unwrap_or_default());
                inside
            }
        };
    }
    tree.text(rest);
    (tree.finish(), placement)
}

/// Codes of Advanced SubStation Alpha: `an` and a key of the number pad tells
/// the place by where that key is. The others have nothing like them here.
fn place(codes: &str, placement: &mut Placement) {
    let key = codes
        .split('\\')
        .find_map(|code| code.strip_prefix("an")?.parse::<u8>().ok());
    let Some(key @ 1..=9) = key else { return };
    placement.align = match key % 3 {
        1 => Align::Left,
        2 => Align::Center,
        _ => Align::Right,
    };
    placement.line = match key {
        1..=3 => None,
        4..=6 => Some(Line::Percent(crate::text::Percent::from_hundredths(5000))),
        _ => Some(Line::Number(0)),
    };
    if (4..=6).contains(&key) {
        placement.line_align = crate::text::LineAlign::Center;
    }
}

/// Nodes under construction.
#[derive(Default)]
struct Tree {
    root: Vec<Node>,
    /// Elements that are open and their names, the outermost first.
    open: Vec<(char, Element)>,
}

impl Tree {
    fn nodes(&mut self) -> &mut Vec<Node> {
        match self.open.last_mut() {
            Some((_, element)) => &mut element.children,
            None => &mut self.root,
        }
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.nodes().last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ => self.nodes().push(Node::Text(text.to_owned())),
        }
    }

    /// Reads what stands between the brackets; `false` if that is no tag.
    fn tag(&mut self, text: &str) -> bool {
        let (is_end, text) = match text.strip_prefix('/') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (name, attributes) = text
            .trim_end()
            .split_once(char::is_whitespace)
            .unwrap_or((text.trim_end(), ""));
        let (name, element) = match name.to_ascii_lowercase().as_str() {
            "b" => ('b', Element::new(Tag::Bold, Vec::new())),
            "i" => ('i', Element::new(Tag::Italic, Vec::new())),
            "u" => ('u', Element::new(Tag::Underline, Vec::new())),
            "font" => ('f', font(attributes)),
            _ => return false,
        };
        if is_end {
            self.end(name);
        } else if self.open.len() < NODE_DEPTH_MAX {
            self.open.push((name, element));
        }
        true
    }

    /// Ends the innermost element of this name, and with it those within.
    fn end(&mut self, name: char) {
        if let Some(index) = self.open.iter().rposition(|(open, _)| *open == name) {
            while self.open.len() > index {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        if let Some((_, element)) = self.open.pop() {
            // A font without a colour says nothing.
            if element.tag == Tag::Class && element.classes.is_empty() {
                for node in element.children {
                    match node {
                        Node::Text(text) => self.text(&text),
                        node => self.nodes().push(node),
                    }
                }
            } else if !element.children.is_empty() {
                self.nodes().push(Node::Element(element));
            }
        }
    }

    fn finish(mut self) -> Vec<Node> {
        while !self.open.is_empty() {
            self.close();
        }
        self.root
    }
}

/// The element of `<font color="#ffff00">`.
fn font(attributes: &str) -> Element {
    let lower = attributes.to_ascii_lowercase();
    let value = lower
        .split_once("color")
        .and_then(|(_, rest)| rest.trim_start().strip_prefix('='));
    let value = value.map(|value| value.trim_start());
    let value = value.and_then(|value| match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next(),
        _ => value.split_whitespace().next(),
    });
    let colour = value.and_then(|value| {
        let value = value.trim();
        // The number sign is often forgotten.
        Colour::parse(value).or_else(|| Colour::parse(&format!("#{value}")))
    });
    Element {
        classes: colour.map(Colour::class).into_iter().collect(),
        ..Element::new(Tag::Class, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::plain_text;

    #[test]
    fn tags_of_any_kind_make_a_tree() {
        let (nodes, placement) =
            read("{\\an8}<i>one <B>two</i></b> {u}three{/u} <font size=3 COLOR='00ffff'>four</font>");
        assert_eq!(plain_text(&nodes), "one two three four");
        assert_eq!(placement.line, Some(Line::Number(0)));
        let [
            Node::Element(italic),
            _,
            Node::Element(underline),
            _,
            Node::Element(font),
        ] = nodes.as_slice()
        else {
            panic!("{nodes:?}")
        };
        assert_eq!((italic.tag, underline.tag), (Tag::Italic, Tag::Underline));
        assert_eq!(font.classes, ["cyan"]);
    }

    #[test]
    fn what_is_no_tag_is_text() {
        for text in ["I <3 you", "a < b > c", "{note}", "<", "}", "<x>y</x>"] {
            assert_eq!(plain_text(&read(text).0), text);
        }
        assert_eq!(plain_text(&read("<font face=x>plain</font>").0), "plain");
        assert_eq!(plain_text(&read("{\\an5}{\\fad(1,2)}x").0), "x");
    }
}
