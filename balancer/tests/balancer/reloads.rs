//! A changed configuration takes effect between two requests, and a bad one never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
