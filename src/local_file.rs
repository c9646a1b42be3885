//! MP4 files of this machine, read without an origin.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use strata_media::read::mp4::{MoovPlace, MoovSearch, MoovStep, Movie, ReadError, Reader, Step};

/// The tables of a file of `size` bytes, or what is wrong with it; the outer error is
/// one of reading.
pub(crate) fn read_movie(file: &File, size: u64) -> anyhow::Result<Result<Movie, ReadError>> {
    let mut reader = Reader::new(size);
    let mut step = reader.step(None);
    loop {
        match step {
            Ok(Step::Need(range)) => step = reader.step(Some(read_range(file, range)?)),
            Ok(Step::Done(movie)) => return Ok(Ok(movie)),
            Err(error) => return Ok(Err(error)),
        }
    }
}

/// Where the `moov` of a file of `size` bytes lies.
pub(crate) fn find_moov(file: &File, size: u64) -> anyhow::Result<Option<MoovPlace>> {
    let mut search = MoovSearch::new(size);
    let mut step = search.step(None)?;
    loop {
        match step {
            MoovStep::Need(range) => step = search.step(Some(read_range(file, range)?))?,
            MoovStep::Done(place) => return Ok(place),
        }
    }
}

/// The bytes of `range` of a file.
pub(crate) fn read_range(file: &File, range: Range<u64>) -> anyhow::Result<Bytes> {
    // Readers ask within the file's size, and for no more than their own limits.
    let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start))?];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(Bytes::from(bytes))
}
