//! A YAML document as a tree that remembers lines and duplicate keys.
//!
//! Built from the parser's events rather than from a ready-made value type, for
//! three reasons: scalars keep the text that was written (so `0755` or `1e3`
//! reach the key's own type unchanged), a key given twice is one mistake among
//! others instead of the end of parsing, and depth is bounded before it is
//! followed. Aliases are refused: no configuration here needs them, and they are
//! how a small file becomes a large one.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// How deep sections may nest. A configuration uses four levels.
pub const DEPTH_MAX: usize = 16;

/// A key or a value, and the line it starts on, counted from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) data: Data,
}

#[derive(Debug)]
pub(super) enum Data {
    /// Nothing, `~` or `null`, unquoted.
    Null,
    /// The text as written, unquoted.
    Scalar(String),
    Sequence(Vec<Node>),
    /// In the order of the file; a key may stand more than once.
    Mapping(Vec<Entry>),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

impl Node {
    pub(super) fn empty_mapping() -> Self {
        Self {
            line: 1,
            data: Data::Mapping(Vec::new()),
        }
    }

    /// The first value of a key, if this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        match &self.data {
            Data::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }
}

impl Data {
    /// What this is, for messages.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Scalar(_) => "a single value",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a section",
        }
    }
}

/// Why a text is no configuration, and on which line.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) message: String,
}

impl SyntaxError {
    fn at(marker: &Marker, message: impl Into<String>) -> Self {
        Self {
            line: marker.line().max(1),
            message: message.into(),
        }
    }
}

/// Reads one YAML document; an empty text is an empty mapping.
pub(super) fn read(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError::at(error.marker(), error.info()))?;
        builder.event(event, &span.start)?;
    }
    Ok(builder.root.unwrap_or_else(Node::empty_mapping))
}

/// A collection whose end has not come yet.
enum Open {
    Sequence {
        line: usize,
        items: Vec<Node>,
    },
    Mapping {
        line: usize,
        entries: Vec<Entry>,
        key: Option<(String, usize)>,
    },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: &Marker) -> Result<(), SyntaxError> {
        let line = at.line();
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if 1 < self.documents {
                    return Err(SyntaxError::at(
                        at,
                        "a second YAML document starts here; one is expected",
                    ));
                }
            }
            Event::Alias(_) => return Err(SyntaxError::at(at, "YAML aliases are not supported")),
            Event::Scalar(text, style, _, _) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let data = if null {
                    Data::Null
                } else {
                    Data::Scalar(text.into_owned())
                };
                self.close(Node { line, data }, at)?;
            }
            Event::SequenceStart(..) => self.open(
                Open::Sequence {
                    line,
                    items: Vec::new(),
                },
                at,
            )?,
            Event::MappingStart(..) => {
                self.open(
                    Open::Mapping {
                        line,
                        entries: Vec::new(),
                        key: None,
                    },
                    at,
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::Sequence { line, items }) => Node {
                        line,
                        data: Data::Sequence(items),
                    },
                    Some(Open::Mapping { line, entries, .. }) => Node {
                        line,
                        data: Data::Mapping(entries),
                    },
                    None => return Err(SyntaxError::at(at, "a collection ends that never started")),
                };
                self.close(node, at)?;
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, collection: Open, at: &Marker) -> Result<(), SyntaxError> {
        if self.open.len() == DEPTH_MAX {
            return Err(SyntaxError::at(
                at,
                format!("nested more than {DEPTH_MAX} levels deep"),
            ));
        }
        self.open.push(collection);
        Ok(())
    }

    /// Puts a complete node where it belongs.
    fn close(&mut self, node: Node, at: &Marker) -> Result<(), SyntaxError> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, .. }) => match (key.take(), node.data) {
                (Some((key, line)), data) => {
                    entries.push(Entry {
                        key,
                        line,
                        value: Node {
                            line: node.line,
                            data,
                        },
                    });
                }
                (None, Data::Scalar(text)) => *key = Some((text, node.line)),
                (None, data) => {
                    return Err(SyntaxError::at(
                        at,
                        format!("a key must be a word, not {}", data.noun()),
                    ));
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_text_is_an_empty_section() {
        assert!(matches!(read("# nothing\n").unwrap().data, Data::Mapping(entries) if entries.is_empty()));
    }

    #[test]
    fn keys_remember_their_lines_and_their_text() {
        let root = read("a: 1\n\nb:\n  c: 0755\n").unwrap();
        let b = root.get("b").unwrap();
        let c = b.value.get("c").unwrap();
        assert_eq!((b.line, c.line), (3, 4));
        assert!(matches!(&c.value.data, Data::Scalar(text) if text == "0755"));
    }

    #[test]
    fn depth_aliases_and_second_documents_are_refused() {
        let deep = "[".repeat(DEPTH_MAX + 1);
        assert!(read(&deep).unwrap_err().message.contains("levels deep"));
        assert!(read(&"[".repeat(100_000)).is_err());
        assert_eq!(read("a: &x 1\nb: *x\n").unwrap_err().line, 2);
        assert!(read("a: 1\n---\nb: 2\n").unwrap_err().message.contains("second"));
        assert!(
            read("? [a]\n: 1\n")
                .unwrap_err()
                .message
                .contains("key must be a word")
        );
    }
}
