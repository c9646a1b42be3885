//! Answers that break off and are gone on with elsewhere.

use std::sync::Arc;

use http::Request;

use crate::client::{ask, get};
use crate::origin::{Act, Film};
use crate::stage::Stage;

/// A body in which every place looks different.
fn body(size: usize) -> Arc<str> {
    let text: String = (0..size / 8).map(|number| format!("{number:07} ")).collect();
    text.into()
}

fn film(body: &Arc<str>) -> Film {
    Film {
        body: Arc::clone(body),
        etag: "\"one\"",
        dies_after: None,
        stalls: false,
        headers: "",
    }
}

/// All origins serve `body`; the one that `path` prefers dies after so many bytes of each answer.
async fn stage_with_mortal(body: &Arc<str>, dies_after: usize) -> (Stage, String) {
    let stage = Stage::new(3).await;
    let path = stage.path_to("a").await;
    stage.all(Act::Film(film(body)));
    stage.origin("a").act(Act::Film(Film {
        dies_after: Some(dies_after),
        ..film(body)
    }));
    (stage, path)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_gone_on_with_at_another_origin() {
    let body = body(1_000_000);
    let (stage, path) = stage_with_mortal(&body, 300_000).await;
    stage.comes_to_rest().await;
    let a_before = stage.sum("strata_balancer_body_bytes_total", &[("node", "a")]);
    let before = stage.sum("strata_balancer_body_bytes_total", &[]);
    let answer = stage.get(&path).await;
    assert_eq!(
        (answer.status.as_u16(), answer.origin(), answer.attempts()),
        (200, "a", 1)
    );
    assert!(answer.text() == &*body);
    let asked: Vec<String> = stage.origins[1..]
        .iter()
        .flat_map(|origin| origin.requests())
        .collect();
    let asked = asked
        .iter()
        .find(|head| head.to_ascii_lowercase().contains("range:"))
        .unwrap()
        .to_ascii_lowercase();
    assert!(asked.contains("range: bytes=300000-999999\r\n"), "{asked}");
    assert!(asked.contains("if-match: \"one\"\r\n"), "{asked}");
    stage
        .counts("strata_balancer_retries_total", &[("reason", "broken_off")], 1.0)
        .await;
    // Each node is credited with what it sent.
    let bytes = |node| [("node", node)];
    stage
        .counts(
            "strata_balancer_body_bytes_total",
            &bytes("a"),
            a_before + 300_000.0,
        )
        .await;
    stage
        .counts("strata_balancer_body_bytes_total", &[], before + 1_000_000.0)
        .await;
    stage.counts("strata_balancer_resumes_total", &[], 1.0).await;
    stage
        .counts("strata_balancer_resumes_total", &bytes("a"), 0.0)
        .await;
    let line = stage.finish().await.pop().unwrap();
    assert_eq!(
        (line["outcome"].as_str(), line["bytes"].as_u64()),
        (Some("answered"), Some(1_000_000))
    );
    assert_eq!(line["attempts"][0]["ending"], "broken_off");
    assert_eq!(line["attempts"][1]["ending"], "answered");
}

#[tokio::test]
async fn the_rest_of_a_range_is_asked_for_without_the_clients_conditions() {
    let body = body(1_000_000);
    let (stage, path) = stage_with_mortal(&body, 100).await;
    let request = Request::get(&path)
        .header("range", "bytes=1000-499999")
        .header("if-range", "\"one\"");
    let answer = ask(stage.address, request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-range")),
        (206, Some("bytes 1000-499999/1000000"))
    );
    assert!(answer.text() == &body[1000..500_000]);
    let asked: Vec<String> = stage.origins[1..]
        .iter()
        .flat_map(|origin| origin.requests())
        .collect();
    let asked = asked.last().unwrap().to_ascii_lowercase();
    assert!(
        asked.contains("range: bytes=1100-499999\r\n") && !asked.contains("if-range"),
        "{asked}"
    );
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn an_answer_may_break_off_more_than_once() {
    let body = body(100_000);
    let (stage, path) = stage_with_mortal(&body, 0).await;
    for dies_after in [10, 20_000] {
        stage.origin("b").act(Act::Film(Film {
            dies_after: Some(dies_after),
            ..film(&body)
        }));
        assert!(stage.get(&path).await.text() == &*body);
    }
    for origin in &stage.origins {
        origin.act(Act::Film(Film {
            dies_after: Some(10),
            ..film(&body)
        }));
    }
    let answer = stage.get(&path).await;
    assert!(answer.status.as_u16() == 200 && answer.body.is_err());
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "truncated")], 1.0)
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn the_rest_of_something_else_is_never_sent() {
    let body = body(100_000);
    let (stage, path) = stage_with_mortal(&body, 50_000).await;
    for id in ["b", "c"] {
        stage.origin(id).act(Act::Film(Film {
            etag: "\"two\"",
            ..film(&body)
        }));
    }
    let answer = stage.get(&path).await;
    assert!(answer.status.as_u16() == 200 && answer.body.is_err());
    stage
        .counts("strata_balancer_attempts_total", &[("ending", "malformed")], 2.0)
        .await;
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "truncated")], 1.0)
        .await;
    let line = stage.finish().await.pop().unwrap();
    assert_eq!(
        (line["outcome"].as_str(), line["bytes"].as_u64()),
        (Some("truncated"), Some(50_000))
    );
}

#[tokio::test]
async fn an_origin_that_goes_silent_in_mid_body_is_not_waited_for() {
    let body = body(1_000_000);
    let stage = Stage::with(3, "health: { interval: 1h }\ntimeouts: { response: 150ms }\n").await;
    let path = stage.path_to("a").await;
    stage.all(Act::Film(film(&body)));
    // Before the first byte, between two, before the last.
    for silent_after in [0, 400_000, 999_999] {
        stage.origin("a").act(Act::Film(Film {
            dies_after: Some(silent_after),
            stalls: true,
            ..film(&body)
        }));
        for range in ["bytes=0-", "bytes=77-999999"] {
            let first: usize = if range == "bytes=0-" { 0 } else { 77 };
            let answer = ask(stage.address, Request::get(&path).header("range", range)).await;
            assert!(answer.text() == &body[first..], "{silent_after} {range}");
        }
    }
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "truncated")], 0.0)
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_coded_body_is_gone_on_with_in_the_same_coding() {
    let body = body(100_000);
    let (stage, path) = stage_with_mortal(&body, 50_000).await;
    let coded = |dies_after| {
        Act::Film(Film {
            dies_after,
            headers: "content-encoding: gzip\r\n",
            ..film(&body)
        })
    };
    stage.all(coded(None));
    stage.origin("a").act(coded(Some(50_000)));
    let request = || Request::get(&path).header("accept-encoding", "gzip, br;q=0.5");
    let answer = ask(stage.address, request()).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.text() == &*body);
    let rest = stage.origins[1..].iter().flat_map(|origin| origin.requests());
    let rest = rest
        .map(|head| head.to_ascii_lowercase())
        .find(|head| head.contains("range:"))
        .unwrap();
    assert!(rest.contains("accept-encoding: gzip, br;q=0.5\r\n"), "{rest}");
    // The same bytes' count in another coding would be the end of something else.
    for id in ["b", "c"] {
        stage.origin(id).act(Act::Film(film(&body)));
    }
    assert!(ask(stage.address, request()).await.body.is_err());
}

#[tokio::test]
async fn what_breaks_off_is_gone_on_with_even_when_the_budget_is_spent() {
    let body = body(100_000);
    let stage = Stage::with(3, "health: { interval: 1h }\nretry: { budget: 0, floor: 0 }\n").await;
    let path = stage.path_to("a").await;
    stage.all(Act::Film(film(&body)));
    stage.origin("a").act(Act::Film(Film {
        dies_after: Some(50_000),
        ..film(&body)
    }));
    assert!(stage.get(&path).await.text() == &*body);
}

#[tokio::test]
async fn an_answer_under_no_strong_etag_is_not_gone_on_with() {
    let body = body(100_000);
    let stage = Stage::new(2).await;
    for origin in &stage.origins {
        origin.act(Act::Film(Film {
            etag: "W/\"one\"",
            dies_after: Some(50_000),
            ..film(&body)
        }));
    }
    assert!(stage.get("/film.ism").await.body.is_err());
    let requests: usize = stage.origins.iter().map(|origin| origin.requests().len()).sum();
    assert_eq!(requests, 1);
}

#[tokio::test]
async fn a_connection_is_kept_after_an_answer_in_two_parts() {
    let body = body(100_000);
    let (stage, path) = stage_with_mortal(&body, 50_000).await;
    let request = |close| format!("GET {path} HTTP/1.1\r\nhost: t\r\n{close}\r\n");
    let both = format!("{}{}", request(""), request("connection: close\r\n"));
    let answers = crate::client::raw(stage.address, &both).await;
    assert_eq!(answers.matches("HTTP/1.1 200 ").count(), 2);
    assert_eq!(answers.matches(&*body).count(), 2);
}

#[tokio::test]
async fn clients_in_mid_body_notice_nothing_when_an_origin_is_killed() {
    let body = body(16_000_000);
    let stage = Stage::new(3).await;
    stage.all(Act::Film(film(&body)));
    let clients: Vec<_> = (0..24)
        .map(|number| {
            let (address, body) = (stage.address, Arc::clone(&body));
            tokio::spawn(async move {
                let answer = get(address, &format!("/title-{number}.ism")).await;
                assert!(answer.text() == &*body, "{number}");
                answer.origin().to_owned()
            })
        })
        .collect();
    stage
        .until("under way", |stage| {
            1.0 < stage.sum("strata_balancer_in_flight", &[("node", "b")])
        })
        .await;
    stage.origin("b").kill().await;
    for client in clients {
        client.await.unwrap();
    }
    stage.comes_to_rest().await;
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "answered")], 24.0)
        .await;
}
