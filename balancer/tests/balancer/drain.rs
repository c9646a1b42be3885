//! Stopping: what is in flight ends, what is idle closes, nothing waits longer than it must.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::get;
use crate::origin::Act;
use crate::stage::{PATIENCE, Stage};

#[tokio::test]
async fn a_drain_lets_requests_end_and_takes_no_more() {
    let stage = Stage::new(1).await;
    stage.origin("a").act(Act::Wait);
    let in_flight = tokio::spawn(get(stage.address, "/film.ism"));
    stage
        .until("in flight", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;
    let mut idle = TcpStream::connect(stage.address).await.unwrap();
    idle.write_all(b"GET /../x HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    stage.shutdown.drain();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, idle.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    let refused = async { while TcpStream::connect(stage.address).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(get(stage.admin, "/readyz").await.status.as_u16(), 503);
    stage.origin("a").let_go(2);
    assert_eq!(in_flight.await.unwrap().text(), "a");
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn requests_on_their_way_when_the_drain_begins_are_answered() {
    let stage = Stage::new(1).await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream
            .write_all(b"GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n")
            .await
            .unwrap();
        streams.push(stream);
    }
    stage.shutdown.drain();
    for mut stream in streams {
        let mut answer = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:?}");
    }
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_idle_balancer_is_gone_at_once() {
    let stage = Stage::new(1).await;
    let _idle = TcpStream::connect(stage.address).await.unwrap();
    get(stage.address, "/film.ism").await;
    let started = Instant::now();
    stage.shutdown.drain();
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_drain_ends_at_its_limit() {
    let stage = Stage::with(1, "drain: { limit: 100ms }\n").await;
    stage.origin("a").act(Act::Hang);
    let mut stuck = TcpStream::connect(stage.address).await.unwrap();
    stuck
        .write_all(b"GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    stage
        .until("in flight", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;
    stage.shutdown.drain();
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(stage.pool.in_flight(), 0);
    let mut rest = String::new();
    let _ = stuck.read_to_string(&mut rest).await;
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_stop_does_not_wait() {
    let stage = Stage::with(1, "drain: { notice: 1h, limit: 1h }\n").await;
    stage.origin("a").act(Act::Hang);
    let mut stuck = TcpStream::connect(stage.address).await.unwrap();
    stuck
        .write_all(b"GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    stage
        .until("in flight", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;
    stage.shutdown.drain();
    stage.shutdown.stop();
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn during_the_notice_clients_are_served_and_asked_to_leave() {
    let stage = Stage::with(1, "drain: { notice: 1h }\n").await;
    assert_eq!(
        get(stage.address, "/film.ism").await.header("connection"),
        Some("keep-alive")
    );
    stage.shutdown.drain();
    let leaving = async {
        loop {
            let answer = get(stage.address, "/film.ism").await;
            assert_eq!(answer.text(), "a");
            if answer.header("connection") == Some("close") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, leaving).await.unwrap();
    assert_eq!(get(stage.admin, "/readyz").await.status.as_u16(), 503);
    stage.shutdown.stop();
    tokio::time::timeout(PATIENCE, stage.run)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
