//! Why a text cannot be read.

use super::{CUES_MAX, FILE_SIZE_MAX, TITLE_SIZE_MAX};

/// A text, or a part of it, that cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TextError {
    /// Line, from 1; for boxes of a sample always 1.
    pub line: usize,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

impl TextError {
    pub(super) fn at(line: usize, problem: Problem) -> Self {
        Self { line, problem }
    }
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More bytes than any real text has.
    #[error("{size} bytes, over the limit of {FILE_SIZE_MAX}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// With the other texts of its title, more bytes than any real title has.
    #[error("with the texts before it, over the limit of {TITLE_SIZE_MAX} bytes for a title")]
    TitleTooLarge,
    /// More cues than any real text has.
    #[error("more than {CUES_MAX} cues")]
    TooManyCues,
    /// A file that does not start as WebVTT does.
    #[error("the first line is not WEBVTT")]
    NotWebVtt,
    /// A file without a single cue, though there is something in it.
    #[error("no cue in it")]
    NoCues,
    /// XML of another kind.
    #[error("the root element is {root}, not tt")]
    NotTtml {
        /// Its root element.
        root: String,
    },
    /// Not well-formed XML.
    #[error("{0}")]
    Syntax(String),
    /// The document ends inside an element.
    #[error("the document ends inside an element")]
    Unclosed,
    /// Elements nested deeper than any real text has them.
    #[error("elements nested too deep")]
    TooDeep,
    /// More elements than any real text has.
    #[error("too many elements")]
    TooManyElements,
    /// A time, or a line of them, that makes no sense.
    #[error("{0:?} is no time")]
    BadTime(String),
    /// A cue that ends before it starts.
    #[error("it ends before it starts")]
    EndsEarly,
    /// A cue without text where one has to be.
    #[error("no text belongs to it")]
    Empty,
    /// A box of a sample that does not hold together.
    #[error("box {kind} at byte {offset} of the sample does not hold together")]
    BadBox {
        /// Its four-character code.
        kind: crate::codec::FourCc,
        /// Where it starts in the sample.
        offset: usize,
    },
}
