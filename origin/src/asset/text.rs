//! Files of text: read whole, while a title is loaded.

use bytes::Bytes;
use strata_media::plan::FileIndex;
use strata_media::presentation::Presentation;
use strata_media::read::ism::TrackReference;
use strata_media::read::text::{TextError, TextFormat, check_size};

use super::error::LoadError;
use crate::source::{Opened, SourceError, Store, Tally};

/// A file of text on its way into a presentation.
pub(super) struct TextFile {
    pub(super) index: FileIndex,
    /// What the server manifest says of it; at least one.
    pub(super) references: Vec<TrackReference>,
    pub(super) format: TextFormat,
    /// All of it, or why it is not read.
    pub(super) bytes: Result<Bytes, TextError>,
}

/// Reads all of `object`, whose head `opened` has, unless it is larger than any text.
pub(super) async fn read(
    store: &Store,
    object: &str,
    opened: &Opened,
    tally: &Tally,
) -> Result<Result<Bytes, TextError>, LoadError> {
    if let Err(error) = check_size(opened.meta.size) {
        return Ok(Err(error));
    }
    let bytes = read_whole(store, object, opened, tally).await;
    bytes.map(Ok).map_err(LoadError::of_file)
}

/// All of `object`, whose head `opened` has; how large it may be has been checked.
pub(super) async fn read_whole(
    store: &Store,
    object: &str,
    opened: &Opened,
    tally: &Tally,
) -> Result<Bytes, SourceError> {
    let (head, size) = (opened.head.bytes().clone(), opened.meta.size);
    if size <= head.len() as u64 {
        return Ok(head);
    }
    let rest = head.len() as u64..size;
    let rest = store.read(object, &opened.meta.version, rest, tally).await?;
    Ok([head, rest.into()].concat().into())
}

/// Adds `texts` to `presentation`. Returns what was left out of them, by their files.
pub(super) fn add(presentation: &mut Presentation, texts: Vec<TextFile>) -> Vec<(FileIndex, TextError)> {
    let mut left_out = Vec::new();
    for text in texts {
        let TextFile {
            index,
            references,
            format,
            bytes,
        } = text;
        let bytes = bytes.as_deref().map_err(TextError::clone);
        let notes = presentation.add_text_file(index, references, format, bytes);
        left_out.extend(notes.into_iter().map(|note| (index, note)));
    }
    left_out
}
