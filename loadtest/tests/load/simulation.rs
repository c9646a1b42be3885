//! Viewers and nodes in virtual time.

use std::sync::Arc;
use std::time::Duration;

use strata_balancer::bound::Bound;
use strata_loadtest::audience::Habits;
use strata_loadtest::report::{Heading, Report, Test};
use strata_loadtest::schedule::Shape;
use strata_loadtest::simulate::{
    self, CacheSpec, Change, FleetEvent, Instance, KeyOf, NodeSpec, Scenario, Service, TitleShape,
};

fn scenario(nodes: usize, baseline_bps: f64) -> Scenario {
    let node = |number: usize| NodeSpec {
        name: format!("node-{number}"),
        zone: 0,
        instance: Instance {
            name: String::new(),
            baseline_bps,
            burst_bps: baseline_bps,
            burst_s: 0.0,
            cache_bytes: 256 << 20,
        },
    };
    let title = Arc::new(TitleShape::even(
        600.0,
        6.0,
        &[400_000, 1_000_000, 2_500_000],
        128_000,
    ));
    Scenario {
        viewers: 300.0,
        shape: Shape::Steady,
        length: Duration::from_secs(60),
        arriving: Duration::from_secs(60),
        habits: Habits::default(),
        seed: 3,
        titles: vec![title; 20],
        nodes: (0..nodes).map(node).collect(),
        events: Vec::new(),
        bound: Bound {
            factor_percent: 140,
            floor: 4,
        },
        key: KeyOf::Title,
        cache: CacheSpec {
            chunk_bytes: 1 << 20,
            index_bytes: 64 << 20,
            ttl: Duration::from_secs(60),
            get_bytes_max: 16 << 20,
            ahead_bytes_max: 16 << 20,
            head_bytes: 64 << 10,
        },
        service: Service::default(),
        told_apart: 1000,
    }
}

fn run(scenario: &Scenario) -> Report {
    let heading = Heading {
        test: Test::Simulation,
        title: String::new(),
        strata: "0".to_owned(),
        settings: Default::default(),
    };
    simulate::run(scenario, &[], &heading, String::new(), |_| {}).unwrap()
}

#[test]
fn the_same_scenario_gives_the_same_report() {
    let scenario = scenario(5, 1e9);
    let text = || serde_json::to_string(&run(&scenario)).unwrap();
    assert_eq!(text(), text());
}

#[test]
fn bundles_load_nodes_as_the_viewers_that_they_stand_for_do() {
    let run_with = |told_apart| {
        let mut scenario = scenario(6, 1e9);
        scenario.viewers = 6000.0;
        scenario.told_apart = told_apart;
        scenario.titles.truncate(10);
        // Nothing is evicted, and the store answers at once: what bundles share is not what is looked at.
        scenario.service.store_s = 0.0;
        scenario.service.load_s = Some(0.0);
        scenario.service.node_s = 0.01;
        scenario.cache.ahead_bytes_max = 0;
        scenario
            .nodes
            .iter_mut()
            .for_each(|node| node.instance.cache_bytes = 64 << 30);
        run(&scenario).fleet.unwrap()
    };
    let (single, bundled) = (run_with(6000), run_with(300));
    let is_near = |what: &str, of: fn(&strata_loadtest::report::FleetFigures) -> f64, within: f64| {
        let (single, bundled) = (of(&single), of(&bundled));
        assert!(
            (single - bundled).abs() <= within,
            "{what}: {single} and {bundled}"
        );
    };
    is_near("first choices", |fleet| fleet.first_choice_share().unwrap(), 0.1);
    is_near("max over mean", |fleet| fleet.max_over_mean().unwrap(), 0.15);
    let in_flight = |fleet: &strata_loadtest::report::FleetFigures| {
        let looks = fleet.nodes.iter().flat_map(|node| &node.looks);
        let held: Vec<u64> = looks
            .filter(|look| look.at_s > 20.0)
            .map(|look| look.in_flight)
            .collect();
        held.iter().sum::<u64>() as f64 / held.len() as f64
    };
    let (single, bundled) = (in_flight(&single), in_flight(&bundled));
    assert!((bundled / single - 1.0).abs() < 0.15, "{single} and {bundled}");
}

#[test]
fn who_asks_for_a_title_that_is_being_loaded_waits_for_it() {
    let mut scenario = scenario(1, 1e12);
    scenario.titles.truncate(1);
    scenario.viewers = 3000.0;
    scenario.length = Duration::from_secs(20);
    scenario.service.load_s = Some(5.0);
    let report = run(&scenario);
    let store = &report.fleet.as_ref().unwrap().store.requests;
    assert_eq!(store["title"], 6);
    // Those who come in the first five of twenty seconds.
    let startup = &report.audience.as_ref().unwrap().startup;
    assert!(startup.p50_ms < 200.0 && startup.max_ms > 4000.0, "{startup:?}");
    assert!(startup.p90_ms > 2500.0, "{startup:?}");
}

#[test]
fn what_a_node_cannot_send_in_time_is_given_up_and_ends_within_the_test() {
    let report = run(&scenario(1, 2e6));
    assert!(report.totals.failed > 50, "{}", report.totals.failed);
    assert!(report.timeline.len() <= 60, "{}", report.timeline.len());
    let fleet = report.fleet.unwrap();
    assert_eq!(fleet.drowned, Some(1));
    // A link sends no more than it can; what begins within the patience is let end.
    let sent: u64 = fleet.nodes.iter().map(|node| node.bytes).sum();
    assert!(8.0 * sent as f64 <= 2e6 * (60.0 + 40.0), "{sent}");
}

#[test]
fn a_node_that_dies_leaves_its_load_to_others_and_one_that_joins_takes_some() {
    let mut scenario = scenario(4, 1e9);
    let mut joins = scenario.nodes[0].clone();
    joins.name = "node-9".to_owned();
    let event = |at_s, change| FleetEvent { at_s, change };
    scenario.events = vec![event(20.0, Change::Kill(0)), event(30.0, Change::Join(joins))];
    let report = run(&scenario);
    assert_eq!(report.totals.failed, 0);
    let nodes = report.fleet.unwrap().nodes;
    let at_end = |number: usize| nodes[number].looks.last().unwrap().requests;
    let at_20 = nodes[0].looks.iter().find(|look| look.at_s >= 20.0).unwrap();
    assert_eq!(at_end(0), at_20.requests);
    assert!(nodes[4].requests > 0);
}
