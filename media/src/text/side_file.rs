//! A file of text beside the others of a title.

use super::{Document, TextForm};
use crate::codec::MediaKind;
use crate::plan::FileIndex;
use crate::presentation::{Presentation, SkippedTrack};
use crate::read::ism::TrackReference;
use crate::read::text::{self, TextError, TextFormat};

/// A file of text beside the others of a title.
#[derive(Clone, Debug)]
pub struct SideFile {
    /// Which file of the title it is.
    pub file: FileIndex,
    /// What the server manifest says of it.
    pub reference: TrackReference,
    /// What is in it.
    pub document: Document,
    /// How DASH carries it when its reference does not say.
    pub form: TextForm,
}

impl Presentation {
    /// Reads the file of text `file` and adds it, once for each of `references`, which
    /// are what the server manifest says of it. `bytes` is all of it, or why it is not
    /// read. A file that cannot be read is left out, see [`Presentation::skipped`].
    ///
    /// Returns what was left out of the text, and why: the first
    /// [`text::NOTES_MAX`] parts.
    pub fn add_text_file(
        &mut self,
        file: FileIndex,
        references: impl IntoIterator<Item = TrackReference>,
        format: TextFormat,
        bytes: Result<&[u8], TextError>,
    ) -> Vec<TextError> {
        match bytes.and_then(|bytes| text::read(bytes, format)) {
            Ok(text::TextFile { document, notes }) => {
                for reference in references {
                    self.add_side_file(SideFile {
                        file,
                        reference,
                        document: document.clone(),
                        form: format.form(),
                    });
                }
                notes
            }
            Err(error) => {
                self.skipped.push(SkippedTrack {
                    file,
                    source_id: None,
                    kind: Some(MediaKind::Text),
                    reason: error.into(),
                });
                Vec::new()
            }
        }
    }
}
