//! Reading configurations, and what is said about wrong ones.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failing test says so by panicking"
)]

use std::time::Duration;

use strata_node::config::{ByteSize, Document, Mistakes, Override};

/// A configuration with one of everything.
#[derive(Debug, PartialEq)]
struct Config {
    listen: std::net::SocketAddr,
    url: Option<String>,
    chunk: ByteSize,
    timeout: Duration,
    names: Vec<String>,
    pools: Vec<(Option<String>, u32)>,
}

fn read(text: &str, overrides: Vec<Override>) -> Result<Config, Mistakes> {
    let document = Document::parse("node.yaml", text, overrides)?;
    let mut root = document.root();
    let listen = root.required("listen");
    let mut store = root.section("store");
    let url = store.optional("url");
    let chunk = store.within("chunk", ByteSize::mib(1), ByteSize::kib(4)..=ByteSize::mib(16));
    let timeout = store.or("timeout", Duration::from_secs(2));
    let names = root.list("names");
    let pools = root
        .sections("pools")
        .into_iter()
        .map(|mut pool| (pool.required("address"), pool.or("weight", 1)));
    let pools = pools.collect();
    if url.is_none() && names.is_empty() {
        root.mistake("names", "give names, or a store.url");
    }
    let config = listen.map(|listen| Config {
        listen,
        url,
        chunk,
        timeout,
        names,
        pools,
    });
    document.finish(config).map(Option::unwrap)
}

fn flag(key: &'static str, value: &str, flag: &'static str) -> Override {
    Override {
        key,
        value: value.to_owned(),
        flag,
    }
}

#[track_caller]
fn check(text: &str, overrides: Vec<Override>, expected: &[&str]) {
    let mistakes = read(text, overrides).unwrap_err().to_string();
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), expected);
}

const GOOD: &str = "\
listen: 127.0.0.1:8081
store:
  url: s3://films/prefix
  chunk: 64KiB
  timeout: 20ms
names: [a, 'b']
pools:
  - address: x
    weight: 3
  - { address: y }
";

#[test]
fn a_good_file_is_read() {
    let config = read(GOOD, Vec::new()).unwrap();
    assert_eq!(config.listen.port(), 8081);
    assert_eq!(config.url.as_deref(), Some("s3://films/prefix"));
    assert_eq!(
        (config.chunk, config.timeout),
        (ByteSize::kib(64), Duration::from_millis(20))
    );
    assert_eq!(config.names, ["a", "b"]);
    assert_eq!(
        config.pools,
        [(Some("x".to_owned()), 3), (Some("y".to_owned()), 1)]
    );
}

#[test]
fn keys_that_are_left_out_have_their_defaults() {
    let config = read("listen: 127.0.0.1:1\nnames: [a]\nstore:\n", Vec::new()).unwrap();
    assert_eq!(
        (config.chunk, config.timeout),
        (ByteSize::mib(1), Duration::from_secs(2))
    );
}

#[test]
fn flags_win_over_the_file_and_add_to_its_lists() {
    let flags = vec![
        flag("store.url", "./titles", "--store"),
        flag("listen", "127.0.0.1:9", "--listen"),
        flag("names", "c", "--name"),
        flag("pools.address", "z", "--pool"),
    ];
    let config = read(GOOD, flags).unwrap();
    assert_eq!(
        (config.url.as_deref(), config.listen.port()),
        (Some("./titles"), 9)
    );
    assert_eq!(config.names, ["a", "b", "c"]);
    assert_eq!(config.pools[2], (Some("z".to_owned()), 1));
    assert_eq!(
        config.pools[0].0.as_deref(),
        Some("x"),
        "flags do not reach into the file's items"
    );
}

#[test]
fn flags_alone_are_enough() {
    let flags = vec![
        flag("listen", "127.0.0.1:9", "--listen"),
        flag("store.url", "x", "--store"),
    ];
    assert!(read("", flags).is_ok());
}

#[test]
fn every_mistake_is_told_with_file_line_and_key() {
    let text = "\
listen: localhost:80
store:
  chunk: 1KiB
  timeout: 5
  ulr: x
  timeouts: 1s
names: a
pools:
  - weight: many
  - y
listen: 127.0.0.1:1
colour: red
";
    check(
        text,
        Vec::new(),
        &[
            "node.yaml:1: listen: `localhost:80` is not an address and port such as `127.0.0.1:8080` or `[::1]:8080`",
            "node.yaml:3: store.chunk: 1KiB is not between 4KiB and 16MiB",
            "node.yaml:4: store.timeout: `5` is not a duration such as `20ms`, `6s` or `5m`",
            "node.yaml:5: store.ulr: unknown key; did you mean `url`?",
            "node.yaml:6: store.timeouts: unknown key; did you mean `timeout`?",
            "node.yaml:7: names: must be a list, and is a single value",
            "node.yaml:7: names: give names, or a store.url",
            "node.yaml:9: pools[0].address: required, and not given",
            "node.yaml:9: pools[0].weight: `many` is not a whole number from 0 to 4294967295",
            "node.yaml:10: pools[1]: must be a section, and is a single value",
            "node.yaml:11: listen: given a second time; the first is on line 1",
            "node.yaml:12: colour: unknown key; known here: listen, names, pools, store",
        ],
    );
}

#[test]
fn mistakes_on_the_command_line_name_the_flag() {
    let flags = vec![
        flag("listen", "nowhere", "--listen"),
        flag("store.timeout", "soon", "--timeout"),
        flag("pools.weight", "3", "--weight"),
        flag("store.colour", "red", "--colour"),
        flag("names", "a", "--name"),
    ];
    check(
        "",
        flags,
        &[
            "--colour: store.colour: has no effect with this configuration",
            "--listen: listen: `nowhere` is not an address and port such as `127.0.0.1:8080` or `[::1]:8080`",
            "--timeout: store.timeout: `soon` is not a duration such as `20ms`, `6s` or `5m`",
            "--weight: pools[0].address: required, and not given",
        ],
    );
}

#[test]
fn a_missing_key_is_told_for_the_section_that_lacks_it() {
    check(
        "names: [a]\n",
        Vec::new(),
        &["node.yaml: listen: required, and not given"],
    );
}

#[test]
fn keys_without_a_value_and_of_the_wrong_kind_are_mistakes() {
    check(
        "listen:\nstore: x\nnames: [[a]]\npools: {}\n",
        Vec::new(),
        &[
            "node.yaml:1: listen: has no value; leave the key out to get its default",
            "node.yaml:2: store: must be a section, and is a single value",
            "node.yaml:3: names: give names, or a store.url",
            "node.yaml:3: names[0]: must be a single value, and is a list",
            "node.yaml:4: pools: must be a list, and is a section",
        ],
    );
}

#[test]
fn broken_yaml_is_told_with_its_line() {
    let mistakes = read("listen: 127.0.0.1:1\nstore: [\n", Vec::new()).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    let told = mistakes.to_string();
    assert!(
        told.starts_with("node.yaml:2: ") || told.starts_with("node.yaml:3: "),
        "{told}"
    );
    check(
        "- a\n",
        Vec::new(),
        &["node.yaml: is a list, not `key: value` lines"],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.yaml");
    let told = Document::read(Some(&path), Vec::new()).unwrap_err().to_string();
    assert!(
        told.starts_with(&format!("{}: cannot be read: ", path.display())),
        "{told}"
    );
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(Document::read(Some(&path), Vec::new()).is_err());
    std::fs::write(&path, "a: b\n".repeat(300_000)).unwrap();
    let told = Document::read(Some(&path), Vec::new()).unwrap_err().to_string();
    assert!(told.contains("longer than"), "{told}");
}

proptest::proptest! {
    #[test]
    fn nothing_panics(text in "[a-c:\\[\\]{}&*!|>'\"#% \n?,-]{0,200}") {
        let _ = read(&text, Vec::new());
    }
}
