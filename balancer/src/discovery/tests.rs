//! Discoveries: what is made of their answers, and files and names as sources.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;

use super::dns::{Alike, DnsDiscovery, Resolver, SystemResolver};
use super::file::FileDiscovery;
use super::*;

fn member(number: u16) -> OriginConfig {
    let address = SocketAddr::from(([10, 0, 0, 1], number));
    OriginConfig {
        address,
        id: format!("n{number:03}"),
        weight: 1,
        check: address,
        agent: None,
        zone: None,
    }
}

fn members(numbers: impl IntoIterator<Item = u16>) -> Vec<OriginConfig> {
    numbers.into_iter().map(member).collect()
}

/// A discovery that gives these answers one after the other; `None` is a failure.
#[derive(Debug)]
struct Script {
    answers: Vec<Option<Found>>,
    next: AtomicUsize,
}

#[async_trait]
impl Discovery for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    async fn discover(&self) -> Result<Found, DiscoveryError> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.answers[next].clone().ok_or(DiscoveryError::TimedOut)
    }
}

fn script(answers: Vec<Option<Found>>, state: Option<&Path>) -> Source {
    let config = DiscoveryConfig {
        state: state.map(Path::to_owned),
        timeout: Duration::from_secs(5),
        remove_percent_max: 25,
        sources: Vec::new(),
    };
    let script = Script {
        answers,
        next: AtomicUsize::new(0),
    };
    let metrics = DiscoveryMetrics::register(&Registry::new()).unwrap();
    Source::new(Box::new(script), Duration::from_secs(1), &config, &metrics)
}

fn found(numbers: impl IntoIterator<Item = u16>, leaving: &[u16]) -> Option<Found> {
    Some(Found {
        members: members(numbers),
        leaving: leaving.iter().map(|number| member(*number).id).collect(),
    })
}

#[tokio::test]
async fn failures_and_empty_answers_change_nothing() {
    let mut source = script(vec![found(1..=4, &[]), None, found([], &[1, 2, 3, 4])], None);
    assert!(source.ask().await.unwrap());
    assert!(matches!(source.ask().await, Err(DiscoveryError::TimedOut)));
    assert!(matches!(source.ask().await, Err(DiscoveryError::Empty)));
    assert_eq!(source.good, members(1..=4));
}

#[tokio::test]
async fn members_that_vanish_go_a_few_at_a_time() {
    let answers = vec![found(1..=20, &[]); 1]
        .into_iter()
        .chain(vec![found([1], &[]); 5])
        .collect();
    let mut source = script(answers, None);
    let mut counts = Vec::new();
    for _ in 0..6 {
        source.ask().await.unwrap();
        counts.push(source.good.len());
    }
    // A quarter of those in force each time.
    assert_eq!(counts, [20, 15, 12, 9, 7, 6]);
    assert_eq!(source.good.first(), Some(&member(1)));
}

#[tokio::test]
async fn members_known_to_leave_go_at_once_and_new_ones_come_at_once() {
    let answers = vec![found(1..=20, &[]), found(15..=40, &(1..=14).collect::<Vec<_>>())];
    let mut source = script(answers, None);
    for _ in 0..2 {
        source.ask().await.unwrap();
    }
    assert_eq!(source.good, members(15..=40));
}

#[tokio::test]
async fn a_start_without_an_answer_begins_with_the_last_good_one() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("state");
    let mut rich = member(3);
    rich.id = r#"i"3\'x"#.to_owned();
    rich.agent = Some("10.0.0.1:9".parse().unwrap());
    rich.zone = Some(strata_node::config::Value::from_scalar("az1").unwrap());
    rich.weight = 7;
    let answer = Found {
        members: vec![member(1), rich],
        leaving: Vec::new(),
    };
    let mut first = script(vec![Some(answer)], Some(&kept));
    assert!(first.good.is_empty());
    first.ask().await.unwrap();
    let mut second = script(vec![None], Some(&kept));
    assert_eq!(second.good, first.good);
    assert_eq!(second.good.len(), 2);
    second.ask().await.unwrap_err();
    let sources = [second];
    let assembly = Assembly::new(vec![member(9), member(1)], &sources);
    let ids: Vec<String> = assembly.members().into_iter().map(|origin| origin.id).collect();
    assert_eq!(ids, ["n009", "n001", r#"i"3\'x"#]);
}

#[tokio::test]
async fn a_file_on_disk_that_is_damaged_is_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("members-script.yaml"), "origins: [{ id: ").unwrap();
    assert!(script(Vec::new(), Some(folder.path())).good.is_empty());
}

#[tokio::test]
async fn a_watched_file_is_read_anew_and_its_mistakes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("origins.yaml");
    let zone = strata_node::config::Value::from_scalar("az1").unwrap();
    let discovery = FileDiscovery::new(path.clone(), Some(zone));
    let missing = discovery.discover().await.unwrap_err().to_string();
    assert!(missing.contains("cannot be read"), "{missing}");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("origins:\n  - { address: '10.0.0.1:80', id: a }\n  - { address: '10.0.0.2:80', zone: az2 }\n");
    let members = discovery.discover().await.unwrap().members;
    let told: Vec<(&str, &str)> = members
        .iter()
        .map(|member| (member.id.as_str(), member.zone.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(told, [("a", "az1"), ("10.0.0.2:80", "az2")]);
    write("origins:\n  - { address: nonsense }\n");
    let mistakes = discovery.discover().await.unwrap_err().to_string();
    assert!(
        mistakes.contains("origins.yaml:2: origins[0].address"),
        "{mistakes}"
    );
    write("origins: []\n");
    assert!(discovery.discover().await.unwrap().members.is_empty());
}

fn alike() -> Alike {
    Alike {
        port: 8081,
        check_port: 9081,
        agent_port: None,
        weight: 2,
        zone: None,
    }
}

#[tokio::test]
async fn each_address_of_a_name_is_a_member() {
    #[derive(Debug)]
    struct Fixed(Vec<SocketAddr>);
    #[async_trait]
    impl Resolver for Fixed {
        async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<SocketAddr>> {
            Ok(self.0.clone())
        }
    }
    let addresses = ["10.0.0.2:8081", "10.0.0.1:8081", "10.0.0.2:8081", "[::1]:8081"];
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let discovery = DnsDiscovery::new("origins.test".to_owned(), alike(), Fixed(addresses));
    let members = discovery.discover().await.unwrap().members;
    let ids: Vec<&str> = members.iter().map(|member| member.id.as_str()).collect();
    assert_eq!(ids, ["10.0.0.1:8081", "10.0.0.2:8081", "[::1]:8081"]);
    assert!(
        members
            .iter()
            .all(|member| member.check.port() == 9081 && member.weight == 2)
    );
}

#[tokio::test]
async fn the_system_resolves_names_and_says_when_it_cannot() {
    let local = DnsDiscovery::new("localhost".to_owned(), alike(), SystemResolver);
    let members = local.discover().await.unwrap().members;
    assert!(members.iter().all(|member| member.address.ip().is_loopback()));
    assert!(!members.is_empty());
    let bad = DnsDiscovery::new("not a name".to_owned(), alike(), SystemResolver);
    let error = bad.discover().await.unwrap_err().to_string();
    assert!(error.starts_with("not a name: "), "{error}");
}
