//! A cue: a piece of text, when it is shown and where.

use std::time::Duration;

use super::Placement;

/// Deepest nesting of elements in a cue.
pub const NODE_DEPTH_MAX: usize = 16;

/// A piece of text on the timeline of a presentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cue {
    /// When it appears, from the start of the presentation.
    pub start: Duration,
    /// When it goes, later than `start`.
    pub end: Duration,
    /// What names it in its source; may be empty.
    pub identifier: String,
    /// Where it stands in the picture.
    pub placement: Placement,
    /// What is shown.
    pub content: Vec<Node>,
}

/// A part of a cue, `WebVTT §6.4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// Characters; a line feed ends a line.
    Text(String),
    /// What follows is shown from this moment of the presentation on, though it
    /// has its place before.
    Timestamp(Duration),
    /// Nodes with something in common.
    Element(Element),
}

/// Nodes with something in common, `WebVTT §5.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// What they have in common.
    pub tag: Tag,
    /// Names that styles refer to, without dots or spaces. Those of
    /// [`super::Colour::class`] colour the text or what is behind it.
    pub classes: Vec<String>,
    /// Who speaks, for [`Tag::Voice`]; the BCP 47 tag, for [`Tag::Language`];
    /// empty for the others.
    pub annotation: String,
    /// What is in it.
    pub children: Vec<Node>,
}

/// What an element says of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// Nothing but its classes.
    Class,
    /// Italic.
    Italic,
    /// Bold.
    Bold,
    /// Underlined.
    Underline,
    /// Text with its reading beside it.
    Ruby,
    /// The reading of ruby text.
    RubyText,
    /// What one person says.
    Voice,
    /// Text in another language.
    Language,
}

impl Element {
    /// An element of `children` without classes and annotation.
    #[must_use]
    pub fn new(tag: Tag, children: Vec<Node>) -> Self {
        Self {
            tag,
            classes: Vec::new(),
            annotation: String::new(),
            children,
        }
    }
}

impl Cue {
    /// Whether it is shown at any moment of `start..end`.
    #[must_use]
    pub fn is_shown_within(&self, start: Duration, end: Duration) -> bool {
        self.start < end && start < self.end
    }

    /// Whether nothing of it can be seen.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.end <= self.start || plain_text(&self.content).trim().is_empty()
    }

    /// Whether both show the same in the same place.
    #[must_use]
    pub fn shows_what(&self, other: &Self) -> bool {
        self.identifier == other.identifier
            && self.placement == other.placement
            && self.content == other.content
    }

    /// Moves it earlier by `time`; what is before the start then is shown from there.
    pub(crate) fn earlier(&mut self, time: Duration) {
        self.start = self.start.saturating_sub(time);
        self.end = self.end.saturating_sub(time);
        move_earlier(&mut self.content, time);
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        self.identifier.capacity() + self.placement.heap_size() + nodes_heap_size(&self.content)
    }
}

fn move_earlier(nodes: &mut Vec<Node>, time: Duration) {
    nodes.retain(|node| !matches!(node, Node::Timestamp(moment) if *moment <= time));
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Timestamp(moment) => *moment = moment.saturating_sub(time),
            Node::Element(element) => move_earlier(&mut element.children, time),
        }
    }
}

fn nodes_heap_size(nodes: &[Node]) -> usize {
    let held = |node: &Node| match node {
        Node::Text(text) => text.capacity(),
        Node::Timestamp(_) => 0,
        Node::Element(element) => {
            let classes: usize = element
                .classes
                .iter()
                .map(|class| size_of_val(class) + class.capacity())
                .sum();
            classes + element.annotation.capacity() + nodes_heap_size(&element.children)
        }
    };
    size_of_val(nodes) + nodes.iter().map(held).sum::<usize>()
}

/// The text of `nodes` without any markup.
#[must_use]
pub fn plain_text(nodes: &[Node]) -> String {
    fn append(nodes: &[Node], text: &mut String) {
        for node in nodes {
            match node {
                Node::Text(part) => text.push_str(part),
                Node::Timestamp(_) => {}
                Node::Element(element) => append(&element.children, text),
            }
        }
    }
    let mut text = String::new();
    append(nodes, &mut text);
    text
}
