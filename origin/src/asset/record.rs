//! What an object's index was read from, kept on disk: a restart reads no tables
//! from the store.
//!
//! A record is the ranges that the reader asked for beyond the object's head,
//! one after the other: start and length, 8 bytes each, little-endian, then the
//! bytes. It is named by the object's version, so it is never out of date.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use strata_cache::{DiskTier, EntryKind};

use crate::source::SourceObject;

/// The record of one object.
pub(super) struct Record {
    /// Where it is kept, and under which name.
    place: Option<(DiskTier, Bytes)>,
    ranges: Vec<(u64, Bytes)>,
    is_changed: bool,
}

impl Record {
    /// What `disk` has of `object`.
    pub(super) async fn load(disk: Option<&DiskTier>, object: &SourceObject) -> Self {
        let place = disk.map(|disk| (disk.clone(), object.key().disk_name(EntryKind::Index)));
        let bytes = match &place {
            Some((disk, name)) if disk.may_hold(name) => disk.load(name).await,
            _ => None,
        };
        let ranges = bytes.and_then(parse).unwrap_or_default();
        Self {
            place,
            ranges,
            is_changed: false,
        }
    }

    /// Bytes `range` of the object, if they are in the record.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        self.ranges.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            (from <= to && to <= bytes.len()).then(|| bytes.slice(from..to))
        })
    }

    /// The reader wanted these bytes.
    pub(super) fn note(&mut self, start: u64, bytes: &Bytes) {
        if self.place.is_some() {
            self.ranges.push((start, bytes.clone()));
            self.is_changed = true;
        }
    }

    /// Keeps what was noted.
    pub(super) fn keep(self) {
        if let (Some((disk, name)), true) = (self.place, self.is_changed) {
            disk.offer(name, write(&self.ranges));
        }
    }
}

fn write(ranges: &[(u64, Bytes)]) -> Bytes {
    let size = ranges.iter().map(|(_, bytes)| 16 + bytes.len()).sum();
    let mut record = BytesMut::with_capacity(size);
    for (start, bytes) in ranges {
        record.extend_from_slice(&start.to_le_bytes());
        record.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        record.extend_from_slice(bytes);
    }
    record.freeze()
}

/// `None` when it is not one.
fn parse(mut record: Bytes) -> Option<Vec<(u64, Bytes)>> {
    let mut ranges = Vec::new();
    while !record.is_empty() {
        let (start, rest) = record.split_first_chunk()?;
        let (size, _) = rest.split_first_chunk()?;
        let start = u64::from_le_bytes(*start);
        let size = usize::try_from(u64::from_le_bytes(*size)).ok()?;
        let mut bytes = record.split_off(16);
        if bytes.len() < size {
            return None;
        }
        record = bytes.split_off(size);
        ranges.push((start, bytes));
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_a_torn_one_is_none() {
        let ranges = vec![
            (100, Bytes::from_static(b"first")),
            (7, Bytes::new()),
            (u64::MAX, Bytes::from_static(b"last")),
        ];
        let written = write(&ranges);
        assert_eq!(parse(written.clone()).unwrap(), ranges);
        for size in 1..written.len() {
            if let Some(part) = parse(written.slice(..size)) {
                assert!(ranges.starts_with(&part), "{size}");
            }
        }
        assert_eq!(parse(Bytes::from_static(&[0xff; 40])), None);
    }

    #[test]
    fn a_record_gives_what_lies_within_one_of_its_ranges() {
        let record = Record {
            place: None,
            ranges: vec![(100, Bytes::from_static(b"0123456789"))],
            is_changed: false,
        };
        assert_eq!(record.get(&(102..105)).unwrap(), "234");
        assert_eq!(record.get(&(100..110)).unwrap(), "0123456789");
        assert_eq!(record.get(&(99..101)), None);
        assert_eq!(record.get(&(105..111)), None);
    }
}
