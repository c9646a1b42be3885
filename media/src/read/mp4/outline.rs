//! Where the `moov` of a file lies: before its media, or behind it.

use std::ops::Range;

use bytes::Bytes;

use super::ReadError;
use super::boxes::BoxHeader;

/// Most boxes that are looked at before the `moov`.
const BOXES_MAX: usize = 4096;

/// Where a `moov` lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoovPlace {
    /// File offset of the box.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Bytes of media (`mdat`) that come before it.
    pub media_before: u64,
}

/// What the search wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoovStep {
    /// The bytes of this half-open range, which is within the file.
    Need(Range<u64>),
    /// Nothing: this is where it is, if there is one.
    Done(Option<MoovPlace>),
}

/// Looks for the `moov` of a file, sans IO: reads the heads of the boxes before it.
#[derive(Clone, Debug)]
pub struct MoovSearch {
    file_size: u64,
    at: u64,
    media_before: u64,
    boxes: usize,
}

impl MoovSearch {
    /// A search in a file of `file_size` bytes.
    #[must_use]
    pub fn new(file_size: u64) -> Self {
        Self {
            file_size,
            at: 0,
            media_before: 0,
            boxes: 0,
        }
    }

    /// Goes on with `supplied`, the bytes of the last [`MoovStep::Need`]; `None` at the
    /// start.
    ///
    /// # Errors
    /// When a box is malformed.
    pub fn step(&mut self, supplied: Option<Bytes>) -> Result<MoovStep, ReadError> {
        if let Some(bytes) = supplied {
            let header = BoxHeader::read(&bytes, self.at, self.file_size)?;
            match &header.kind.0 {
                b"moov" => {
                    return Ok(MoovStep::Done(Some(MoovPlace {
                        offset: header.offset,
                        size: header.size(),
                        media_before: self.media_before,
                    })));
                }
                b"mdat" => self.media_before = self.media_before.saturating_add(header.size()),
                _ => {}
            }
            self.at = header.end;
            self.boxes += 1;
        }
        if self.file_size <= self.at || self.boxes == BOXES_MAX {
            return Ok(MoovStep::Done(None));
        }
        let end = self.at.saturating_add(BoxHeader::SIZE_MAX).min(self.file_size);
        Ok(MoovStep::Need(self.at..end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(file: &[u8]) -> Result<Option<MoovPlace>, ReadError> {
        let mut search = MoovSearch::new(file.len() as u64);
        let mut step = search.step(None)?;
        loop {
            match step {
                MoovStep::Done(place) => return Ok(place),
                MoovStep::Need(range) => {
                    let bound = |at: u64| usize::try_from(at).unwrap();
                    let bytes = file[bound(range.start)..bound(range.end)].to_vec();
                    step = search.step(Some(bytes.into()))?;
                }
            }
        }
    }

    #[test]
    fn a_moov_is_found_behind_media_and_before_it() {
        let (moov, mdat) = (b"\0\0\0\x08moov", b"\0\0\0\x0amdatxx");
        let place = |offset, media_before| MoovPlace {
            offset,
            size: 8,
            media_before,
        };
        assert_eq!(search(&[&moov[..], mdat].concat()), Ok(Some(place(0, 0))));
        assert_eq!(search(&[&mdat[..], moov].concat()), Ok(Some(place(10, 10))));
        assert_eq!(search(mdat), Ok(None));
        assert_eq!(search(b""), Ok(None));
        assert!(search(b"\0\0\0\x04moov").is_err() && search(b"\0\0\0\xffmoov").is_err());
    }
}
