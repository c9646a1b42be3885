use strata_node::config::Override;

use super::*;

const REFERENCE: &str = include_str!("../../config/origin.yaml");

fn read(text: &str) -> Result<OriginConfig, Mistakes> {
    OriginConfig::from_document(Document::parse("origin.yaml", text, Vec::new())?)
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn the_reference_configuration_is_good() {
    let config = read(REFERENCE).unwrap();
    assert!(matches!(config.store.place, Place::S3(_)));
}

#[test]
fn every_key_of_the_reference_shows_its_default() {
    let without_comments = REFERENCE
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'));
    let least: Vec<&str> = without_comments.collect();
    // Sections that are left without a key are sections without keys.
    let least = read(&least.join("\n")).unwrap();
    let shown = REFERENCE.lines().map(|line| {
        let indent = line.len() - line.trim_start().len();
        let is_key = line
            .trim_start()
            .strip_prefix('#')
            .is_some_and(|key| !key.starts_with(' '));
        if is_key {
            format!(
                "{}{}",
                " ".repeat(indent),
                line.trim_start().trim_start_matches('#')
            )
        } else {
            line.to_owned()
        }
    });
    let shown: Vec<String> = shown.collect();
    assert_eq!(read(&shown.join("\n")).unwrap(), least);
}

#[test]
fn flags_are_all_that_is_needed() {
    let flag = |flag, key, value: &str| Override {
        key,
        value: value.to_owned(),
        flag,
    };
    let flags = vec![
        flag("--listen", "listen", "127.0.0.1:8081"),
        flag("--admin", "admin", "127.0.0.1:9082"),
        flag("--store", "store.url", "s3://bucket/some/prefix/"),
        flag("--s3-endpoint", "store.endpoint", "http://127.0.0.1:9000/"),
        flag("--s3-region", "store.region", "eu-west-3"),
        flag("--access-log", "access_log", "off"),
    ];
    let config = OriginConfig::from_document(Document::read(None, flags).unwrap()).unwrap();
    assert_eq!(config.listen, "127.0.0.1:8081".parse().unwrap());
    assert_eq!(config.access_log, Destination::Off);
    let Place::S3(s3) = config.store.place else {
        panic!("not a bucket")
    };
    assert_eq!(
        (s3.bucket.as_str(), s3.prefix.as_str()),
        ("bucket", "some/prefix")
    );
    assert_eq!(s3.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    assert_eq!(s3.region.as_deref(), Some("eu-west-3"));
    assert!(s3.path_style);
}

#[test]
fn a_folder_is_a_store() {
    let config = read("listen: 127.0.0.1:0\nstore:\n  url: ./titles\n").unwrap();
    assert_eq!(config.store.place, Place::Folder("./titles".into()));
    assert_eq!(config.http.cache_control.absent, "public, max-age=1");
}

#[test]
fn every_mistake_is_named() {
    let text = "\
listen: 127.0.0.1:9081
store:
  url: ftp://host/titles
  concurrency: 0
  conect_timeout: 1s
cache:
  chunk_size: 1GiB
http:
  allow_origin: play.example
  cache_control:
    segments: \"no\\nsense\"
";
    let found = mistakes(text);
    let expected = [
        ("origin.yaml", "admin", "same address"),
        (":3", "store.url", "ftp://host/titles"),
        (":4", "store.concurrency", "between"),
        (":5", "store.conect_timeout", "connect_timeout"),
        (":7", "cache.chunk_size", "between"),
        (":9", "http.allow_origin", "play.example"),
        (":11", "http.cache_control.segments", "header value"),
    ];
    for (line, key, message) in expected {
        let told = found
            .iter()
            .any(|told| told.contains(line) && told.contains(key) && told.contains(message));
        assert!(told, "{line} {key} {message} is not in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_is_for_s3_is_refused_with_a_folder() {
    let found = mistakes("listen: 127.0.0.1:0\nstore:\n  url: ./titles\n  region: eu-west-3\n");
    assert_eq!(
        found,
        ["origin.yaml:4: store.region: is for S3, and `store.url` names a folder"]
    );
}

#[test]
fn a_store_that_is_no_store_is_refused() {
    for url in ["s3://", "s3:///prefix", "s3://buc ket", "https://bucket", "\"\""] {
        let found = mistakes(&format!("listen: 127.0.0.1:0\nstore:\n  url: {url}\n"));
        assert_eq!(found.len(), 1, "{url}: {found:#?}");
    }
}

#[test]
fn web_servers_are_asked_only_when_hosts_are_named() {
    let read_with = |section: &str| {
        let text = format!("listen: 127.0.0.1:0\nstore:\n  url: ./titles\nhttp_sources:\n{section}");
        read(&text)
    };
    assert_eq!(
        read_with("  private_addresses: true\n").unwrap().http_sources,
        None
    );
    let some = read_with("  hosts: [cdn.example.com, \"media.example.com:8443\"]\n").unwrap();
    let sources = some.http_sources.unwrap();
    assert_eq!((sources.hosts.len(), sources.private_addresses), (2, false));
    let found = read_with("  hosts: [\"http://cdn.example.com\"]\n").unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found[0].contains("http_sources.hosts[0]"), "{found:?}");
}

#[test]
fn the_memory_budget_is_the_sum_of_what_may_be_held() {
    let least = "listen: 127.0.0.1:0\nstore:\n  url: ./titles\n";
    let mib = |text: &str| read(text).unwrap().memory_budget_bytes() >> 20;
    let caches = 512 + 128 + 32 + 64;
    assert_eq!(mib(least), caches + 64);
    // Queues of 64 MiB, and two buffers of 32 and of 16 MiB.
    let disk = format!("{least}cache:\n  disk:\n    path: /var/cache/strata\n");
    assert_eq!(mib(&disk), caches + 64 + 2 * 64 + 2 * (32 + 16));
}
