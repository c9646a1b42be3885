//! Drives the MP4 reader against the store.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use strata_media::read::mp4::{Movie, ReadError, Reader, Step};

use super::error::LoadError;
use super::load::INDEX_BYTES_MAX;
use super::record::Record;
use crate::source::{HEAD_BYTES, Opened, SourceError, SourceObject, Store, Tally};

/// What the loads of one title share.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicU64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            left: AtomicU64::new(INDEX_BYTES_MAX),
        }
    }

    /// Takes `bytes` off, before they are read.
    pub(super) fn take(&self, bytes: u64) -> Result<(), LoadError> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        taken.map(|_| ()).map_err(|_| LoadError::Limit {
            what: "bytes of indexes",
            limit: INDEX_BYTES_MAX,
        })
    }
}

/// Reads the tables of one file: its head, which `opened` has, and whatever
/// the reader wants beyond it, which `record` has or notes.
///
/// It comes through the chunk cache: to plan a segment, the same tables are
/// read again.
pub(super) async fn read(
    object: &SourceObject,
    opened: &Opened,
    record: &mut Record,
    budget: &Budget,
    tally: &Arc<Tally>,
) -> Result<Movie, LoadError> {
    let mut reader = Reader::new(opened.meta.size);
    let mut window = Window {
        start: 0,
        bytes: opened.head.bytes().clone(),
    };
    let mut supplied = None;
    loop {
        let step;
        (reader, step) = advance(reader, supplied).await?;
        let step = step.map_err(|error| LoadError::Mp4 {
            object: object.name().into(),
            error: Arc::new(error),
        })?;
        match step {
            Step::Done(movie) => return Ok(movie),
            Step::Need(range) => {
                if let Some(missing) = window.missing(&range) {
                    budget.take(missing.end - missing.start)?;
                    let bytes = match record.get(&missing) {
                        Some(bytes) => bytes,
                        None => {
                            let bytes = object.read(missing.clone(), tally).await;
                            let bytes = bytes.map_err(LoadError::of_file)?;
                            record.note(missing.start, &bytes);
                            bytes
                        }
                    };
                    window = window.extended(&range, missing.start, bytes);
                }
                supplied = window.get(&range);
            }
        }
    }
}

/// One step of the reader, off the runtime's threads: parsing the tables of a
/// long film takes milliseconds that other requests would wait.
async fn advance(
    mut reader: Reader,
    supplied: Option<Bytes>,
) -> Result<(Reader, Result<Step, ReadError>), LoadError> {
    if supplied
        .as_ref()
        .is_none_or(|bytes| bytes.len() < BLOCKING_BYTES_MIN)
    {
        let step = reader.step(supplied);
        return Ok((reader, step));
    }
    let work = tokio::task::spawn_blocking(move || {
        let step = reader.step(supplied);
        (reader, step)
    });
    work.await.map_err(|_| LoadError::Lost)
}

/// Tables smaller than this are parsed where they are: a few 10 µs.
const BLOCKING_BYTES_MIN: usize = 128 << 10;

/// The last bytes read, which may hold part of what is wanted next.
struct Window {
    start: u64,
    bytes: Bytes,
}

impl Window {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    /// What of `range` has yet to be read; `None` when all of it is here.
    fn missing(&self, range: &Range<u64>) -> Option<Range<u64>> {
        if range.start < self.start || self.end() <= range.start {
            return Some(range.clone());
        }
        (self.end() < range.end).then(|| self.end()..range.end)
    }

    /// A window on all of `range`, given what was missing of it.
    fn extended(&self, range: &Range<u64>, missing_start: u64, missing: Bytes) -> Self {
        if missing_start == range.start {
            return Self {
                start: missing_start,
                bytes: missing,
            };
        }
        let known = self.get(&(range.start..missing_start)).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(known.len() + missing.len());
        bytes.extend_from_slice(&known);
        bytes.extend_from_slice(&missing);
        Self {
            start: range.start,
            bytes: bytes.freeze(),
        }
    }

    fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let start = usize::try_from(range.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(range.end.checked_sub(self.start)?).ok()?;
        (start <= end && end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

/// Opens an object and reads its head.
pub(super) async fn open(store: &Store, object: &str, tally: &Tally) -> Result<Opened, SourceError> {
    store.open(object, HEAD_BYTES, tally).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_read() {
        let window = Window {
            start: 0,
            bytes: Bytes::from_static(b"0123456789"),
        };
        assert_eq!(window.missing(&(2..8)), None);
        assert_eq!(window.missing(&(4..20)), Some(10..20));
        assert_eq!(window.missing(&(10..20)), Some(10..20));
        assert_eq!(window.missing(&(50..60)), Some(50..60));
        assert_eq!(window.get(&(2..8)).unwrap().as_ref(), b"234567");
        let wider = window.extended(&(4..14), 10, Bytes::from_static(b"abcd"));
        assert_eq!(wider.get(&(4..14)).unwrap().as_ref(), b"456789abcd");
        let elsewhere = wider.extended(&(50..52), 50, Bytes::from_static(b"xy"));
        assert_eq!(elsewhere.get(&(50..52)).unwrap().as_ref(), b"xy");
        assert_eq!(elsewhere.get(&(4..14)), None);
    }

    #[test]
    fn a_budget_is_not_overdrawn() {
        let budget = Budget::new();
        budget.take(INDEX_BYTES_MAX - 1).unwrap();
        assert!(budget.take(2).is_err());
        budget.take(1).unwrap();
    }
}
