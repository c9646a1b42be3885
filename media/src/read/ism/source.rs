//! The text of a server manifest, and positions in it.

use std::io::Read as _;

use quick_xml::encoding::DecodingReader;

use super::{IsmError, Problem};

/// Decodes UTF-8 or UTF-16, with or without a byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<String, IsmError> {
    let mut text = String::new();
    // Recognises byte order marks and, without one, how `<?` is written.
    let read = DecodingReader::new(bytes).read_to_string(&mut text);
    read.map_err(|_| IsmError::at_start(Problem::Encoding))?;
    if text.starts_with('\u{FEFF}') {
        text.remove(0);
    }
    Ok(text)
}

/// A place in the text.
pub(super) struct Position {
    line: usize,
    column: usize,
    offset: usize,
}

impl Position {
    pub(super) fn of(text: &str, offset: u64) -> Self {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // Bytes that continue a character are not columns.
        let is_start = |byte: &&u8| **byte & 0xC0 != 0x80;
        let column = 1 + before.iter().skip(line_start).filter(is_start).count();
        Self { line, column, offset }
    }

    pub(super) fn error(self, problem: Problem) -> IsmError {
        IsmError {
            line: self.line,
            column: self.column,
            offset: self.offset,
            problem,
        }
    }
}
