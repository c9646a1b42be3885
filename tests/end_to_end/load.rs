//! `strata loadtest` against real nodes.

use std::process::Output;

use serde_json::Value;

use crate::support::node::strata;
use crate::support::{Bucket, Node, TITLE};

async fn loadtest(arguments: &[&str]) -> Output {
    let mut command = strata();
    command.arg("loadtest").args(arguments);
    command.output().await.unwrap()
}

fn report(folder: &std::path::Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn an_audience_watches_all_protocols_and_every_answer_is_right() {
    let bucket = Bucket::with_sample().await;
    let (first, second) = (Node::origin(&bucket).await, Node::origin(&bucket).await);
    let balancer = Node::balancer(&[&first, &second]).await;
    let folder = tempfile::tempdir().unwrap();
    let titles = folder.path().join("titles.txt");
    std::fs::write(&titles, format!("{TITLE}\n")).unwrap();
    let node = |name: &str, node: &Node| format!("{name}={}", node.admin);
    let output = loadtest(&[
        "audience",
        &format!("http://{}", balancer.address),
        "--catalogue",
        &titles.display().to_string(),
        "--viewers",
        "60",
        "--for",
        "4s",
        "--protocols",
        "dash=1,hls=1,smooth=1",
        "--check",
        "--node",
        &node("first", &first),
        "--node",
        &node("second", &second),
        "--node",
        &node("balancer", &balancer),
        "--expect",
        "errors<=0%",
        "--expect",
        "hit_ratio>50%",
        "--out",
        &folder.path().display().to_string(),
    ])
    .await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report = report(folder.path());
    let protocols = report["audience"]["protocols"].as_object().unwrap();
    assert_eq!(protocols.len(), 3, "{protocols:?}");
    assert_eq!(report["audience"]["manifests_bad"], 0);
    assert_eq!(report["checks"]["faults"], 0);
    assert!(report["checks"]["copies"].as_u64().unwrap() > 20);
    assert!(report["fleet"]["store"]["requests"]["read"].as_u64().unwrap() > 0);
    assert!(
        report["fleet"]["nodes"][0]["looks"][0]["memory_bytes"]
            .as_u64()
            .unwrap()
            > 0
    );
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("All 2 expectations are met."));
}

#[tokio::test]
async fn an_expectation_that_is_not_met_has_an_exit_status_of_its_own() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let url = format!("http://{}/{TITLE}/.mpd", origin.address);
    let arguments = ["fetch", &url, "--rate", "50", "--for", "500ms", "--expect"];
    let output = loadtest(&[arguments.as_slice(), &["p99<1us"]].concat()).await;
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("NOT MET"));
    let output = loadtest(&[arguments.as_slice(), &["p98<1ms"]].concat()).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no figure `p98`"));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let output = loadtest(&["fetch", "http://127.0.0.1:1/x", "--rate", "1"]).await;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("http://127.0.0.1:1/x cannot be reached") && told.contains("refused"),
        "{told}"
    );
}

#[tokio::test]
async fn the_log_of_a_node_is_played_again() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let line = |ms: u32, path: &str| {
        format!(
            "10.0.0.1 - - [10/Oct/2025:13:55:{:02} +0000] \"GET {path} HTTP/1.1\" 200 1 \"-\" \"-\"\n",
            ms / 1000
        )
    };
    let text = format!("{}{}broken\n", line(1000, "/old/.mpd"), line(2000, "/old/.m3u8"));
    std::fs::write(&log, text).unwrap();
    let output = loadtest(&[
        "replay",
        &log.display().to_string(),
        "--target",
        &format!("http://{}", origin.address),
        "--rewrite",
        &format!("^/old/(.*)=>/{TITLE}/$1"),
        "--speed",
        "10",
        "--expect",
        "errors<=0%",
    ])
    .await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("1 lines of the log could not be read") && told.contains(":3: "),
        "{told}"
    );
}

#[tokio::test]
async fn plain_hashing_drowns_a_node_and_a_bound_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let run = |factor: &'static str| {
        let out = folder.path().join(factor).display().to_string();
        async move {
            let output = loadtest(&[
                "simulate",
                "--nodes",
                "10",
                "--zones",
                "1",
                "--viewers",
                "3000",
                "--for",
                "5m",
                "--live",
                "--titles",
                "5",
                "--baseline",
                "3Gbps",
                "--balance-factor",
                factor,
                "--quiet",
                "--out",
                &out,
            ])
            .await;
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            report(std::path::Path::new(&out))
        }
    };
    let (plain, bounded) = (run("0").await, run("140").await);
    let busiest = |report: &Value| {
        let nodes = report["fleet"]["nodes"].as_array().unwrap();
        let loads = nodes.iter().map(|node| node["requests"].as_u64().unwrap());
        loads.clone().max().unwrap() as f64 / (loads.sum::<u64>() as f64 / nodes.len() as f64)
    };
    assert!(busiest(&plain) > 5.0, "{}", busiest(&plain));
    // The bound is of requests in flight; over all of the time the busiest node may have more than its share.
    assert!(busiest(&bounded) < 3.0, "{}", busiest(&bounded));
    let drowning = |report: &Value| report["fleet"]["drowning"].as_f64().unwrap();
    assert!(
        drowning(&plain) > 0.02 && drowning(&bounded) < 0.001,
        "{} {}",
        drowning(&plain),
        drowning(&bounded)
    );
}
