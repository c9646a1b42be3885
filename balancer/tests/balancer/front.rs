//! Connections of clients: limits, pipelining, ports.

use std::time::Duration;

use http::Request;
use prometheus::Registry;
use strata_balancer::{Balancer, BalancerConfig};
use strata_node::config::Document;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::client::raw;
use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn a_taken_port_is_told_with_its_key() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let text = format!("listen: {address}\nadmin: 127.0.0.1:0\norigins: [{{ address: '127.0.0.1:1' }}]\n");
    let document = Document::parse("t", &text, Vec::new()).unwrap();
    let config = BalancerConfig::from_document(document).unwrap();
    let message = Balancer::bind(config, Registry::new())
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.contains(&address.to_string()) && message.contains("`listen`"),
        "{message}"
    );
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let stage = Stage::new(2).await;
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    for number in 0..5 {
        let request = format!("GET /title-{number}.ism HTTP/1.1\r\nhost: t\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !(answer.ends_with(b"\r\n\r\na") || answer.ends_with(b"\r\n\r\nb")) {
            answer.push(stream.read_u8().await.unwrap());
        }
    }
}

#[tokio::test]
async fn requests_sent_together_are_answered_in_order() {
    let stage = Stage::new(1).await;
    let one = "GET /film.ism HTTP/1.1\r\nhost: t\r\nx-request-id: one\r\n\r\n";
    let two = "GET /film.ism HTTP/1.1\r\nhost: t\r\nx-request-id: two\r\nconnection: close\r\n\r\n";
    let answers = raw(stage.address, &format!("{one}{two}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert!(answers.find("one").unwrap() < answers.find("two").unwrap());
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_the_connection() {
    let stage = Stage::with(1, "clients: { head: 100ms }\n").await;
    let started = std::time::Instant::now();
    let answer = raw(stage.address, "GET /film.ism HTTP/1.1\r\nhost: t\r\nx-slow").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
    // One that has not begun is closed without a word.
    assert_eq!(raw(stage.address, "\r\n").await, "");
    // The limit is on the head, not on the answer.
    stage.origin("a").act(crate::origin::Act::Wait);
    let slow = tokio::spawn(crate::client::get(stage.address, "/film.ism"));
    tokio::time::sleep(Duration::from_millis(150)).await;
    stage.origin("a").let_go(1);
    assert_eq!(slow.await.unwrap().text(), "a");
}

#[tokio::test]
async fn connections_above_the_limit_wait_their_turn() {
    let stage = Stage::with(1, "clients: { connections: 1 }\n").await;
    let held = TcpStream::connect(stage.address).await.unwrap();
    let second = tokio::spawn(crate::client::get(stage.address, "/film.ism"));
    let third = tokio::spawn(crate::client::get(stage.address, "/film.ism"));
    drop(held);
    for waiting in [second, third] {
        assert_eq!(
            tokio::time::timeout(PATIENCE, waiting)
                .await
                .unwrap()
                .unwrap()
                .text(),
            "a"
        );
    }
}

#[tokio::test]
async fn the_operator_sees_health_readiness_and_metrics() {
    let stage = Stage::new(1).await;
    stage.get("/film.ism").await;
    stage.readyz(200).await;
    for (path, expected) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "strata_balancer_node_up{node=\"a\"} 1"),
    ] {
        let answer = crate::client::ask(stage.admin, Request::get(path)).await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert!(answer.text().contains(expected), "{path}: {}", answer.text());
    }
}
