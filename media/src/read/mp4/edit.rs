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
    /// How fast it plays.
    pub rate: EditRate,
}

/// How fast an edit plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditRate {
    /// As fast as the media was made.
    Normal,
    /// Not at all: one picture is held still.
    Still,
    /// At another speed, which is not followed.
    Other,
}

/// Whether `edits` play the media in one stretch, pauses before it apart.
pub(super) fn is_one_stretch(edits: &[Edit]) -> bool {
    let playing = edits.iter().skip_while(|edit| edit.media_time.is_none());
    playing.count() <= 1
}

/// Reads an `elst`.
pub(super) fn read(elst: &BoxBytes) -> Result<Vec<Edit>, ReadError> {
    let mut full = elst.full()?;
    let count = full.fields.u32()?;
    let size = if full.version == 0 { 12 } else { 20 };
    let limit = u64::from(EDITS_MAX).min(full.fields.remaining() / size);
    if limit < u64::from(count) {
        return Err(elst.too_many("edits", count.into(), limit));
    }
    let mut edits = Vec::new();
    for _ in 0..count {
        let duration = full.fields.by_version(full.version)?;
        let media_time = match full.version {
            0 => i64::from(full.fields.u32()?.cast_signed()),
            _ => full.fields.u64()?.cast_signed(),
        };
        // 16.16 fixed point.
        let rate = match full.fields.u32()? {
            0 => EditRate::Still,
            0x1_0000 => EditRate::Normal,
            _ => EditRate::Other,
        };
        edits.push(Edit {
            duration,
            media_time: (media_time != -1).then_some(media_time),
            rate,
        });
    }
    Ok(edits)
}
