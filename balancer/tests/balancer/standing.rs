//! What nodes say of themselves, what requests say of them, and what operators want.

use http::{Method, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::client;
use crate::origin::{Act, Origin, answer};
use crate::stage::Stage;

const SELDOM: &str = "health: { interval: 1h }\n";
const OFTEN: &str = "health: { interval: 10ms, slow_start: 0 }\n";

#[tokio::test]
async fn the_bound_holds_over_several_balancers() {
    let more = "health: { interval: 10ms }\nbalance: { floor: 1 }\n";
    let first = Stage::with(3, more).await;
    let second = Stage::beside(&first, more).await;
    let path = second.path_to("a").await;
    // Twenty of the first balancer's requests are on `a`, which the second one cannot see itself.
    first.origin("a").says("in-flight=20, weight=100");
    second
        .until("it was told", |stage| {
            stage.sum("strata_balancer_in_flight_elsewhere", &[("node", "a")]) == 20.0
        })
        .await;
    let spilled = second.get(&path).await;
    assert_ne!(spilled.origin(), "a");
    first.origin("a").says("in-flight=0, weight=100");
    second
        .until("they have ended", |stage| {
            stage.sum("strata_balancer_in_flight_elsewhere", &[]) == 0.0
        })
        .await;
    assert_eq!(second.get(&path).await.origin(), "a");
}

#[tokio::test]
async fn what_an_origin_says_of_its_load_is_for_the_balancer_only() {
    let stage = Stage::with(2, SELDOM).await;
    let path = stage.path_to("a").await;
    stage.origin("a").says("in-flight=1, weight=100, drain");
    let answer = stage.get(&path).await;
    assert_eq!((answer.origin(), answer.header("x-strata-load")), ("a", None));
    // It drains: the next request for the same title goes elsewhere.
    assert_eq!(stage.get(&path).await.origin(), "b");
    assert_eq!(
        stage.sum(
            "strata_balancer_node_state",
            &[("node", "a"), ("state", "draining")]
        ),
        1.0
    );
}

#[tokio::test]
async fn a_node_s_agent_is_heard() {
    let origin = Origin::start("odd", Act::Serve).await;
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = agent.local_addr().unwrap();
    let (say, said) = tokio::sync::watch::channel("up ready 100%\n");
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = agent.accept().await.unwrap();
            let line: &str = *said.borrow();
            let _ = stream.write_all(line.as_bytes()).await;
        }
    });
    let more = "health: { interval: 1h }\nagent: { interval: 10ms }\n";
    let stage = Stage::with_agent(2, more, origin.address, address).await;
    let path = stage.path_to("odd").await;
    let state = |state: &'static str| {
        move |stage: &Stage| {
            stage.sum("strata_balancer_node_state", &[("node", "odd"), ("state", state)]) == 1.0
        }
    };
    say.send_replace("drain\r\n");
    stage.until("draining", state("draining")).await;
    assert_ne!(stage.get(&path).await.origin(), "odd");
    // What does not end in a line end says nothing; what speaks of the weight does not undo the drain.
    say.send_replace("ready");
    say.send_replace("50%\n");
    stage
        .until("half the weight", |stage| {
            stage
                .pool
                .nodes()
                .iter()
                .any(|node| node.agent_line().weight.is_some())
        })
        .await;
    assert!(state("draining")(&stage));
    say.send_replace("ready 100%\n");
    stage.until("up", state("up")).await;
    assert_eq!(stage.get(&path).await.origin(), "odd");
}

#[tokio::test]
async fn an_origin_that_fails_at_everything_is_ejected_and_gets_another_chance() {
    let more = "health: { interval: 1h, slow_start: 0 }\nobserve: { errors: 3, ejection: 200ms }\n";
    let stage = Stage::with(3, more).await;
    let paths: Vec<String> = (0..60).map(|number| format!("/title-{number}.ism/x")).collect();
    stage
        .origin("a")
        .act(Act::Send(answer("503 Service Unavailable", "", "x")));
    for path in &paths {
        assert_ne!(stage.get(path).await.origin(), "a");
    }
    let ejected = stage.sum(
        "strata_balancer_ejections_total",
        &[("node", "a"), ("reason", "status_503")],
    );
    assert!(1.0 <= ejected);
    stage.origin("a").act(Act::Serve);
    stage
        .until("let in again", |stage| {
            stage.sum("strata_balancer_node_state", &[("node", "a"), ("state", "up")]) == 1.0
        })
        .await;
    let mut served = 0;
    for path in &paths {
        served += u32::from(stage.get(path).await.origin() == "a");
    }
    assert!(0 < served);
}

#[tokio::test]
async fn a_title_that_fails_everywhere_ejects_nobody() {
    let stage = Stage::with(3, "health: { interval: 1h }\nobserve: { errors: 2 }\n").await;
    stage.all(Act::Send(answer("500 Internal Server Error", "", "x")));
    for _ in 0..40 {
        assert_eq!(stage.get("/poisoned.ism/x").await.status, 500);
    }
    stage.all(Act::Serve);
    assert_eq!(stage.sum("strata_balancer_ejections_total", &[]), 0.0);
    assert_eq!(stage.sum("strata_balancer_node_up", &[]), 3.0);
}

#[tokio::test]
async fn a_failed_request_brings_the_next_check_forward() {
    let more = "health: { interval: 1h, fast_interval: 10ms, fall: 1 }\n";
    let stage = Stage::with(2, more).await;
    let path = stage.path_to("a").await;
    stage.origin("a").kill().await;
    assert_eq!(stage.get(&path).await.origin(), "b");
    stage
        .until("down, an hour before its check was due", |stage| {
            stage.sum("strata_balancer_node_up", &[("node", "a")]) == 0.0
        })
        .await;
}

#[tokio::test]
async fn an_operator_drains_a_node_over_the_admin_listener() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    let stage = Stage::with(2, &format!("{OFTEN}admin_token_file: {}\n", token.display())).await;
    let path = stage.path_to("a").await;
    let post = |target: &'static str, token: &'static str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(target)
            .header("authorization", format!("Bearer {token}"));
        client::ask(stage.admin, request)
    };
    assert_eq!(
        post("/nodes/a/drain", "a-token-of-another-kind").await.status,
        401
    );
    assert_eq!(stage.get(&path).await.origin(), "a");
    assert_eq!(post("/nodes/a/drain", "a-token-of-some-length").await.status, 200);
    assert_eq!(stage.get(&path).await.origin(), "b");
    assert_eq!(post("/nodes/a/ready", "a-token-of-some-length").await.status, 200);
    assert_eq!(stage.get(&path).await.origin(), "a");
    let page = client::get(stage.admin, "/status").await;
    assert!(page.text().contains("<title>Strata balancer</title>"));
    let view: serde_json::Value =
        serde_json::from_str(client::get(stage.admin, "/status.json").await.text()).unwrap();
    assert_eq!(view["nodes"][0]["id"], "a");
}
