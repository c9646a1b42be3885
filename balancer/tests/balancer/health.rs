//! Nodes that go down and come back, as checks see them.

use crate::origin::Origin;
use crate::stage::Stage;

const OFTEN: &str = "health: { interval: 10ms, timeout: 2s, fall: 2, rise: 2 }\n";

#[tokio::test]
async fn an_origin_that_dies_is_found_out_and_passed_over() {
    let stage = Stage::with(2, OFTEN).await;
    let path = stage.path_to("a").await;
    stage.origin("a").kill().await;
    stage
        .until("down", |stage| {
            stage.sum("strata_balancer_node_up", &[("node", "a")]) == 0.0
        })
        .await;
    let answer = stage.get(&path).await;
    assert_eq!((answer.origin(), answer.attempts()), ("b", 1));
    stage
        .counts(
            "strata_balancer_choices_total",
            &[("node", "b"), ("choice", "first_down")],
            1.0,
        )
        .await;
    let dead = stage.pool.nodes().remove(0);
    assert!(
        dead.last_check_failure()
            .unwrap()
            .to_string()
            .starts_with("cannot connect")
    );
    assert_eq!(stage.readyz(200).await.text(), "ready\n");
    stage.origin("b").kill().await;
    stage
        .until("both down", |stage| {
            stage.sum("strata_balancer_node_up", &[]) == 0.0
        })
        .await;
    let unready = stage.readyz(503).await;
    assert_eq!(unready.text(), "origins: none of 2 is up\n");
}

#[tokio::test]
async fn an_origin_is_found_down_at_the_first_check() {
    // Bound and never accepted from: connects, but does not answer.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let healthy = Origin::start("x", crate::origin::Act::Serve).await;
    let more = "health: { interval: 1h, timeout: 50ms, fall: 3 }\n";
    let stage = Stage::with_odd(1, more, healthy.address, silent.local_addr().unwrap()).await;
    stage
        .until("down", |stage| {
            stage.sum("strata_balancer_node_up", &[("node", "odd")]) == 0.0
        })
        .await;
    stage
        .counts("strata_balancer_node_up", &[("node", "a")], 1.0)
        .await;
}
