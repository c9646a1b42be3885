//! Choosing a node: order, bound, health, retries.

use std::collections::HashMap;

use prometheus::Registry;

use super::*;
use crate::config::OriginConfig;
use crate::metrics::Metrics;

const ONE_CHECK: Thresholds = Thresholds { fall: 1, rise: 1 };

fn pool(count: u16, factor_percent: u32, floor: u32) -> Pool {
    let metrics = Metrics::new(&Registry::new()).unwrap();
    let node = |number: u16| {
        let address = std::net::SocketAddr::from(([10, 0, 0, 1], 1000 + number));
        let config = OriginConfig {
            address,
            id: format!("n{number}"),
            weight: 1,
            check: address,
        };
        Arc::new(Node::new(&config, &metrics))
    };
    Pool::new(
        (0..count).map(node).collect(),
        Bound {
            factor_percent,
            floor,
        },
    )
    .unwrap()
}

fn key(number: u32) -> Key {
    Key::of(&number.to_le_bytes())
}

fn set_health(pool: &Pool, node: &Node, up: bool) {
    let check = if up { Ok(()) } else { Err(CheckFailure::TimedOut) };
    pool.hear(node, check, ONE_CHECK);
}

#[test]
fn an_idle_pool_gives_every_key_its_first_choice() {
    let pool = pool(5, 140, 0);
    for number in 0..100 {
        let pick = pool.pick(key(number), &[]).unwrap();
        assert_eq!(pick.choice, Choice::First);
        let again = pool.pick(key(number), std::slice::from_ref(&pick.node)).unwrap();
        assert_eq!(again.choice, Choice::Retry);
        assert!(!Arc::ptr_eq(&pick.node, &again.node));
    }
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn a_hot_key_spreads_over_as_many_nodes_as_its_load_needs_and_no_more() {
    let pool = pool(10, 140, 0);
    let mut held = Vec::new();
    for placed in 1..=200_u64 {
        held.push(pool.pick(key(1), &[]).unwrap());
        let bound = (placed * 140).div_ceil(100).div_ceil(10);
        assert!(
            pool.nodes().iter().all(|node| node.in_flight() <= bound),
            "{placed} placed"
        );
    }
    let used = pool.nodes().iter().filter(|node| node.in_flight() != 0).count();
    // 200 requests in portions of at most 28.
    assert_eq!(used, 8);
    let first = held.iter().filter(|pick| pick.choice == Choice::First).count();
    assert_eq!(first, 28);
    assert!(
        held.iter()
            .all(|pick| matches!(pick.choice, Choice::First | Choice::Spilled))
    );
    held.clear();
    assert!(pool.nodes().iter().all(|node| node.in_flight() == 0));
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn below_the_floor_a_key_stays_together() {
    let pool = pool(10, 140, 4);
    let held: Vec<Pick> = (0..5).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    let choices: Vec<Choice> = held.iter().map(|pick| pick.choice).collect();
    assert_eq!(
        choices,
        [
            Choice::First,
            Choice::First,
            Choice::First,
            Choice::First,
            Choice::Spilled
        ]
    );
}

#[test]
fn without_a_bound_a_key_stays_together() {
    let pool = pool(3, 0, 0);
    let held: Vec<Pick> = (0..500).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    assert!(held.iter().all(|pick| pick.choice == Choice::First));
}

#[test]
fn the_keys_of_a_node_that_is_down_go_to_their_second_choice_and_come_back() {
    let pool = pool(6, 140, 0);
    let first = pool.pick(key(7), &[]).unwrap().node;
    let second = pool.pick(key(7), std::slice::from_ref(&first)).unwrap().node;
    set_health(&pool, &first, false);
    let pick = pool.pick(key(7), &[]).unwrap();
    assert_eq!((pick.choice, pick.node.id()), (Choice::FirstDown, second.id()));
    set_health(&pool, &first, true);
    assert_eq!(pool.pick(key(7), &[]).unwrap().node.id(), first.id());
}

#[test]
fn a_node_that_is_down_takes_no_part_in_the_bound() {
    let pool = pool(3, 140, 0);
    let nodes = pool.nodes();
    set_health(&pool, &nodes[0], false);
    let held: Vec<Pick> = (0..100)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    // Two nodes share 140 slots.
    let most = nodes.iter().map(|node| node.in_flight()).max().unwrap();
    assert!((50..=70).contains(&most), "{most}");
    assert_eq!(nodes[0].in_flight(), 0);
    drop(held);
}

#[test]
fn when_all_are_down_they_serve_all_the_same() {
    let pool = pool(3, 140, 0);
    for node in pool.nodes() {
        set_health(&pool, &node, false);
    }
    let mut tried = Vec::new();
    for _ in 0..3 {
        let pick = pool.pick(key(1), &tried).unwrap();
        assert_eq!(pick.choice, Choice::LastResort);
        tried.push(pick.node);
    }
    assert!(pool.pick(key(1), &tried).is_none());
    assert!(!pool.has_untried(&tried));
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn a_retry_passes_the_bound_rather_than_fail() {
    let pool = pool(2, 101, 0);
    let full: Vec<Pick> = (0..20)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    let mut by_node: HashMap<String, Vec<Pick>> = HashMap::new();
    for pick in full {
        by_node.entry(pick.node.id().to_owned()).or_default().push(pick);
    }
    // One node fails all it has; the other takes them all on top of its own.
    let failed = by_node.remove("n0").unwrap();
    let node = failed[0].node.clone();
    let count = failed.len();
    drop(failed);
    let retried: Vec<Pick> = (0..count)
        .map(|_| pool.pick(key(1), std::slice::from_ref(&node)).unwrap())
        .collect();
    assert!(
        retried
            .iter()
            .all(|pick| pick.node.id() == "n1" && pick.choice == Choice::Retry)
    );
}

#[test]
fn threads_never_find_the_pool_full_and_leave_nothing_behind() {
    let pool = pool(4, 101, 0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let pool = &pool;
            scope.spawn(move || {
                for number in 0..5_000 {
                    let pick = pool.pick(key(number % 3), &[]).unwrap();
                    let other = (number % 7 == thread)
                        .then(|| pool.pick(key(number), std::slice::from_ref(&pick.node)));
                    drop((pick, other));
                }
            });
        }
    });
    assert_eq!(pool.in_flight(), 0);
    assert!(pool.nodes().iter().all(|node| node.in_flight() == 0));
}
