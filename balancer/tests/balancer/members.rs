//! Members that come and go while requests are served.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use strata_balancer::config::OriginConfig;

use crate::client;
use crate::origin::{Act, Origin};
use crate::stage::Stage;

/// Replaces a watched file with these origins, by id.
fn write(path: &Path, origins: &[(&str, &Origin)]) {
    let mut text = "origins:\n".to_owned();
    for (id, origin) in origins {
        writeln!(text, "  - {{ address: '{}', id: {id} }}", origin.address).unwrap();
    }
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, path).unwrap();
}

#[tokio::test]
async fn nodes_that_a_file_names_come_and_go_and_no_request_notices() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("origins.yaml");
    let mut more = Vec::new();
    for id in ["e", "f", "g"] {
        more.push(Origin::start(id, Act::Serve).await);
    }
    write(&file, &[("e", &more[0])]);
    let config = format!(
        "health: {{ interval: 1h, slow_start: 0 }}\ndiscovery:\n  remove_max: 100\n  state: {}\n  files: [{{ path: {}, interval: 10ms }}]\n",
        folder.path().join("state").display(),
        file.display()
    );
    let stage = Stage::with(1, &config).await;
    let ids = |stage: &Stage| -> BTreeSet<String> {
        stage
            .pool
            .nodes()
            .iter()
            .map(|node| node.id().to_owned())
            .collect()
    };
    let are = |expected: &'static [&'static str]| {
        move |stage: &Stage| ids(stage).iter().map(String::as_str).eq(expected.iter().copied())
    };
    stage.until("the first", are(&["a", "e"])).await;
    let address = stage.address;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..8_u32)
        .map(|client| {
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while !*stopped.borrow() {
                    let answer = client::get(address, &format!("/title-{}.ism/x", client + 8 * count)).await;
                    assert_eq!(answer.status, 200);
                    assert_eq!(answer.text(), answer.origin());
                    count += 1;
                }
                count
            })
        })
        .collect();
    write(&file, &[("e", &more[0]), ("f", &more[1]), ("g", &more[2])]);
    stage.until("more", are(&["a", "e", "f", "g"])).await;
    // Mistakes and an empty list change nothing; the next good one does.
    std::fs::write(&file, "origins: [{").unwrap();
    let failed =
        |stage: &Stage| 3.0 < stage.sum("strata_balancer_discoveries_total", &[("outcome", "failed")]);
    stage.until("failures", failed).await;
    assert!(are(&["a", "e", "f", "g"])(&stage));
    write(&file, &[("g", &more[2])]);
    stage.until("fewer", are(&["a", "g"])).await;
    stop.send_replace(true);
    for client in clients {
        assert!(0 < client.await.unwrap());
    }
    stage.comes_to_rest().await;
    // Their series have gone with them.
    for id in ["e", "f"] {
        stage
            .counts("strata_balancer_attempts_total", &[("node", id)], 0.0)
            .await;
    }
    assert_eq!(
        stage.sum("strata_balancer_requests_total", &[("outcome", "exhausted")]),
        0.0
    );
    let kept = std::fs::read_dir(folder.path().join("state")).unwrap().count();
    assert_eq!(kept, 1);
}

/// Resident memory of this process, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// 200 nodes, of which one goes and one comes 5,000 times, while clients ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_changes_of_two_hundred_nodes_leak_and_drop_nothing() {
    const NODES: u32 = 200;
    const CHANGES: u32 = 5_000;
    // The checks of nodes that come are not what is measured: one round each, at once.
    let stage = Stage::with(4, "health: { interval: 1h, slow_start: 1s }\nthreads: 1\n").await;
    let node = |number: u32| {
        let address = stage.origins[(number % 4) as usize].address;
        OriginConfig {
            address,
            id: format!("i-{number}"),
            weight: 1,
            check: address,
            agent: None,
            zone: None,
        }
    };
    let members = |from: u32| -> Vec<OriginConfig> { (from..from + NODES).map(node).collect() };
    stage.pool.set_members(&members(0)).unwrap();
    let address = stage.address;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..4_u32)
        .map(|client| {
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let mut count = 0;
                while !*stopped.borrow() {
                    let answer = client::get(address, &format!("/title-{}.ism/x", client + 4 * count)).await;
                    assert_eq!(answer.status, 200);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut memories = Vec::new();
    for change in 1..=CHANGES {
        let (pool, next) = (std::sync::Arc::clone(&stage.pool), members(change));
        let changed = tokio::task::spawn_blocking(move || pool.set_members(&next).unwrap()).await;
        assert_eq!(changed.unwrap().added.len(), 1);
        if change % 100 == 0 {
            // What the origins remember for other tests is no leak.
            stage.origins.iter().for_each(Origin::forget);
            // Until then all is used for the first time.
            if 1_000 < change {
                memories.push(memory());
            }
        }
    }
    stop.send_replace(true);
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(1_000 < answered, "{answered}");
    stage.comes_to_rest().await;
    assert_eq!(
        stage.sum("strata_balancer_requests_total", &[("outcome", "answered")]),
        f64::from(answered)
    );
    assert_eq!(stage.pool.nodes().len(), NODES as usize);
    // One series a node that is there, and none of the 5,000 that were.
    stage
        .until("series have gone", |stage| {
            stage.series("strata_balancer_body_bytes_total") == NODES as usize
        })
        .await;
    // Rings come and go with each change, and resident memory by a quarter: what is kept shows in the least.
    let (before, after) = memories.split_at(memories.len() / 2);
    let (before, after) = (before.iter().min().unwrap(), after.iter().min().unwrap());
    assert!(*after < before + before / 10 + (24 << 20), "{memories:?}");
}
