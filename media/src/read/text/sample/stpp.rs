//! Samples of `stpp`: a TTML document each, `ISO/IEC 14496-30 §5`.

use std::time::Duration;

use super::super::{FILE_SIZE_MAX, Problem, TextError, encoding, ttml};
use crate::text::Cue;
use crate::time::{Instant, Timescale};

/// Reads a document, of which only what is active between `start` and `end` of
/// the presentation is shown.
pub(super) fn read(
    payload: &[u8],
    start: Duration,
    end: Duration,
    shift: Instant,
) -> Result<Vec<Cue>, TextError> {
    if payload.len() > FILE_SIZE_MAX {
        return Err(TextError::at(1, Problem::TooLarge { size: payload.len() }));
    }
    let document = payload.get(..document_size(payload)).unwrap_or(payload);
    if document.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let mut file = ttml::read(&encoding::decode(document))?;
    let shift = shift.on(Timescale::MICROSECONDS);
    for cue in &mut file.document.cues {
        cue.start = shifted(cue.start, shift).max(start);
        cue.end = shifted(cue.end, shift).min(end);
    }
    file.document.sort();
    Ok(file.document.cues)
}

/// Where the document ends: images may follow in the same sample.
fn document_size(payload: &[u8]) -> usize {
    let ends = payload
        .windows(3)
        .enumerate()
        .filter(|(_, bytes)| *bytes == b"tt>");
    let mut ends = ends.filter(|(at, _)| {
        let before = payload
            .get(at.saturating_sub(PREFIX_SIZE_MAX)..*at)
            .unwrap_or_default();
        let name = before.iter().rposition(|byte| *byte == b'/');
        let prefix = name.and_then(|slash| before.get(slash + 1..));
        prefix.is_some_and(|prefix| prefix.is_empty() || prefix.ends_with(b":"))
    });
    ends.next().map_or(payload.len(), |(at, _)| at + 3)
}

/// Longest prefix of the root's name that is looked for, with what is before it.
const PREFIX_SIZE_MAX: usize = 32;

fn shifted(time: Duration, micros: i64) -> Duration {
    let distance = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 {
        time.saturating_sub(distance)
    } else {
        time.saturating_add(distance)
    }
}
