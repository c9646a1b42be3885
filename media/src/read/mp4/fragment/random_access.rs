//! The movie fragment random access box (`mfra`, `ISO/IEC 14496-12 §8.8.9`) at
//! the end of a file.

use super::calibration::{RawEntry, RawIndex};
use crate::codec::FourCc;
use crate::read::mp4::boxes::{BoxBytes, Fields};
use crate::read::mp4::windows::{Halt, Windows};
use crate::read::mp4::{Movie, ReadError};

/// Bytes asked for at the end of a file: an `mfra` of an hour or two is whole in it.
const ASK: u64 = 64 << 10;

/// The type of the box.
pub(super) const MFRA: FourCc = FourCc(*b"mfra");

/// Size of an `mfro` (§8.8.11).
const OFFSET_BOX_SIZE: u64 = 16;

/// Largest `mfra` read in bytes.
const SIZE_MAX: u64 = 64 << 20;

/// Reads the `mfra`; one index for each track of `movie`, or nothing when the
/// file has none that says it all.
pub(super) fn read(windows: &Windows, movie: &Movie) -> Result<Option<Vec<RawIndex>>, Halt> {
    let Some(start) = locate(windows)? else {
        return Ok(None);
    };
    // Most are whole in what has been read; a longer one is asked for at once.
    let size = windows.file_size.saturating_sub(start).min(SIZE_MAX);
    let header = windows.header(start, size)?;
    let Some(header) = header.filter(|header| header.kind == MFRA) else {
        return Err(Halt::Failed(ReadError::BadValue {
            kind: FourCc(*b"mfro"),
            offset: windows.file_size.saturating_sub(OFFSET_BOX_SIZE),
            reason: "there is no mfra where it points at",
        }));
    };
    let mfra = windows.whole(header, SIZE_MAX)?;
    let mut tracks = vec![None; movie.tracks.len()];
    for tfra in mfra.children(0) {
        let tfra = tfra?;
        if tfra.kind() != *b"tfra" {
            continue;
        }
        let (track_id, entries) = track_entries(&tfra, start)?;
        let position = movie.tracks.iter().position(|track| track.id == track_id);
        if let Some(track) = position.and_then(|position| tracks.get_mut(position)) {
            *track = Some(RawIndex { entries, end: start });
        }
    }
    Ok(tracks.into_iter().collect())
}

/// Where the `mfra` starts, by the `mfro` that ends the file.
fn locate(windows: &Windows) -> Result<Option<u64>, Halt> {
    let file_size = windows.file_size;
    let Some(at) = file_size.checked_sub(OFFSET_BOX_SIZE) else {
        return Ok(None);
    };
    let tail = file_size.saturating_sub(ASK);
    let bytes = match windows.get(at..file_size, 0) {
        Ok(bytes) => bytes,
        // What stands before it is wanted next.
        Err(Halt::Need(_)) => return Err(Halt::Need(tail..file_size)),
        Err(failed) => return Err(failed),
    };
    let (head, size) = bytes.split_at(12);
    let size = <[u8; 4]>::try_from(size).map(u32::from_be_bytes).unwrap_or(0);
    let is_offset_box = head.get(..8) == Some(b"\0\0\0\x10mfro");
    Ok(file_size
        .checked_sub(size.into())
        .filter(|start| is_offset_box && *start < at))
}

/// The track of a `tfra` (§8.8.10), and the entries that start a fragment.
fn track_entries(tfra: &BoxBytes, end: u64) -> Result<(u32, Vec<RawEntry>), ReadError> {
    let mut full = tfra.full()?;
    let track_id = full.fields.u32()?;
    let widths = full.fields.u32()?;
    let count = full.fields.u32()?;
    let width = |shift: u32| usize::try_from(widths >> shift & 3).unwrap_or(0) + 1;
    let (traf, trun, sample) = (width(4), width(2), width(0));
    let time = if full.version == 0 { 4 } else { 8 };
    let size = 2 * time + (traf + trun + sample) as u64;
    let limit = full.fields.remaining() / size;
    if limit < u64::from(count) {
        return Err(tfra.too_many("entries", count.into(), limit));
    }
    let mut entries: Vec<RawEntry> = Vec::new();
    for _ in 0..count {
        let time = full.fields.by_version(full.version)?;
        let offset = full.fields.by_version(full.version)?;
        number(&mut full.fields, traf)?;
        let is_first = number(&mut full.fields, trun)? <= 1 && number(&mut full.fields, sample)? <= 1;
        if end <= offset {
            return Err(tfra.bad("a fragment lies behind it"));
        }
        // Sync samples within a fragment cannot start a segment here.
        let is_next = entries.last().is_none_or(|last| last.offset < offset);
        if is_first && is_next {
            entries.push(RawEntry {
                offset,
                time: time.cast_signed(),
                is_sync: true,
            });
        }
    }
    Ok((track_id, entries))
}

/// A number of `width` bytes.
fn number(fields: &mut Fields, width: usize) -> Result<u32, ReadError> {
    let bytes = fields.take(width)?;
    Ok(bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte)))
}
