//! A parsed file plus the command-line flags that override it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::mistake::{Mistake, Mistakes, Place};
use super::section::Section;
use super::tree::{self, Data, Node};

/// Longest configuration file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// How mistakes name the configuration when there is no file.
const COMMAND_LINE: &str = "command line";

/// A command-line flag that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Dotted path of the key: `store.url`.
    ///
    /// For a list, each override of its key is one more item; for a list of
    /// sections, `origins.address` makes one more section that has just that key.
    pub key: &'static str,
    /// The value as given on the command line.
    pub value: String,
    /// The flag, for mistakes: `--store`.
    pub flag: &'static str,
}

/// A configuration that is being read.
#[derive(Debug)]
pub struct Document {
    name: String,
    root: Node,
    overrides: Vec<Override>,
    pub(super) mistakes: RefCell<Mistakes>,
    /// For each section that was asked for: the keys that it knows.
    pub(super) known: RefCell<BTreeMap<String, Vec<&'static str>>>,
}

impl Document {
    /// Reads a file; without one, the overrides are all there is.
    ///
    /// # Errors
    /// The file cannot be read, is longer than [`FILE_BYTES_MAX`], or is not YAML.
    pub fn read(file: Option<&Path>, overrides: Vec<Override>) -> Result<Self, Mistakes> {
        let Some(path) = file else {
            return Self::parse(COMMAND_LINE, "", overrides);
        };
        let name = path.display().to_string();
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
            .map_err(|error| Mistakes::in_file(&name, format!("cannot be read: {error}")))?;
        Self::parse(&name, &text, overrides)
    }

    /// Parses a text; `name` stands for the file in mistakes.
    ///
    /// # Errors
    /// The text is longer than [`FILE_BYTES_MAX`] or is not YAML.
    pub fn parse(name: &str, text: &str, overrides: Vec<Override>) -> Result<Self, Mistakes> {
        if usize::try_from(FILE_BYTES_MAX).is_ok_and(|limit| limit < text.len()) {
            return Err(Mistakes::in_file(
                name,
                format!("is longer than {FILE_BYTES_MAX} bytes"),
            ));
        }
        let mut mistakes = Mistakes::default();
        let root = tree::read(text).map_err(|error| {
            mistakes.note(Mistake {
                file: name.to_owned(),
                place: Place::Line(error.line),
                key: String::new(),
                message: error.message,
            });
            std::mem::take(&mut mistakes)
        })?;
        if !matches!(root.data, Data::Mapping(_) | Data::Null) {
            return Err(Mistakes::in_file(
                name,
                format!("is {}, not `key: value` lines", root.data.noun()),
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            root,
            overrides,
            mistakes: RefCell::new(mistakes),
            known: RefCell::default(),
        })
    }

    /// The file's name as given, or `command line`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the top level has this key, by file or by flag. Notes nothing.
    pub fn has(&self, key: &str) -> bool {
        let prefix = format!("{key}.");
        let by_flag = |flag: &Override| flag.key == key || flag.key.starts_with(&prefix);
        self.root.get(key).is_some() || self.overrides.iter().any(by_flag)
    }

    /// The top level.
    pub fn root(&self) -> Section<'_> {
        Section::root(self, &self.root)
    }

    /// Hands `value` out when no mistake was noted while it was read.
    ///
    /// # Errors
    /// Every mistake that was noted, keys that nobody asked for included.
    pub fn finish<T>(self, value: T) -> Result<T, Mistakes> {
        self.note_unknown_keys("", "", &self.root);
        self.note_unknown_flags();
        let mistakes = self.mistakes.into_inner();
        if mistakes.is_empty() {
            Ok(value)
        } else {
            Err(mistakes.sorted())
        }
    }

    pub(super) fn note(&self, place: Place, key: String, message: String) {
        let file = self.name.clone();
        self.mistakes.borrow_mut().note(Mistake {
            file,
            place,
            key,
            message,
        });
    }

    /// Overrides of one key, in the order of the command line.
    pub(super) fn overrides_of<'d>(&'d self, key: &str) -> impl Iterator<Item = &'d Override> {
        self.overrides
            .iter()
            .filter(move |candidate| candidate.key == key)
    }

    /// Overrides of the keys right below one key, with the last word of each.
    pub(super) fn overrides_below<'d>(
        &'d self,
        key: &str,
    ) -> impl Iterator<Item = (&'static str, &'d Override)> {
        self.overrides.iter().filter_map(move |candidate| {
            let word = candidate.key.strip_prefix(key)?.strip_prefix('.')?;
            (!word.contains('.')).then_some((word, candidate))
        })
    }

    /// Compares a section's keys with those that were asked for, and goes on below.
    ///
    /// A section that nobody asked for is either unknown itself, which its
    /// parent has told, or of the wrong kind, which its reader has told.
    fn note_unknown_keys(&self, path: &str, schema: &str, node: &Node) {
        match &node.data {
            Data::Mapping(entries) => {
                let known = self.known.borrow();
                let Some(known) = known.get(schema) else { return };
                for (index, entry) in entries.iter().enumerate() {
                    let key = join(path, &entry.key);
                    let place = Place::Line(entry.line);
                    if let Some(first) = entries.iter().take(index).find(|first| first.key == entry.key) {
                        let message = format!("given a second time; the first is on line {}", first.line);
                        self.note(place, key, message);
                    } else if known.contains(&entry.key.as_str()) {
                        self.note_unknown_keys(&key, &join(schema, &entry.key), &entry.value);
                    } else {
                        self.note(place, key, unknown(&entry.key, known));
                    }
                }
            }
            Data::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.note_unknown_keys(&format!("{path}[{index}]"), schema, item);
                }
            }
            Data::Null | Data::Scalar(_) => {}
        }
    }

    /// A flag whose key no section asked for is the program's own mistake, and is not hidden.
    fn note_unknown_flags(&self) {
        for given in &self.overrides {
            let (section, word) = given.key.rsplit_once('.').unwrap_or(("", given.key));
            let asked = self
                .known
                .borrow()
                .get(section)
                .is_some_and(|known| known.contains(&word));
            if !asked {
                let message = "has no effect with this configuration".to_owned();
                self.note(Place::Flag(given.flag), given.key.to_owned(), message);
            }
        }
    }
}

/// Joins two words of a dotted path.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// Says that a key is unknown, and which known one it may have meant.
fn unknown(key: &str, known: &[&'static str]) -> String {
    // A third of the letters wrong is a slip; more is another word.
    let slips_max = (key.chars().count() / 3).max(1);
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(key, candidate), candidate))
        .filter(|(slips, _)| *slips <= slips_max)
        .min();
    match nearest {
        Some((_, candidate)) => format!("unknown key; did you mean `{candidate}`?"),
        None if known.is_empty() => "unknown key; none is known here".to_owned(),
        None => {
            let mut known = known.to_vec();
            known.sort_unstable();
            known.dedup();
            format!("unknown key; known here: {}", known.join(", "))
        }
    }
}
