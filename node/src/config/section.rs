//! One section of a configuration, asked for its keys.

use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

use super::document::{Document, Override, join};
use super::mistake::Place;
use super::tree::{Data, Node};
use super::value::Value;

/// A section of a [`Document`], or what the command line says in its place.
///
/// Each key that is asked for becomes known; the others are mistakes, told by
/// [`Document::finish`].
#[derive(Debug)]
pub struct Section<'d> {
    document: &'d Document,
    /// `None` when the file lacks the section.
    node: Option<&'d Node>,
    /// With indexes, for mistakes: `pools[0].origins`.
    path: String,
    /// Without indexes, for overrides and known keys: `pools.origins`.
    schema: String,
    /// Where the section itself stands.
    place: Place,
    /// The one key of an item that a flag made.
    item: Option<(&'static str, &'d Override)>,
}

/// Where a key's value comes from.
struct Found<'d> {
    text: &'d str,
    place: Place,
}

impl<'d> Section<'d> {
    pub(super) fn root(document: &'d Document, node: &'d Node) -> Self {
        let section = Self {
            document,
            node: Some(node),
            path: String::new(),
            schema: String::new(),
            place: Place::File,
            item: None,
        };
        section.visit();
        section
    }

    /// A key that has no default. `None`: a mistake has been noted.
    pub fn required<T: Value>(&mut self, key: &'static str) -> Option<T> {
        if !self.has(key) {
            self.document.note(
                self.place.clone(),
                join(&self.path, key),
                "required, and not given".to_owned(),
            );
        }
        self.optional(key)
    }

    /// A key that may be left out. `None`: it is, or a mistake has been noted.
    pub fn optional<T: Value>(&mut self, key: &'static str) -> Option<T> {
        let found = self.find(key)?;
        match T::from_scalar(found.text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.document.note(found.place, join(&self.path, key), message);
                None
            }
        }
    }

    /// A key with a default, which also stands in for a value with a mistake.
    pub fn or<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// Like [`Section::or`], for a value with bounds: outside of `range` is a mistake.
    pub fn within<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Value + PartialOrd + Debug,
    {
        let Some(value) = self.optional(key) else {
            return default;
        };
        if range.contains(&value) {
            return value;
        }
        let (least, most) = range.into_inner();
        self.mistake(key, format!("{value:?} is not between {least:?} and {most:?}"));
        default
    }

    /// A list of values: the file's, then one for each flag. Absent is empty.
    ///
    /// Items with mistakes are noted and left out.
    pub fn list<T: Value>(&mut self, key: &'static str) -> Vec<T> {
        self.know(key);
        let path = join(&self.path, key);
        let mut values = Vec::new();
        let mut read = |path: &str, place: Place, text: &str| match T::from_scalar(text) {
            Ok(value) => values.push(value),
            Err(message) => self.document.note(place, path.to_owned(), message),
        };
        for (index, item) in self.items(key).iter().enumerate() {
            let path = format!("{path}[{index}]");
            match &item.data {
                Data::Scalar(text) => read(&path, Place::Line(item.line), text),
                data => self.refuse(Place::Line(item.line), path, "a single value", data),
            }
        }
        for given in self.document.overrides_of(&join(&self.schema, key)) {
            read(&path, Place::Flag(given.flag), &given.value);
        }
        values
    }

    /// A list of sections: the file's, then one for each flag. Absent is empty.
    pub fn sections(&mut self, key: &'static str) -> Vec<Self> {
        self.know(key);
        let path = join(&self.path, key);
        let schema = join(&self.schema, key);
        let mut sections = Vec::new();
        for (index, item) in self.items(key).iter().enumerate() {
            let path = format!("{path}[{index}]");
            let place = Place::Line(item.line);
            if let Data::Mapping(_) = item.data {
                let schema = schema.clone();
                sections.push(Self {
                    document: self.document,
                    node: Some(item),
                    path,
                    schema,
                    place,
                    item: None,
                });
            } else {
                self.refuse(place, path, "a section", &item.data);
            }
        }
        for (word, given) in self.document.overrides_below(&schema) {
            sections.push(Self {
                document: self.document,
                node: None,
                path: format!("{path}[{}]", sections.len()),
                schema: schema.clone(),
                place: Place::Flag(given.flag),
                item: Some((word, given)),
            });
        }
        for section in &sections {
            section.visit();
        }
        sections
    }

    /// A section below this one. Absent is a section without keys.
    pub fn section(&mut self, key: &'static str) -> Self {
        self.know(key);
        let path = join(&self.path, key);
        let entry = self.node.and_then(|node| node.get(key));
        let place = entry.map_or_else(|| self.place.clone(), |entry| Place::Line(entry.line));
        let node = match entry.map(|entry| &entry.value) {
            Some(Node { data: Data::Null, .. }) | None => None,
            Some(
                node @ Node {
                    data: Data::Mapping(_),
                    ..
                },
            ) => Some(node),
            Some(node) => {
                self.refuse(place.clone(), path.clone(), "a section", &node.data);
                None
            }
        };
        let schema = join(&self.schema, key);
        let section = Self {
            document: self.document,
            node,
            path,
            schema,
            place,
            item: None,
        };
        section.visit();
        section
    }

    /// Whether the key is given, by file or by flag, whatever its value. Makes it known.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.know(key);
        let schema = join(&self.schema, key);
        self.node.is_some_and(|node| node.get(key).is_some())
            || self.flag(key).is_some()
            || self.document.overrides_below(&schema).next().is_some()
    }

    /// Notes a mistake found by a check across keys, at one of them.
    pub fn mistake(&mut self, key: &str, message: impl Display) {
        let place = if let Some(given) = self.flag(key) {
            Place::Flag(given.flag)
        } else {
            let entry = self.node.and_then(|node| node.get(key));
            entry.map_or_else(|| self.place.clone(), |entry| Place::Line(entry.line))
        };
        self.document
            .note(place, join(&self.path, key), message.to_string());
    }

    /// Finds a scalar: the last flag wins over the file. Notes an empty value or a collection.
    fn find(&mut self, key: &'static str) -> Option<Found<'d>> {
        self.know(key);
        let document = self.document;
        if let Some(given) = self.flag(key) {
            return Some(Found {
                text: &given.value,
                place: Place::Flag(given.flag),
            });
        }
        let entry = self.node?.get(key)?;
        let place = Place::Line(entry.line);
        match &entry.value.data {
            Data::Scalar(text) => Some(Found { text, place }),
            Data::Null => {
                let message = "has no value; leave the key out to get its default".to_owned();
                document.note(place, join(&self.path, key), message);
                None
            }
            data => {
                self.refuse(place, join(&self.path, key), "a single value", data);
                None
            }
        }
    }

    /// The flag that sets a scalar, if one does; the last one wins.
    fn flag(&self, key: &str) -> Option<&'d Override> {
        // An item of a list is known by its place in it, so flags reach only the items that they made.
        if self.path != self.schema {
            return self.item.filter(|(word, _)| *word == key).map(|(_, given)| given);
        }
        self.document.overrides_of(&join(&self.schema, key)).last()
    }

    /// The items of a list in the file. Notes anything else than a list.
    fn items(&self, key: &str) -> &'d [Node] {
        let Some(entry) = self.node.and_then(|node| node.get(key)) else {
            return &[];
        };
        match &entry.value.data {
            Data::Sequence(items) => items,
            data => {
                self.refuse(Place::Line(entry.line), join(&self.path, key), "a list", data);
                &[]
            }
        }
    }

    fn refuse(&self, place: Place, key: String, expected: &str, data: &Data) {
        self.document
            .note(place, key, format!("must be {expected}, and is {}", data.noun()));
    }

    /// Makes the section known even if no key of it is asked for.
    fn visit(&self) {
        self.document
            .known
            .borrow_mut()
            .entry(self.schema.clone())
            .or_default();
    }

    fn know(&self, key: &'static str) {
        let mut known = self.document.known.borrow_mut();
        let keys = known.entry(self.schema.clone()).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
}
