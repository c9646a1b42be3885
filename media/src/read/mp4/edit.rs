//! Edit lists (`ISO/IEC 14496-12 §8.6.6`).

use super::ReadError;
use super::boxes::BoxBytes;

/// Most edits a track may have.
const EDITS_MAX: u32 = 10_000;

/// One entry of an edit list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// How long the edit lasts, in ticks of the movie; 0 reaches to the end.
    pub duration: u64,
    /// Where in the media it starts, in ticks of the track; `None` for an
    /// empty edit, which plays nothing.
    pub media_time: Option<i64>,
}

/// Reads an `elst`.
pub(super) fn read(elst: &BoxBytes) -> Result<Vec<Edit>, ReadError> {
    let mut full = elst.full()?;
    let count = full.fields.u32()?;
    let size = if full.version == 0 { 12 } else { 20 };
    let limit = u64::from(EDITS_MAX).min(full.fields.remaining() / size);
    if limit < u64::from(count) {
        let (kind, offset) = (elst.header.kind, elst.header.offset);
        return Err(ReadError::TooMany {
            kind,
            offset,
            what: "edits",
            count: count.into(),
            limit,
        });
    }
    let mut edits = Vec::new();
    for _ in 0..count {
        let duration = full.fields.by_version(full.version)?;
        let media_time = match full.version {
            0 => i64::from(full.fields.u32()?.cast_signed()),
            _ => full.fields.u64()?.cast_signed(),
        };
        let rate = full.fields.u32()?;
        // A rate of 0 holds one frame still; as nothing new plays, it is a pause.
        let plays = media_time != -1 && rate != 0;
        edits.push(Edit {
            duration,
            media_time: plays.then_some(media_time),
        });
    }
    Ok(edits)
}
