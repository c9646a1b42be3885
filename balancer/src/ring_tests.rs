//! Properties of the ring.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const KEYS: u32 = 20_000;

fn key(number: u32) -> Key {
    Key::of(format!("shows/title-{number}.ism").as_bytes())
}

fn names(count: usize, salt: u64) -> Vec<String> {
    (0..count)
        .map(|n| format!("i-{:016x}", xxh3_64_with_seed(&n.to_le_bytes(), salt)))
        .collect()
}

fn ring_of(names: &[String]) -> Ring {
    Ring::new(names.iter().map(|name| (name.as_str(), 1))).unwrap()
}

fn first<'a>(ring: &Ring, names: &'a [String], key: Key) -> &'a str {
    &names[ring.candidates(key).next().unwrap().get()]
}

#[test]
fn a_key_is_offered_every_node_once() {
    let ring = ring_of(&names(200, 1));
    for number in 0..50 {
        let offered: Vec<_> = ring.candidates(key(number)).collect();
        assert_eq!(offered.len(), 200);
        assert_eq!(offered.iter().collect::<HashSet<_>>().len(), 200);
    }
}

#[test]
fn the_order_does_not_depend_on_the_process() {
    let ring = ring_of(&["a".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned()]);
    let order = |text: &str| -> Vec<usize> {
        ring.candidates(Key::of(text.as_bytes()))
            .map(NodeIndex::get)
            .collect()
    };
    // Fixed for good: balancers of different versions must agree while an upgrade rolls out.
    assert_eq!(Key::of(b"shows/film.ism").hash(), 0x5e86_a6a1_f73d_a3c2);
    assert_eq!(order("shows/film.ism"), [1, 2, 3, 0]);
    assert_eq!(order("shows/other.mp4"), [3, 1, 2, 0]);
}

#[test]
fn an_empty_ring_offers_nobody() {
    assert_eq!(ring_of(&[]).candidates(key(0)).count(), 0);
}

#[test]
fn a_node_of_weight_0_is_offered_last() {
    let ring = Ring::new([("a", 1), ("idle", 0), ("z", 1)]).unwrap();
    for number in 0..100 {
        assert_eq!(ring.candidates(key(number)).last().unwrap().get(), 1);
    }
}

#[test]
fn nodes_of_weight_0_alone_are_still_offered() {
    let ring = Ring::new([("a", 0), ("b", 0)]).unwrap();
    assert_eq!(ring.candidates(key(0)).count(), 2);
}

#[test]
fn limits_are_checked_before_points_are_made() {
    let many = vec![("n", 0); NODES_MAX + 1];
    assert_eq!(Ring::new(many).err(), Some(RingError::TooManyNodes));
    assert_eq!(
        Ring::new([("a", 1), ("b", u32::MAX)]).err(),
        Some(RingError::TooMuchWeight { weights: u32::MAX })
    );
}

#[test]
fn load_follows_weight() {
    let ring = Ring::new([("a", 1), ("b", 2), ("c", 4)]).unwrap();
    let mut loads = [0_u32; 3];
    for number in 0..KEYS {
        loads[ring.candidates(key(number)).next().unwrap().get()] += 1;
    }
    for (load, weight) in loads.iter().zip([1.0, 2.0, 4.0]) {
        let expected = f64::from(KEYS) * weight / 7.0;
        assert!((f64::from(*load) / expected - 1.0).abs() < 0.1, "{loads:?}");
    }
}

#[test]
fn the_keys_of_a_lost_node_spread_over_all_the_others() {
    let names = names(20, 3);
    let ring = ring_of(&names);
    let mut heirs = vec![0_u32; names.len()];
    let mut lost = 0_u32;
    for number in 0..KEYS {
        let mut candidates = ring.candidates(key(number)).map(NodeIndex::get);
        if candidates.next() == Some(7) {
            heirs[candidates.next().unwrap()] += 1;
            lost += 1;
        }
    }
    let mean = f64::from(lost) / 19.0;
    let most = heirs.iter().max().copied().unwrap();
    assert!(
        f64::from(most) < 1.6 * mean,
        "{most} of {lost} keys fell on one node: {heirs:?}"
    );
}

#[test]
fn points_follow_the_percentage_and_never_vanish() {
    assert_eq!(points(1, 100), POINTS_PER_WEIGHT);
    assert_eq!(points(3, 50), 3 * POINTS_PER_WEIGHT / 2);
    assert_eq!((points(0, 100), points(5, 0)), (0, 0));
    assert_eq!(points(2, 250), 2 * POINTS_PER_WEIGHT);
    assert!(points(1, 1) != 0);
}

#[test]
fn a_part_of_a_node_s_points_brings_that_part_of_its_keys() {
    let names = names(8, 11);
    let ring = ring_of(&names);
    let full = POINTS_PER_WEIGHT;
    let active = [full, full / 4, full, full, full, full, full, 0];
    let mut loads = [0_u32; 8];
    for number in 0..KEYS {
        loads[ring.candidates_among(key(number), &active).next().unwrap().get()] += 1;
    }
    let share = f64::from(KEYS) / 6.25;
    assert!(
        (f64::from(loads[1]) / (share / 4.0) - 1.0).abs() < 0.15,
        "{loads:?}"
    );
    assert!((f64::from(loads[3]) / share - 1.0).abs() < 0.15, "{loads:?}");
    assert_eq!(loads[7], 0);
    // The one of which nothing counts comes last, and comes.
    assert_eq!(ring.candidates_among(key(1), &active).last().unwrap().get(), 7);
    assert_eq!(ring.candidates_among(key(1), &[0; 8]).count(), 8);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_ring_that_was_changed_is_the_ring_of_its_members(
        count in 1_usize..12, salt: u64, steps in prop::collection::vec((0_usize..12, 0_u32..4), 1..6),
    ) {
        let names = names(12, salt);
        let mut members: Vec<(&str, u32)> = names.iter().take(count).map(|name| (name.as_str(), 1)).collect();
        let mut ring = Ring::new(members.iter().copied()).unwrap();
        for (node, weight) in steps {
            let name = names[node].as_str();
            members.retain(|(id, _)| *id != name);
            if weight != 3 {
                members.push((name, weight));
            }
            members.sort_unstable();
            ring = ring.changed(members.iter().copied()).unwrap();
        }
        let anew = Ring::new(members.iter().copied()).unwrap();
        for number in 0..300 {
            let changed: Vec<_> = ring.candidates(key(number)).collect();
            prop_assert_eq!(changed, anew.candidates(key(number)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_weight_that_rises_moves_keys_to_that_node_only(
        count in 2_usize..20, salt: u64, node in 0_usize..20, from in 0_u32..1024, to in 0_u32..1024,
    ) {
        let node = node % count;
        let ring = ring_of(&names(count, salt));
        let (mut less, mut more) = (vec![POINTS_PER_WEIGHT; count], vec![POINTS_PER_WEIGHT; count]);
        less[node] = from.min(to);
        more[node] = from.max(to);
        for number in 0..2_000 {
            let was = ring.candidates_among(key(number), &less).next().unwrap();
            let is = ring.candidates_among(key(number), &more).next().unwrap();
            prop_assert!(was == is || is.get() == node);
        }
    }

    #[test]
    fn removing_a_node_moves_only_its_keys(count in 2_usize..40, salt: u64, gone in 0_usize..40) {
        let before = names(count, salt);
        let gone = gone % count;
        let mut after = before.clone();
        let removed = after.remove(gone);
        let (old, new) = (ring_of(&before), ring_of(&after));
        for number in 0..2_000 {
            let was = first(&old, &before, key(number));
            let is = first(&new, &after, key(number));
            prop_assert!(was == is || was == removed);
        }
    }

    #[test]
    fn adding_a_node_moves_at_most_its_share_and_a_tenth(count in 2_usize..40, salt: u64) {
        let mut after = names(count, salt);
        let new = ring_of(&after);
        // The joining node is the last of the list, so the others keep their indexes.
        let joined = after.pop().unwrap();
        let old = ring_of(&after);
        let mut moved = 0_u32;
        after.push(joined.clone());
        for number in 0..KEYS {
            let is = first(&new, &after, key(number));
            if first(&old, &after, key(number)) != is {
                prop_assert_eq!(is, &joined);
                moved += 1;
            }
        }
        // Beyond the ring's own spread, the sample of keys has one: allow it three standard deviations.
        let share = f64::from(KEYS) / after.len() as f64;
        prop_assert!(f64::from(moved) <= 1.1 * share + 3.0 * share.sqrt(), "{moved} keys moved, {share} is the share");
    }

    #[test]
    fn load_is_spread_evenly(salt: u64) {
        let names = names(50, salt);
        let ring = ring_of(&names);
        let mut loads = vec![0_u32; names.len()];
        for number in 0..100_000 {
            loads[ring.candidates(key(number)).next().unwrap().get()] += 1;
        }
        let most = loads.iter().max().copied().unwrap();
        prop_assert!(f64::from(most) < 1.2 * 2_000.0, "{most} keys on one node, 2000 is the mean");
    }
}
