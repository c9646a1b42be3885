//! Choosing a node: order, bound, health, retries.

use prometheus::Registry;
use strata_node::config::Value as _;

use super::*;

const ONE_CHECK: Thresholds = Thresholds { fall: 1, rise: 1 };

const OBSERVE: ObserveConfig = ObserveConfig {
    errors: 3,
    titles: 3,
    window: Duration::from_secs(60),
    ejection: Duration::from_secs(60),
    ejected_percent_max: 34,
};

fn config(factor_percent: u32, floor: u32) -> PoolConfig {
    PoolConfig {
        balance: Balance {
            algorithm: Algorithm::Hash,
            bound: Bound {
                factor_percent,
                floor,
            },
        },
        own_zone: None,
        spill_below_percent: 70,
        slow_start: Duration::ZERO,
        observe: OBSERVE,
    }
}

fn origin(number: u16, zone: Option<&str>) -> OriginConfig {
    let address = std::net::SocketAddr::from(([10, 0, 0, 1], 1000 + number));
    OriginConfig {
        address,
        id: format!("n{number}"),
        weight: 1,
        check: address,
        agent: None,
        zone: zone.map(|zone| Zone::from_scalar(zone).unwrap()),
    }
}

fn origins(count: u16) -> Vec<OriginConfig> {
    (0..count).map(|number| origin(number, None)).collect()
}

fn pool_of(origins: &[OriginConfig], config: PoolConfig) -> Pool {
    Pool::new(origins, config, &Metrics::new(&Registry::new()).unwrap()).unwrap()
}

fn pool(count: u16, factor_percent: u32, floor: u32) -> Pool {
    pool_of(&origins(count), config(factor_percent, floor))
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

fn algorithm(algorithm: Algorithm, count: u16) -> Pool {
    let mut config = config(140, 0);
    config.balance.algorithm = algorithm;
    pool_of(&origins(count), config)
}

fn loads(pool: &Pool) -> Vec<u64> {
    pool.nodes().iter().map(|node| node.in_flight()).collect()
}

#[test]
fn round_robin_gives_everybody_a_turn_whatever_the_key() {
    let pool = algorithm(Algorithm::RoundRobin, 4);
    let held: Vec<Pick> = (0..40).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    assert_eq!(loads(&pool), [10; 4]);
    assert!(held.iter().all(|pick| pick.choice == Choice::Turn));
    let retry = pool.pick(key(1), std::slice::from_ref(&held[0].node)).unwrap();
    assert_eq!(retry.choice, Choice::Retry);
    assert!(!Arc::ptr_eq(&retry.node, &held[0].node));
}

#[test]
fn round_robin_goes_on_when_a_node_is_down() {
    let pool = algorithm(Algorithm::RoundRobin, 3);
    set_health(&pool, &pool.nodes()[1], false);
    let _held: Vec<Pick> = (0..20).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    assert_eq!(loads(&pool), [10, 0, 10]);
}

#[test]
fn least_in_flight_evens_out_what_is_held() {
    let pool = algorithm(Algorithm::LeastInFlight, 3);
    let mut held: Vec<Pick> = (0..9).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    assert_eq!(loads(&pool), [3; 3]);
    held.retain(|pick| pick.node.id() != "n1");
    held.extend((0..3).map(|_| pool.pick(key(1), &[]).unwrap()));
    assert_eq!(loads(&pool), [3; 3]);
    drop(held);
    // Idle nodes take turns.
    let used: std::collections::HashSet<String> = (0..3)
        .map(|_| pool.pick(key(1), &[]).unwrap().node.id().to_owned())
        .collect();
    assert_eq!(used.len(), 3);
}

/// Three nodes in the own zone, three in another.
fn zones() -> Pool {
    let mut config = config(140, 4);
    config.own_zone = Some(Zone::from_scalar("az1").unwrap());
    let origins: Vec<OriginConfig> = (0..6)
        .map(|number| origin(number, Some(if number < 3 { "az1" } else { "az2" })))
        .collect();
    pool_of(&origins, config)
}

/// How many of 600 keys are served in the other zone, one at a time.
fn leave(pool: &Pool) -> usize {
    let elsewhere = |number| {
        let pick = pool.pick(key(number), &[]).unwrap();
        let other = pick.node.zone().unwrap().as_str() == "az2";
        assert_eq!(other, pick.choice == Choice::OtherZone);
        other
    };
    (0..600).filter(|number| elsewhere(*number)).count()
}

#[test]
fn the_own_zone_serves_while_it_has_enough_capacity() {
    let pool = zones();
    assert_eq!(leave(&pool), 0);
    // However hot it gets: load is no reason to leave.
    let held: Vec<Pick> = (0..500).map(|_| pool.pick(key(3), &[]).unwrap()).collect();
    assert!(
        held.iter()
            .all(|pick| pick.node.zone().unwrap().as_str() == "az1")
    );
    drop(held);
    assert_eq!(pool.in_flight(), 0);
}

#[test]
fn what_the_own_zone_lacks_leaves_it_and_comes_back() {
    let pool = zones();
    let nodes = pool.nodes();
    set_health(&pool, &nodes[0], false);
    // 67 % are left where 70 % are needed.
    let few = leave(&pool);
    assert!((10..60).contains(&few), "{few}");
    set_health(&pool, &nodes[1], false);
    let half = leave(&pool);
    assert!((260..370).contains(&half), "{half}");
    set_health(&pool, &nodes[2], false);
    assert_eq!(leave(&pool), 600);
    for node in &nodes[..3] {
        set_health(&pool, node, true);
    }
    assert_eq!(leave(&pool), 0);
}

#[test]
fn a_zone_stays_by_itself_when_there_is_no_other() {
    let mut config = config(140, 4);
    config.own_zone = Some(Zone::from_scalar("az1").unwrap());
    let origins: Vec<OriginConfig> = (0..3).map(|number| origin(number, Some("az1"))).collect();
    let pool = pool_of(&origins, config);
    for node in &pool.nodes()[..2] {
        set_health(&pool, node, false);
    }
    let pick = pool.pick(key(1), &[]).unwrap();
    assert_eq!(pick.node.id(), "n2");
}

#[test]
fn a_retry_leaves_the_zone_once_all_of_it_has_been_tried() {
    let pool = zones();
    let mut tried = Vec::new();
    for _ in 0..6 {
        let pick = pool.pick(key(5), &tried).unwrap();
        let own = pick.node.zone().unwrap().as_str() == "az1";
        assert_eq!(own, tried.len() < 3);
        tried.push(pick.node);
    }
    assert!(pool.pick(key(5), &tried).is_none());
}

fn fail(pool: &Pool, node: &Node, titles: std::ops::Range<u32>) {
    for title in titles {
        pool.observe(node, key(title), Evidence::Bad("reset"));
    }
}

fn states(pool: &Pool) -> Vec<State> {
    pool.members().all().map(|member| member.standing.state).collect()
}

#[test]
fn a_node_that_fails_at_several_titles_is_ejected_and_a_poisoned_title_ejects_nobody() {
    let pool = pool(4, 140, 0);
    let nodes = pool.nodes();
    for node in &nodes {
        for _ in 0..100 {
            pool.observe(node, key(9), Evidence::Bad("timeout"));
        }
    }
    assert_eq!(states(&pool), [State::Unchecked; 4]);
    nodes
        .iter()
        .for_each(|node| pool.observe(node, key(1), Evidence::Good));
    fail(&pool, &nodes[2], 0..3);
    assert_eq!(states(&pool)[2], State::Ejected);
    let picks = (0..100).map(|number| pool.pick(key(number), &[]).unwrap().node);
    assert!(picks.into_iter().all(|node| node.id() != "n2"));
}

#[test]
fn no_more_than_a_share_of_the_nodes_is_ejected_and_never_the_last() {
    let many = pool(9, 140, 0);
    for node in many.nodes() {
        fail(&many, &node, 0..3);
    }
    let ejected = states(&many)
        .iter()
        .filter(|state| **state == State::Ejected)
        .count();
    assert_eq!(ejected, 3, "34 % of 9");
    let two = pool(2, 140, 0);
    for node in two.nodes() {
        fail(&two, &node, 0..3);
    }
    assert_eq!(states(&two), [State::Ejected, State::Unchecked]);
    let alone = pool(1, 140, 0);
    fail(&alone, &alone.nodes()[0], 0..100);
    assert_eq!(states(&alone), [State::Unchecked]);
}

#[test]
fn an_operator_lets_an_ejected_node_in() {
    let pool = pool(3, 140, 0);
    let node = pool.nodes().remove(0);
    fail(&pool, &node, 0..3);
    assert_eq!(states(&pool)[0], State::Ejected);
    pool.order(&node, Order::default());
    assert_eq!(states(&pool)[0], State::Unchecked);
}

#[test]
fn a_node_that_is_drained_gets_nothing_new_and_is_no_failure() {
    let pool = pool(3, 140, 0);
    let node = pool.nodes().remove(1);
    let _held: Vec<Pick> = (0..30)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    let before = node.in_flight();
    let drain = Order {
        drain: true,
        ..Order::default()
    };
    pool.order(&node, drain);
    let _more: Vec<Pick> = (0..30)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    assert_eq!(node.in_flight(), before);
}

#[test]
fn members_come_and_go_and_what_is_in_flight_stays() {
    let pool = pool(4, 140, 0);
    let held: Vec<Pick> = (0..40)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    let before = loads(&pool);
    let change = pool
        .set_members(&[origin(1, None), origin(2, None), origin(7, None)])
        .unwrap();
    assert_eq!(change.added, ["n7"]);
    let removed: std::collections::BTreeSet<_> = change.removed.into_iter().collect();
    assert_eq!(removed.into_iter().collect::<Vec<_>>(), ["n0", "n3"]);
    assert_eq!(loads(&pool), [before[1], before[2], 0]);
    assert_eq!(pool.in_flight(), 40);
    let picks = (0..100).map(|number| pool.pick(key(number), &[]).unwrap().node);
    assert!(
        picks
            .into_iter()
            .all(|node| ["n1", "n2", "n7"].contains(&node.id()))
    );
    drop(held);
    assert_eq!((pool.in_flight(), loads(&pool)), (0, vec![0; 3]));
    assert!(
        pool.set_members(&[origin(1, None), origin(2, None), origin(7, None)])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_node_at_another_address_is_another_node() {
    let pool = pool(2, 140, 0);
    let before = pool.nodes();
    let mut moved = origins(2);
    moved[0].address.set_port(9);
    let change = pool.set_members(&moved).unwrap();
    assert_eq!(
        (change.added, change.removed),
        (vec!["n0".to_owned()], vec!["n0".to_owned()])
    );
    let after = pool.nodes();
    assert!(!Arc::ptr_eq(&before[0], &after[0]) && Arc::ptr_eq(&before[1], &after[1]));
}

#[test]
fn a_new_node_starts_slowly_among_others_and_at_once_alone() {
    let mut config = config(0, 0);
    config.slow_start = Duration::from_secs(3600);
    let pool = pool_of(&[], config);
    pool.set_members(&origins(3)).unwrap();
    assert_eq!(states(&pool), [State::Unchecked; 3]);
    pool.set_members(&origins(4)).unwrap();
    assert_eq!(states(&pool)[3], State::Starting);
    let to_new = (0..2_000)
        .filter(|number| pool.pick(key(*number), &[]).unwrap().node.id() == "n3")
        .count();
    // A tenth of its quarter, of what counts: 0.1 / 3.1.
    assert!((35..105).contains(&to_new), "{to_new} of 2000");
}

#[test]
fn what_a_node_holds_for_others_counts_within_the_bound() {
    let pool = pool(2, 140, 0);
    let nodes = pool.nodes();
    let preferred = pool.pick(key(1), &[]).unwrap().node;
    let load = Load {
        in_flight: 100,
        weight_percent: 100,
        draining: false,
    };
    pool.hear_load(&preferred, load);
    assert_eq!(preferred.elsewhere(), 100);
    let held: Vec<Pick> = (0..40).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    // Of 100 + n requests the preferred one holds 100: there is no room until the other has as many by the bound.
    assert!(held.iter().all(|pick| !Arc::ptr_eq(&pick.node, &preferred)));
    assert_eq!(nodes.iter().map(|node| node.in_flight()).sum::<u64>(), 40);
    // It says that they have ended.
    pool.hear_load(&preferred, Load { in_flight: 0, ..load });
    assert!(Arc::ptr_eq(&pool.pick(key(1), &[]).unwrap().node, &preferred));
}

#[test]
fn a_node_that_says_it_drains_gets_nothing_new() {
    let pool = pool(3, 140, 0);
    let node = pool.pick(key(1), &[]).unwrap().node;
    let load = Load {
        in_flight: 1,
        weight_percent: 100,
        draining: true,
    };
    pool.hear_load(&node, load);
    assert!(!Arc::ptr_eq(&pool.pick(key(1), &[]).unwrap().node, &node));
}

#[test]
fn an_agent_s_most_requests_are_kept_to() {
    let pool = pool(3, 0, 0);
    let node = pool.pick(key(1), &[]).unwrap().node;
    pool.hear_agent(
        &node,
        Line::parse(
            b"maxconn:5
",
        )
        .unwrap(),
    );
    let _held: Vec<Pick> = (0..50).map(|_| pool.pick(key(1), &[]).unwrap()).collect();
    assert_eq!(node.in_flight(), 5);
}

#[test]
fn zones_change_while_requests_are_in_flight() {
    let pool = zones();
    let held: Vec<Pick> = (0..60)
        .map(|number| pool.pick(key(number), &[]).unwrap())
        .collect();
    let mut other = config(140, 4);
    other.own_zone = Some(Zone::from_scalar("az2").unwrap());
    pool.configure(other).unwrap();
    let now = pool.pick(key(1), &[]).unwrap();
    assert_eq!(now.node.zone().unwrap().as_str(), "az2");
    assert_eq!((pool.in_flight(), pool.nodes().len()), (61, 6));
    drop((held, now));
    assert_eq!(pool.in_flight(), 0);
    assert!(pool.nodes().iter().all(|node| node.in_flight() == 0));
}
