//! Finds the `moov` among the boxes of a file, and after it the fragments, asking
//! for as few bytes as that takes.

use std::ops::Range;

use bytes::Bytes;

use super::fragment::Indexer;
use super::windows::{Halt, Windows};
use super::{Movie, ReadError, entries, movie};
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
/// Of a progressive file that is its `moov`. Of a fragmented one it is the
/// `moov`, the index (`sidx` or `mfra`), and the first and the last fragment;
/// without an index, or with an edit list that jumps within the media, every
/// `moof` is read. So it is where an index turns out to be wrong, see
/// [`Movie::index_faults`].
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
    windows: Windows,
    asked: Option<Range<u64>>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Looks for the `moov`.
    Search {
        /// Where the next top-level box starts.
        at: u64,
        boxes_seen: u32,
        /// Where the first box of a fragment was seen.
        fragments_at: Option<u64>,
    },
    /// Finds the fragments.
    Fragments(Box<Indexer>),
    /// Completes what sample entries say; of the tracks from `next` on it has yet to.
    Entries { movie: Movie, next: usize },
}

impl Stage {
    fn entries(movie: Movie) -> Self {
        Self::Entries { movie, next: 0 }
    }
}

impl Reader {
    /// A reader of a file of `file_size` bytes.
    #[must_use]
    pub fn new(file_size: u64) -> Self {
        Self {
            windows: Windows::new(file_size),
            asked: None,
            stage: Stage::Search {
                at: 0,
                boxes_seen: 0,
                fragments_at: None,
            },
        }
    }

    /// Goes on with `supplied`, the bytes of the last [`Step::Need`]; `None` at
    /// the start. After an error or [`Step::Done`] the reader is of no more use.
    ///
    /// # Errors
    /// When the bytes are no MP4 file that can be read: it is damaged, of an
    /// unsupported form, has no `moov`, or exceeds a limit.
    pub fn step(&mut self, supplied: Option<Bytes>) -> Result<Step, ReadError> {
        if self.windows.file_size == 0 {
            return Err(ReadError::Empty);
        }
        if let Some(asked) = self.asked.take() {
            let bytes = supplied.unwrap_or_default();
            check_supply(&asked, &bytes)?;
            self.windows.supply(asked.start, bytes);
        }
        match self.advance() {
            Ok(movie) => Ok(Step::Done(movie)),
            Err(Halt::Failed(error)) => Err(error),
            Err(Halt::Need(range)) => {
                self.asked = Some(range.clone());
                Ok(Step::Need(range))
            }
        }
    }

    fn advance(&mut self) -> Result<Movie, Halt> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Search { .. } => {
                    let (found, fragments_at) = self.search()?;
                    match found.extends {
                        Some(extends) => {
                            let indexer = Indexer::new(found.movie, extends, fragments_at);
                            Stage::Fragments(Box::new(indexer))
                        }
                        None => Stage::entries(found.movie),
                    }
                }
                Stage::Fragments(indexer) => Stage::entries(indexer.advance(&self.windows)?),
                Stage::Entries { movie, next } => {
                    while let Some(track) = movie.tracks.get_mut(*next) {
                        entries::complete(track, &self.windows)?;
                        *next += 1;
                    }
                    return Ok(std::mem::take(movie));
                }
            };
        }
    }

    /// Walks the boxes up to the `moov` and reads it; with it where fragments
    /// are to be looked for.
    fn search(&mut self) -> Result<(movie::MovieBox, u64), Halt> {
        let file_size = self.windows.file_size;
        let Stage::Search {
            at,
            boxes_seen,
            fragments_at,
        } = &mut self.stage
        else {
            return Err(ReadError::NoMovie { file_size }.into());
        };
        loop {
            if *at == 0 && file_size >= 8 {
                check_first_box(&self.windows.get(0..8, SCAN_SIZE)?)?;
            }
            let Some(header) = self.windows.header(*at, SCAN_SIZE)? else {
                return Err(ReadError::NoMovie { file_size }.into());
            };
            if *boxes_seen == TOP_LEVEL_BOXES_MAX {
                let (count, limit) = (u64::from(*boxes_seen) + 1, u64::from(TOP_LEVEL_BOXES_MAX));
                return Err(header.too_many("boxes before the moov", count, limit).into());
            }
            match &header.kind.0 {
                b"moov" => {
                    let moov = self.windows.whole(header, MOOV_SIZE_MAX)?;
                    let fragments_at = fragments_at.unwrap_or(header.end);
                    return Ok((movie::read(&moov, file_size)?, fragments_at));
                }
                b"moof" | b"sidx" if fragments_at.is_none() => *fragments_at = Some(header.offset),
                _ => {}
            }
            *boxes_seen += 1;
            *at = header.end;
        }
    }
}

/// Whether `bytes` are as many as were asked for.
pub(super) fn check_supply(asked: &Range<u64>, bytes: &Bytes) -> Result<(), ReadError> {
    let (wanted, supplied) = (asked.end.saturating_sub(asked.start), bytes.len() as u64);
    if wanted != supplied {
        return Err(ReadError::WrongSupply {
            offset: asked.start,
            wanted,
            supplied,
        });
    }
    Ok(())
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
