//! Sample entries that say nothing of their decoder's configuration, or of the layer of
//! their sound, completed by what their first samples say.

use std::ops::Range;

use bytes::Bytes;

use super::MovieTrack;
use super::windows::{Halt, Windows};
use crate::codec::{self, MpegLayer};

/// Bytes of a sample that are looked at: sequence headers come first in it.
const LOOKED_AT: u64 = 4 << 10;

/// Completes the entry of the first sample of `track`. What cannot be completed stays as
/// it is, and is refused by whoever needs it.
pub(super) fn complete(track: &mut MovieTrack, windows: &Windows) -> Result<(), Halt> {
    let Some((entry, range)) = incomplete(track, windows.file_size) else {
        return Ok(());
    };
    let sample = windows.get(range, 0)?;
    if let Some(entry) = track.sample_entries.get_mut(entry) {
        if codec::has_layers(entry) {
            track.mpeg_layer = MpegLayer::of_frame(&sample);
        } else if let Some(configured) = codec::configured(entry, &sample) {
            *entry = configured.into();
        }
    }
    Ok(())
}

/// The entry of the track's first sample, if it has to be completed, and where the start
/// of that sample lies.
fn incomplete(track: &MovieTrack, file_size: u64) -> Option<(usize, Range<u64>)> {
    let is_incomplete = |entry: &Bytes| codec::is_unconfigured(entry) || codec::has_layers(entry);
    if !track.sample_entries.iter().any(is_incomplete) {
        return None;
    }
    let first = match &track.index {
        Some(index) => index.first_sample,
        None => track.samples().next()?.ok()?,
    };
    let entry = usize::try_from(first.entry).ok()?;
    track
        .sample_entries
        .get(entry)
        .filter(|entry| is_incomplete(entry))?;
    let end = first.offset.checked_add(u64::from(first.size).min(LOOKED_AT))?;
    (first.offset < end && end <= file_size).then_some((entry, first.offset..end))
}
