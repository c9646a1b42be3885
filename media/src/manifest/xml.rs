//! XML as a tree of elements, written in one go.

use std::fmt::{Display, Write as _};

use super::escape::xml_attribute;

/// An element under construction.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    /// Names and escaped values, in the order they are written.
    attributes: Vec<(&'static str, String)>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Elements(Vec<Element>),
    /// Escaped text.
    Text(String),
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            content: Content::Elements(Vec::new()),
        }
    }

    /// An element that holds `text` only.
    pub(super) fn text(name: &'static str, text: &str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            content: Content::Text(xml_attribute(text)),
        }
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, xml_attribute(&value.to_string())));
        self
    }

    /// Adds an attribute if there is a value for it.
    pub(super) fn with_some(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds elements after those already there.
    pub(super) fn containing(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        if let Content::Elements(children) = &mut self.content {
            children.extend(elements);
        }
        self
    }

    /// The whole document, this element as its root.
    pub(super) fn into_document(self) -> String {
        let mut document = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut document, 0);
        document
    }

    fn write(&self, document: &mut String, depth: usize) {
        // Writing to a String cannot fail.
        let _ = write!(document, "{:1$}<{2}", "", depth, self.name);
        for (name, value) in &self.attributes {
            let _ = write!(document, " {name}=\"{value}\"");
        }
        match &self.content {
            Content::Text(text) => {
                let _ = writeln!(document, ">{text}</{}>", self.name);
            }
            Content::Elements(children) if children.is_empty() => document.push_str("/>\n"),
            Content::Elements(children) => {
                document.push_str(">\n");
                for child in children {
                    child.write(document, depth + 1);
                }
                let _ = writeln!(document, "{:1$}</{2}>", "", depth, self.name);
            }
        }
    }
}
