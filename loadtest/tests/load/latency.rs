//! What is said of latency is what clients would have waited.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strata_loadtest::client::Version;
use strata_loadtest::open_loop::{self, Job};
use strata_loadtest::record::Kind;
use strata_loadtest::report::Report;
use strata_loadtest::schedule::{Arrivals, Shape, Spacing};
use strata_loadtest::trial::Ending;
use tokio::sync::RwLock;

use crate::server::{ask, body, client, conduct, serve, trial};

/// A run of `rate` requests a second for `length` against a server that answers when `gate` is open.
async fn run(version: Version, rate: f64, length: Duration, stall: Option<(Duration, Duration)>) -> Report {
    let gate = Arc::new(RwLock::new(()));
    let held = Arc::clone(&gate);
    let address = serve(move |_| {
        let gate = Arc::clone(&held);
        async move {
            let _open = gate.read().await;
            body("x".repeat(1024))
        }
    })
    .await;
    let ask = ask(address, "/").await;
    let trial = trial(client(version), false);
    let jobs = Arrivals::new(Shape::Steady, Spacing::Even, rate, length, 1).map(move |due| Job {
        due,
        kind: Kind::Other,
        ask: ask.clone(),
    });
    let stalling = async {
        if let Some((at, length)) = stall {
            tokio::time::sleep(at).await;
            let closed = gate.write().await;
            tokio::time::sleep(length).await;
            drop(closed);
        }
    };
    let work = async {
        let (sent, ()) = tokio::join!(open_loop::run(&trial, jobs), stalling);
        sent.unwrap();
    };
    conduct()
        .run(&trial, work, std::future::pending(), |_, _| {})
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_shows_in_every_request_that_was_due_meanwhile() {
    let stall = (Duration::from_millis(500), Duration::from_secs(1));
    let report = run(Version::Http1, 100.0, Duration::from_secs(2), Some(stall)).await;
    assert_eq!((report.totals.requests, report.totals.failed), (200, 0));
    // Half of all requests were due while it stood; the last of them waited not at all, the first a second.
    assert!(report.latency.max_ms > 900.0, "{:?}", report.latency);
    assert!(
        (200.0..1000.0).contains(&report.latency.p75_ms),
        "{:?}",
        report.latency
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_and_1_are_both_spoken() {
    for version in [Version::Http1, Version::Http2] {
        let report = run(version, 200.0, Duration::from_millis(500), None).await;
        assert_eq!(
            (report.totals.requests, report.totals.failed),
            (100, 0),
            "{version:?}"
        );
        assert_eq!(report.totals.bytes, 100 * 1024);
        assert_eq!(report.ending, Ending::Complete);
        assert!(report.totals.connections <= 64);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_its_server_closed_is_not_a_failure() {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let address = serve(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async {
            let mut response = body("once");
            response
                .headers_mut()
                .insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
            response
        }
    })
    .await;
    let (ask, trial) = (ask(address, "/").await, trial(client(Version::Http1), false));
    for _ in 0..20 {
        let reply = trial.measure(&ask, Kind::Other, trial.now()).await;
        assert_eq!(reply.failure, None);
    }
    assert_eq!(count.load(Ordering::Relaxed), 20);
}
