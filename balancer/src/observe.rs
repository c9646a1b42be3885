//! Judging a node by how it serves, between its checks. Pure: times are given.
//!
//! A title that no node can serve must not take the nodes out one after the
//! other: what counts against a node are failures in a row *at different
//! titles*. How many nodes may be out at once is the pool's to say.

use std::time::{Duration, Instant};

use strata_node::config::Section;

use crate::attempt::{Ending, Failure};
use crate::ring::Key;

/// Highest number of different titles that may be asked for as evidence.
const TITLES_MAX: usize = 16;

/// Longest time out, however often a node had to go.
const EJECTION_MAX: Duration = Duration::from_secs(300);

/// How requests judge nodes. Section `observe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObserveConfig {
    /// Failures in a row after which a node is ejected; 0: never. Key `errors`;
    /// default 5.
    pub errors: u32,
    /// Different titles among them that are needed. Key `titles`; default 3.
    pub titles: usize,
    /// Failures this far apart are not in a row. Key `window`; default `10s`.
    pub window: Duration,
    /// Time out the first time; each further time as much longer, to
    /// 5 minutes. Key `ejection`; default `10s`.
    pub ejection: Duration,
    /// Share of the nodes that may be out at once, in percent; one always may.
    /// Key `ejected_max`; default 34.
    pub ejected_percent_max: u32,
}

impl ObserveConfig {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let millisecond = Duration::from_millis(1);
        Self {
            errors: section.within("errors", 5, 0..=1000),
            titles: section.within("titles", 3, 1..=TITLES_MAX),
            window: section.within("window", second * 10, millisecond..=hour),
            ejection: section.within("ejection", second * 10, millisecond..=EJECTION_MAX),
            ejected_percent_max: section.within("ejected_max", 34, 0..=100),
        }
    }
}

/// What an attempt says about its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// It serves.
    Good,
    /// It does not, and why, in a word.
    Bad(&'static str),
    /// Nothing: the client left, a kept connection was stale.
    None,
}

impl Evidence {
    /// What an attempt's ending says, with the status of its answer if there was one.
    ///
    /// Of answers, HAProxy's `observe layer7` holds the same against a server:
    /// 5xx but 501 and 505. An answer that complains of the source is a good one.
    pub(crate) fn of(ending: Ending, status: Option<u16>) -> Self {
        match ending {
            Ending::Answered => match status {
                Some(501 | 505) => Self::Good,
                Some(500..) => Self::Bad("status_5xx"),
                _ => Self::Good,
            },
            Ending::SourceFault => Self::Good,
            Ending::Failed(Failure::Stale) | Ending::Overtaken | Ending::Abandoned => Self::None,
            Ending::Failed(failure) => Self::Bad(failure.label()),
        }
    }
}

/// What is held against one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// Failures since the last success.
    failures: u32,
    last: Option<Instant>,
    /// Different titles among them, [`TITLES_MAX`] at most.
    titles: Vec<Key>,
    out: Option<Out>,
    /// Times out so far; fades with time served.
    ejections: u32,
}

/// A node is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Out {
    /// The last failure, in a word.
    pub reason: &'static str,
    /// When it gets its next chance.
    pub until: Instant,
}

impl Record {
    /// Whether a success would change anything.
    pub(crate) fn is_clean(&self) -> bool {
        self.failures == 0
    }

    /// A request was served.
    pub(crate) fn good(&mut self) {
        self.failures = 0;
        self.titles.clear();
    }

    /// A request for `key` failed. True: there is enough evidence to eject the node.
    pub(crate) fn bad(&mut self, key: Key, now: Instant, config: &ObserveConfig) -> bool {
        let is_old = |last| config.window < now.saturating_duration_since(last);
        if self.last.is_some_and(is_old) {
            self.good();
        }
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        if self.titles.len() < TITLES_MAX && !self.titles.contains(&key) {
            self.titles.push(key);
        }
        let enough = config.errors <= self.failures && config.titles <= self.titles.len();
        config.errors != 0 && enough && self.out.is_none()
    }

    /// Takes the node out.
    pub(crate) fn eject(&mut self, reason: &'static str, now: Instant, config: &ObserveConfig) -> Out {
        self.ejections = self.ejections.saturating_add(1);
        let time = config.ejection.saturating_mul(self.ejections).min(EJECTION_MAX);
        let out = Out {
            reason,
            until: now + time,
        };
        self.out = Some(out);
        self.good();
        out
    }

    /// Whether the node is out.
    pub(crate) fn out(&self) -> Option<Out> {
        self.out
    }

    /// Lets the node in when its time has come. True: it was let in just now.
    pub(crate) fn settle(&mut self, now: Instant, config: &ObserveConfig) -> bool {
        let ends = self.out.is_some_and(|out| out.until <= now);
        if ends {
            self.out = None;
            self.last = Some(now);
        }
        // One that has served as long as it was out for is as good as new.
        let long = config.ejection.saturating_mul(self.ejections).saturating_mul(10);
        let served = self
            .last
            .is_none_or(|last| long < now.saturating_duration_since(last));
        if self.out.is_none() && served {
            self.ejections = 0;
        }
        ends
    }

    /// Lets the node in at once, with nothing held against it.
    pub(crate) fn pardon(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: ObserveConfig = ObserveConfig {
        errors: 5,
        titles: 3,
        window: Duration::from_secs(10),
        ejection: Duration::from_secs(10),
        ejected_percent_max: 34,
    };

    fn key(number: u8) -> Key {
        Key::of(&[number])
    }

    /// `titles`: a digit is a failure at that title, `+` a success. Where it ends, is there enough?
    #[track_caller]
    fn check(titles: &str, enough: bool) {
        let (mut record, now) = (Record::default(), Instant::now());
        let mut last = false;
        for mark in titles.bytes() {
            last = match mark {
                b'+' => {
                    record.good();
                    false
                }
                title => record.bad(key(title), now, &CONFIG),
            };
        }
        assert_eq!(last, enough, "{titles}");
    }

    #[test]
    fn failures_in_a_row_at_different_titles_are_evidence() {
        check("12345", true);
        check("1234", false);
        check("11123", true);
        check("12+345", false);
        check("12+34512", true);
    }

    #[test]
    fn a_poisoned_title_is_none_however_often_it_fails() {
        check(&"1".repeat(1000), false);
        check(&"12".repeat(1000), false);
    }

    #[test]
    fn failures_far_apart_are_not_in_a_row() {
        let (mut record, start) = (Record::default(), Instant::now());
        for number in 0..100 {
            let now = start + Duration::from_secs(11) * u32::from(number);
            assert!(!record.bad(key(number), now, &CONFIG));
        }
    }

    #[test]
    fn each_further_time_out_is_longer_until_the_node_has_served_well() {
        let (mut record, start) = (Record::default(), Instant::now());
        let first = record.eject("reset", start, &CONFIG);
        assert_eq!(first.until, start + Duration::from_secs(10));
        assert!(
            !record.bad(key(1), start, &CONFIG),
            "one that is out is not ejected again"
        );
        assert!(!record.settle(start + Duration::from_secs(9), &CONFIG));
        assert!(record.settle(first.until, &CONFIG));
        assert_eq!(record.out(), None);
        let second = record.eject("reset", first.until, &CONFIG);
        assert_eq!(second.until - first.until, Duration::from_secs(20));
        assert!(record.settle(second.until, &CONFIG));
        let later = second.until + Duration::from_secs(1000);
        assert!(!record.settle(later, &CONFIG));
        let third = record.eject("reset", later, &CONFIG);
        assert_eq!(third.until - later, Duration::from_secs(10));
    }

    #[test]
    fn no_time_out_is_longer_than_the_most() {
        let (mut record, now) = (Record::default(), Instant::now());
        let last = (0..1000)
            .map(|_| record.eject("reset", now, &CONFIG))
            .last()
            .unwrap();
        assert_eq!(last.until - now, EJECTION_MAX);
    }

    #[test]
    fn never_means_never() {
        let off = ObserveConfig { errors: 0, ..CONFIG };
        let (mut record, now) = (Record::default(), Instant::now());
        assert!((0..200).all(|number| !record.bad(key(number), now, &off)));
    }

    #[test]
    fn what_is_not_the_node_s_doing_is_no_evidence() {
        assert_eq!(Evidence::of(Ending::Answered, Some(200)), Evidence::Good);
        assert_eq!(Evidence::of(Ending::Answered, Some(404)), Evidence::Good);
        assert_eq!(Evidence::of(Ending::Answered, Some(501)), Evidence::Good);
        assert_eq!(
            Evidence::of(Ending::Answered, Some(500)),
            Evidence::Bad("status_5xx")
        );
        assert_eq!(Evidence::of(Ending::SourceFault, Some(502)), Evidence::Good);
        assert_eq!(Evidence::of(Ending::Abandoned, None), Evidence::None);
        assert_eq!(Evidence::of(Ending::Failed(Failure::Stale), None), Evidence::None);
        let bad = Evidence::of(Ending::Failed(Failure::Timeout), None);
        assert_eq!(bad, Evidence::Bad("timeout"));
    }
}
