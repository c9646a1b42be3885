//! Origins die; viewers do not notice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::Method;
use tokio::sync::Notify;

use crate::support::{Bucket, Client, Node, TITLE, manifest};

const CLIENTS: usize = 50;

/// How many segments each client pulls.
const PULLS: usize = 60;

/// After how many answers, over all clients, the origin is killed.
const KILL_AFTER: usize = CLIENTS * PULLS / 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_an_origin_is_killed_under_fifty_clients() {
    let bucket = Bucket::with_sample().await;
    let mut origins = Vec::new();
    for _ in 0..4 {
        origins.push(Node::origin(&bucket).await);
    }
    let balancer = Node::balancer(&origins.iter().collect::<Vec<_>>()).await;
    let client = Client::new();
    let expected = Arc::new(segments(&client, &balancer).await);
    let home = client
        .get(balancer.address, &format!("/{TITLE}/.mpd"))
        .await
        .header("x-strata-origin")
        .to_owned();

    let (answers, kill) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let pulls = (0..CLIENTS).map(|number| {
        let (expected, answers, kill) = (Arc::clone(&expected), Arc::clone(&answers), Arc::clone(&kill));
        let address = balancer.address;
        tokio::spawn(async move {
            let client = Client::new();
            let mut failures = Vec::new();
            // Each client starts elsewhere, as viewers do.
            for (path, body) in expected.iter().cycle().skip(number * 7).take(PULLS) {
                match client.try_send(Method::GET, address, path, &[]).await {
                    Ok(answer) if answer.status == 200 && answer.body == *body => {}
                    Ok(answer) => {
                        failures.push(format!("{path}: {}, {} bytes", answer.status, answer.body.len()))
                    }
                    Err(error) => failures.push(error),
                }
                if answers.fetch_add(1, Ordering::Relaxed) + 1 == KILL_AFTER {
                    kill.notify_one();
                }
            }
            failures
        })
    });
    let pulls: Vec<_> = pulls.collect();
    kill.notified().await;
    let victim = origins
        .iter_mut()
        .find(|origin| origin.address.to_string() == home)
        .unwrap();
    victim.kill().await;
    let mut failures = Vec::new();
    for pull in pulls {
        failures.extend(pull.await.unwrap());
    }
    assert!(
        failures.is_empty(),
        "{} of {} requests failed: {failures:#?}",
        failures.len(),
        CLIENTS * PULLS
    );
    let after = client.get(balancer.address, &format!("/{TITLE}/.mpd")).await;
    assert_ne!(
        after.header("x-strata-origin"),
        home,
        "the dead origin is passed over"
    );
}

/// Every segment and its bytes.
async fn segments(client: &Client, balancer: &Node) -> BTreeMap<String, Bytes> {
    let mut segments = BTreeMap::new();
    for track in manifest::dash(client, balancer.address).await {
        for path in track.segments {
            let answer = client.get(balancer.address, &path).await;
            assert_eq!(answer.status, 200, "{path}");
            segments.insert(path, answer.body);
        }
    }
    segments
}

#[tokio::test]
async fn an_origin_that_lost_its_store_is_passed_over() {
    let buckets = [Bucket::with_sample().await, Bucket::with_sample().await];
    let origins = [Node::origin(&buckets[0]).await, Node::origin(&buckets[1]).await];
    let balancer = Node::balancer(&[&origins[0], &origins[1]]).await;
    let client = Client::new();
    let tracks = manifest::dash(&client, balancer.address).await;
    let first = client.get(balancer.address, &tracks[0].segments[1]).await;
    let home = origins
        .iter()
        .position(|origin| origin.address.to_string() == first.header("x-strata-origin"))
        .unwrap();
    let [one, other] = buckets;
    let (lost, _kept) = if home == 0 { (one, other) } else { (other, one) };
    lost.down().await;
    let last = tracks.iter().rfind(|track| !track.is_text()).unwrap();
    // Not in the home's cache yet.
    let answer = client.get(balancer.address, last.segments.last().unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("x-strata-origin"),
        origins[1 - home].address.to_string()
    );
    assert_eq!(answer.header("x-strata-attempts"), "2");
}

#[tokio::test]
async fn requests_in_flight_end_when_an_origin_drains() {
    let bucket = Bucket::with_sample().await;
    let mut origins = [Node::origin(&bucket).await, Node::origin(&bucket).await];
    let balancer = Node::balancer(&[&origins[0], &origins[1]]).await;
    let client = Client::new();
    let expected = segments(&client, &balancer).await;
    let home = client
        .get(balancer.address, &format!("/{TITLE}/.mpd"))
        .await
        .header("x-strata-origin")
        .to_owned();
    let leaving = origins
        .iter_mut()
        .find(|origin| origin.address.to_string() == home)
        .unwrap();
    leaving.signal("TERM").await;
    for (path, body) in &expected {
        let answer = client.get(balancer.address, path).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, body), "{path}");
    }
    assert_eq!(leaving.ended().await.code(), Some(0));
}
