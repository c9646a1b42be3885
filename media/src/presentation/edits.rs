//! What an edit list says, as stretches of the media.

use crate::read::mp4::{Edit, EditRate};
use crate::time::Timescale;

/// Most stretches that are followed.
const STRETCHES_MAX: usize = 1024;

/// What plays in one go. Times are ticks of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// When it starts, from the start of the presentation.
    pub(super) at: i64,
    /// When it ends; `None` for the end of the media.
    pub(super) until: Option<i64>,
    /// First media time played, as stored.
    pub(super) start: i64,
    /// What is shown at `start` stands still.
    pub(super) is_held: bool,
}

/// What an edit list plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edited {
    /// In the order in which they play, at least one.
    pub(super) stretches: Vec<Stretch>,
    /// Number of edits that are not followed as they are.
    pub(super) not_followed: usize,
}

impl Stretch {
    /// Added to times as stored.
    pub(super) fn shift(&self) -> i64 {
        self.at.saturating_sub(self.start)
    }

    /// Media time behind the last one played.
    pub(super) fn end(&self) -> Option<i64> {
        if self.is_held {
            return Some(self.start.saturating_add(1));
        }
        self.until.map(|until| until.saturating_sub(self.shift()))
    }
}

/// Reads `edits`, whose durations count in ticks of `movie`, for a track of clock
/// `media`. Pauses leave a gap, or delay the media; edits that follow on from
/// each other are one stretch.
pub(super) fn read(edits: &[Edit], movie: Timescale, media: Timescale) -> Edited {
    let in_media = |ticks: u64| media.rescale(i64::try_from(ticks).unwrap_or(i64::MAX), movie);
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut not_followed = 0;
    // Summed up in ticks of the movie, so that rounding does not add up.
    let mut elapsed: u64 = 0;
    for (index, edit) in edits.iter().enumerate() {
        let at = in_media(elapsed);
        elapsed = elapsed.saturating_add(edit.duration);
        let Some(start) = edit.media_time else { continue };
        let is_last = index + 1 == edits.len();
        let until = match edit.duration {
            0 if is_last => None,
            0 => continue,
            _ => Some(in_media(elapsed)),
        };
        not_followed += usize::from(edit.rate == EditRate::Other);
        let is_held = edit.rate == EditRate::Still;
        if let Some(last) = stretches.last_mut()
            && !is_held
            && !last.is_held
            && last.until == Some(at)
            && last
                .end()
                .is_some_and(|end| end.abs_diff(start) <= in_media(2).unsigned_abs())
        {
            last.until = until;
            continue;
        }
        if stretches.len() == STRETCHES_MAX {
            not_followed += 1;
            continue;
        }
        stretches.push(Stretch {
            at,
            until,
            start,
            is_held,
        });
    }
    if stretches.is_empty() {
        // A list of pauses only delays.
        stretches.push(Stretch {
            at: in_media(elapsed),
            until: None,
            start: 0,
            is_held: false,
        });
    }
    Edited {
        stretches,
        not_followed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NORMAL: EditRate = EditRate::Normal;

    /// `expected`: at, until, start. The movie counts milliseconds, the track
    /// 12 800 ticks a second.
    fn check(edits: &[(u64, Option<i64>, EditRate)], expected: &[(i64, Option<i64>, i64)]) {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|(duration, media_time, rate)| Edit {
                duration: *duration,
                media_time: *media_time,
                rate: *rate,
            })
            .collect();
        let (movie, media) = (Timescale::MILLISECONDS, Timescale::new(12_800).unwrap());
        let edited = read(&edits, movie, media);
        let found: Vec<_> = edited
            .stretches
            .iter()
            .map(|stretch| (stretch.at, stretch.until, stretch.start))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn no_edit_list_plays_everything() {
        check(&[], &[(0, None, 0)]);
    }

    #[test]
    fn a_media_time_moves_the_media_forward() {
        check(&[(2000, Some(1024), NORMAL)], &[(0, Some(25_600), 1024)]);
    }

    #[test]
    fn pauses_at_the_start_delay_the_media() {
        let pauses = [(1000, None, NORMAL), (500, None, NORMAL), (0, Some(0), NORMAL)];
        check(&pauses, &[(19_200, None, 0)]);
        check(&[(1500, None, NORMAL)], &[(19_200, None, 0)]);
    }

    #[test]
    fn a_negative_media_time_delays_the_media() {
        check(&[(0, Some(-256), NORMAL)], &[(0, None, -256)]);
    }

    #[test]
    fn edits_that_follow_on_are_one() {
        check(
            &[(1000, Some(0), NORMAL), (1000, Some(12_800), NORMAL)],
            &[(0, Some(25_600), 0)],
        );
    }

    #[test]
    fn jumps_and_pauses_part_the_media() {
        check(
            &[
                (1000, Some(0), NORMAL),
                (1000, None, NORMAL),
                (1000, Some(64_000), NORMAL),
                (1000, Some(0), NORMAL),
            ],
            &[
                (0, Some(12_800), 0),
                (25_600, Some(38_400), 64_000),
                (38_400, Some(51_200), 0),
            ],
        );
    }

    #[test]
    fn rounding_does_not_add_up() {
        // 1 ms is 12.8 ticks.
        let edits: Vec<_> = (0..10).map(|index| (1, Some(index * 1000), NORMAL)).collect();
        let expected: Vec<_> = (0..10)
            .map(|index| {
                (
                    (index * 128 + 5) / 10,
                    Some((index * 128 + 133) / 10),
                    index * 1000,
                )
            })
            .collect();
        check(&edits, &expected);
    }

    #[test]
    fn an_edit_without_duration_plays_to_the_end_only_when_it_is_the_last() {
        check(
            &[(0, Some(500), NORMAL), (1000, Some(0), NORMAL)],
            &[(0, Some(12_800), 0)],
        );
    }

    #[test]
    fn a_picture_that_is_held_is_a_stretch_of_its_own() {
        check(
            &[(1000, Some(0), NORMAL), (1000, Some(12_800), EditRate::Still)],
            &[(0, Some(12_800), 0), (12_800, Some(25_600), 12_800)],
        );
    }
}
