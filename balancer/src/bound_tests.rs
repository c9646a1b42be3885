//! The bound against HAProxy's formula, and its guards under threads.

use std::sync::Barrier;
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;

use super::*;

const NO_FLOOR: Bound = Bound {
    factor_percent: 140,
    floor: 0,
};

fn shares(weights: &[u32]) -> Vec<Share> {
    let sum = weights.iter().sum();
    let mut before = 0;
    let share = |weight: &u32| {
        let share = Share {
            weight: *weight,
            weights_before: before,
            weights: sum,
        };
        before += weight;
        share
    };
    weights.iter().map(share).collect()
}

#[track_caller]
fn check(factor_percent: u32, weights: &[u32], in_flight: u64, expected: &[u64]) {
    let bound = Bound {
        factor_percent,
        floor: 0,
    };
    let limits: Vec<u64> = shares(weights)
        .iter()
        .map(|share| bound.limit(in_flight, *share))
        .collect();
    assert_eq!(
        limits, expected,
        "factor {factor_percent}, weights {weights:?}, {in_flight} in flight"
    );
}

/// Slots as `chash_server_is_eligible` of HAProxy computes them; there a weight
/// of 1 counts 16 and `served` leaves out the request to be placed.
#[test]
fn limits_are_those_of_haproxy() {
    check(140, &[1], 1, &[2]);
    check(140, &[1, 1], 1, &[1, 1]);
    check(140, &[1, 1], 2, &[1, 2]);
    check(140, &[1, 1], 10, &[7, 7]);
    check(140, &[1, 1], 11, &[8, 8]);
    check(140, &[1, 1, 1, 1], 1, &[1, 1, 1, 1]);
    check(140, &[1, 1, 1, 1], 4, &[1, 2, 1, 2]);
    check(140, &[1, 1, 1, 1], 21, &[7, 8, 7, 8]);
    check(140, &[1; 6], 100, &[23, 23, 24, 23, 23, 24]);
    check(125, &[1, 1, 1], 1000, &[416, 417, 417]);
    check(140, &[1, 2, 4], 7, &[1, 3, 6]);
    check(140, &[10, 1], 11, &[14, 2]);
    check(200, &[3, 1], 1, &[1, 1]);
    check(101, &[1, 1], 100, &[50, 51]);
}

#[test]
fn without_a_factor_there_is_no_bound() {
    let bound = Bound {
        factor_percent: 0,
        floor: 4,
    };
    assert_eq!(bound.limit(u64::MAX, shares(&[1])[0]), u64::MAX);
}

#[test]
fn the_floor_holds_whatever_the_share() {
    let bound = Bound {
        factor_percent: 140,
        floor: 8,
    };
    let share = shares(&[1; 20])[3];
    assert_eq!(bound.limit(1, share), 8);
    assert_eq!(bound.limit(100, share), 8);
    assert_eq!(bound.limit(200, share), 14);
}

proptest! {
    #[test]
    fn some_node_always_has_room(
        factor_percent in 101_u32..400,
        weights in prop::collection::vec(1_u32..257, 1..60),
        in_flight in 1_u64..100_000,
        salt: u64,
    ) {
        let bound = Bound { factor_percent, floor: 0 };
        let shares = shares(&weights);
        let limits: Vec<u64> = shares.iter().map(|share| bound.limit(in_flight, *share)).collect();
        // The slots of all nodes are more than all other requests in flight, however those are spread.
        prop_assert!(limits.iter().sum::<u64>() > in_flight - 1, "{limits:?}");
        // Each node filled to its limit, in any order, until the others in flight are used up.
        let mut left = in_flight - 1;
        let start = usize::try_from(salt % weights.len() as u64).unwrap();
        let mut room = false;
        for node in (0..weights.len()).map(|n| (n + start) % weights.len()) {
            let held = left.min(limits[node]);
            left -= held;
            room |= held < limits[node];
        }
        prop_assert!(room);
    }

    #[test]
    fn no_node_is_bound_far_over_its_share(
        factor_percent in 101_u32..400,
        weights in prop::collection::vec(1_u32..257, 1..60),
        in_flight in 1_u64..100_000,
    ) {
        let bound = Bound { factor_percent, floor: 0 };
        let sum = f64::from(weights.iter().sum::<u32>());
        for share in shares(&weights) {
            let slots = (in_flight * u64::from(factor_percent)).div_ceil(100) as f64;
            let exact = slots * f64::from(share.weight) / sum;
            prop_assert!((bound.limit(in_flight, share) as f64 - exact).abs() <= 1.0);
        }
    }
}

#[test]
fn a_guard_counts_out_however_it_ends() {
    let total = Arc::new(Total::default());
    let node = Arc::new(Count::default());
    let guard = total.place().enter(&node, |_| 1).unwrap();
    assert_eq!((node.get(), total.get()), (1, 1));
    let back = total.place().enter(&node, |_| 1).unwrap_err();
    assert_eq!((node.get(), total.get()), (1, 2));
    let second = back.enter_regardless(&node);
    assert_eq!((node.get(), total.get()), (2, 2));
    drop(guard);
    let panicked = std::thread::spawn(move || {
        let _second = second;
        panic!("a request that panics");
    });
    assert!(panicked.join().is_err());
    assert_eq!((node.get(), total.get()), (0, 0));
}

/// Runs `round` on so many threads, so many times each.
fn on_threads(threads: usize, rounds: usize, round: impl Fn() + Sync) {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                for _ in 0..rounds {
                    round();
                }
            });
        }
    });
}

/// The limit is asked between the look at a node's count and its increment.
/// Giving way to other threads just there makes every race that can happen happen.
#[test]
fn no_race_takes_a_node_past_its_limit() {
    const LIMIT: u64 = 2;
    let total = Arc::new(Total::default());
    let node = Arc::new(Count::default());
    let (most, entered) = (AtomicU64::new(0), AtomicU64::new(0));
    on_threads(8, 2_000, || {
        let limit = |_| {
            std::thread::yield_now();
            LIMIT
        };
        if let Ok(_guard) = total.place().enter(&node, limit) {
            most.fetch_max(node.get(), Ordering::Relaxed);
            entered.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
        }
    });
    assert_eq!(most.into_inner(), LIMIT);
    assert!(LIMIT < entered.into_inner());
    assert_eq!((total.get(), node.get()), (0, 0));
}

#[test]
fn threads_that_want_the_same_node_stay_within_the_bound() {
    const THREADS: usize = 8;
    let total = Arc::new(Total::default());
    let nodes: Vec<Arc<Count>> = (0..3).map(|_| Arc::default()).collect();
    let shares = shares(&[1, 1, 1]);
    on_threads(THREADS, 5_000, || {
        let mut placing = Some(total.place());
        // All want node 0 first, as for a hot title, and one node always has room.
        for (node, share) in nodes.iter().zip(&shares).cycle() {
            match placing
                .take()
                .unwrap()
                .enter(node, |all| NO_FLOOR.limit(all, *share))
            {
                Ok(_guard) => {
                    // No more than all threads together can have been in flight.
                    assert!(node.get() <= NO_FLOOR.limit(THREADS as u64, *share));
                    return;
                }
                Err(back) => placing = Some(back),
            }
        }
    });
    assert_eq!(total.get(), 0);
    assert!(nodes.iter().all(|node| node.get() == 0));
}
