//! How a bundle's requests stay on a node: one right after the other, so that they take few of its places.

use super::SPREAD_S;
use crate::number::{float, whole};

/// On so many nodes a bundle's requests are spread at most, however long each takes.
const PORTIONS_MAX: u64 = 4;

/// Requests of a bundle that a node takes together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stay {
    /// How many.
    pub(super) requests: u64,
    /// Of these, those that wait for what the first one has brought on its way.
    pub(super) waiting: u64,
    /// What each of those takes, in seconds.
    pub(super) first_s: f64,
    /// What each of the others takes, in seconds.
    pub(super) then_s: f64,
}

impl Stay {
    /// Those of `left` requests of a bundle of `bundle` that have room where `room` places are free, each for
    /// [`SPREAD_S`]. The first one takes `first_s`, and so do those that come before it has ended; the others take
    /// `then_s`.
    pub(super) fn new(bundle: u64, left: u64, room: u64, first_s: f64, then_s: f64) -> Self {
        let meanwhile = float(bundle) * (first_s - then_s) / SPREAD_S;
        let waiting = whole(meanwhile.ceil()).max(1);
        let (room_s, waiting_s) = (float(room) * SPREAD_S, float(waiting) * first_s);
        let fitting = if waiting_s < room_s {
            waiting.saturating_add(whole(((room_s - waiting_s) / then_s).floor()))
        } else {
            whole((room_s / first_s).floor())
        };
        let requests = fitting.max(bundle.div_ceil(PORTIONS_MAX)).clamp(1, left.max(1));
        Self {
            requests,
            waiting: waiting.min(requests),
            first_s,
            then_s,
        }
    }

    /// How many places they take, and for how long, in seconds.
    pub(super) fn places(&self) -> (u64, f64) {
        let all_s = float(self.waiting) * self.first_s + float(self.requests - self.waiting) * self.then_s;
        let places = whole((all_s / SPREAD_S).ceil()).clamp(1, self.requests);
        (places, all_s / float(places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_takes_a_place_for_as_long_as_its_request_takes() {
        for took_s in [0.0, 0.001, 1.0, 30.0] {
            let stay = Stay::new(1, 1, 1, took_s, took_s);
            assert_eq!((stay.requests, stay.waiting), (1, 1));
            assert_eq!(stay.places(), (1, took_s));
        }
    }

    #[test]
    fn a_bundle_takes_one_place_one_request_after_the_other() {
        let stay = Stay::new(50, 50, 1, 0.1, 0.002);
        assert_eq!((stay.requests, stay.waiting), (50, 3));
        let (places, each_s) = stay.places();
        assert_eq!(places, 1);
        assert!((each_s - (3.0 * 0.1 + 47.0 * 0.002)).abs() < 1e-9, "{each_s}");
    }

    #[test]
    fn what_takes_long_is_spread_over_places_and_no_request_is_lost() {
        for (first_s, then_s, room, portions_max) in [
            (0.5, 0.5, 1, PORTIONS_MAX),
            (5.0, 0.1, 1, PORTIONS_MAX),
            (30.0, 30.0, 1, PORTIONS_MAX),
            // Where many requests have room, all go there.
            (30.0, 30.0, 15_000, 1),
            (30.0, 30.0, u64::MAX, 1),
        ] {
            let (mut left, mut portions, mut held_s) = (1000, 0, 0.0);
            while left > 0 {
                let stay = Stay::new(1000, left, room, first_s, then_s);
                let (places, each_s) = stay.places();
                left -= stay.requests;
                portions += 1;
                held_s += float(places) * each_s;
                assert!(each_s <= SPREAD_S.max(first_s), "{each_s}");
            }
            assert!(portions <= portions_max, "{portions}");
            assert!(held_s <= 1000.0 * first_s + 1e-6, "{held_s}");
        }
    }
}
