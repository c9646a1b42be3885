//! The text of a paragraph: runs of characters that look alike, and when each
//! is shown.

use std::time::Duration;

use super::clock::Clock;
use super::content::{Interval, is_sequence};
use super::layout::Layout;
use super::style::{Ruby, Style};
use super::tree::{Child, Element};
use crate::read::text::Problem;
use crate::text::{Colour, Cue, Element as CueElement, Node, Tag};

/// Most cues that spans with times of their own make of a paragraph; one with
/// more is shown as a whole.
const SLICES_MAX: usize = 256;
/// Most runs in all of those cues.
const SLICED_RUNS_MAX: usize = 65_536;

/// The text of a paragraph.
pub(super) struct Paragraph {
    interval: Interval,
    runs: Vec<Run>,
    is_space_preserved: bool,
}

/// Characters that look alike and are shown together.
#[derive(Clone)]
struct Run {
    interval: Interval,
    looks: Looks,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks {
    colour: Option<Colour>,
    background: Option<Colour>,
    is_bold: bool,
    is_italic: bool,
    is_underlined: bool,
    ruby: Ruby,
}

impl Looks {
    fn of(style: &Style) -> Self {
        Self {
            // White is what text is anyway.
            colour: style.colour.filter(|colour| *colour != Colour::WHITE),
            background: style.background.filter(|colour| colour.alpha > 0),
            is_bold: style.is_bold.unwrap_or_default(),
            is_italic: style.is_italic.unwrap_or_default(),
            is_underlined: style.is_underlined.unwrap_or_default(),
            ruby: style.ruby.unwrap_or(Ruby::None),
        }
    }

    /// `text` with elements around it that give it these looks.
    fn node(&self, text: String) -> Node {
        let mut node = Node::Text(text);
        let tags = [
            (self.is_underlined, Tag::Underline),
            (self.is_italic, Tag::Italic),
            (self.is_bold, Tag::Bold),
        ];
        for (_, tag) in tags.into_iter().filter(|(holds, _)| *holds) {
            node = Node::Element(CueElement::new(tag, vec![node]));
        }
        let colour = self.colour.map(Colour::class);
        let background = self.background.map(Colour::background_class);
        let classes: Vec<String> = colour.into_iter().chain(background).collect();
        if classes.is_empty() {
            return node;
        }
        Node::Element(CueElement {
            classes,
            ..CueElement::new(Tag::Class, vec![node])
        })
    }
}

type Located = (usize, Problem);

/// Reads the paragraph `element`, which is active in `interval`.
pub(super) fn read(
    element: &Element,
    interval: Interval,
    style: &Style,
    is_space_preserved: bool,
    clock: &Clock,
    layout: &Layout,
) -> Result<Paragraph, Located> {
    let mut reader = Spans {
        clock,
        layout,
        is_space_preserved,
        runs: Vec::new(),
    };
    reader.element(element, interval, style)?;
    Ok(Paragraph {
        interval,
        runs: reader.runs,
        is_space_preserved,
    })
}

struct Spans<'a> {
    clock: &'a Clock,
    layout: &'a Layout,
    is_space_preserved: bool,
    runs: Vec<Run>,
}

impl Spans<'_> {
    fn element(&mut self, element: &Element, interval: Interval, style: &Style) -> Result<(), Located> {
        if style.is_hidden == Some(true) {
            return Ok(());
        }
        let is_sequence = is_sequence(element);
        let mut end = interval.start;
        for child in &element.children {
            match child {
                Child::Text(text) if self.is_space_preserved => self.push(text.clone(), interval, style),
                Child::Text(text) => {
                    let words = text.split([' ', '\t', '\n', '\r']);
                    self.push(words.fold(String::new(), spaced), interval, style);
                }
                Child::Element(child) if child.name == "br" => {
                    self.push("\n".to_owned(), interval, style);
                }
                Child::Element(child) if child.name == "span" => {
                    let earlier = is_sequence.then_some(end);
                    let span = interval.of(child, self.clock, earlier);
                    let span = span.map_err(|problem| (child.line, problem))?;
                    end = span.end;
                    if span.start < span.end {
                        let mut style = self.layout.style_of(child).over(style);
                        // An underline, as all else, is inherited; a place is not asked for.
                        (style.origin, style.extent) = (None, None);
                        self.element(child, span, &style)?;
                    }
                }
                // Metadata, animation.
                Child::Element(_) => {}
            }
        }
        Ok(())
    }

    fn push(&mut self, text: String, interval: Interval, style: &Style) {
        let looks = Looks::of(style);
        match self.runs.last_mut() {
            Some(run) if run.interval == interval && (run.looks == looks || text == "\n") => {
                run.text.push_str(&text)
            }
            _ => self.runs.push(Run {
                interval,
                looks,
                text,
            }),
        }
    }
}

/// Appends a word, with one space where there was white space.
fn spaced(mut text: String, word: &str) -> String {
    // The first word comes without a space before it, as does the first of a text.
    let is_first = text.is_empty() && !word.is_empty();
    if !is_first && !text.ends_with(' ') {
        text.push(' ');
    }
    text.push_str(word);
    text
}

impl Paragraph {
    /// A cue for each stretch of time in which it shows the same.
    pub(super) fn cues(&self) -> Vec<Cue> {
        let mut moments: Vec<Duration> = self
            .runs
            .iter()
            .flat_map(|run| [run.interval.start, run.interval.end])
            .collect();
        moments.extend([self.interval.start, self.interval.end]);
        moments.retain(|moment| self.interval.start <= *moment && *moment <= self.interval.end);
        moments.sort_unstable();
        moments.dedup();
        if moments.len() > SLICES_MAX || moments.len() * self.runs.len() > SLICED_RUNS_MAX {
            moments = vec![self.interval.start, self.interval.end];
        }
        let slices = moments.iter().zip(moments.iter().skip(1));
        slices.map(|(start, end)| self.slice(*start, *end)).collect()
    }

    fn slice(&self, start: Duration, end: Duration) -> Cue {
        let is_shown = |run: &&Run| run.interval.start < end && start < run.interval.end;
        let mut runs: Vec<Run> = self.runs.iter().filter(is_shown).cloned().collect();
        if !self.is_space_preserved {
            collapse(&mut runs);
        }
        runs.retain(|run| !run.text.is_empty());
        Cue {
            start,
            end,
            content: nodes(runs),
            ..Cue::default()
        }
    }
}

/// Leaves one space between words, and none at the ends of lines.
fn collapse(runs: &mut [Run]) {
    let mut last = '\n';
    for run in runs.iter_mut() {
        run.text.retain(|character| {
            let is_extra = character == ' ' && (last == ' ' || last == '\n');
            if !is_extra {
                last = character;
            }
            !is_extra
        });
    }
    let mut next = '\n';
    for run in runs.iter_mut().rev() {
        let mut kept: Vec<char> = Vec::with_capacity(run.text.len());
        for character in run.text.chars().rev() {
            if !(character == ' ' && next == '\n') {
                next = character;
                kept.push(character);
            }
        }
        run.text = kept.into_iter().rev().collect();
    }
}

/// The nodes of `runs`; a base of ruby text and the text behind it become one.
fn nodes(runs: Vec<Run>) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(runs.len());
    for run in runs {
        // Ends of lines look like nothing, so they need no element around them.
        let text = run.text.trim_end_matches('\n');
        let line_ends = run.text.get(text.len()..).unwrap_or_default().to_owned();
        let line_ends = Some(Node::Text(line_ends.clone())).filter(|_| !line_ends.is_empty());
        if text.is_empty() {
            nodes.extend(line_ends);
            continue;
        }
        let node = run.looks.node(text.to_owned());
        match run.looks.ruby {
            Ruby::None => nodes.push(node),
            Ruby::Base => nodes.push(Node::Element(CueElement::new(Tag::Ruby, vec![node]))),
            Ruby::Text => {
                let reading = Node::Element(CueElement::new(Tag::RubyText, vec![node]));
                match nodes.last_mut() {
                    Some(Node::Element(ruby)) if ruby.tag == Tag::Ruby => ruby.children.push(reading),
                    _ => nodes.push(Node::Element(CueElement::new(Tag::Ruby, vec![reading]))),
                }
            }
        }
        nodes.extend(line_ends);
    }
    merged(nodes)
}

/// `nodes` with texts that follow each other made one.
fn merged(nodes: Vec<Node>) -> Vec<Node> {
    let mut merged: Vec<Node> = Vec::with_capacity(nodes.len());
    for node in nodes {
        match (merged.last_mut(), node) {
            (Some(Node::Text(last)), Node::Text(text)) => last.push_str(&text),
            (_, node) => merged.push(node),
        }
    }
    merged
}
