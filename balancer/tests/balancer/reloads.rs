//! A changed configuration takes effect between two requests, and a bad one never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use strata_balancer::health::Health;

use crate::client::get;
use crate::stage::{PATIENCE, Stage};

/// Waits until answers have this value of `x-cell`.
async fn until_cell(stage: &Stage, cell: Option<&str>) {
    let wait = async { while get(stage.address, "/film.ism").await.header("x-cell") != cell {} };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[tokio::test]
async fn a_change_of_the_file_takes_effect_without_a_request_lost() {
    let stage = Stage::new(2).await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (address, stop) = (stage.address, Arc::clone(&stop));
            tokio::spawn(async move {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer = get(address, &format!("/title-{client}-{count}.ism")).await;
                    assert_eq!(answer.status.as_u16(), 200);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let text = std::fs::read_to_string(stage.config()).unwrap();
    let with = |more: &str| std::fs::write(stage.config(), format!("{text}{more}")).unwrap();
    with("headers: { response: [{ set: X-Cell, value: one }] }\n");
    until_cell(&stage, Some("one")).await;
    // A mistake changes nothing, not even by half.
    with("headers: { response: [{ set: X-Cell, value: two }] }\nretries: 3\n");
    let refused = [("what", "config"), ("result", "refused")];
    stage
        .until("refused", |stage| {
            stage.sum("strata_balancer_reloads_total", &refused) == 1.0
        })
        .await;
    until_cell(&stage, Some("one")).await;
    with("identify: false\n");
    until_cell(&stage, None).await;
    assert_eq!(
        get(stage.address, "/film.ism").await.header("x-strata-origin"),
        None
    );
    // Origins come and go too.
    let less: String = text
        .lines()
        .filter(|line| !line.contains("id: b"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(stage.config(), less).unwrap();
    stage
        .until("one origin", |stage| stage.pool.nodes().len() == 1)
        .await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(0 < client.await.unwrap());
    }
}

/// Replaces what is added to the configuration of a stage.
fn add(stage: &Stage, text: &str, more: &str) {
    // Renamed, so that half of it is never read.
    let new = stage.folder.path().join("new.yaml");
    std::fs::write(&new, format!("{text}{more}")).unwrap();
    std::fs::rename(new, stage.config()).unwrap();
}

/// Whether the checks of a node say that it is down.
fn down(stage: &Stage, id: &str) -> bool {
    let nodes = stage.pool.nodes();
    let node = nodes.iter().find(|node| node.id() == id);
    node.is_some_and(|node| node.health() == Health::Down)
}

#[tokio::test]
async fn checks_zones_limits_and_members_change_while_requests_are_under_way() {
    let stage = Stage::with(2, "timeouts: { response: 30s }\nretry: { deadline: 60s }\n").await;
    let text = std::fs::read_to_string(stage.config()).unwrap();
    stage.all(crate::origin::Act::Wait);
    let address = stage.address;
    let under_way = tokio::spawn(async move { get(address, "/film.ism").await });
    stage
        .until("under way", |stage| {
            stage.sum("strata_balancer_in_flight", &[]) == 1.0
        })
        .await;

    add(
        &stage,
        &text,
        "health: { path: /not-there, timeout: 50ms, interval: 20ms, fall: 1 }\n",
    );
    stage
        .until("checked so", |stage| down(stage, "a") && down(stage, "b"))
        .await;
    add(&stage, &text, "zone: { own: here }\nhealth: { interval: 20ms }\n");
    stage
        .until("zone and health", |stage| {
            stage.pool.own_zone().is_some_and(|zone| zone.as_str() == "here")
                && !down(stage, "a")
                && !down(stage, "b")
        })
        .await;

    let third = crate::origin::Origin::start("x", crate::origin::Act::Serve).await;
    let list = stage.folder.path().join("members.yaml");
    std::fs::write(
        &list,
        format!("origins: [{{ address: '{}', id: x }}]\n", third.address),
    )
    .unwrap();
    let files = format!(
        "discovery: {{ files: [{{ path: {}, interval: 10ms }}] }}\n",
        list.display()
    );
    add(&stage, &text, &files);
    stage
        .until("a third node", |stage| stage.pool.nodes().len() == 3)
        .await;
    // Another interval: the same source, and what it found stays.
    add(&stage, &text, &files.replace("10ms", "1h"));
    let applied = [("what", "config"), ("result", "applied")];
    stage
        .until("applied", |stage| {
            4.0 <= stage.sum("strata_balancer_reloads_total", &applied)
        })
        .await;
    assert_eq!(stage.pool.nodes().len(), 3);
    assert_eq!(stage.series("strata_balancer_discovered_members"), 1);
    add(&stage, &text, "clients: { per_address: 1 }\n");
    stage
        .until("two nodes, and no series of the discovery", |stage| {
            stage.pool.nodes().len() == 2 && stage.series("strata_balancer_discovered_members") == 0
        })
        .await;

    // Nothing was dropped for any of it.
    for origin in &stage.origins {
        origin.let_go(1);
    }
    assert_eq!(under_way.await.unwrap().status.as_u16(), 200);
    // Which of the two is served first is the balancer's to choose.
    let one = tokio::net::TcpStream::connect(stage.address).await.unwrap();
    let two = tokio::net::TcpStream::connect(stage.address).await.unwrap();
    stage
        .until("turned away", |stage| {
            0.0 < stage.sum("strata_balancer_turned_away_total", &[("reason", "address")])
        })
        .await;
    drop((one, two));
}
