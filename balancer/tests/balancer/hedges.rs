//! A second node asked beside one that is late.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::get;
use crate::origin::Act;
use crate::stage::Stage;

/// Every request may be hedged, soon.
const EAGER: &str = "health: { interval: 1h }\nhedge: { budget: 100, least: 20ms }\n";

/// A stage that has seen enough answers to know when one is late, with a path that prefers `a`.
async fn stage(more: &str) -> (Stage, String) {
    let stage = Stage::with(3, more).await;
    let path = stage.path_to("a").await;
    for _ in 0..128 {
        stage.get(&path).await;
    }
    (stage, path)
}

async fn result(stage: &Stage, result: &str) {
    stage
        .counts("strata_balancer_hedges_total", &[("result", result)], 1.0)
        .await;
    stage.counts("strata_balancer_hedges_total", &[], 1.0).await;
}

#[tokio::test]
async fn a_second_node_answers_in_the_place_of_a_late_one() {
    let (stage, path) = stage(EAGER).await;
    stage.origin("a").act(Act::Wait);
    let answer = stage.get(&path).await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 2));
    assert_ne!(answer.origin(), "a");
    assert_eq!(answer.text(), answer.origin());
    result(&stage, "won").await;
    stage.comes_to_rest().await;
    stage.counts("strata_balancer_retries_total", &[], 0.0).await;
    let line = stage.finish().await.pop().unwrap();
    assert_eq!(
        (&line["attempts"][0]["node"], &line["attempts"][0]["ending"]),
        (&"a".into(), &"overtaken".into())
    );
    assert_eq!(
        (&line["choice"], &line["attempts"][1]["ending"]),
        (&"hedge".into(), &"answered".into())
    );
}

#[tokio::test]
async fn the_first_node_may_still_answer_first() {
    let (stage, path) = stage(EAGER).await;
    stage.all(Act::Wait);
    let address = stage.address;
    let asked = {
        let path = path.clone();
        tokio::spawn(async move { get(address, &path).await })
    };
    stage
        .until("two asked", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 2.0
        })
        .await;
    stage.origin("a").let_go(1);
    let answer = asked.await.unwrap();
    assert_eq!((answer.origin(), answer.text()), ("a", "a"));
    result(&stage, "lost").await;
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn of_two_that_fail_each_leaves_the_other_its_chance() {
    let (stage, path) = stage(EAGER).await;
    for id in ["b", "c"] {
        stage.origin(id).act(Act::SendAndClose(String::new()));
    }
    stage.origin("a").act(Act::Wait);
    let address = stage.address;
    let asked = {
        let path = path.clone();
        tokio::spawn(async move { get(address, &path).await })
    };
    result(&stage, "failed").await;
    stage.origin("a").let_go(1);
    assert_eq!(asked.await.unwrap().text(), "a");
    stage.comes_to_rest().await;
    // Both: what is left is asked as ever.
    stage.all(Act::SendAndClose(String::new()));
    let answer = stage.get(&path).await;
    assert_eq!(answer.status.as_u16(), 502);
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn a_client_that_leaves_frees_both_places() {
    let (stage, path) = stage(EAGER).await;
    stage.all(Act::Wait);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stage
        .until("two asked", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 2.0
        })
        .await;
    drop(stream);
    stage.comes_to_rest().await;
    stage
        .counts("strata_balancer_attempts_total", &[("ending", "abandoned")], 2.0)
        .await;
}

#[tokio::test]
async fn no_second_node_is_asked_beyond_the_budget() {
    // A hundredth of the requests, and what is saved up at the start.
    let (stage, path) =
        stage("health: { interval: 1h }\nhedge: { budget: 1, least: 1ms }\nbalance: { factor: 0 }\n").await;
    stage.origin("a").act(Act::Wait);
    let asked = 130;
    let mut clients = Vec::new();
    for _ in 0..asked {
        let (address, path) = (stage.address, path.clone());
        clients.push(tokio::spawn(async move { get(address, &path).await }));
    }
    let decided = |stage: &Stage| {
        let of = |result| stage.sum("strata_balancer_hedges_total", &[("result", result)]);
        (of("won"), of("unpaid"))
    };
    stage
        .until("all decided", |stage| {
            let (won, unpaid) = decided(stage);
            won + unpaid >= 100.0 && unpaid >= 1.0
        })
        .await;
    let (won, _) = decided(&stage);
    assert!(won <= 103.0, "{won}");
    stage.origin("a").let_go(asked);
    for client in clients {
        assert_eq!(client.await.unwrap().status.as_u16(), 200);
    }
    stage.comes_to_rest().await;
}

#[tokio::test]
async fn unless_told_to_nothing_is_hedged() {
    let (stage, path) = stage("health: { interval: 1h }\n").await;
    stage.origin("a").act(Act::Wait);
    let address = stage.address;
    let asked = tokio::spawn(async move { get(address, &path).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(stage.sum("strata_balancer_in_flight", &[]), 1.0);
    stage.origin("a").let_go(1);
    assert_eq!(asked.await.unwrap().text(), "a");
    stage.counts("strata_balancer_hedges_total", &[], 0.0).await;
}
