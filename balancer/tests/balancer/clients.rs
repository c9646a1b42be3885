//! What clients may do, and what is told of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ask, get, raw};
use crate::origin::{Act, Film};
use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn an_address_has_so_many_connections() {
    let stage = Stage::with(1, "clients: { per_address: 2 }\n").await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream
            .write_all(b"GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .unwrap();
        stream.read_u8().await.unwrap();
        held.push(stream);
    }
    assert_eq!(raw(stage.address, "").await, "");
    stage
        .counts("strata_balancer_turned_away_total", &[("reason", "address")], 1.0)
        .await;
    drop(held);
    let served = async {
        while !raw(stage.address, "GET /film.ism HTTP/1.0\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200 ")
        {}
    };
    tokio::time::timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_its_answer_too_slowly_is_let_go() {
    let stage = Stage::with(1, "clients: { send: 200ms, rate: 1MiB }\n").await;
    stage.all(Act::Film(Film {
        body: "x".repeat(64 << 20).into(),
        etag: "\"x\"",
        dies_after: None,
        stalls: false,
        headers: "",
    }));
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream
        .write_all(b"GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    let started = Instant::now();
    // Always takes something, so that no single write takes too long.
    let mut space = vec![0; 4096];
    let ended = async {
        while !matches!(stream.read(&mut space).await, Ok(0) | Err(_)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if started.elapsed() > Duration::from_secs(2) {
                // What is left in the buffers.
                while matches!(stream.read(&mut space).await, Ok(1..)) {}
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
    stage
        .counts(
            "strata_balancer_requests_total",
            &[("outcome", "client_gone")],
            1.0,
        )
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn header_rules_are_applied_both_ways() {
    let stage = Stage::with(
        1,
        "headers:
  request:
    - { set: X-Forwarded-For, value: '{client}' }
    - { add: X-Note, value: 'id {request_id}' }
    - { remove: Cookie }
  response:
    - { set: X-Cell, value: one }
    - { remove: Server }
",
    )
    .await;
    stage.all(Act::Send(crate::origin::answer(
        "200 OK",
        "server: secret\r\nx-cell: zero\r\n",
        "a",
    )));
    let request = Request::get("/film.ism")
        .header("x-forwarded-for", "forged")
        .header("x-note", "mine")
        .header("cookie", "secret")
        .header("x-request-id", "one");
    let answer = ask(stage.address, request).await;
    assert_eq!(
        (answer.header("x-cell"), answer.header("server")),
        (Some("one"), None)
    );
    let seen = stage.origins[0].requests().pop().unwrap().to_ascii_lowercase();
    assert!(seen.contains("x-forwarded-for: 127.0.0.1\r\n"), "{seen}");
    assert!(
        seen.contains("x-note: mine\r\n") && seen.contains("x-note: id one\r\n"),
        "{seen}"
    );
    assert!(!seen.contains("cookie") && !seen.contains("forged"), "{seen}");
}

#[tokio::test]
async fn a_trace_is_passed_on_or_begun() {
    let stage = Stage::new(1).await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = Request::get("/film.ism")
        .header("traceparent", parent)
        .header("tracestate", "a=b");
    ask(stage.address, request).await;
    let broken = Request::get("/film.ism")
        .header("traceparent", "00-zz")
        .header("tracestate", "a=b");
    ask(stage.address, broken).await;
    get(stage.address, "/film.ism").await;
    let seen = stage.origins[0].requests();
    let line = |index: usize, name: &str| {
        let head = seen[index].to_ascii_lowercase();
        let line = head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.map(str::to_owned)
    };
    assert_eq!(line(0, "traceparent").as_deref(), Some(parent));
    assert_eq!(line(0, "tracestate").as_deref(), Some("a=b"));
    for index in [1, 2] {
        let begun = line(index, "traceparent").unwrap();
        assert_eq!(begun.len(), 55, "{begun}");
        assert_eq!(line(index, "tracestate"), None);
    }
    let log = stage.finish().await;
    // In the order in which the requests were over, which need not be theirs.
    let traces: BTreeSet<&str> = log
        .iter()
        .map(|line| line["trace_id"].as_str().unwrap())
        .collect();
    assert!(traces.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{traces:?}");
    assert_eq!(traces.len(), 3);
    assert!(traces.iter().all(|trace| trace.len() == 32), "{traces:?}");
}
