//! Hedging: a second node is asked when the first is later than nearly all
//! answers are, and whoever answers first has answered. Pure: times are given.
//!
//! "The Tail at Scale" (Dean, Barroso 2013): one request in a hundred waits for
//! a node that has a bad moment, and asking another one after the 99th
//! percentile costs a hundredth more requests. A budget keeps it at that when
//! all nodes are late.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use strata_node::config::Section;

/// When a second node is asked. Section `hedge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HedgeConfig {
    /// Requests that may be asked of a second node, in percent of all; 0: none
    /// is. Key `budget`; default 0.
    pub budget_percent: u32,
    /// How late a first byte must be: later than so many percent of the others'.
    /// Key `percentile`; default 99.
    pub percentile: u32,
    /// The shortest wait, however fast the others are. Key `least`; default `20ms`.
    pub least: Duration,
}

impl HedgeConfig {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        let millisecond = Duration::from_millis(1);
        Self {
            budget_percent: section.within("budget", 0, 0..=100),
            percentile: section.within("percentile", 99, 50..=99),
            least: section.within("least", millisecond * 20, millisecond..=Duration::from_secs(60)),
        }
    }
}

/// Classes of times: four to an octave of microseconds, so each is at most a quarter wide.
const CLASSES: usize = 4 * 28;

/// Answers after which the percentile means something.
const LEARNED_MIN: u32 = 100;

/// Answers after which each counts for half: what was is forgotten.
const HALF_LIFE: u32 = 10_000;

/// Answers between two looks at the percentile.
const LOOK_INTERVAL: u32 = 64;

/// How long first bytes take, over all nodes. Shared by all threads; what they
/// count at the same moment may be off by the few that they count.
#[derive(Debug)]
pub(crate) struct FirstBytes {
    classes: [AtomicU32; CLASSES],
    count: AtomicU32,
    /// The percentile when it was last looked at, in microseconds. 0: not known yet.
    late: AtomicU64,
}

impl Default for FirstBytes {
    fn default() -> Self {
        Self {
            classes: std::array::from_fn(|_| AtomicU32::new(0)),
            count: AtomicU32::new(0),
            late: AtomicU64::new(0),
        }
    }
}

impl FirstBytes {
    /// An answer has begun after `time`.
    pub(crate) fn note(&self, time: Duration, percentile: u32) {
        if let Some(class) = self.classes.get(class_of(time)) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(LOOK_INTERVAL) && LEARNED_MIN <= count {
            self.late.store(self.percentile(percentile), Ordering::Relaxed);
        }
        if HALF_LIFE <= count {
            self.count.fetch_sub(count / 2, Ordering::Relaxed);
            for class in &self.classes {
                class.fetch_sub(class.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
    }

    /// After which time a first byte is late. `None`: too little has been seen.
    pub(crate) fn late(&self) -> Option<Duration> {
        let late = self.late.load(Ordering::Relaxed);
        (late != 0).then_some(Duration::from_micros(late))
    }

    /// Upper end of the class that the percentile is in, in microseconds.
    fn percentile(&self, percentile: u32) -> u64 {
        let counts: Vec<u64> = self
            .classes
            .iter()
            .map(|class| u64::from(class.load(Ordering::Relaxed)))
            .collect();
        let all: u64 = counts.iter().sum();
        let mut left = all * u64::from(percentile) / 100;
        for (class, count) in counts.iter().enumerate() {
            if left < *count {
                return end_of(class);
            }
            left -= count;
        }
        end_of(CLASSES - 1)
    }
}

/// The class of a time; the last one has no end.
fn class_of(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(4);
    let octave = micros.ilog2();
    let quarter = (micros >> (octave - 2)) & 3;
    let class = 4 * u64::from(octave - 2) + quarter;
    usize::try_from(class).unwrap_or(usize::MAX).min(CLASSES - 1)
}

/// Where a class ends, in microseconds.
fn end_of(class: usize) -> u64 {
    let (octave, quarter) = (class / 4, class % 4);
    let quarter = u64::try_from(quarter).unwrap_or(0);
    (5 + quarter) << octave
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(times: impl IntoIterator<Item = u64>) -> FirstBytes {
        let bytes = FirstBytes::default();
        for time in times {
            bytes.note(Duration::from_micros(time), 99);
        }
        bytes
    }

    #[test]
    fn a_time_lies_in_its_class_which_is_a_quarter_wide() {
        for micros in (0..100_000_u64).chain([1 << 25, (1 << 27) + 12_345]) {
            let class = class_of(Duration::from_micros(micros));
            let end = end_of(class);
            assert!(micros < end, "{micros}: {end}");
            let start = if class == 0 { 0 } else { end_of(class - 1) };
            assert!(start <= micros, "{micros}: {start}");
            assert!(
                micros < 5 || end - start <= start / 4 + 1,
                "{micros}: {start} to {end}"
            );
        }
        assert_eq!(class_of(Duration::MAX), CLASSES - 1);
    }

    #[test]
    fn late_is_what_one_in_a_hundred_is() {
        let late = noted((0..10_000).map(|number| {
            if number % 50 == 0 {
                80_000
            } else {
                900 + number % 100
            }
        }));
        // Two in a hundred are.
        let late = late.late().unwrap();
        assert!((80_000..100_000).contains(&late.as_micros()), "{late:?}");
        let late = noted((0..10_000).map(|number| {
            if number % 200 == 0 {
                80_000
            } else {
                900 + number % 100
            }
        }));
        let late = late.late().unwrap();
        assert!((900..1_300).contains(&late.as_micros()), "{late:?}");
    }

    #[test]
    fn nothing_is_late_before_enough_has_been_seen() {
        assert_eq!(noted([1_000; 99]).late(), None);
        assert!(noted([1_000; 200]).late().is_some());
    }

    #[test]
    fn what_was_is_forgotten() {
        let times = noted([500_000; 10_000]);
        for _ in 0..100_000 {
            times.note(Duration::from_millis(1), 99);
        }
        assert!(
            times.late().unwrap() < Duration::from_millis(2),
            "{:?}",
            times.late()
        );
    }
}
