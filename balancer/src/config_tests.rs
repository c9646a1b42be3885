//! Configuration: defaults, every key, mistakes.

use strata_node::config::Override;

use super::*;
use crate::bound::Bound;
use crate::budget::BudgetLimits;
use crate::choice::Algorithm;
use crate::discovery::SourceConfig;
use crate::discovery::autoscaling::Group;
use crate::discovery::dns::Alike;
use crate::zone::OwnZone;

fn parse(text: &str, overrides: Vec<Override>) -> Result<BalancerConfig, Mistakes> {
    BalancerConfig::from_document(Document::parse("balancer.yaml", text, overrides).unwrap())
}

fn flag(key: &'static str, flag: &'static str, value: &str) -> Override {
    Override {
        key,
        value: value.to_owned(),
        flag,
    }
}

#[test]
fn flags_alone_make_a_configuration() {
    let config = parse(
        "",
        vec![
            flag("listen", "--listen", "127.0.0.1:8080"),
            flag("origins.address", "--origin", "127.0.0.1:8081"),
            flag("origins.address", "--origin", "127.0.0.1:8082"),
            flag("balance.factor", "--balance-factor", "125"),
        ],
    )
    .unwrap();
    let ids: Vec<&str> = config.origins.iter().map(|origin| origin.id.as_str()).collect();
    assert_eq!(ids, ["127.0.0.1:8081", "127.0.0.1:8082"]);
    assert!(
        config
            .origins
            .iter()
            .all(|origin| origin.weight == 1 && origin.check == origin.address)
    );
    assert_eq!(
        config.balance,
        Balance {
            algorithm: Algorithm::Hash,
            bound: Bound {
                factor_percent: 125,
                floor: 4
            }
        }
    );
    assert_eq!(config.hash, KeySource::Title);
    assert_eq!(
        config.retry,
        RetryLimits {
            attempts: 3,
            deadline: Duration::from_secs(5),
            budget: BudgetLimits {
                share_percent: 25,
                floor_per_second: 100
            }
        }
    );
    assert_eq!(config.timeouts.connect, Duration::from_millis(20));
    assert!(config.identify);
}

const EVERY_KEY: &str = "
listen: 0.0.0.0:80
admin: 127.0.0.1:9999
admin_token_file: /etc/strata/token
threads: 3
origins:
  - { address: '10.0.0.1:8081', id: i-0a, weight: 2, check: '10.0.0.1:9081', agent: '10.0.0.1:9181', zone: az1 }
  - { address: '10.0.0.2:8081' }
discovery:
  state: /var/lib/strata
  timeout: 3s
  remove_max: 50
  files: [{ path: /etc/more.yaml, zone: az2, interval: 2s }]
  names: [{ name: origins.test, port: 8081, check_port: 9081, agent_port: 9181, weight: 3, zone: az3, interval: 7s }]
  groups: [{ group: g1, port: 80, region: eu-west-1, endpoint: 'http://127.0.0.1:5000', interval: 20s }]
hash: { key: header, header: X-Title }
balance: { algorithm: round-robin, factor: 0, floor: 9 }
zone: { own: az1, spill_below: 40, imds: 'http://127.0.0.1:1338' }
agent: { interval: 5s, timeout: 100ms }
observe: { errors: 7, titles: 2, window: 3s, ejection: 4s, ejected_max: 50 }
health: { path: /up, interval: 2s, fast_interval: 90ms, timeout: 300ms, fall: 1, rise: 10, jitter: 0, slow_start: 0 }
timeouts: { connect: 50ms, response: 3s, send: 2s, unacknowledged: 4s, idle: 5s }
retry: { attempts: 5, deadline: 9s, budget: 10, floor: 7 }
clients: { connections: 7, per_address: 3, head: 1s, head_size: 8KiB, head_fields: 50, idle: 30s, send: 8s, rate: 0 }
tls: { listen: '0.0.0.0:443', certificates: [{ certificate: a.pem, key: a.key }, { certificate: b.pem, key: b.key }] }
proxy_protocol: { from: [10.0.0.0/8, '2001:db8::1'] }
headers:
  request: [{ set: X-Client, value: '{client}' }, { remove: Cookie }]
  response: [{ add: X-Served-By, value: strata }]
drain: { notice: 5s, limit: 90s }
identify: false
access_log: off
";

#[test]
fn every_key_is_read() {
    let config = parse(EVERY_KEY, Vec::new()).unwrap();
    assert_eq!(
        config.origins[0],
        OriginConfig {
            address: "10.0.0.1:8081".parse().unwrap(),
            id: "i-0a".to_owned(),
            weight: 2,
            check: "10.0.0.1:9081".parse().unwrap(),
            agent: Some("10.0.0.1:9181".parse().unwrap()),
            zone: Some(Zone::from_scalar("az1").unwrap()),
        }
    );
    assert_eq!(config.admin_token, Some("/etc/strata/token".into()));
    assert_eq!(config.threads.get(), 3);
    assert_eq!(config.hash, KeySource::Header(HeaderName::from_static("x-title")));
    assert_eq!(
        config.balance,
        Balance {
            algorithm: Algorithm::RoundRobin,
            bound: Bound {
                factor_percent: 0,
                floor: 9
            }
        }
    );
    assert_eq!(
        config.health,
        HealthConfig {
            path: "/up".to_owned(),
            interval: Duration::from_secs(2),
            fast_interval: Duration::from_millis(90),
            timeout: Duration::from_millis(300),
            thresholds: Thresholds { fall: 1, rise: 10 },
            jitter_percent: 0,
            slow_start: Duration::ZERO,
        }
    );
    let seconds = Duration::from_secs;
    assert_eq!(
        (config.timeouts.response, config.timeouts.unacknowledged),
        (seconds(3), seconds(4))
    );
    assert_eq!(
        config.retry,
        RetryLimits {
            attempts: 5,
            deadline: seconds(9),
            budget: BudgetLimits {
                share_percent: 10,
                floor_per_second: 7
            }
        }
    );
    assert_eq!(
        (config.clients.head, config.clients.idle),
        (seconds(1), seconds(30))
    );
    assert_eq!(
        config.drain,
        DrainConfig {
            notice: seconds(5),
            limit: seconds(90)
        }
    );
    assert!(!config.identify);
    assert_eq!(config.access_log, Destination::Off);
}

/// `expected`: what each mistake's line contains, in order.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let mistakes = parse(text, Vec::new()).unwrap_err();
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.contains(expected), "{told} lacks {expected}");
    }
}

#[test]
fn what_is_required_is_missed() {
    check("", &["listen: required", "origins: required"]);
    check(
        "listen: 127.0.0.1:0\norigins:\n  - id: a\n",
        &[":3: origins[0].address: required"],
    );
}

#[test]
fn every_mistake_is_told_with_its_line() {
    check(
        "listen: 127.0.0.1:0
origins:
  - address: 127.0.0.1:1
    id: i 1
    weight: 0
  - address: localhost
balance:
  factor: 100
hash:
  key: path
retry:
  deadline: 5
health:
  path: readyz
  patth: /
",
        &[
            ":4: origins[0].id: `i 1`",
            ":5: origins[0].weight",
            ":6: origins[1].address",
            ":8: balance.factor: must be 0",
            ":10: hash.key: `path` is none of: title, header, url",
            ":12: retry.deadline",
            ":14: health.path",
            ":15: health.patth: unknown key; did you mean `path`?",
        ],
    );
}

#[test]
fn every_key_of_the_choice_is_read() {
    let config = parse(EVERY_KEY, Vec::new()).unwrap();
    let seconds = Duration::from_secs;
    assert_eq!(
        config.zone,
        ZoneConfig {
            own: OwnZone::Named(Zone::from_scalar("az1").unwrap()),
            spill_below_percent: 40,
            imds: strata_node::imds::Endpoint::from_scalar("http://127.0.0.1:1338").unwrap(),
        }
    );
    assert_eq!(
        config.agent,
        AgentConfig {
            interval: seconds(5),
            timeout: Duration::from_millis(100)
        }
    );
    assert_eq!(
        config.observe,
        ObserveConfig {
            errors: 7,
            titles: 2,
            window: seconds(3),
            ejection: seconds(4),
            ejected_percent_max: 50
        }
    );
}

#[test]
fn every_key_of_discovery_is_read() {
    let config = parse(EVERY_KEY, Vec::new()).unwrap();
    let seconds = Duration::from_secs;
    let zone = |name| Some(Zone::from_scalar(name).unwrap());
    let name = Alike {
        port: 8081,
        check_port: 9081,
        agent_port: Some(9181),
        weight: 3,
        zone: zone("az3"),
    };
    let group = Alike {
        port: 80,
        check_port: 80,
        agent_port: None,
        weight: 1,
        zone: None,
    };
    assert_eq!(
        config.discovery,
        DiscoveryConfig {
            state: Some("/var/lib/strata".into()),
            timeout: seconds(3),
            remove_percent_max: 50,
            sources: vec![
                SourceConfig::File {
                    path: "/etc/more.yaml".into(),
                    zone: zone("az2"),
                    interval: seconds(2)
                },
                SourceConfig::Name {
                    name: "origins.test".to_owned(),
                    alike: name,
                    interval: seconds(7)
                },
                SourceConfig::Group {
                    group: Group {
                        name: "g1".to_owned(),
                        region: Some("eu-west-1".to_owned()),
                        endpoint: Some("http://127.0.0.1:5000".to_owned()),
                        alike: group
                    },
                    interval: seconds(20)
                },
            ]
        }
    );
}

#[test]
fn no_origin_is_needed_where_some_are_found() {
    let text = "listen: 127.0.0.1:0\ndiscovery: { files: [{ path: a.yaml }] }\n";
    assert!(parse(text, Vec::new()).unwrap().origins.is_empty());
    check(
        "listen: 127.0.0.1:0\ndiscovery: { names: [{ name: a }], groups: [{ group: g, port: 1, endpoint: x }] }\n",
        &[
            ":2: discovery.groups[0].endpoint",
            ":2: discovery.names[0].port: required",
        ],
    );
}

#[test]
fn two_origins_cannot_share_an_id() {
    check(
        "listen: 127.0.0.1:0\norigins:\n  - { address: '127.0.0.1:1' }\n  - { address: '127.0.0.1:1' }\n",
        &[":4: origins[1].address: `127.0.0.1:1` is there already"],
    );
}

#[test]
fn weights_that_make_too_large_a_ring_are_refused() {
    let mut text = "listen: 127.0.0.1:0\norigins:\n".to_owned();
    for number in 1..=9 {
        text.push_str(&format!("  - {{ address: '127.0.0.1:{number}', weight: 256 }}\n"));
    }
    check(&text, &[":2: origins: the weights add up to 2304"]);
}
