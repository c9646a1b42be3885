//! What passes through, what is refused, and what is said about it.

use http::{Method, Request};

use crate::client::{ask, raw};
use crate::origin::{Act, answer};
use crate::stage::Stage;

#[tokio::test]
async fn an_answer_says_where_it_came_from() {
    let stage = Stage::new(3).await;
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1));
    assert_eq!(answer.text(), answer.origin());
    for resource in ["dash/0.dash", "dash/1.dash", ".m3u8"] {
        assert_eq!(
            stage.get(&format!("/film.ism/{resource}")).await.origin(),
            answer.origin()
        );
    }
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn an_answer_may_keep_its_origin_to_itself() {
    let stage = Stage::with(1, "identify: false\n").await;
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!(answer.text(), "a");
    assert_eq!(
        (
            answer.header("x-strata-origin"),
            answer.header("x-strata-attempts")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn requests_carry_their_ids_and_traces_on() {
    let stage = Stage::new(1).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = Request::get("/film.ism/.mpd?a=b")
        .header("x-request-id", "r-1")
        .header("traceparent", trace);
    let answer = ask(stage.address, request).await;
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    let seen = stage.origins[0].requests().pop().unwrap().to_ascii_lowercase();
    assert!(seen.starts_with("get /film.ism/.mpd?a=b http/1.1\r\n"), "{seen}");
    for field in [
        "x-request-id: r-1\r\n",
        &format!("traceparent: {trace}\r\n"),
        "via: 1.1 strata\r\n",
    ] {
        assert!(seen.contains(field), "{seen} lacks {field}");
    }
    let made = stage.get("/film.ism/.mpd").await;
    assert_eq!(made.header("x-request-id").unwrap().len(), 32);
}

#[tokio::test]
async fn what_concerns_one_connection_only_is_not_passed_on() {
    let stage = Stage::new(1).await;
    let fields = "connection: x-private\r\nx-private: 1\r\nkeep-alive: timeout=3\r\nx-public: 2\r\n";
    stage.origins[0].act(Act::Send(answer("200 OK", fields, "body")));
    let request = Request::get("/film.ism/.mpd")
        .header("te", "trailers")
        .header("proxy-connection", "close");
    let answer = ask(stage.address, request).await;
    assert_eq!(answer.text(), "body");
    assert_eq!(answer.header("x-public"), Some("2"));
    assert_eq!(
        (answer.header("x-private"), answer.header("keep-alive")),
        (None, None)
    );
    let seen = stage.origins[0].requests().pop().unwrap().to_ascii_lowercase();
    assert!(
        !seen.contains("\r\nte:") && !seen.contains("proxy-connection"),
        "{seen}"
    );
}

#[tokio::test]
async fn statuses_ranges_and_heads_pass_as_they_are() {
    let stage = Stage::new(1).await;
    let origin = &stage.origins[0];
    for status in [
        "206 Partial Content",
        "404 Not Found",
        "416 Range Not Satisfiable",
        "500 Internal Server Error",
    ] {
        origin.act(Act::Send(answer(status, "x-kept: yes\r\n", "body")));
        let answer = stage.get("/film.ism/.mpd").await;
        assert!(status.starts_with(answer.status.as_str()));
        assert_eq!(
            (answer.text(), answer.header("x-kept"), answer.attempts()),
            ("body", Some("yes"), 1)
        );
    }
    origin.act(Act::Send(
        "HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n".to_owned(),
    ));
    assert_eq!(stage.get("/film.ism/.mpd").await.header("etag"), Some("\"x\""));
    origin.act(Act::Send(
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_owned(),
    ));
    let head = ask(stage.address, Request::head("/film.ism/.mpd")).await;
    assert_eq!((head.header("content-length"), head.text()), (Some("1000"), ""));
    origin.act(Act::Send(
        "HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n".to_owned(),
    ));
    let options = ask(stage.address, Request::options("/film.ism/.mpd")).await;
    assert_eq!(
        (options.status.as_u16(), options.header("allow")),
        (204, Some("GET"))
    );
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let stage = Stage::new(1).await;
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::TRACE,
    ] {
        let answer = ask(stage.address, Request::builder().method(method).uri("/film.ism")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some("GET, HEAD, OPTIONS"))
        );
    }
    assert!(stage.origins[0].requests().is_empty());
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "refused")], 5.0)
        .await;
}

#[tokio::test]
async fn path_tricks_are_refused_before_an_origin_sees_them() {
    let stage = Stage::new(1).await;
    for path in [
        "/../x",
        "/%2e%2e/x",
        "/a%00b.ism",
        "/a%2fb.ism",
        "/a\\b.ism",
        "/%zz",
        "*",
    ] {
        let answer = raw(
            stage.address,
            &format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    let long = "a".repeat(2000);
    let answer = raw(
        stage.address,
        &format!("GET /{long} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(stage.origins[0].requests().is_empty());
}

#[tokio::test]
async fn bodies_and_ambiguous_framing_are_refused() {
    let stage = Stage::new(1).await;
    for fields in [
        "content-length: 4\r\n",
        "transfer-encoding: chunked\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "content-length: 4\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "content-length: +4\r\n",
    ] {
        let answer = raw(
            stage.address,
            &format!("GET /film.ism HTTP/1.1\r\nhost: t\r\n{fields}\r\n0\r\n\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{fields}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{fields}: {answer}");
    }
    assert!(stage.origins[0].requests().is_empty());
}

#[tokio::test]
async fn a_log_line_tells_the_whole_story() {
    let stage = Stage::new(2).await;
    let path = stage.path_to("a").await;
    stage
        .origin("a")
        .next(Act::Send(answer("503 Service Unavailable", "", "busy")));
    let request = Request::get(format!("{path}?q"))
        .header("x-request-id", "r-1")
        .header("range", "bytes=0-1");
    ask(stage.address, request).await;
    ask(stage.address, Request::post(&path)).await;
    // A line is written when its request is over, which the next request does not wait for.
    let log = stage.finish().await;
    let of = |field: &str, value: &str| log.iter().find(|line| line[field] == value).unwrap();
    let refused = of("method", "POST");
    assert_eq!(
        (refused["status"].as_u64(), refused["outcome"].as_str()),
        (Some(405), Some("refused"))
    );
    assert!(refused["node"].is_null() && refused["attempts"].as_array().unwrap().is_empty());
    let line = of("request_id", "r-1");
    assert_eq!(line["path"], format!("{path}?q"));
    assert_eq!(line["range"], "bytes=0-1");
    assert_eq!(line["status"], 200);
    assert_eq!(line["outcome"], "answered");
    assert_eq!(line["bytes"], 1);
    assert_eq!(line["node"], "b");
    assert_eq!(line["choice"], "retry");
    assert_eq!(line["request_id"], "r-1");
    assert_eq!(line["key"].as_str().unwrap().len(), 16);
    assert!(line["remote"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
    assert!(line["ttfb_ms"].as_f64().unwrap() <= line["duration_ms"].as_f64().unwrap());
    let attempts = line["attempts"].as_array().unwrap();
    let nodes: Vec<&str> = attempts
        .iter()
        .map(|attempt| attempt["node"].as_str().unwrap())
        .collect();
    let endings: Vec<&str> = attempts
        .iter()
        .map(|attempt| attempt["ending"].as_str().unwrap())
        .collect();
    assert_eq!((nodes, endings), (vec!["a", "b"], vec!["status_503", "answered"]));
}
