//! Attempts that fail before the client has seen anything.

use std::time::{Duration, Instant};

use crate::origin::{Act, answer};
use crate::stage::Stage;

/// Timeouts short enough to wait for.
const SHORT: &str = "health: { interval: 1h }
timeouts: { connect: 50ms, response: 150ms }
";

/// Has the preferred origin do `act`; another one must answer in its place.
async fn check(act: Act, reason: &str) {
    let stage = Stage::with(3, SHORT).await;
    // No connection is kept, so none can be stale.
    stage.all(Act::ServeAndClose);
    let path = stage.path_to("a").await;
    stage.origin("a").act(act);
    let answer = stage.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 2), "{reason}");
    assert_ne!(answer.origin(), "a");
    assert_eq!(answer.text(), answer.origin());
    stage
        .counts("strata_balancer_retries_total", &[("reason", reason)], 1.0)
        .await;
    stage
        .counts(
            "strata_balancer_attempts_total",
            &[("node", "a"), ("ending", reason)],
            1.0,
        )
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_reset_is_retried_elsewhere() {
    check(Act::SendAndReset(String::new()), "reset").await;
}

#[tokio::test]
async fn an_empty_answer_is_retried_elsewhere() {
    check(Act::SendAndClose(String::new()), "empty").await;
}

#[tokio::test]
async fn half_a_head_is_retried_elsewhere() {
    check(
        Act::SendAndClose("HTTP/1.1 200 OK\r\ncontent-le".to_owned()),
        "empty",
    )
    .await;
}

#[tokio::test]
async fn silence_is_retried_elsewhere() {
    check(Act::Hang, "timeout").await;
}

#[tokio::test]
async fn nonsense_is_retried_elsewhere() {
    check(
        Act::SendAndClose("SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        "malformed",
    )
    .await;
}

#[tokio::test]
async fn a_body_of_unknown_length_is_retried_elsewhere() {
    check(
        Act::SendAndClose("HTTP/1.1 200 OK\r\n\r\nhalf a bo".to_owned()),
        "malformed",
    )
    .await;
}

#[tokio::test]
async fn gateway_errors_are_retried_elsewhere() {
    check(Act::Send(answer("502 Bad Gateway", "", "x")), "status_502").await;
    check(
        Act::Send(answer("503 Service Unavailable", "", "x")),
        "status_503",
    )
    .await;
    check(Act::Send(answer("504 Gateway Timeout", "", "x")), "status_504").await;
}

#[tokio::test]
async fn a_refused_connection_is_retried_elsewhere() {
    let stage = Stage::with(3, SHORT).await;
    stage.all(Act::ServeAndClose);
    let path = stage.path_to("a").await;
    stage.origin("a").kill().await;
    let answer = stage.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 2));
    stage
        .counts("strata_balancer_retries_total", &[("reason", "refused")], 1.0)
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_is_retried_elsewhere() {
    // A listener that accepts nothing and whose queue is full drops what asks to connect.
    let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    deaf.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    deaf.listen(0).unwrap();
    let address = deaf.local_addr().unwrap().as_socket().unwrap();
    let _in_queue = std::net::TcpStream::connect(address).unwrap();
    let healthy = crate::origin::Origin::start("x", Act::Serve).await;
    let stage = Stage::with_odd(2, SHORT, address, healthy.address).await;
    let mut slow = 0.0;
    for number in 0..30 {
        let answer = stage.get(&format!("/title-{number}.ism")).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_ne!(answer.origin(), "odd");
        slow += f64::from(answer.attempts() - 1);
    }
    assert!(0.0 < slow);
    stage
        .counts(
            "strata_balancer_retries_total",
            &[("reason", "connect_timeout")],
            slow,
        )
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_asked_again_at_the_same_origin() {
    let stage = Stage::new(3).await;
    let path = stage.path_to("a").await;
    stage.comes_to_rest().await;
    stage.origin("a").act(Act::CloseAtSecond);
    // The first request goes over the connection kept from finding the path.
    for _ in 0..6 {
        let answer = stage.get(&path).await;
        assert_eq!((answer.status.as_u16(), answer.origin()), (200, "a"));
        stage.comes_to_rest().await;
    }
    let stale = stage.sum("strata_balancer_retries_total", &[("reason", "stale_connection")]);
    assert!(2.0 <= stale, "{stale}");
    stage.counts("strata_balancer_retries_total", &[], stale).await;
}

#[tokio::test]
async fn a_single_origin_survives_its_own_idle_limit() {
    let stage = Stage::new(1).await;
    stage.origin("a").act(Act::CloseAtSecond);
    for _ in 0..4 {
        assert_eq!(stage.get("/film.ism/.mpd").await.text(), "a");
        stage.comes_to_rest().await;
    }
}

#[tokio::test]
async fn an_origin_that_is_killed_costs_no_request() {
    let stage = Stage::new(3).await;
    let path = stage.path_to("a").await;
    stage.origin("a").kill().await;
    for _ in 0..10 {
        let answer = stage.get(&path).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_ne!(answer.origin(), "a");
    }
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_fault_of_the_source_is_neither_retried_nor_held_against_the_origin() {
    let stage = Stage::new(3).await;
    let path = stage.path_to("a").await;
    stage.origin("a").act(Act::Send(answer(
        "502 Bad Gateway",
        "x-strata-fault: source\r\n",
        "moov is broken",
    )));
    let faulty = stage.get(&path).await;
    assert_eq!(
        (faulty.status.as_u16(), faulty.origin(), faulty.attempts()),
        (502, "a", 1)
    );
    assert_eq!(
        (faulty.text(), faulty.header("x-strata-fault")),
        ("moov is broken", Some("source"))
    );
    stage.comes_to_rest().await;
    let endings = |ending| {
        stage.sum(
            "strata_balancer_attempts_total",
            &[("node", "a"), ("ending", ending)],
        )
    };
    assert_eq!((endings("source_fault"), endings("status_502")), (1.0, 0.0));
    // Any other mark is no mark.
    stage.origin("a").act(Act::Send(answer(
        "502 Bad Gateway",
        "x-strata-fault: other\r\n",
        "",
    )));
    assert_eq!(stage.get(&path).await.attempts(), 2);
}

#[tokio::test]
async fn the_last_origins_answer_is_passed_on_when_there_is_nobody_left_to_ask() {
    let stage = Stage::new(2).await;
    stage.all(Act::Send(answer(
        "503 Service Unavailable",
        "retry-after: 7\r\n",
        "busy",
    )));
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!(
        (answer.status.as_u16(), answer.attempts(), answer.text()),
        (503, 2, "busy")
    );
    assert_eq!(answer.header("retry-after"), Some("7"));
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn an_internal_error_is_taken_to_one_other_origin_and_believed_there() {
    let fails = || Act::Send(answer("500 Internal Server Error", "", "x"));
    check(fails(), "status_500").await;
    let stage = Stage::new(4).await;
    stage.all(fails());
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!(
        (answer.status.as_u16(), answer.attempts(), answer.text()),
        (500, 2, "x")
    );
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn without_a_budget_a_failure_is_the_answer() {
    let stage = Stage::with(3, "health: { interval: 1h }\nretry: { budget: 0, floor: 0 }\n").await;
    stage.all(Act::ServeAndClose);
    let path = stage.path_to("a").await;
    stage
        .origin("a")
        .act(Act::Send(answer("503 Service Unavailable", "", "busy")));
    let busy = stage.get(&path).await;
    assert_eq!(
        (busy.status.as_u16(), busy.attempts(), busy.text()),
        (503, 1, "busy")
    );
    stage.origin("a").kill().await;
    let gone = stage.get(&path).await;
    assert_eq!((gone.status.as_u16(), gone.attempts()), (503, 1));
    stage
        .counts("strata_balancer_retry_budget_spent_total", &[], 2.0)
        .await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn attempts_are_limited() {
    let stage = Stage::with(4, "retry: { attempts: 2 }\n").await;
    stage.all(Act::Send(answer("502 Bad Gateway", "", "x")));
    assert_eq!(stage.get("/film.ism/.mpd").await.attempts(), 2);
    stage.all(Act::SendAndClose(String::new()));
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (502, "no origin gave a usable answer\n")
    );
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn when_no_origin_answers_the_balancer_says_why() {
    let stage = Stage::with(2, SHORT).await;
    stage.all(Act::Hang);
    let late = stage.get("/film.ism/.mpd").await;
    assert_eq!((late.status.as_u16(), late.attempts()), (504, 2));
    for origin in &stage.origins {
        origin.kill().await;
    }
    let gone = stage.get("/film.ism/.mpd").await;
    assert_eq!(
        (gone.status.as_u16(), gone.text()),
        (503, "no origin is available\n")
    );
    assert_eq!(
        (gone.header("retry-after"), gone.header("cache-control")),
        (Some("1"), Some("no-store"))
    );
    assert_eq!(gone.header("connection"), Some("close"));
    stage.comes_to_rest().await;
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "exhausted")], 2.0)
        .await;
}

#[tokio::test]
async fn the_deadline_bounds_all_attempts_together() {
    let stage = Stage::with(
        4,
        "retry: { attempts: 9, deadline: 450ms }\ntimeouts: { response: 200ms }\n",
    )
    .await;
    stage.all(Act::Hang);
    let started = Instant::now();
    let answer = stage.get("/film.ism/.mpd").await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (504, 2));
    assert!(
        started.elapsed() < Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
}
