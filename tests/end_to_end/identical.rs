//! Every node gives the same bytes, headers included.

use http::HeaderMap;

use crate::support::{Answer, Bucket, Client, Node, TITLE, manifest};

/// What must not depend on the node: all but what names this one exchange, and the load that is for balancers.
fn comparable(mut answer: Answer) -> Answer {
    for name in ["date", "x-request-id", "x-strata-load"] {
        answer.headers.remove(name);
    }
    answer
}

#[tokio::test]
async fn two_origins_answer_alike_to_the_byte() {
    let bucket = Bucket::with_sample().await;
    let (first, second) = (Node::origin(&bucket).await, Node::origin(&bucket).await);
    let client = Client::new();
    let paths = manifest::everything(&client, first.address).await;
    assert!(100 < paths.len());
    // The second one meets the paths in the opposite order, so its caches fill another way.
    let mut answers = Vec::new();
    for path in paths.iter().rev() {
        answers.push(comparable(client.get(second.address, path).await));
    }
    for (path, from_second) in paths.iter().zip(answers.into_iter().rev()) {
        let from_first = comparable(client.get(first.address, path).await);
        assert_eq!(from_first.status, 200, "{path}");
        assert!(
            from_first.header("etag").starts_with('"'),
            "{path}: a strong ETag"
        );
        assert_eq!(from_first, from_second, "{path}");
    }
}

#[tokio::test]
async fn compressed_manifests_and_ranges_are_alike_too() {
    let bucket = Bucket::with_sample().await;
    let (first, second) = (Node::origin(&bucket).await, Node::origin(&bucket).await);
    let client = Client::new();
    let headers = [[("accept-encoding", "gzip")], [("range", "bytes=100-299")]];
    for path in [format!("/{TITLE}/.mpd"), format!("/{TITLE}/.m3u8")] {
        for headers in &headers {
            let (one, other) = (
                client.get_with(first.address, &path, headers).await,
                client.get_with(second.address, &path, headers).await,
            );
            assert_eq!(comparable(one), comparable(other), "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_balancer_adds_who_answered_and_changes_nothing_else() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let balancer = Node::balancer(&[&origin]).await;
    let client = Client::new();
    for path in manifest::everything(&client, origin.address).await {
        let direct = comparable(client.get(origin.address, &path).await);
        let mut through = comparable(client.get(balancer.address, &path).await);
        assert_eq!(through.header("x-strata-origin"), origin.address.to_string());
        assert_eq!(through.header("x-strata-attempts"), "1");
        let hop_by_hop = |headers: &mut HeaderMap| {
            for name in ["x-strata-origin", "x-strata-attempts", "connection", "keep-alive"] {
                headers.remove(name);
            }
        };
        let mut direct = direct;
        hop_by_hop(&mut through.headers);
        hop_by_hop(&mut direct.headers);
        assert_eq!(through, direct, "{path}");
    }
}
