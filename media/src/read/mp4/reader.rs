//! Finds the `moov` among the boxes of a file, asking for as few bytes as that
//! takes.

use std::ops::Range;

use bytes::Bytes;

use super::boxes::{BoxBytes, BoxHeader};
use super::{Movie, ReadError, movie};
use crate::codec::FourCc;

/// Bytes asked for at once while looking for the `moov`.
const SCAN_SIZE: u64 = 64 << 10;

/// Largest `moov` read. Two hours of film take about 5 MB.
const MOOV_SIZE_MAX: u64 = 128 << 20;

/// Most boxes at the top level that are passed on the way to the `moov`.
const TOP_LEVEL_BOXES_MAX: u32 = 4096;

/// Types a file may start with.
const FIRST_BOXES: [[u8; 4]; 14] = [
    *b"ftyp", *b"moov", *b"mdat", *b"free", *b"skip", *b"wide", *b"styp", *b"sidx", *b"moof", *b"uuid",
    *b"pnot", *b"pdin", *b"meta", *b"udta",
];

/// What a reader wants next.
#[derive(Debug)]
pub enum Step {
    /// The bytes of this half-open range of the file, all of them. It is never
    /// empty and ends within the file.
    Need(Range<u64>),
    /// Nothing: the file is read.
    Done(Movie),
}

/// Reads the tables of one file, sans IO.
///
/// ```
/// # use strata_media::read::mp4::{ReadError, Reader, Step};
/// # fn read(file: &[u8]) -> Result<(), ReadError> {
/// let mut reader = Reader::new(file.len() as u64);
/// let mut step = reader.step(None)?;
/// while let Step::Need(range) = step {
///     let bytes = bytes::Bytes::copy_from_slice(&file[range.start as usize..range.end as usize]);
///     step = reader.step(Some(bytes))?;
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Reader {
    file_size: u64,
    asked: Option<Range<u64>>,
    /// Where the next top-level box starts.
    at: u64,
    boxes_seen: u32,
}

impl Reader {
    /// A reader of a file of `file_size` bytes.
    #[must_use]
    pub fn new(file_size: u64) -> Self {
        Self {
            file_size,
            asked: None,
            at: 0,
            boxes_seen: 0,
        }
    }

    /// Takes the bytes of the last [`Step::Need`] (`None` at first) and says
    /// what is wanted next.
    ///
    /// # Errors
    /// When the file is not MP4, is damaged, has no `moov`, or exceeds a limit.
    pub fn step(&mut self, supplied: Option<Bytes>) -> Result<Step, ReadError> {
        let Some(asked) = self.asked.take() else {
            return if self.file_size == 0 {
                Err(ReadError::Empty)
            } else {
                Ok(self.scan_from(0))
            };
        };
        let bytes = supplied.unwrap_or_default();
        let wanted = asked.end - asked.start;
        if bytes.len() as u64 != wanted {
            let supplied = bytes.len() as u64;
            return Err(ReadError::WrongSupply {
                offset: asked.start,
                wanted,
                supplied,
            });
        }
        self.scan(&bytes, asked.start)
    }

    fn scan_from(&mut self, at: u64) -> Step {
        self.need(at..at.saturating_add(SCAN_SIZE).min(self.file_size))
    }

    fn need(&mut self, range: Range<u64>) -> Step {
        self.asked = Some(range.clone());
        Step::Need(range)
    }

    /// Walks the box headers in `bytes`, which lie at `start`.
    fn scan(&mut self, bytes: &Bytes, start: u64) -> Result<Step, ReadError> {
        let end = start + bytes.len() as u64;
        loop {
            if self.file_size.saturating_sub(self.at) < 8 {
                return Err(ReadError::NoMovie {
                    file_size: self.file_size,
                });
            }
            if end < self.at.saturating_add(BoxHeader::SIZE_MAX).min(self.file_size) {
                return Ok(self.scan_from(self.at));
            }
            let skip = usize::try_from(self.at - start)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let here = bytes.slice(skip..);
            if self.at == 0 {
                check_first_box(&here)?;
            }
            let header = BoxHeader::read(&here, self.at, self.file_size)?;
            self.boxes_seen += 1;
            if self.boxes_seen > TOP_LEVEL_BOXES_MAX {
                return Err(too_many(
                    header,
                    "boxes before the moov",
                    self.boxes_seen.into(),
                    TOP_LEVEL_BOXES_MAX.into(),
                ));
            }
            if header.kind.0 != *b"moov" {
                self.at = header.end;
                continue;
            }
            let size = header.end - header.offset;
            if MOOV_SIZE_MAX < size {
                return Err(too_many(header, "bytes", size, MOOV_SIZE_MAX));
            }
            if end < header.end {
                return Ok(self.need(header.offset..header.end));
            }
            let whole = here.slice(..usize::try_from(size).unwrap_or(usize::MAX).min(here.len()));
            let head = usize::try_from(header.payload - header.offset).unwrap_or(0);
            let moov = BoxBytes {
                header,
                payload: whole.slice(head..),
                whole,
            };
            return movie::read(&moov, self.file_size).map(Step::Done);
        }
    }
}

fn check_first_box(bytes: &[u8]) -> Result<(), ReadError> {
    let mut kind = [0; 4];
    for (to, from) in kind.iter_mut().zip(bytes.iter().skip(4)) {
        *to = *from;
    }
    if FIRST_BOXES.contains(&kind) {
        Ok(())
    } else {
        Err(ReadError::NotMp4 { kind: FourCc(kind) })
    }
}

fn too_many(header: BoxHeader, what: &'static str, count: u64, limit: u64) -> ReadError {
    ReadError::TooMany {
        kind: header.kind,
        offset: header.offset,
        what,
        count,
        limit,
    }
}
