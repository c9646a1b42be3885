//! The segmentation grid: the moments at which every rendition of a title is
//! cut, so that a player can change between them at any segment.

use std::time::Duration;

use crate::time::{Instant, Timescale};

/// How long segments should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentationOptions {
    /// The duration each segment comes as near to as the sync samples allow.
    /// Default: 6 s.
    pub target_duration: Duration,
}

impl Default for SegmentationOptions {
    fn default() -> Self {
        Self {
            target_duration: Duration::from_secs(6),
        }
    }
}

/// What the grid needs to know of a video track. Times are ticks from the start
/// of the presentation.
#[derive(Clone, Debug)]
pub(crate) struct SyncTrack {
    pub(crate) timescale: Timescale,
    /// Presentation times of the sync samples, ascending.
    pub(crate) syncs: Vec<i64>,
    /// When the last picture ends.
    pub(crate) end: i64,
    /// How far two pictures may be apart and still be the same moment: half of
    /// a picture's duration.
    pub(crate) tolerance: Duration,
}

/// The grid of a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Where segments start, ascending, the first at or before every track's
    /// first sample.
    pub(crate) boundaries: Vec<Instant>,
    /// Whether all video tracks have a sync sample at every boundary.
    pub(crate) is_shared: bool,
}

/// Most boundaries of a grid: at 2 s, twelve days.
const BOUNDARIES_MAX: usize = 1 << 19;

/// Lays out the grid.
///
/// Boundaries are sync samples that all of `videos` share. When those are so
/// rare that segments would become more than twice as long as one track's own
/// sync samples ask for, that track's are taken, and the others are cut as near
/// as they can. Before the first picture, behind the last one, and without
/// video, boundaries stand at the target duration from `start`, where the first
/// track starts, up to `end`, where the longest track ends.
pub(crate) fn grid(videos: &[SyncTrack], start: Instant, end: Instant, target: Duration) -> Grid {
    let mut grid = Grid {
        boundaries: Vec::new(),
        is_shared: true,
    };
    // The track with the fewest sync samples bounds what can be shared.
    if let Some(reference) = videos.iter().min_by_key(|video| video.syncs.len()) {
        let own = reference.choose(&reference.syncs, target);
        let shared = reference.choose(&shared_syncs(reference, videos), target);
        grid.is_shared = longest(&shared, end) <= longest(&own, end).max(target).saturating_mul(2);
        grid.boundaries = if grid.is_shared { shared } else { own };
    }
    // What plays before the first picture and after the last one is cut at the
    // target, with no piece shorter than half of it.
    let first = grid.boundaries.first().copied();
    let mut at = start;
    let mut lead = Vec::new();
    while first.is_some_and(|first| at.after(target / 2) < first) && lead.len() < BOUNDARIES_MAX {
        lead.push(at);
        at = at.after(target);
    }
    grid.boundaries.splice(0..0, lead);
    if grid.boundaries.is_empty() {
        grid.boundaries.push(start);
    }
    let mut next = grid.boundaries.last().map_or(start, |last| last.after(target));
    if let Some(pictures_end) = videos.iter().map(SyncTrack::end).max() {
        next = next.max(pictures_end);
    }
    while next.after(target / 2) < end && grid.boundaries.len() < BOUNDARIES_MAX {
        grid.boundaries.push(next);
        next = next.after(target);
    }
    grid
}

impl SyncTrack {
    fn end(&self) -> Instant {
        self.timescale.instant(self.end)
    }

    /// Of `syncs`, those nearest to one target duration after the one before.
    fn choose(&self, syncs: &[i64], target: Duration) -> Vec<Instant> {
        let target = self.timescale.ticks_of(target).max(1);
        let mut chosen: Vec<i64> = Vec::new();
        let followers = syncs.iter().skip(1).chain([&self.end]);
        for (sync, next) in syncs.iter().zip(followers) {
            // Taken when what follows, at last the end, is no nearer to the goal.
            let is_nearest = chosen.last().is_none_or(|last| {
                let goal = last.saturating_add(target);
                sync.abs_diff(goal) <= next.abs_diff(goal)
            });
            if is_nearest && chosen.len() < BOUNDARIES_MAX {
                chosen.push(*sync);
            }
        }
        chosen
            .into_iter()
            .map(|ticks| self.timescale.instant(ticks))
            .collect()
    }

    /// Whether the track has a sync sample at `moment`, which must not go back
    /// from call to call; `at` is where the search stands.
    fn has_sync_at(&self, moment: Instant, at: &mut usize) -> bool {
        while let Some(ticks) = self.syncs.get(*at) {
            let sync = self.timescale.instant(*ticks);
            if sync.distance(moment) <= self.tolerance {
                return true;
            }
            if moment < sync {
                return false;
            }
            *at += 1;
        }
        false
    }
}

/// The sync samples of `reference` that every track of `videos` has too.
pub(crate) fn shared_syncs(reference: &SyncTrack, videos: &[SyncTrack]) -> Vec<i64> {
    let mut positions = vec![0; videos.len()];
    let mut shared = Vec::new();
    for ticks in &reference.syncs {
        let moment = reference.timescale.instant(*ticks);
        let mut everywhere = true;
        for (video, at) in videos.iter().zip(&mut positions) {
            everywhere &= video.has_sync_at(moment, at);
        }
        if everywhere {
            shared.push(*ticks);
        }
    }
    shared
}

/// The longest stretch between two boundaries, or between the last and `end`.
fn longest(boundaries: &[Instant], end: Instant) -> Duration {
    let next = boundaries.iter().skip(1).chain([&end]);
    boundaries
        .iter()
        .zip(next)
        .map(|(from, to)| from.distance(*to))
        .max()
        .unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(ticks: u32, gop: i64, count: i64) -> SyncTrack {
        SyncTrack {
            timescale: Timescale::new(ticks).unwrap(),
            syncs: (0..count).map(|index| index * gop).collect(),
            end: gop * count,
            tolerance: Duration::from_millis(20),
        }
    }

    fn check(
        videos: &[SyncTrack],
        end_seconds: i64,
        target_seconds: u64,
        expected_millis: &[i64],
        shared: bool,
    ) {
        let second = Timescale::new(1).unwrap();
        let target = Duration::from_secs(target_seconds);
        let grid = grid(videos, second.instant(0), second.instant(end_seconds), target);
        let millis = Timescale::new(1000).unwrap();
        let boundaries: Vec<i64> = grid
            .boundaries
            .iter()
            .map(|boundary| boundary.on(millis))
            .collect();
        assert_eq!((boundaries.as_slice(), grid.is_shared), (expected_millis, shared));
    }

    #[test]
    fn segments_last_whole_groups_of_pictures() {
        check(
            &[video(12_800, 25_600, 10)],
            20,
            6,
            &[0, 6000, 12_000, 18_000],
            true,
        );
    }

    #[test]
    fn the_nearest_sync_sample_is_taken() {
        check(&[video(100, 192, 10)], 19, 6, &[0, 5760, 11_520, 17_280], true);
        check(&[video(10, 48, 4)], 19, 6, &[0, 4800, 9600, 14_400], true);
        check(&[video(10, 100, 3)], 30, 6, &[0, 10_000, 20_000], true);
    }

    #[test]
    fn renditions_share_the_sync_samples_they_have_in_common() {
        check(
            &[video(1000, 2000, 12), video(90_000, 270_000, 8)],
            24,
            6,
            &[0, 6000, 12_000, 18_000],
            true,
        );
    }

    #[test]
    fn renditions_without_common_sync_samples_follow_one_of_them() {
        let mut other = video(1000, 2000, 12);
        other.syncs.iter_mut().for_each(|sync| *sync += 500);
        other.end += 500;
        check(
            &[video(1000, 2000, 11), other],
            24,
            6,
            &[0, 6000, 12_000, 18_000],
            false,
        );
    }

    #[test]
    fn sound_alone_is_cut_at_the_target() {
        check(&[], 20, 6, &[0, 6000, 12_000], true);
    }

    #[test]
    fn sound_that_outlasts_the_pictures_is_cut_on() {
        check(
            &[video(1000, 2000, 4)],
            30,
            6,
            &[0, 6000, 12_000, 18_000, 24_000],
            true,
        );
    }

    #[test]
    fn sound_that_starts_long_before_the_pictures_is_cut_before_them() {
        let mut late = video(1000, 2000, 6);
        late.syncs.iter_mut().for_each(|sync| *sync += 13_500);
        late.end += 13_500;
        check(&[late], 25, 6, &[0, 6000, 13_500, 19_500], true);
    }

    #[test]
    fn every_picture_a_sync_sample_is_cut_at_the_target() {
        check(&[video(25, 1, 500)], 20, 6, &[0, 6000, 12_000, 18_000], true);
    }
}
