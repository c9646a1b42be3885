//! Where texts are cut: at the moments the pictures are, without a gap from the
//! start of the presentation to its end.

use std::time::Duration;

use crate::codec::MediaKind;
use crate::time::Timescale;
use crate::track::Track;

/// Most segments of a text: at 2 s, twelve days.
const SEGMENTS_MAX: usize = 1 << 19;

/// Ticks a second every clock of a text can count: milliseconds, as files of
/// text have them.
const FILE_TICKS: u32 = 1000;

/// The grid of all texts of a title, in ticks of its own clock on the output
/// timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    pub(crate) clock: Timescale,
    /// Where the presentation begins.
    pub(crate) offset: u64,
    /// Where segments start, ascending; the first is `offset`.
    pub(crate) starts: Vec<u64>,
    /// Where the last one ends, later than it starts.
    pub(crate) end: u64,
}

impl Grid {
    /// The grid of a title that has `tracks`: the segments of the first one with
    /// pictures, or else of the first one. What plays before it and behind it is
    /// cut at `target`. `None` without tracks.
    pub(crate) fn of(tracks: &[Track], target: Duration) -> Option<Self> {
        let reference = tracks
            .iter()
            .find(|track| track.kind == MediaKind::Video)
            .or(tracks.first())?;
        let (clock, factor) = clock_for(reference.timescale);
        let scaled = |ticks: u64| ticks.saturating_mul(factor);
        let offset = scaled(reference.presentation_time_offset);
        let ends = tracks.iter().map(|track| {
            let played = track.end().saturating_sub(track.presentation_time_offset);
            let played = track.timescale.instant(i64::try_from(played).unwrap_or(i64::MAX));
            offset.saturating_add(played.on(clock).unsigned_abs())
        });
        let end = ends.max().unwrap_or(offset).max(offset.saturating_add(1));
        let target = clock.ticks_of(target).unsigned_abs().max(2);
        let mut starts = vec![offset];
        let own = reference.segments.iter().map(|segment| scaled(segment.start));
        let first = own.clone().next().unwrap_or(offset);
        cut(&mut starts, first, target);
        if offset.saturating_add(target / 2) < first && first < end {
            starts.push(first);
        }
        let later = own
            .skip(1)
            .filter(|start| first < *start && offset < *start && *start < end);
        starts.extend(later.take(SEGMENTS_MAX));
        // Behind the pictures, yet no nearer to the last cut than the target.
        let own_end = scaled(reference.end());
        let last = starts.last().map_or(offset, |last| last.saturating_add(target));
        let next = own_end.max(last);
        if next.saturating_add(target / 2) < end {
            starts.push(next);
            cut(&mut starts, end, target);
        }
        starts.dedup();
        Some(Self {
            clock,
            offset,
            starts,
            end,
        })
    }
}

/// Cuts at every `target` behind the last start, up to `end`, with no piece
/// shorter than half of it.
fn cut(starts: &mut Vec<u64>, end: u64, target: u64) {
    while let Some(last) = starts.last()
        && starts.len() < SEGMENTS_MAX
        && let Some(next) = last.checked_add(target)
        && next.saturating_add(target / 2) < end
    {
        starts.push(next);
    }
}

/// The slowest clock that counts both the ticks of `clock` and milliseconds, and
/// how many of its ticks last one of `clock`; `clock` itself when there is none.
fn clock_for(clock: Timescale) -> (Timescale, u64) {
    let (mut divisor, mut rest) = (clock.get(), FILE_TICKS);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let factor = FILE_TICKS / divisor.max(1);
    let common = clock.get().checked_mul(factor).and_then(Timescale::new);
    common.map_or((clock, 1), |common| (common, factor.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_both_ticks_and_milliseconds() {
        for (own, ticks, factor) in [
            (12_800, 64_000, 5),
            (90_000, 90_000, 1),
            (24, 3000, 125),
            (30_000, 30_000, 1),
        ] {
            let (clock, found) = clock_for(Timescale::new(own).unwrap());
            assert_eq!((clock.get(), found), (ticks, factor), "{own}");
        }
        let (clock, factor) = clock_for(Timescale::new(u32::MAX).unwrap());
        assert_eq!((clock.get(), factor), (u32::MAX, 1));
    }

    #[test]
    fn long_stretches_are_cut_at_the_target() {
        let mut starts = vec![10];
        cut(&mut starts, 100, 20);
        assert_eq!(starts, [10, 30, 50, 70]);
        cut(&mut starts, 5, 20);
        assert_eq!(starts.len(), 4);
    }
}
