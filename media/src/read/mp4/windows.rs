//! The parts of a file that are at hand, and what to do when one is not.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;

use super::ReadError;
use super::boxes::{BoxBytes, BoxHeader};

/// Most windows that are held at a time.
const WINDOWS_MAX: usize = 4;

/// Why reading cannot go on right now.
#[derive(Debug)]
pub(super) enum Halt {
    /// These bytes have to be supplied first.
    Need(Range<u64>),
    /// The file cannot be read.
    Failed(ReadError),
}

impl From<ReadError> for Halt {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

/// The last few ranges that were supplied.
#[derive(Debug)]
pub(super) struct Windows {
    pub(super) file_size: u64,
    held: VecDeque<(u64, Bytes)>,
}

impl Windows {
    pub(super) fn new(file_size: u64) -> Self {
        Self {
            file_size,
            held: VecDeque::new(),
        }
    }

    /// Takes in `bytes`, which lie at `offset`; the oldest window goes when
    /// there are too many.
    pub(super) fn supply(&mut self, offset: u64, bytes: Bytes) {
        if self.held.len() == WINDOWS_MAX {
            self.held.pop_front();
        }
        self.held.push_back((offset, bytes));
    }

    /// The bytes of `range`, which is not empty and ends within the file. When
    /// they are not at hand, `ask` bytes from its start are asked for, if that
    /// is more.
    pub(super) fn get(&self, range: Range<u64>, ask: u64) -> Result<Bytes, Halt> {
        let found = self.held.iter().rev().find_map(|(offset, bytes)| {
            let start = usize::try_from(range.start.checked_sub(*offset)?).ok()?;
            let end = usize::try_from(range.end.checked_sub(*offset)?).ok()?;
            (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
        });
        found.ok_or_else(|| {
            let wanted = range.start.saturating_add(ask).min(self.file_size);
            Halt::Need(range.start..range.end.max(wanted))
        })
    }

    /// The head of the box at `offset`; `None` where the file ends.
    pub(super) fn header(&self, offset: u64, ask: u64) -> Result<Option<BoxHeader>, Halt> {
        let left = self.file_size.saturating_sub(offset);
        if left < 8 {
            return Ok(None);
        }
        let end = offset + left.min(BoxHeader::SIZE_MAX);
        let bytes = self.get(offset..end, ask)?;
        Ok(Some(BoxHeader::read(&bytes, offset, self.file_size)?))
    }

    /// The whole box; `size_max` is the largest read.
    pub(super) fn whole(&self, header: BoxHeader, size_max: u64) -> Result<BoxBytes, Halt> {
        if size_max < header.size() {
            return Err(header.too_many("bytes", header.size(), size_max).into());
        }
        let whole = self.get(header.offset..header.end, 0)?;
        Ok(BoxBytes::new(header, whole))
    }
}
