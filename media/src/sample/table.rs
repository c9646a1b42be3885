//! A table of a `stbl` as it stands in the file: big-endian entries of one
//! width, read through a window of bytes.

use std::ops::Range;

use bytes::Bytes;

/// Where a table's entries lie in the source file. It takes a few bytes
/// whatever the number of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// File offset of the first entry.
    pub offset: u64,
    /// Number of entries.
    pub count: u32,
    /// Width of an entry in bits: 4, 8, 16, 32, 64 or 96.
    pub entry_bits: u32,
}

impl Table {
    /// The file range that holds the entries `first..end`, clamped to the
    /// table; empty when it has none of them.
    #[must_use]
    pub fn range(&self, first: u32, end: u32) -> Range<u64> {
        let (first, end) = (first.min(self.count), end.min(self.count));
        if end <= first {
            return self.offset..self.offset;
        }
        let bits = u64::from(self.entry_bits);
        let start = u64::from(first) * bits / 8;
        let stop = (u64::from(end) * bits).div_ceil(8);
        self.offset.saturating_add(start)..self.offset.saturating_add(stop)
    }

    /// Size of all entries in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        (u64::from(self.count) * u64::from(self.entry_bits)).div_ceil(8)
    }

    /// A window that starts at entry `first` over `bytes`, which hold the file
    /// from the start of `self.range(first, _)` on.
    #[must_use]
    pub fn window(&self, first: u32, bytes: Bytes) -> Window {
        // Half-byte entries start on the byte of their even neighbour.
        let first = if self.entry_bits == 4 { first & !1 } else { first };
        Window {
            first,
            count: self.count,
            entry_bits: self.entry_bits,
            bytes,
        }
    }
}

/// The part of a table whose bytes are at hand.
#[derive(Clone, Debug, Default)]
pub struct Window {
    first: u32,
    count: u32,
    entry_bits: u32,
    bytes: Bytes,
}

impl Window {
    /// Number of entries of the whole table.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Entry `index` of the whole table when it is up to 32 bits wide.
    #[must_use]
    pub fn narrow(&self, index: u32) -> Option<u32> {
        let at = self.position(index)?;
        match self.entry_bits {
            4 => {
                let byte = *self.bytes.get(at)?;
                Some(u32::from(if index & 1 == 0 { byte >> 4 } else { byte & 15 }))
            }
            8 => self.bytes.get(at).copied().map(u32::from),
            16 => self.read::<2>(at).map(u16::from_be_bytes).map(u32::from),
            _ => self.read::<4>(at).map(u32::from_be_bytes),
        }
    }

    /// Entry `index` of a table of 32- or 64-bit offsets.
    #[must_use]
    pub fn wide(&self, index: u32) -> Option<u64> {
        if self.entry_bits == 64 {
            self.read::<8>(self.position(index)?).map(u64::from_be_bytes)
        } else {
            self.narrow(index).map(u64::from)
        }
    }

    /// The two fields of entry `index` of a table of pairs (`stts`, `ctts`).
    #[must_use]
    pub fn pair(&self, index: u32) -> Option<(u32, u32)> {
        let at = self.position(index)?;
        let first = self.read::<4>(at).map(u32::from_be_bytes)?;
        let second = self.read::<4>(at.checked_add(4)?).map(u32::from_be_bytes)?;
        Some((first, second))
    }

    /// The three fields of entry `index` of a table of triples (`stsc`).
    #[must_use]
    pub fn triple(&self, index: u32) -> Option<(u32, u32, u32)> {
        let (first, second) = self.pair(index)?;
        let third = self
            .read::<4>(self.position(index)?.checked_add(8)?)
            .map(u32::from_be_bytes)?;
        Some((first, second, third))
    }

    fn position(&self, index: u32) -> Option<usize> {
        if index >= self.count {
            return None;
        }
        let bits = u64::from(index.checked_sub(self.first)?) * u64::from(self.entry_bits);
        usize::try_from(bits / 8).ok()
    }

    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..at.checked_add(N)?)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_byte_entries_are_read_from_an_odd_start() {
        let table = Table {
            offset: 100,
            count: 5,
            entry_bits: 4,
        };
        let bytes = Bytes::from_static(&[0x12, 0x34, 0x50]);
        assert_eq!(table.range(3, 5), 101..103);
        let window = table.window(3, bytes.slice(1..));
        assert_eq!(
            [window.narrow(3), window.narrow(4), window.narrow(5)],
            [Some(4), Some(5), None]
        );
    }

    #[test]
    fn entries_outside_the_window_or_the_table_are_absent() {
        let table = Table {
            offset: 0,
            count: 4,
            entry_bits: 64,
        };
        let window = table.window(2, Bytes::from_static(&[0, 0, 0, 1, 0, 0, 0, 2]));
        assert_eq!(window.pair(2), Some((1, 2)));
        assert_eq!(window.wide(2), Some(0x1_0000_0002));
        assert_eq!(
            [window.pair(1), window.pair(3), window.pair(4)],
            [None, None, None]
        );
        assert_eq!(table.range(9, 12), 0..0);
    }
}
