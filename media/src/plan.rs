//! What to send for one segment: bytes made here, and ranges of source files.
//!
//! A plan is complete before any media is read, so its length is exact and a
//! response can be promised, ranged over and cached by it.

use std::ops::Range;

use bytes::Bytes;

/// Which source file of a title a range belongs to: its position in the list
/// of sources the presentation was assembled from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileIndex(pub u32);

/// One stretch of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Bytes made by a writer, such as a `moof`.
    Bytes(Bytes),
    /// Bytes copied unchanged from a source file.
    Source {
        /// The source file.
        file: FileIndex,
        /// Half-open byte range in it, never empty.
        range: Range<u64>,
    },
}

impl Part {
    /// Bytes this part adds to the response.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source { range, .. } => range.end.saturating_sub(range.start),
        }
    }
}

/// The bytes of one response, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The stretches, in the order they are sent; none is empty.
    pub parts: Vec<Part>,
    /// Sum of the parts' lengths in bytes.
    pub length: u64,
}

impl Plan {
    /// Appends made bytes; empty ones leave the plan as it is.
    pub fn push_bytes(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.length += bytes.len() as u64;
            self.parts.push(Part::Bytes(bytes));
        }
    }

    /// Appends a range of a source file, joined to the last part when it
    /// continues it.
    pub fn push_source(&mut self, file: FileIndex, range: Range<u64>) {
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return;
        }
        self.length = self.length.saturating_add(length);
        if let Some(Part::Source {
            file: last_file,
            range: last,
        }) = self.parts.last_mut()
            && *last_file == file
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        self.parts.push(Part::Source { file, range });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjoining_ranges_of_one_file_become_one() {
        let mut plan = Plan::default();
        plan.push_bytes(Bytes::from_static(b"head"));
        plan.push_source(FileIndex(0), 10..20);
        plan.push_source(FileIndex(0), 20..30);
        plan.push_source(FileIndex(0), 30..30);
        plan.push_source(FileIndex(1), 30..40);
        assert_eq!(plan.length, 34);
        assert_eq!(plan.parts.len(), 3);
        assert_eq!(plan.parts.iter().map(Part::length).sum::<u64>(), plan.length);
    }
}
