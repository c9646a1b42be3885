//! Many requests at once: the bound, and that nothing is left in flight.

use crate::origin::{Act, answer};
use crate::stage::Stage;

#[tokio::test]
async fn a_hot_title_spreads_within_the_bound() {
    let stage = Stage::with(
        4,
        "balance: { factor: 140, floor: 0 }\nretry: { deadline: 60s }\ntimeouts: { response: 60s }\n",
    )
    .await;
    stage.all(Act::Wait);
    let mut waiting = Vec::new();
    for placed in 1..=40_u64 {
        waiting.push(tokio::spawn(crate::client::get(stage.address, "/hot.ism/0.dash")));
        stage
            .until("placed", |stage| {
                stage.sum("strata_balancer_in_flight", &[]) == placed as f64
            })
            .await;
        let bound = (placed * 140).div_ceil(100).div_ceil(4).max(1);
        let loads: Vec<u64> = stage.pool.nodes().iter().map(|node| node.in_flight()).collect();
        assert!(
            loads.iter().all(|load| *load <= bound),
            "{placed} placed, bound {bound}: {loads:?}"
        );
    }
    // 56 slots are dealt out for 40 requests: three nodes suffice.
    let used = stage
        .pool
        .nodes()
        .iter()
        .filter(|node| node.in_flight() != 0)
        .count();
    assert_eq!(used, 3);
    for origin in &stage.origins {
        origin.let_go(40);
    }
    for answer in waiting {
        assert_eq!(answer.await.unwrap().status.as_u16(), 200);
    }
    stage.comes_to_rest().await;
    stage
        .counts("strata_balancer_choices_total", &[("choice", "first")], 14.0)
        .await;
    stage
        .counts("strata_balancer_choices_total", &[("choice", "spilled")], 26.0)
        .await;
    assert!(0.0 < stage.sum("strata_balancer_bound_hits_total", &[]));
}

#[tokio::test]
async fn fifty_clients_notice_nothing_when_an_origin_is_killed() {
    let stage = Stage::new(3).await;
    let address = stage.address;
    let clients: Vec<_> = (0..50)
        .map(|client| {
            tokio::spawn(async move {
                for number in 0..40 {
                    let path = format!("/title-{}.ism/{number}", (client + number) % 17);
                    let answer = crate::client::get(address, &path).await;
                    assert_eq!(answer.status.as_u16(), 200, "{path}: {:?}", answer.body);
                    assert_eq!(answer.text(), answer.origin());
                }
            })
        })
        .collect();
    stage
        .until("under way", |stage| {
            300.0 < stage.sum("strata_balancer_attempts_total", &[])
        })
        .await;
    stage.origin("b").kill().await;
    for client in clients {
        client.await.unwrap();
    }
    stage.comes_to_rest().await;
    stage
        .counts(
            "strata_balancer_requests_total",
            &[("outcome", "answered")],
            2000.0,
        )
        .await;
}

#[tokio::test]
async fn misbehaviour_of_every_kind_leaves_nothing_in_flight() {
    let stage = Stage::with(3, "health: { interval: 1h }\ntimeouts: { response: 50ms }\n").await;
    let acts = [
        Act::Hang,
        Act::SendAndClose(String::new()),
        Act::SendAndReset(String::new()),
        Act::SendAndReset("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123".to_owned()),
        Act::Send(answer("503 Service Unavailable", "", "x")),
        Act::SendAndClose("nonsense\r\n\r\n".to_owned()),
    ];
    let mut clients = Vec::new();
    for number in 0..120 {
        stage.origins[number % 3].next(acts[number % acts.len()].clone());
        let (address, path) = (stage.address, format!("/title-{number}.ism"));
        clients.push(tokio::spawn(async move {
            let request = format!("GET {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
            if number % 5 == 0 {
                // Leaves at once.
                let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes())
                    .await
                    .unwrap();
            } else {
                crate::client::raw(address, &request).await;
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    stage.comes_to_rest().await;
    stage
        .until("all counted", |stage| {
            stage.sum("strata_balancer_requests_total", &[]) >= 96.0
        })
        .await;
}
