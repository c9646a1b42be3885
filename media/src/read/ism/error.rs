//! Why a server manifest cannot be read.

use super::{DEPTH_MAX, MANIFEST_SIZE_MAX, PARAMS_MAX, TRACKS_MAX};

/// A server manifest that cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column} (byte {offset}): {problem}")]
pub struct IsmError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Offset in bytes of the text in UTF-8, without byte order mark.
    pub offset: usize,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

impl IsmError {
    pub(super) fn at_start(problem: Problem) -> Self {
        Self {
            line: 1,
            column: 1,
            offset: 0,
            problem,
        }
    }
}

/// What is wrong with a server manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not well-formed XML, or an entity nobody declared.
    #[error("{0}")]
    Syntax(String),
    /// Bytes that are neither UTF-8 nor UTF-16.
    #[error("the text is neither UTF-8 nor UTF-16")]
    Encoding,
    /// Another kind of document.
    #[error("the root element is {root}, not smil")]
    NotSmil {
        /// Its root element.
        root: String,
    },
    /// The document ends inside an element.
    #[error("the document ends inside an element")]
    Unclosed,
    /// No `video`, `audio` or `textstream` element.
    #[error("no video, audio or textstream element")]
    NoTracks,
    /// A track without a file.
    #[error("a track without src")]
    MissingSource,
    /// A number that is none, or too large.
    #[error("{name} is {value:?}, not a number in range")]
    NotANumber {
        /// The attribute or param.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// More bytes than any real manifest has.
    #[error("{size} bytes, over the limit of {MANIFEST_SIZE_MAX}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Elements nested deeper than any real manifest has them.
    #[error("elements nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// More tracks than any real manifest has.
    #[error("more than {TRACKS_MAX} tracks")]
    TooManyTracks,
    /// More metas, or params of one track, than any real manifest has.
    #[error("more than {PARAMS_MAX} metas, or params of one track")]
    TooManyParams,
}
