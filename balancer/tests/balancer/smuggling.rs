//! Requests that two programs could read differently, sent as bytes.

use crate::client::raw;
use crate::stage::Stage;

/// Sends `bytes` with a second request hidden behind them. One refusal is
/// answered, the connection ends, and no origin sees anything.
async fn check(stage: &Stage, bytes: &str, status: &str) {
    let hidden = "GET /hidden.ism HTTP/1.1\r\nhost: t\r\n\r\n";
    let answer = raw(stage.address, &format!("{bytes}{hidden}")).await;
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{bytes:?}: {answer:?}"
    );
    assert_eq!(
        answer.matches("connection: close\r\n").count(),
        1,
        "{bytes:?}: {answer:?}"
    );
    assert!(stage.origins[0].requests().is_empty(), "{bytes:?}");
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_end_the_connection() {
    let stage = Stage::new(1).await;
    let body = "0\r\n\r\n";
    for fields in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\u{b}chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x: y\rtransfer-encoding: chunked\r\n",
        "x: y\ntransfer-encoding: chunked\r\n",
        "host: other\r\n",
        "content-length: 5\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        check(
            &stage,
            &format!("GET /film.ism HTTP/1.1\r\nhost: t\r\n{fields}\r\n{body}"),
            "400",
        )
        .await;
    }
    for (request, status) in [
        ("GET /film.ism HTTP/1.1\r\n\r\n", "400"),
        ("GET /film.ism\r\n\r\n", "400"),
        ("GET  /film.ism HTTP/1.1\r\nhost: t\r\n\r\n", "400"),
        ("GET /film.ism HTTP/1.1\nhost: t\n\n", "400"),
        ("GET /film.ism HTTP/3.0\r\nhost: t\r\n\r\n", "505"),
        (
            "GET /film.ism HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
            "400",
        ),
        ("\u{16}\u{3}\u{1}\r\n\r\n", "400"),
    ] {
        check(&stage, request, status).await;
    }
}

#[tokio::test]
async fn heads_beyond_their_limits_are_refused() {
    let stage = Stage::with(1, "clients: { head_size: 2KiB, head_fields: 20 }\n").await;
    let get = |path: &str, fields: &str| format!("GET {path} HTTP/1.1\r\nhost: t\r\n{fields}\r\n");
    check(&stage, &get(&format!("/{}.ism", "x".repeat(3000)), ""), "414").await;
    check(
        &stage,
        &get("/film.ism", &format!("x: {}\r\n", "y".repeat(3000))),
        "431",
    )
    .await;
    check(&stage, &get("/film.ism", &"x: y\r\n".repeat(20)), "431").await;
    // And without an end.
    check(
        &stage,
        &format!("GET /film.ism HTTP/1.1\r\nhost: t\r\n{}", "x: y\r\n".repeat(600)),
        "431",
    )
    .await;
    check(&stage, &"x".repeat(4000), "414").await;
}

#[tokio::test]
async fn what_cannot_be_read_is_in_the_access_log() {
    let stage = Stage::new(1).await;
    raw(
        stage.address,
        "GET /film.ism?q HTTP/1.1\r\nhost: t\r\nhost: u\r\n\r\n",
    )
    .await;
    raw(stage.address, "nonsense\r\n\r\n").await;
    stage
        .counts("strata_balancer_refused_heads_total", &[("reason", "host")], 1.0)
        .await;
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "refused")], 2.0)
        .await;
    let lines = stage.finish().await;
    // A line is written when its connection is over, which the next does not wait for.
    let of = |method: &str| lines.iter().find(|line| line["method"] == method).unwrap();
    assert_eq!(lines.len(), 2);
    let line = of("GET");
    assert_eq!(
        (line["path"].as_str(), line["status"].as_u64()),
        (Some("/film.ism?q"), Some(400))
    );
    assert_eq!(
        (line["outcome"].as_str(), line["refusal"].as_str()),
        (Some("refused"), Some("host"))
    );
    assert!(line["remote"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert_eq!(of("nonsense")["refusal"], "request_line");
}
