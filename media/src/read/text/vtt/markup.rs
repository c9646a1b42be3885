//! The text of a cue, `W3C WebVTT §6.4`.

use std::borrow::Cow;

use super::timestamp;
use crate::text::{Element, NODE_DEPTH_MAX, Node, Tag};

/// Longest name of a character, `&CounterClockwiseContourIntegral;` among them.
const NAME_SIZE_MAX: usize = 40;

/// Reads the text of a cue. Whatever it is, it is text: markup that makes no
/// sense is ignored.
pub(crate) fn read(text: &str) -> Vec<Node> {
    let mut tree = Tree::default();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, after) = rest.split_at(at);
        tree.text(before);
        rest = if after.starts_with('&') {
            let (character, after) = read_character(after);
            tree.text(&character);
            after
        } else {
            let inside = after.get(1..).unwrap_or_default();
            let (tag, after) = inside.split_once('>').unwrap_or((inside, ""));
            tree.tag(tag);
            after
        };
    }
    tree.text(rest);
    tree.finish()
}

/// Reads a character reference at the start of `text`, or the ampersand itself.
fn read_character(text: &str) -> (Cow<'_, str>, &str) {
    let after = text.get(1..).unwrap_or_default();
    let end = after.bytes().take(NAME_SIZE_MAX).position(|byte| byte == b';');
    let found = end.and_then(|end| {
        let name = after.get(..end)?;
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => '\u{A0}',
            "lrm" => '\u{200E}',
            "rlm" => '\u{200F}',
            _ => numbered(name)?,
        };
        Some((Cow::Owned(character.to_string()), after.get(end + 1..)?))
    });
    found.unwrap_or((Cow::Borrowed("&"), after))
}

/// `#8211`, `#x2013`.
fn numbered(name: &str) -> Option<char> {
    let digits = name.strip_prefix('#')?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    char::from_u32(code).filter(|character| !character.is_control() || *character == '\n')
}

/// Nodes under construction.
#[derive(Default)]
struct Tree {
    root: Vec<Node>,
    /// Elements that are open, the outermost first.
    open: Vec<Element>,
}

impl Tree {
    fn nodes(&mut self) -> &mut Vec<Node> {
        match self.open.last_mut() {
            Some(element) => &mut element.children,
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

    /// Reads what stands between `<` and `>`.
    fn tag(&mut self, text: &str) {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            if let Some(time) = timestamp::read(text) {
                self.nodes().push(Node::Timestamp(time));
            }
            return;
        }
        if let Some(name) = text.strip_prefix('/') {
            self.end(name.trim());
            return;
        }
        let (name, annotation) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let mut words = name.split('.');
        let Some(tag) = words.next().and_then(tag_of) else {
            return;
        };
        let is_reading_in_ruby = self.open.last().is_some_and(|element| element.tag == Tag::Ruby);
        if self.open.len() == NODE_DEPTH_MAX || (tag == Tag::RubyText && !is_reading_in_ruby) {
            return;
        }
        let has_annotation = matches!(tag, Tag::Voice | Tag::Language);
        let words_of = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.open.push(Element {
            tag,
            classes: words
                .filter(|class| !class.is_empty())
                .map(str::to_owned)
                .collect(),
            annotation: if has_annotation {
                words_of(&unescaped(annotation))
            } else {
                String::new()
            },
            children: Vec::new(),
        });
    }

    /// Ends the innermost element if that is its name; one of ruby text ends
    /// with the whole.
    fn end(&mut self, name: &str) {
        let Some(tag) = tag_of(name) else { return };
        let innermost = self.open.last().map(|element| element.tag);
        if innermost == Some(Tag::RubyText) && tag == Tag::Ruby {
            self.close();
        }
        if self.open.last().is_some_and(|element| element.tag == tag) {
            self.close();
        }
    }

    fn close(&mut self) {
        // An element around nothing shows nothing.
        if let Some(element) = self.open.pop()
            && !element.children.is_empty()
        {
            self.nodes().push(Node::Element(element));
        }
    }

    fn finish(mut self) -> Vec<Node> {
        while !self.open.is_empty() {
            self.close();
        }
        self.root
    }
}

fn tag_of(name: &str) -> Option<Tag> {
    Some(match name {
        "c" => Tag::Class,
        "i" => Tag::Italic,
        "b" => Tag::Bold,
        "u" => Tag::Underline,
        "ruby" => Tag::Ruby,
        "rt" => Tag::RubyText,
        "v" => Tag::Voice,
        "lang" => Tag::Language,
        _ => return None,
    })
}

/// `text` with its character references replaced.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        let (character, after) = read_character(after);
        plain.push_str(&character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::plain_text;

    #[test]
    fn tags_classes_and_annotations_make_a_tree() {
        let nodes =
            read("<v.loud Esme &amp; Co>It&rsquo;s a <c.yellow.bg_blue>blue</c> <i>apple</i> tree!</v>");
        let [Node::Element(voice)] = nodes.as_slice() else {
            panic!("{nodes:?}")
        };
        assert_eq!((voice.tag, voice.annotation.as_str()), (Tag::Voice, "Esme & Co"));
        assert_eq!(voice.classes, ["loud"]);
        assert_eq!(plain_text(&nodes), "It&rsquo;s a blue apple tree!");
        let Some(Node::Element(class)) = voice.children.get(1) else {
            panic!()
        };
        assert_eq!(class.classes, ["yellow", "bg_blue"]);
    }

    #[test]
    fn what_is_no_markup_is_ignored_or_text() {
        for (text, plain) in [
            ("a < b", "a "),
            ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
            ("<x>a</x></b>", "a"),
            ("<b>a<i>b</b>c", "abc"),
            ("AT&T &; &#x2013; &#0; &#1114112;", "AT&T &; – &#0; &#1114112;"),
            ("<rt>lonely</rt>", "lonely"),
            ("<", ""),
            ("&", "&"),
        ] {
            assert_eq!(plain_text(&read(text)), plain, "{text}");
        }
    }

    #[test]
    fn ruby_and_timestamps_are_kept() {
        let nodes = read("<ruby>漢<rt>kan</rt>字<rt>ji</ruby><00:00:05.000>later");
        let [Node::Element(ruby), Node::Timestamp(time), Node::Text(_)] = nodes.as_slice() else {
            panic!("{nodes:?}")
        };
        assert_eq!((ruby.children.len(), time.as_secs()), (4, 5));
    }

    #[test]
    fn elements_nest_to_a_limit() {
        let mut nodes = read(&format!("{}x", "<b>".repeat(100_000)));
        let mut depth = 0;
        while let Some(Node::Element(element)) = nodes.pop() {
            (depth, nodes) = (depth + 1, element.children);
        }
        assert_eq!(depth, NODE_DEPTH_MAX);
    }
}
