//! Samples of `wvtt`: cues in boxes, `ISO/IEC 14496-30 §7`.

use super::super::vtt::{read_content, read_settings};
use super::super::{CUES_MAX, Problem, TextError};
use crate::codec::FourCc;
use crate::text::Cue;

/// Size and type of a box.
const HEADER_SIZE: usize = 8;

/// Reads the cues of a sample; those of an empty one are none.
pub(super) fn read(payload: &[u8]) -> Result<Vec<Cue>, TextError> {
    let mut cues = Vec::new();
    for found in Boxes::of(payload, 0) {
        let (kind, offset, content) = found?;
        if &kind.0 == b"vttc" {
            if cues.len() == CUES_MAX {
                return Err(TextError::at(1, Problem::TooManyCues));
            }
            cues.push(read_cue(content, offset)?);
        }
    }
    Ok(cues)
}

fn read_cue(payload: &[u8], offset: usize) -> Result<Cue, TextError> {
    let mut cue = Cue::default();
    for found in Boxes::of(payload, offset + HEADER_SIZE) {
        let (kind, _, content) = found?;
        let text = String::from_utf8_lossy(content);
        // Some writers end strings with a zero byte.
        let text = text.trim_end_matches('\0');
        match &kind.0 {
            b"iden" => text.clone_into(&mut cue.identifier),
            b"sttg" => cue.placement = read_settings(text),
            b"payl" => cue.content = read_content(&text.replace("\r\n", "\n").replace('\r', "\n")),
            _ => {}
        }
    }
    Ok(cue)
}

/// The boxes in a stretch of a sample, and where each starts in the sample.
pub(super) struct Boxes<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Boxes<'a> {
    pub(super) fn of(rest: &'a [u8], offset: usize) -> Self {
        Self { rest, offset }
    }
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Result<(FourCc, usize, &'a [u8]), TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (head, _) = self.rest.split_first_chunk::<HEADER_SIZE>()?;
        let [a, b, c, d, kind @ ..] = *head;
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let (kind, offset) = (FourCc(kind), self.offset);
        let content = self.rest.get(HEADER_SIZE..size);
        self.rest = self.rest.get(size.max(HEADER_SIZE)..).unwrap_or_default();
        self.offset = offset.saturating_add(size);
        Some(match content {
            Some(content) => Ok((kind, offset, content)),
            None => {
                self.rest = &[];
                Err(TextError::at(1, Problem::BadBox { kind, offset }))
            }
        })
    }
}
