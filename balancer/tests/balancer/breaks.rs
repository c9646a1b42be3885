//! Answers and clients that break off in the middle.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::raw;
use crate::origin::Act;
use crate::stage::Stage;

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
const HALF_IN_CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n";

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    for act in [
        Act::SendAndClose(HALF.to_owned()),
        Act::SendAndReset(HALF.to_owned()),
        Act::SendAndClose(HALF_IN_CHUNKS.to_owned()),
        Act::SendAndReset(HALF_IN_CHUNKS.to_owned()),
    ] {
        let stage = Stage::new(2).await;
        stage.all(act.clone());
        let stream = TcpStream::connect(stage.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let request = Request::get("/film.ism/0")
            .header("host", "t")
            .body(Empty::<Bytes>::new())
            .unwrap();
        let outcome = match sender.send_request(request).await {
            Ok(response) => response.into_body().collect().await.map(|body| body.to_bytes()),
            Err(error) => Err(error),
        };
        // A reset may overtake the head on its way through the kernel: then there was nothing to break off,
        // and both origins have been asked in vain.
        if let Ok(body) = outcome {
            assert_eq!(body, "no origin gave a usable answer\n", "{act:?}");
        }
        stage.comes_to_rest().await;
        let log = stage.finish().await;
        assert!(
            ["truncated", "exhausted"].contains(&log[0]["outcome"].as_str().unwrap()),
            "{log:?}"
        );
    }
}

#[tokio::test]
async fn nothing_is_retried_once_the_client_has_seen_a_part() {
    let stage = Stage::new(2).await;
    stage.all(Act::SendAndClose(HALF.to_owned()));
    let answer = stage.get("/film.ism/0").await;
    assert_eq!((answer.status.as_u16(), answer.attempts()), (200, 1));
    assert!(answer.body.is_err());
    stage.comes_to_rest().await;
    let requests: usize = stage.origins.iter().map(|origin| origin.requests().len()).sum();
    assert_eq!(requests, 1);
    stage
        .counts("strata_balancer_attempts_total", &[("ending", "broken_off")], 1.0)
        .await;
    stage
        .counts("strata_balancer_requests_total", &[("outcome", "truncated")], 1.0)
        .await;
    let log = stage.finish().await;
    assert_eq!(
        (log[0]["outcome"].as_str(), log[0]["bytes"].as_u64()),
        (Some("truncated"), Some(5))
    );
}

#[tokio::test]
async fn to_a_client_that_knows_no_chunks_an_answer_has_a_length() {
    let stage = Stage::new(1).await;
    let whole = raw(stage.address, "GET /film.ism/0 HTTP/1.0\r\n\r\n").await;
    assert!(
        whole.ends_with("\r\n\r\na") && whole.to_ascii_lowercase().contains("content-length: 1"),
        "{whole}"
    );
    stage.origin("a").act(Act::Send(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
    ));
    let refused = raw(stage.address, "GET /film.ism/0 HTTP/1.0\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 502 "), "{refused}");
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_frees_its_place() {
    let stage = Stage::new(2).await;
    stage.all(Act::Hang);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream
        .write_all(b"GET /film.ism/0 HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    stage
        .until("in flight", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;
    drop(stream);
    stage.comes_to_rest().await;
    stage
        .counts(
            "strata_balancer_requests_total",
            &[("outcome", "client_gone")],
            1.0,
        )
        .await;
    stage
        .counts("strata_balancer_attempts_total", &[("ending", "abandoned")], 1.0)
        .await;
    let log = stage.finish().await;
    assert_eq!(
        (log[0]["status"].as_u64(), log[0]["outcome"].as_str()),
        (Some(499), Some("client_gone"))
    );
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_body_frees_its_place() {
    let stage = Stage::new(1).await;
    // More than the buffers between origin and client hold.
    let body = "x".repeat(64 << 20);
    stage.origins[0].act(Act::Send(crate::origin::answer("200 OK", "", &body)));
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream
        .write_all(b"GET /film.ism/0 HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    let mut some = vec![0; 1000];
    stream.read_exact(&mut some).await.unwrap();
    stage
        .counts("strata_balancer_in_flight", &[("node", "a")], 1.0)
        .await;
    stream.set_zero_linger().unwrap();
    drop(stream);
    stage.comes_to_rest().await;
    stage
        .counts(
            "strata_balancer_requests_total",
            &[("outcome", "client_gone")],
            1.0,
        )
        .await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let stage = Stage::with(1, "clients: { send: 100ms }\n").await;
    let body = "x".repeat(64 << 20);
    stage.origins[0].act(Act::Send(crate::origin::answer("200 OK", "", &body)));
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream
        .write_all(b"GET /film.ism/0 HTTP/1.1\r\nhost: t\r\n\r\n")
        .await
        .unwrap();
    stage
        .until("begun", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;
    stage.comes_to_rest().await;
    drop(stream);
}
