//! One viewer: which segment next, in which rendition, and when.
//!
//! Pure: time is an argument. A player holds some media ahead, asks for the
//! next segment when it holds less, changes renditions by what came how fast,
//! jumps now and then, and leaves.

use fastrand::Rng;

use super::habits::{Choice, Habits};
use crate::number::{float_len, place};

/// A title, as far as watching it depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Reel<'a> {
    /// Seconds of each segment.
    pub segments: &'a [f64],
    /// Bits a second of each rendition, in rising order.
    pub bandwidths: &'a [u64],
}

/// What a viewer does next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Asks for a segment.
    Fetch {
        /// When, in seconds of the test.
        due_s: f64,
        /// Which, from 0.
        segment: usize,
        /// In which rendition, from 0.
        rendition: usize,
        /// Whether the viewer has just jumped there.
        is_seek: bool,
    },
    /// Leaves; true: before the title's end.
    Leave {
        /// When, in seconds of the test.
        at_s: f64,
        /// Whether more was to be seen.
        is_early: bool,
    },
}

/// What a segment's arrival meant.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Watched {
    /// It was the first: how long the viewer has waited for it, in seconds.
    pub startup_s: Option<f64>,
    /// Playback stood still for so long, in seconds; 0: it did not.
    pub stalled_s: f64,
}

/// The part of what comes that a rendition may take, for a player to choose it.
const CAUTION: f64 = 0.85;

/// How much the newest measurement counts.
const NEWEST: f64 = 0.35;

/// How much a viewer's line varies from segment to segment, either way.
const LINE_VARIES: f64 = 0.12;

/// Segments held ahead of a live edge, whatever the buffer.
const LIVE_AHEAD: f64 = 2.0;

/// A player asks for a live segment so long after it is complete, at most, in segments: playlists are
/// looked at now and then.
const LIVE_JITTER: f64 = 0.4;

/// A viewer who watches.
#[derive(Debug, Clone)]
pub struct Viewer {
    rng: Rng,
    came_s: f64,
    /// Until when what is held lasts.
    dry_s: f64,
    watch_s: f64,
    watched_s: f64,
    next: usize,
    rendition: usize,
    line_bps: f64,
    /// Where the line varies around.
    line_mean_bps: f64,
    measured_bps: f64,
    has_started: bool,
    has_jumped: bool,
}

impl Viewer {
    /// One who came at `now_s` and has the manifest.
    #[must_use]
    pub fn new(choice: &Choice, habits: &Habits, reel: Reel<'_>, now_s: f64) -> Self {
        let mut viewer = Self {
            rng: Rng::with_seed(choice.seed),
            came_s: now_s,
            dry_s: now_s,
            watch_s: choice.watch.as_secs_f64(),
            watched_s: 0.0,
            next: 0,
            rendition: 0,
            line_bps: choice.line_bps,
            line_mean_bps: choice.line_bps,
            measured_bps: 0.0,
            has_started: false,
            has_jumped: false,
        };
        if habits.is_live {
            viewer.next = edge(reel, now_s).saturating_sub(place(LIVE_AHEAD));
        }
        // Players begin low, and climb.
        viewer.rendition = usize::from(reel.bandwidths.len() > 2);
        viewer
    }

    /// What the viewer does next, `now_s` being the time at which the step before has ended.
    pub fn step(&mut self, habits: &Habits, reel: Reel<'_>, now_s: f64) -> Step {
        let is_over = self.watch_s <= self.watched_s;
        let Some(duration) = reel.segments.get(self.next).copied().filter(|_| !is_over) else {
            // What is held is watched to its end.
            return Step::Leave {
                at_s: self.dry_s.max(now_s),
                is_early: is_over && self.next < reel.segments.len(),
            };
        };
        if self.has_started && !habits.is_live {
            self.jump(habits, reel, duration);
        }
        let due_s = if habits.is_live {
            let complete = self.complete_s(reel, now_s);
            if now_s < complete {
                complete + self.rng.f64() * LIVE_JITTER * duration
            } else {
                now_s
            }
        } else {
            now_s.max(self.dry_s - habits.buffer_s)
        };
        Step::Fetch {
            due_s,
            segment: self.next,
            rendition: self.rendition,
            is_seek: self.has_jumped,
        }
    }

    /// The segment has come: `bytes` in `took_s` seconds, at `now_s`.
    pub fn came(&mut self, reel: Reel<'_>, bytes: u64, took_s: f64, now_s: f64) -> Watched {
        let duration = reel.segments.get(self.next).copied().unwrap_or_default();
        let mut watched = Watched::default();
        if !self.has_started {
            watched.startup_s = Some(now_s - self.came_s);
            self.dry_s = now_s;
        } else if self.dry_s < now_s {
            // After a jump nothing was held on purpose.
            watched.stalled_s = if self.has_jumped { 0.0 } else { now_s - self.dry_s };
            self.dry_s = now_s;
        }
        self.has_started = true;
        self.has_jumped = false;
        self.dry_s += duration;
        self.watched_s += duration;
        self.next += 1;
        self.adapt(reel, bytes, took_s);
        watched
    }

    /// The segment has not come: the next one is tried, as players do. What is held runs on.
    pub fn failed(&mut self, reel: Reel<'_>) {
        self.watched_s += reel.segments.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        self.rendition = 0;
    }

    fn adapt(&mut self, reel: Reel<'_>, bytes: u64, took_s: f64) {
        let now_bps = if took_s > 0.0 {
            8.0 * crate::number::float(bytes) / took_s
        } else {
            f64::INFINITY
        };
        if self.line_mean_bps.is_finite() {
            // Wanders, and is drawn back to where it belongs.
            let wander = 1.0 + LINE_VARIES * (2.0 * self.rng.f64() - 1.0);
            self.line_bps = (self.line_bps * wander * 0.9 + self.line_mean_bps * 0.1).max(1e5);
        }
        let now_bps = now_bps.min(self.line_bps).min(1e12);
        self.measured_bps = if self.measured_bps > 0.0 {
            NEWEST * now_bps + (1.0 - NEWEST) * self.measured_bps
        } else {
            now_bps
        };
        let affordable = |bandwidth: &u64| crate::number::float(*bandwidth) <= CAUTION * self.measured_bps;
        let best = reel
            .bandwidths
            .iter()
            .take_while(|bandwidth| affordable(bandwidth))
            .count();
        let best = best.saturating_sub(1);
        // Up by one at a time, down at once.
        self.rendition = best.min(self.rendition + 1);
    }

    fn jump(&mut self, habits: &Habits, reel: Reel<'_>, duration: f64) {
        if self.has_jumped || self.rng.f64() >= habits.seeks_per_minute * duration / 60.0 {
            return;
        }
        self.next = place(self.rng.f64() * float_len(reel.segments.len()) - 0.5).min(reel.segments.len() - 1);
        // What was held is thrown away.
        self.dry_s = f64::NEG_INFINITY;
        self.has_jumped = true;
    }

    /// When the next segment is complete. A live event lasts: its film begins again when it is over.
    fn complete_s(&self, reel: Reel<'_>, now_s: f64) -> f64 {
        let length: f64 = reel.segments.iter().sum();
        let end: f64 = reel.segments.iter().take(self.next + 1).sum();
        let round = ((now_s - end) / length.max(1e-3)).round();
        round.max(0.0) * length + end
    }
}

/// The newest complete segment of a film that is shown live over and over.
fn edge(reel: Reel<'_>, now_s: f64) -> usize {
    let length: f64 = reel.segments.iter().sum();
    let mut at = now_s % length.max(1e-3);
    for (index, duration) in reel.segments.iter().enumerate() {
        if at < *duration {
            return index;
        }
        at -= duration;
    }
    0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audience::Protocol;

    const SEGMENTS: [f64; 100] = [6.0; 100];
    const LADDER: [u64; 4] = [400_000, 1_000_000, 2_500_000, 5_000_000];
    const REEL: Reel<'_> = Reel {
        segments: &SEGMENTS,
        bandwidths: &LADDER,
    };

    fn choice(watch_s: u64, line_bps: f64) -> Choice {
        Choice {
            title: 0,
            protocol: Protocol::Dash,
            watch: Duration::from_secs(watch_s),
            line_bps,
            seed: 1,
        }
    }

    fn calm() -> Habits {
        Habits {
            seeks_per_minute: 0.0,
            ..Habits::default()
        }
    }

    /// Watches with a server that sends `bps`; the fetches, and the end.
    fn watch(
        habits: &Habits,
        choice: &Choice,
        bps: f64,
        from_s: f64,
    ) -> (Vec<(f64, usize, usize)>, Step, f64) {
        let mut viewer = Viewer::new(choice, habits, REEL, from_s);
        let (mut now_s, mut fetches, mut stalled_s) = (from_s, Vec::new(), 0.0);
        loop {
            match viewer.step(habits, REEL, now_s) {
                Step::Fetch {
                    due_s,
                    segment,
                    rendition,
                    ..
                } => {
                    fetches.push((due_s, segment, rendition));
                    let bytes = LADDER[rendition] * 6 / 8;
                    let took_s = bytes as f64 * 8.0 / bps;
                    now_s = due_s + took_s;
                    stalled_s += viewer.came(REEL, bytes, took_s, now_s).stalled_s;
                }
                leave => return (fetches, leave, stalled_s),
            }
        }
    }

    #[test]
    fn a_player_fills_its_buffer_and_then_keeps_the_pace_of_playback() {
        let (fetches, leave, stalled_s) = watch(&calm(), &choice(6000, f64::INFINITY), 1e9, 0.0);
        assert_eq!(fetches.len(), 100);
        assert!(fetches[5].0 < 1.0, "{:?}", fetches[5]);
        for pair in fetches[10..].windows(2) {
            assert!((pair[1].0 - pair[0].0 - 6.0).abs() < 0.1, "{pair:?}");
        }
        assert!(
            matches!(leave, Step::Leave { at_s, is_early: false } if (595.0..605.0).contains(&at_s)),
            "{leave:?}"
        );
        assert_eq!(stalled_s, 0.0);
    }

    #[test]
    fn renditions_follow_the_line() {
        let best = |line| {
            let (fetches, ..) = watch(&calm(), &choice(600, line), 1e9, 0.0);
            fetches[40..]
                .iter()
                .map(|(_, _, rendition)| *rendition)
                .max()
                .unwrap()
        };
        assert_eq!(best(f64::INFINITY), 3);
        assert!(best(2e6) <= 2);
        assert_eq!(best(0.5e6), 0);
    }

    #[test]
    fn a_server_that_is_too_slow_for_the_lowest_rendition_makes_players_stall() {
        let (_, _, stalled_s) = watch(&calm(), &choice(120, f64::INFINITY), 300_000.0, 0.0);
        assert!(stalled_s > 10.0, "{stalled_s}");
    }

    #[test]
    fn one_who_leaves_early_asks_for_no_more() {
        let (fetches, leave, _) = watch(&calm(), &choice(60, f64::INFINITY), 1e9, 0.0);
        assert_eq!(fetches.len(), 10);
        assert!(matches!(leave, Step::Leave { is_early: true, .. }));
    }

    #[test]
    fn live_viewers_ask_for_each_segment_when_it_is_complete() {
        let habits = Habits {
            is_live: true,
            ..calm()
        };
        let (fetches, ..) = watch(&habits, &choice(60, f64::INFINITY), 1e9, 100.0);
        assert_eq!(fetches[0].1, 14);
        for (due_s, segment, _) in &fetches[3..] {
            let complete = (segment + 1) as f64 * 6.0;
            assert!((complete..complete + 3.0).contains(due_s), "{segment} at {due_s}");
        }
    }

    #[test]
    fn jumps_come_as_often_as_they_should() {
        let habits = Habits {
            seeks_per_minute: 1.0,
            ..Habits::default()
        };
        let (mut jumps, mut minutes) = (0, 0.0);
        for seed in 0..200 {
            let choice = Choice {
                seed,
                ..choice(30_000, f64::INFINITY)
            };
            let (fetches, ..) = watch(&habits, &choice, 1e9, 0.0);
            let pairs = fetches.windows(2);
            jumps += pairs.filter(|pair| pair[1].1 != pair[0].1 + 1).count();
            minutes += fetches.len() as f64 / 10.0;
        }
        // None right behind another, and one in a hundred leads to where it started.
        assert!(
            (0.8..1.0).contains(&(jumps as f64 / minutes)),
            "{jumps} in {minutes} minutes"
        );
    }
}
