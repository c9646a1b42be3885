//! What goes wrong is told, and what was found before is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use strata_loadtest::client::{Keep, Version};
use strata_loadtest::conduct::Conduct;
use strata_loadtest::open_loop::{self, Job};
use strata_loadtest::record::{Failure, Kind};
use strata_loadtest::report::{Output, read};
use strata_loadtest::schedule::{Arrivals, Shape, Spacing};
use strata_loadtest::trial::Ending;

use crate::server::{ask, body, client, conduct, serve, trial};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_differs_from_the_first_is_found_and_shown_with_its_id() {
    let count = Arc::new(AtomicU64::new(0));
    let address = serve(move |_| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        async move {
            let mut response = body(if number == 3 { "other" } else { "same!" });
            response
                .headers_mut()
                .insert("x-request-id", format!("id-{number}").parse().unwrap());
            response
        }
    })
    .await;
    let mut ask = ask(address, "/segment").await;
    ask.keep = Keep::Hash;
    let trial = trial(client(Version::Http1), true);
    for _ in 0..5 {
        trial.measure(&ask, Kind::Segment, trial.now()).await;
    }
    let record = trial.record();
    assert_eq!(record.failures.get(&Failure::Content), Some(&1));
    let example = &record.samples.failed()[0];
    assert_eq!(example.request_id.as_deref(), Some("id-3"));
    assert!(
        example.detail.as_deref().unwrap().contains("first copy"),
        "{example:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_nothing_answers_is_given_up_and_marked() {
    // Bound and never accepted from: connections are made, and nothing comes back.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = ask(silent.local_addr().unwrap(), "/").await;
    let trial = trial(client(Version::Http1), false);
    let jobs = Arrivals::new(Shape::Steady, Spacing::Even, 10.0, Duration::from_secs(60), 1);
    let jobs = jobs.map(move |due| Job {
        due,
        kind: Kind::Other,
        ask: ask.clone(),
    });
    let conduct = Conduct {
        silence_max: Duration::from_millis(1500),
        ..conduct()
    };
    let work = async { open_loop::run(&trial, jobs).await.unwrap() };
    let report = conduct
        .run(&trial, work, std::future::pending(), |_, _| {})
        .await
        .unwrap();
    assert!(
        matches!(&report.ending, Ending::GivenUp(reason) if reason.contains("nothing was answered")),
        "{:?}",
        report.ending
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_test_keeps_what_it_found() {
    let address = serve(|_| async { body("x") }).await;
    let (ask, trial) = (ask(address, "/").await, trial(client(Version::Http1), false));
    let jobs = Arrivals::new(Shape::Steady, Spacing::Even, 100.0, Duration::from_secs(60), 1);
    let jobs = jobs.map(move |due| Job {
        due,
        kind: Kind::Other,
        ask: ask.clone(),
    });
    let work = async { open_loop::run(&trial, jobs).await.unwrap() };
    let interrupt = async {
        while trial.record().ended < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let report = conduct().run(&trial, work, interrupt, |_, _| {}).await.unwrap();
    assert_eq!(report.ending, Ending::Interrupted);
    assert!(
        (20..100).contains(&report.totals.requests),
        "{}",
        report.totals.requests
    );
    let folder = tempfile::tempdir().unwrap();
    let output = Output::new(folder.path()).unwrap();
    output.finish(&report).unwrap();
    let html = std::fs::read_to_string(output.page()).unwrap();
    assert!(html.contains("Partial results: the test was interrupted."));
    let kept = read(folder.path()).unwrap().totals;
    assert_eq!(
        (kept.requests, kept.bytes, kept.statuses),
        (
            report.totals.requests,
            report.totals.bytes,
            report.totals.statuses
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_that_waits_for_its_last_answers_can_be_interrupted() {
    // Bound and never accepted from: an answer never comes.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = ask(silent.local_addr().unwrap(), "/").await;
    let trial = trial(client(Version::Http1), false);
    let (all_sent, when_all_sent) = tokio::sync::oneshot::channel();
    let job = Job {
        due: Duration::ZERO,
        kind: Kind::Other,
        ask,
    };
    let work = async {
        open_loop::run(&trial, std::iter::once(job)).await.unwrap();
        all_sent.send(()).unwrap();
    };
    let interrupt = async { when_all_sent.await.unwrap() };
    let report = conduct().run(&trial, work, interrupt, |_, _| {}).await.unwrap();
    assert_eq!(report.ending, Ending::Interrupted);
}

#[tokio::test]
async fn a_place_that_takes_no_results_is_told_before_the_test() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Output::new(file.path()).unwrap_err().to_string();
    assert!(error.contains(&file.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_connections_is_told_by_name() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ask = ask(port, "/").await;
    let client = client(Version::Http1);
    let error = client.probe(&ask.target).await.unwrap_err().to_string();
    assert!(
        error.contains(&port.to_string()) && error.contains("refused"),
        "{error}"
    );
    let reply = client.ask(&ask).await;
    assert_eq!(reply.failure, Some(Failure::Connect));
    assert_eq!(reply.detail.as_deref(), Some(error.as_str()));
    assert_eq!(error.matches("refused").count(), 1, "said once: {error}");
}
