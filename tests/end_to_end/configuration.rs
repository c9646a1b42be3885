//! Configuration files: the references are right, mistakes stop the start.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use strata_balancer::BalancerConfig;
use strata_node::config::Document;
use strata_origin::OriginConfig;

use crate::support::node::strata;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// The reference with every key that is commented out switched on: `  #key: value` → `  key: value`.
fn with_defaults_spelled_out(name: &str) -> Document {
    let is_key = |rest: &str| {
        let word = rest.split(':').next().unwrap_or_default();
        rest.contains(':') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let text = std::fs::read_to_string(reference(name)).unwrap();
    let lines = text.lines().map(|line| match line.split_once('#') {
        Some((indent, rest)) if indent.trim().is_empty() && is_key(rest) => format!("{indent}{rest}\n"),
        _ => format!("{line}\n"),
    });
    Document::parse(name, &lines.collect::<String>(), Vec::new()).unwrap()
}

#[test]
fn the_reference_of_an_origin_is_good_and_states_the_defaults() {
    let document = Document::read(Some(&reference("origin.yaml")), Vec::new()).unwrap();
    let config = OriginConfig::from_document(document).unwrap();
    let spelled_out = OriginConfig::from_document(with_defaults_spelled_out("origin.yaml")).unwrap();
    assert_eq!(config, spelled_out);
}

#[test]
fn the_reference_of_a_balancer_is_good_and_states_the_defaults() {
    let document = Document::read(Some(&reference("balancer.yaml")), Vec::new()).unwrap();
    let config = BalancerConfig::from_document(document).unwrap();
    let mut spelled_out = BalancerConfig::from_document(with_defaults_spelled_out("balancer.yaml")).unwrap();
    // The one default that differs from machine to machine.
    spelled_out.threads = config.threads;
    assert_eq!(config, spelled_out);
}

/// Runs the command in a folder with one file.
async fn run(file: &str, text: &str, arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    let mut command = strata();
    command
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.output().await.unwrap()
}

const WRONG_ORIGIN: &str = "\
listen: 127.0.0.1
admin: 127.0.0.1:0
stoer:
  url: ./titles
acess_log: off
";

/// What is said of [`WRONG_ORIGIN`], whoever says it.
#[track_caller]
fn lists_every_mistake(output: &Output) {
    let told = String::from_utf8_lossy(&output.stderr);
    for mistake in [
        "origin.yaml:1: listen: `127.0.0.1` is not an address and port",
        "origin.yaml:3: stoer: unknown key; did you mean `store`?",
        "origin.yaml:5: acess_log: unknown key; did you mean `access_log`?",
        "store.url: required",
    ] {
        assert!(told.contains(mistake), "{mistake:?} is not in\n{told}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_node_does_not_start_with_mistakes_and_lists_them_all() {
    lists_every_mistake(
        &run(
            "origin.yaml",
            WRONG_ORIGIN,
            &["origin", "--config", "origin.yaml"],
        )
        .await,
    );
}

#[tokio::test]
async fn check_lists_every_mistake() {
    let arguments = ["check", "--config", "origin.yaml"];
    lists_every_mistake(&run("origin.yaml", WRONG_ORIGIN, &arguments).await);
}

#[tokio::test]
async fn check_tells_the_kind_of_a_file_by_its_content() {
    let origin = "listen: 127.0.0.1:0\nstore:\n  url: .\n";
    let output = run("a.yaml", origin, &["check", "--config", "a.yaml"]).await;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "a.yaml: a good configuration of an origin\n"
    );
    let balancer = "listen: 127.0.0.1:0\norigins:\n  - address: 127.0.0.1:1\n";
    let output = run("b.yaml", balancer, &["check", "--config", "b.yaml"]).await;
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "b.yaml: a good configuration of a balancer\n"
    );
    let output = run(
        "b.yaml",
        balancer,
        &["check", "--config", "b.yaml", "--kind", "origin"],
    )
    .await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_file_that_is_not_there_or_not_yaml_is_a_mistake() {
    let output = run("a.yaml", "", &["check", "--config", "b.yaml"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("b.yaml: cannot be read"));
    assert_eq!(output.status.code(), Some(1));
    let output = run("a.yaml", "a: [\n", &["origin", "--config", "a.yaml"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("a.yaml:"));
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_wrong_flag_is_named_in_place_of_a_line() {
    let flags = [
        "--listen",
        "here",
        "--balance-factor",
        "99",
        "--origin",
        "127.0.0.1:1",
    ];
    let output = run("unused", "", &[&["balancer"], flags.as_slice()].concat()).await;
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("--listen: listen: `here`") && told.contains("--balance-factor: balance.factor"),
        "{told}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_taken_port_names_the_address_and_the_key() {
    let taken = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let node = [
        vec![
            "origin",
            "--store",
            ".",
            "--listen",
            &address,
            "--admin",
            "127.0.0.1:0",
        ],
        vec![
            "balancer",
            "--origin",
            "127.0.0.1:1",
            "--listen",
            "127.0.0.1:0",
            "--admin",
            &address,
        ],
    ];
    for (arguments, key) in node.iter().zip(["`listen`", "`admin`"]) {
        let output = run("unused", "", arguments).await;
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            told.contains(&address) && told.contains(key) && told.contains("taken"),
            "{told}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
}
