//! Places the fragments of a track on its timeline by an index of the file.

use super::edits::Stretch;
use super::timeline::{Durations, Timeline};
use crate::codec::MediaKind;
use crate::read::mp4::{FragmentIndex, IndexedFragment, MovieTrack};
use crate::sample::{Cursor, Place, Run};

/// Places what `stretch` plays.
pub(super) fn place(track: &MovieTrack, index: &FragmentIndex, stretch: Stretch) -> Timeline {
    let shift = stretch.shift();
    let played = of_stretch(index, &stretch);
    let (Some(first), Some(last)) = (played.first(), played.last()) else {
        return Timeline::empty();
    };
    let end_offset = offset_behind(index, last);
    let media_end = stretch.end().filter(|end| *end < index.end_time);
    let end_time = media_end.unwrap_or(index.end_time);
    let run = Run {
        media_end,
        ..Run::plain(
            Cursor::at_fragment(first.offset, 0, index.decode_time(first)),
            Cursor::at_fragment(end_offset, 0, index.decode_time_at(end_time)),
            shift,
        )
    };
    let is_sync = |fragment: &&IndexedFragment| fragment.is_sync && track.kind == MediaKind::Video;
    let syncs = played.iter().filter(is_sync);
    let duration = end_time.saturating_sub(first.time).max(0).unsigned_abs();
    Timeline {
        runs: vec![run],
        decode_lead: index.decode_lead,
        start: first.time.saturating_add(shift),
        end: end_time.saturating_add(shift),
        syncs: syncs
            .map(|fragment| fragment.time.saturating_add(shift))
            .collect(),
        media_size: index.media_size(end_offset.saturating_sub(first.offset)),
        media_duration: duration,
        sample_count: duration / u64::from(index.mean_duration.max(1)),
        not_followed: 0,
        durations: Durations::all(index.constant_duration),
    }
}

/// The fragments from the last one at or before the start of the stretch up to
/// its end.
fn of_stretch<'a>(index: &'a FragmentIndex, stretch: &Stretch) -> &'a [IndexedFragment] {
    let fragments = &index.fragments;
    let behind_start = fragments.partition_point(|fragment| fragment.time <= stretch.start);
    let before = fragments.get(..behind_start).unwrap_or_default();
    let first = before.iter().rposition(|fragment| fragment.is_sync).unwrap_or(0);
    let end = stretch.end().map_or(fragments.len(), |end| {
        fragments.partition_point(|fragment| fragment.time < end)
    });
    fragments.get(first..end).unwrap_or_default()
}

/// The fragments that `run` plays.
pub(super) fn played<'a>(index: &'a FragmentIndex, run: &Run) -> &'a [IndexedFragment] {
    let (Place::Fragment(first), Place::Fragment(end)) = (run.first.place, run.end.place) else {
        return &[];
    };
    let position = |offset: u64| {
        index
            .fragments
            .partition_point(|fragment| fragment.offset < offset)
    };
    index
        .fragments
        .get(position(first.offset)..position(end.offset))
        .unwrap_or_default()
}

/// Where what follows `fragment` starts.
pub(super) fn offset_behind(index: &FragmentIndex, fragment: &IndexedFragment) -> u64 {
    behind(index, fragment).map_or(index.end, |next| next.offset)
}

/// Ticks until what follows `fragment` is shown.
pub(super) fn duration(index: &FragmentIndex, fragment: &IndexedFragment) -> u64 {
    let end = behind(index, fragment).map_or(index.end_time, |next| next.time);
    end.saturating_sub(fragment.time).max(0).unsigned_abs()
}

fn behind<'a>(index: &'a FragmentIndex, fragment: &IndexedFragment) -> Option<&'a IndexedFragment> {
    let next = index
        .fragments
        .partition_point(|other| other.offset <= fragment.offset);
    index.fragments.get(next)
}
