//! Sample entries that say nothing of their decoder's configuration, completed by what
//! their first samples say.

use std::ops::Range;

use super::windows::{Halt, Windows};
use super::{Movie, MovieTrack};
use crate::codec;

/// Bytes of a sample that are looked at: sequence headers come first in it.
const LOOKED_AT: u64 = 4 << 10;

/// Completes the entries of `movie`. What cannot be completed stays as it is, and is
/// refused by whoever needs it.
pub(super) fn complete(movie: &mut Movie, windows: &Windows) -> Result<(), Halt> {
    for track in &mut movie.tracks {
        let Some((entry, range)) = unconfigured(track, windows.file_size) else {
            continue;
        };
        let sample = windows.get(range, 0)?;
        if let Some(entry) = track.sample_entries.get_mut(entry)
            && let Some(configured) = codec::configured(entry, &sample)
        {
            *entry = configured.into();
        }
    }
    Ok(())
}

/// The entry of the track's first sample, if it has to be completed, and where the start
/// of that sample lies.
fn unconfigured(track: &MovieTrack, file_size: u64) -> Option<(usize, Range<u64>)> {
    if !track
        .sample_entries
        .iter()
        .any(|entry| codec::is_unconfigured(entry))
    {
        return None;
    }
    let first = match &track.index {
        Some(index) => index.first_sample,
        None => track.samples().next()?.ok()?,
    };
    let entry = usize::try_from(first.entry).ok()?;
    let is_unconfigured = |entry| codec::is_unconfigured(entry);
    track
        .sample_entries
        .get(entry)
        .filter(|entry| is_unconfigured(entry))?;
    let end = first.offset.checked_add(u64::from(first.size).min(LOOKED_AT))?;
    (first.offset < end && end <= file_size).then_some((entry, first.offset..end))
}
