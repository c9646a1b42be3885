//! Readers of timed text: files of WebVTT, SubRip and TTML, and the samples of
//! text tracks.
//!
//! Files come from people and from many programs. A cue that makes no sense is
//! left out and noted, as players do; only what is no text of its kind at all, or
//! passes a limit, is refused.

mod encoding;
mod error;
mod sample;
mod srt;
mod ttml;
mod vtt;

#[cfg(test)]
mod tests;

pub use error::{Problem, TextError};
pub use sample::read_sample;

use super::ism::TrackReference;
use crate::codec::MediaKind;
use crate::text::{Document, TextForm};

/// Largest file of text read, in bytes. Real ones take 100 KiB for a film.
pub const FILE_SIZE_MAX: usize = 8 * 1024 * 1024;
/// Most bytes of text files in one title.
pub const TITLE_SIZE_MAX: usize = 32 * 1024 * 1024;
/// Most cues in one file or sample.
pub const CUES_MAX: usize = 100_000;
/// Most problems noted of one file.
pub const NOTES_MAX: usize = 16;

/// What a file of text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextFormat {
    /// WebVTT.
    WebVtt,
    /// SubRip.
    SubRip,
    /// TTML and its kin: DFXP, SMPTE-TT, EBU-TT, IMSC.
    Ttml,
}

impl TextFormat {
    /// The format that a file of this name is in, by its ending in any case:
    /// `.vtt`, `.webvtt`, `.srt`, `.ttml`, `.dfxp`, `.itt`, `.xml`. A query behind
    /// the name is let pass.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.split(['?', '#']).next()?;
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "vtt" | "webvtt" => Some(Self::WebVtt),
            "srt" => Some(Self::SubRip),
            "ttml" | "dfxp" | "itt" | "xml" => Some(Self::Ttml),
            _ => None,
        }
    }

    /// The format of the file that a server manifest names by `reference`; `None` for
    /// anything but a file of text, such as a text track in an MP4 file.
    #[must_use]
    pub fn of_reference(reference: &TrackReference) -> Option<Self> {
        let is_text = reference.kind == MediaKind::Text;
        is_text.then(|| Self::of_name(&reference.src)).flatten()
    }

    /// How DASH carries such a text when nobody says.
    #[must_use]
    pub fn form(self) -> TextForm {
        match self {
            Self::WebVtt | Self::SubRip => TextForm::Wvtt,
            Self::Ttml => TextForm::Stpp,
        }
    }
}

/// What is left of [`TITLE_SIZE_MAX`] for the texts of a title, in their order.
#[derive(Clone, Debug)]
pub struct TextBudget {
    left: usize,
}

impl Default for TextBudget {
    fn default() -> Self {
        Self { left: TITLE_SIZE_MAX }
    }
}

impl TextBudget {
    /// Takes the bytes of the next text off.
    ///
    /// # Errors
    ///
    /// When they are more than is left; nothing is taken off then.
    pub fn take(&mut self, bytes: usize) -> Result<(), TextError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(TextError::at(1, Problem::TitleTooLarge))?;
        Ok(())
    }
}

/// Whether a file of text of this size is read.
///
/// # Errors
///
/// When it is not: larger than [`FILE_SIZE_MAX`].
pub fn check_size(size: u64) -> Result<(), TextError> {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if FILE_SIZE_MAX < size {
        return Err(TextError::at(1, Problem::TooLarge { size }));
    }
    Ok(())
}

/// A file of text as read, and what was left out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFile {
    /// The text.
    pub document: Document,
    /// What was left out and why: the first [`NOTES_MAX`].
    pub notes: Vec<TextError>,
}

/// Reads a file of text in UTF-8 or UTF-16; bytes that are neither are taken for
/// Windows-1252, which Latin-1 is part of.
///
/// # Errors
///
/// See [`Problem`]; the error has the line.
pub fn read(bytes: &[u8], format: TextFormat) -> Result<TextFile, TextError> {
    check_size(bytes.len() as u64)?;
    let text = encoding::decode(bytes);
    let mut file = match format {
        TextFormat::WebVtt => vtt::read(&text)?,
        TextFormat::SubRip => srt::read(&text)?,
        TextFormat::Ttml => ttml::read(&text)?,
    };
    file.document.sort();
    Ok(file)
}

impl TextFile {
    fn note(&mut self, line: usize, problem: Problem) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(TextError::at(line, problem));
        }
    }

    fn push(&mut self, line: usize, cue: crate::text::Cue) -> Result<(), TextError> {
        if self.document.cues.len() == CUES_MAX {
            return Err(TextError::at(line, Problem::TooManyCues));
        }
        self.document.cues.push(cue);
        Ok(())
    }
}
