//! Samples of text tracks → cues.

mod stpp;
mod tx3g;
mod wvtt;

use std::time::Duration;

use super::TextError;
use crate::codec::{Codec, CodecConfig, FourCc};
use crate::text::Cue;
use crate::time::{Instant, Timescale};

/// Reads a sample of a text track, which is shown from `start` to `end` of the
/// presentation; `codec` is its sample entry. `shift` is what is added to times
/// that stand within a sample to get those of the presentation; those of `dfxp`
/// count from the start of the sample. A codec that carries no text has no cues.
///
/// # Errors
///
/// When the sample does not hold together.
pub fn read_sample(
    codec: &CodecConfig,
    payload: &[u8],
    start: Duration,
    end: Duration,
    shift: Instant,
) -> Result<Vec<Cue>, TextError> {
    let mut cues = match codec.codec {
        Codec::Wvtt => wvtt::read(payload)?,
        Codec::Tx3g => tx3g::read(&codec.record, payload)?,
        Codec::Stpp if codec.four_cc() == FourCc(*b"dfxp") => {
            let micros = i64::try_from(start.as_micros()).unwrap_or(i64::MAX);
            return stpp::read(payload, start, end, Timescale::MICROSECONDS.instant(micros));
        }
        Codec::Stpp => return stpp::read(payload, start, end, shift),
        _ => Vec::new(),
    };
    for cue in &mut cues {
        (cue.start, cue.end) = (start, end);
    }
    cues.retain(|cue| !cue.is_blank());
    Ok(cues)
}
