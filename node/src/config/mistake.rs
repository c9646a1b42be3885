//! Mistakes: what is wrong in a configuration, and where.

use std::fmt;

/// Where a mistake was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The file as a whole: it cannot be read, or lacks something.
    File,
    /// A line of the file, counted from 1.
    Line(usize),
    /// A command-line flag, such as `--store`.
    Flag(&'static str),
}

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name as it was given, or `command line` when no file was.
    pub file: String,
    /// Where in the file, or on the command line, the mistake is.
    pub place: Place,
    /// Dotted path of the key, such as `store.url` or `pools[0].origins`; empty for the whole file.
    pub key: String,
    /// What is wrong, as a phrase that follows the key.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File => write!(f, "{}: ", self.file)?,
            Place::Line(line) => write!(f, "{}:{line}: ", self.file)?,
            Place::Flag(flag) => write!(f, "{flag}: ")?,
        }
        if self.key.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.key, self.message)
        }
    }
}

/// Every mistake found in one configuration, in the order of the file; never empty as an error.
///
/// Displays as one mistake a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// One mistake about a file as a whole.
    pub fn in_file(file: &str, message: impl fmt::Display) -> Self {
        let mistake = Mistake {
            file: file.to_owned(),
            place: Place::File,
            key: String::new(),
            message: message.to_string(),
        };
        Self(vec![mistake])
    }

    /// The mistakes, whole-file ones first, then by line, then by flag.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn note(&mut self, mistake: Mistake) {
        // The same key may be asked for twice; its mistake is told once.
        if !self.0.contains(&mistake) {
            self.0.push(mistake);
        }
    }

    pub(super) fn sorted(mut self) -> Self {
        self.0
            .sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.key.cmp(&b.key)));
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index != 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
