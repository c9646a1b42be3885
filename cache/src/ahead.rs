//! What will be asked for next.
//!
//! A viewer who watches on asks for one segment after the other, which in a
//! file of one rendition lie one behind the other. Whoever does so twice is
//! taken to go on: what follows is read with what is asked for, and then before
//! it is asked for, in steps that double. Whether that pays is measured, and
//! where it does not, it stops.
//!
//! Pure: what is read, and how, is the caller's.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Viewers of one object that are told apart; one more, and the one that was
/// seen least recently is taken to have left.
const RUNS_MAX: usize = 8;

/// Of so many chunks, whether they were read ahead in vain counts no more than
/// half.
const MEMORY_CHUNKS: u32 = 1024;

/// While reading ahead does not pay, one in so many occasions is taken all the
/// same, to find out whether it does by now.
const TRIED_EVERY: u32 = 16;

/// The viewers of one object, as far as chunks tell.
#[derive(Debug, Default)]
pub struct Runs(Vec<Run>);

/// One viewer, as far as chunks tell.
#[derive(Debug)]
struct Run {
    /// The last chunk asked for.
    last: u32,
    /// Chunks read ahead and not asked for yet.
    ahead: Range<u32>,
    window: u32,
}

/// What a request for some chunks tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Demand {
    /// Chunks to read ahead.
    ahead: Range<u32>,
    used: u32,
    wasted: u32,
}

/// Up to where it is worth to read on with chunks that are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// The last chunk worth reading, inclusive; the last one asked for when none is read ahead.
    pub last: u32,
    /// How many are read ahead.
    pub ahead: u32,
    /// How many of those asked for had been read ahead.
    pub used: u32,
    /// How many that were read ahead nobody will ask for.
    pub wasted: u32,
}

impl Runs {
    /// Chunks `first` to `last`, inclusive, are asked for as one stretch, of an object of `count` chunks. No more
    /// than `window_max` are read ahead in one go, and none while `benefit` finds that it does not pay.
    pub fn worth(&mut self, first: u32, last: u32, count: u32, window_max: u32, benefit: &Benefit) -> Worth {
        let demand = self.demand(first, last, count, window_max);
        benefit.learn(demand.used, demand.wasted);
        let mut worth = Worth {
            last,
            ahead: 0,
            used: demand.used,
            wasted: demand.wasted,
        };
        if demand.ahead.is_empty() {
            return worth;
        }
        if benefit.allows() {
            worth.ahead = demand.ahead.end - demand.ahead.start;
            worth.last = demand.ahead.end.saturating_sub(1).max(last);
        } else {
            self.forgo(&demand.ahead);
        }
        worth
    }

    /// Chunks `first` to `last` are asked for, of `count`. No more than
    /// `window_max` are read ahead in one go.
    fn demand(&mut self, first: u32, last: u32, count: u32, window_max: u32) -> Demand {
        // Asked for once more: by another viewer, or for another format.
        if self.0.iter().any(|run| run.last == last && first < last) {
            return Demand::default();
        }
        let continues = |run: &Run| run.last == first || run.last.checked_add(1) == Some(first);
        let Some(position) = self.0.iter().position(continues) else {
            return self.begin(first, last);
        };
        let mut run = self.0.remove(position);
        let mut demand = Demand::default();
        if run.last < last {
            let end = last.saturating_add(1);
            demand.used = end.min(run.ahead.end).saturating_sub(run.ahead.start);
            run.ahead.start = run.ahead.start.max(end).min(run.ahead.end.max(end));
            run.ahead.end = run.ahead.end.max(run.ahead.start);
            // The next step begins when half of the last one is used up.
            let left = run.ahead.end - run.ahead.start;
            if left <= run.window / 2 {
                let length = last - first + 1;
                run.window = run.window.saturating_mul(2).max(length).min(window_max);
                let from = run.ahead.end.max(end).min(count);
                demand.ahead = from..from.saturating_add(run.window).min(count);
                run.ahead.end = demand.ahead.end.max(run.ahead.start);
            }
            run.last = last;
        }
        self.0.push(run);
        demand
    }

    /// The last demand's chunks are not read ahead after all.
    fn forgo(&mut self, ahead: &Range<u32>) {
        if let Some(run) = self.0.last_mut() {
            run.ahead.end = ahead.start.max(run.ahead.start);
        }
    }

    fn begin(&mut self, first: u32, last: u32) -> Demand {
        // Another viewer in the middle of what one has watched, or the same
        // one again.
        let gone = (RUNS_MAX <= self.0.len()).then(|| self.0.remove(0));
        let end = last.saturating_add(1);
        self.0.push(Run {
            last: last.max(first),
            ahead: end..end,
            window: 0,
        });
        Demand {
            wasted: gone.map_or(0, |run| run.ahead.end - run.ahead.start),
            ..Demand::default()
        }
    }
}

/// Whether reading ahead pays, over all objects of a store.
#[derive(Debug, Default)]
pub struct Benefit(Mutex<Balance>);

#[derive(Debug, Default)]
struct Balance {
    used: u32,
    wasted: u32,
    passed_over: u32,
}

impl Benefit {
    /// Chunks that were read ahead have been used, or will not be.
    fn learn(&self, used: u32, wasted: u32) {
        let mut balance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        balance.used = balance.used.saturating_add(used);
        balance.wasted = balance.wasted.saturating_add(wasted);
        if MEMORY_CHUNKS < balance.used.saturating_add(balance.wasted) {
            balance.used /= 2;
            balance.wasted /= 2;
        }
    }

    /// Whether to read ahead now.
    fn allows(&self) -> bool {
        let mut balance = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A start on trust: a window or two may be in vain before it counts.
        if balance.wasted <= balance.used.saturating_add(32) {
            return true;
        }
        balance.passed_over = (balance.passed_over + 1) % TRIED_EVERY;
        balance.passed_over == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_on_is_read_ahead_for_in_steps_that_double() {
        let mut runs = Runs::default();
        let mut ahead = Vec::new();
        for segment in 0..12 {
            let demand = runs.demand(3 * segment, 3 * segment + 2, 1000, 16);
            if !demand.ahead.is_empty() {
                ahead.push((segment, demand.ahead));
            }
        }
        assert_eq!(
            ahead,
            [(1, 6..9), (2, 9..15), (3, 15..27), (6, 27..43), (11, 43..59)]
        );
    }

    #[test]
    fn segments_that_share_a_chunk_are_a_run_too() {
        let mut runs = Runs::default();
        assert!(runs.demand(0, 2, 1000, 16).ahead.is_empty());
        assert_eq!(runs.demand(2, 4, 1000, 16).ahead, 5..8);
        // The same one again, by somebody else.
        assert_eq!(runs.demand(2, 4, 1000, 16), Demand::default());
        assert_eq!(runs.demand(4, 4, 1000, 16), Demand::default());
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut runs = Runs::default();
        runs.demand(90, 94, 100, 16);
        assert_eq!(runs.demand(95, 97, 100, 16).ahead, 98..100);
        assert!(runs.demand(98, 99, 100, 16).ahead.is_empty());
    }

    #[test]
    fn who_jumps_about_is_not_read_ahead_for() {
        let mut runs = Runs::default();
        for index in [5, 50, 20, 70, 1, 33, 90, 64, 12, 80] {
            assert!(runs.demand(index, index, 100, 16).ahead.is_empty());
        }
    }

    #[test]
    fn what_was_read_ahead_is_accounted_for() {
        let mut runs = Runs::default();
        runs.demand(0, 2, 1000, 16);
        assert_eq!(runs.demand(3, 5, 1000, 16).ahead, 6..9);
        let demand = runs.demand(6, 7, 1000, 16);
        assert_eq!((demand.used, demand.ahead), (2, 9..15));
        // The viewer leaves: seven were for nothing.
        let wasted: u32 = (0..8)
            .map(|index| runs.demand(100 + 10 * index, 101 + 10 * index, 1000, 16).wasted)
            .sum();
        assert_eq!(wasted, 7);
    }

    #[test]
    fn what_is_worth_reading_ends_with_what_is_asked_for_where_it_does_not_pay() {
        let (mut runs, benefit) = (Runs::default(), Benefit::default());
        let worth = |runs: &mut Runs, segment: u32| runs.worth(segment, segment, 100, 16, &benefit).last;
        assert_eq!([0, 1, 2].map(|segment| worth(&mut runs, segment)), [0, 2, 4]);
        benefit.learn(0, 1000);
        assert_eq!([3, 4, 5].map(|segment| worth(&mut runs, segment)), [3, 4, 5]);
    }

    #[test]
    fn where_it_does_not_pay_it_stops_and_is_tried_now_and_then() {
        let benefit = Benefit::default();
        assert!(benefit.allows());
        benefit.learn(10, 100);
        let allowed = (0..160).filter(|_| benefit.allows()).count();
        assert_eq!(allowed, 10);
        benefit.learn(200, 0);
        assert!(benefit.allows());
    }
}
