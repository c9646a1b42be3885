//! `strata loadtest` against real nodes.

use std::process::{Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use strata_balancer::choice::Choice;
use strata_loadtest::scrape::names;
use strata_node::exposition::Exposition;

use crate::support::node::{PATIENCE, strata};
use crate::support::{Bucket, Client, Node, TITLE};

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
async fn what_cannot_be_tested_is_refused_before_anything_is_asked() {
    // Nobody listens there: who asks first says so instead.
    let fetch = ["fetch", "http://127.0.0.1:1/x"];
    let titles = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(titles.path(), "film.ism\n").unwrap();
    let titles = titles.path().display().to_string();
    let audience = [
        "audience",
        "http://127.0.0.1:1",
        "--catalogue",
        &titles,
        "--viewers",
    ];
    let sweep = ["sweep", "chunk", "--nodes", "1", "--viewers", "1", "--values"];
    for (command, flags, why) in [
        (&fetch[..], &["--rate", "1e18"][..], "up to 1000000"),
        (&fetch, &["--rate", "-5"], "above 0"),
        (&fetch, &["--rate", "0.001", "--for", "1s"], "no request is due"),
        (&fetch, &["--closed", "0"], "from 1 to"),
        (&fetch, &["--rate", "1", "--threads", "0"], "from 1 to"),
        (
            &fetch,
            &["--rate", "1", "--connections", "999999999"],
            "open files",
        ),
        (&fetch, &["--rate", "1", "--prices", "/none.yaml"], "/none.yaml"),
        (&audience, &["1e15"], "up to 1000000"),
        (&audience, &["0.0001"], "nobody comes"),
        (&audience, &["-3"], "above 0"),
        (&sweep, &["0"], "from 64KiB"),
    ] {
        let output = loadtest(&[command, flags].concat()).await;
        assert_eq!(output.status.code(), Some(1), "{flags:?}: {output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            told.contains(why) && !told.contains("reached"),
            "{flags:?}: {told}"
        );
    }
}

#[tokio::test]
async fn a_test_that_its_pipeline_ends_keeps_what_it_found() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}/{TITLE}/.mpd", origin.address);
    let out = folder.path().display().to_string();
    let mut command = strata();
    command.args([
        "loadtest", "fetch", &url, "--rate", "100", "--for", "10m", "--out", &out,
    ]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let asked = async {
        while origin.metric(names::REQUESTS, "").await < 20.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
        .await
        .unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Partial results"));
    let report = report(folder.path());
    assert_eq!(report["ending"]["kind"], "interrupted");
    assert!(report["totals"]["requests"].as_u64().unwrap() >= 10);
}

#[tokio::test]
async fn connections_stay_below_the_open_files_that_are_allowed() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let folder = tempfile::tempdir().unwrap();
    let limited = format!(
        "ulimit -n 160; exec {} loadtest fetch http://{}/{TITLE}/.mpd --closed 300 --for 500ms \
         --expect 'errors<=0%' --out {}",
        env!("CARGO_BIN_EXE_strata"),
        origin.address,
        folder.path().display()
    );
    let output = tokio::process::Command::new("sh")
        .args(["-c", &limited])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(report(folder.path())["totals"]["connections"].as_u64().unwrap() <= 160);
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
        told.contains("1 line of the log could not be read") && told.contains(":3: "),
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

#[tokio::test]
async fn results_that_a_full_disk_does_not_take_are_still_told() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let folder = tempfile::tempdir().unwrap();
    // What is written there meets a full disk.
    std::os::unix::fs::symlink("/dev/full", folder.path().join(".report.json.new")).unwrap();
    let output = loadtest(&[
        "fetch",
        &format!("http://{}/{TITLE}/.mpd", origin.address),
        "--rate",
        "50",
        "--for",
        "500ms",
        "--out",
        &folder.path().display().to_string(),
    ])
    .await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (told, failed) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(told.contains("Requests"), "{told}");
    assert!(
        failed.contains("results could not be kept")
            && failed.contains("report.json")
            && failed.contains("No space left"),
        "{failed}"
    );
    // What is left says of itself that it is not whole, and nothing is there that is half written.
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, ["report.partial.json"]);
}

/// The names that the load tester reads are the ones that nodes tell: once everything has happened that makes
/// them appear.
#[tokio::test]
async fn nodes_tell_what_reports_are_made_of() {
    let bucket = Bucket::with_sample().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let disk = folder.path().join("disk").display().to_string();
    let config = format!(
        "cache:\n  disk:\n    path: {disk}\n    chunks: 64MiB\n    indexes: 64MiB\ntitles:\n  ttl: 1ms\n"
    );
    let config = write("origin.yaml", config);
    let far = Node::origin_with(&bucket, &["--config", &config]).await;
    let mut near = Node::origin(&bucket).await;
    let origin = |node: &Node, zone: &str| {
        let (address, admin) = (node.address, node.admin);
        format!("  - address: {address}\n    check: {admin}\n    zone: {zone}\n")
    };
    // Checked so seldom that requests find out that a node is gone.
    let config = format!(
        "zone:\n  own: a\nhealth:\n  interval: 1h\norigins:\n{}{}",
        origin(&near, "a"),
        origin(&far, "b")
    );
    let config = write("balancer.yaml", config);
    let balancer = Node::balancer_with(&[], &["--config", &config]).await;
    let client = Client::new();
    let manifest = format!("/{TITLE}/.mpd");
    let segment = format!("/{TITLE}/dash/harbour-video=401000-0.dash");
    assert_eq!(client.get(balancer.address, &manifest).await.status, 200);
    near.kill().await;
    for path in [&manifest, &segment] {
        assert_ne!(client.get(balancer.address, path).await.status, 503);
    }
    tells(&balancer, &names::OF_BALANCERS).await;
    // The title is compared with the store behind a request's back.
    let checked = async {
        while far.metric(names::TITLE_CHECKS, "").await == 0.0 {
            client.get(far.address, &manifest).await;
        }
        while far.metric(names::DISK_FREE, "").await == 0.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, checked).await.unwrap();
    tells(&far, &names::OF_ORIGINS).await;
    let (retries, resumes) = (
        balancer.metric(names::RETRIES, "").await,
        balancer
            .metric(names::CHOICES, &format!("choice=\"{}\"", Choice::Retry.label()))
            .await,
    );
    assert!(retries >= 1.0 && resumes >= 1.0, "{retries} {resumes}");
}

async fn tells(node: &Node, names: &[&str]) {
    let page = Client::new().get(node.admin, "/metrics").await;
    let page = Exposition::new(page.text().to_owned());
    for name in names {
        let histogram = format!("{name}_count");
        assert!(page.has(name) || page.has(&histogram), "{name} is not told");
    }
}

/// Wider than the 10 % of a run of a minute and a half (bench/loadtest/validate.py): this one is short, on a machine that
/// does other things too.
const SHORT_RUN_TOLERANCE: f64 = 0.25;

#[tokio::test]
async fn a_rig_and_its_simulation_agree() {
    const TITLES: usize = 10;
    let folder = tempfile::tempdir().unwrap();
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/title");
    for number in 0..TITLES {
        let copy = folder.path().join(format!("titles/{number:02}"));
        std::fs::create_dir_all(&copy).unwrap();
        for file in std::fs::read_dir(&sample).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    let place = |name: &str| folder.path().join(name).display().to_string();
    let (titles, real, simulated) = (place("titles"), place("real"), place("simulated"));
    let sweep = [
        "sweep", "factor", "--values", "140", "--store", &titles, "--nodes", "3",
    ];
    let crowd = [
        "--viewers",
        "80",
        "--for",
        "8s",
        "--cache",
        "8MiB",
        "--chunk-size",
        "256KiB",
    ];
    let output = loadtest(&[&sweep[..], &crowd, &["--out", &real]].concat()).await;
    assert!(output.status.success(), "{output:?}");
    let real = place("real/140");
    let output = loadtest(&["simulate", "--like", &real, "--out", &simulated]).await;
    assert!(output.status.success(), "{output:?}");
    let report = report(std::path::Path::new(&simulated));
    let figures = report["validation"]["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 3);
    for figure in figures {
        let difference = figure["difference"].as_f64().unwrap();
        assert!(difference.abs() <= SHORT_RUN_TOLERANCE, "{figures:?}");
    }
}
