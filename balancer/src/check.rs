//! The checks of a node: a GET over a fresh connection, now and then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use strata_node::agent::Load;
use strata_node::headers;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::HealthConfig;
use crate::health::CheckFailure;
use crate::node::Node;
use crate::pool::Pool;

/// Checks one node for as long as it is polled, at once and then at intervals.
/// Each check that decides something is told to `news`.
pub(crate) async fn watch(node: Arc<Node>, pool: Arc<Pool>, config: HealthConfig, news: mpsc::Sender<()>) {
    let seed = xxh3_64_with_seed(node.id().as_bytes(), u64::from(std::process::id()));
    for round in 0_u64.. {
        let begun = tokio::time::Instant::now();
        let result = check(&node, &config).await;
        let failure = result.as_ref().err().map(ToString::to_string);
        let result = result.map(|load| {
            if let Some(load) = load {
                pool.hear_load(&node, load);
            }
        });
        if pool.hear(&node, result, config.thresholds) {
            let (id, address, health) = (node.id(), node.check_address(), node.health());
            match failure {
                None => tracing::info!(node = id, check = %address, "node is {health}"),
                Some(failure) => tracing::warn!(node = id, check = %address, failure, "node is {health}"),
            }
            // Nobody listens any more: the balancer is going.
            if news.send(()).await.is_err() {
                return;
            }
        }
        let interval = if node.is_in_doubt() {
            config.fast_interval
        } else {
            config.interval
        };
        let next = begun + jittered(interval, config.jitter_percent, seed, round);
        let forward = async {
            node.nudged().await;
            tokio::time::sleep_until(begun + config.fast_interval).await;
        };
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = forward => {}
        }
    }
}

/// An interval, varied within the jitter by a hash of who checks what for the how many-th time.
fn jittered(interval: Duration, jitter_percent: u32, seed: u64, round: u64) -> Duration {
    let span = interval / 100 * jitter_percent;
    let part = xxh3_64_with_seed(&round.to_le_bytes(), seed) % 1000;
    let part = u32::try_from(part).unwrap_or(0);
    interval.saturating_sub(span) + span * 2 / 1000 * part
}

/// What the node says of its load, if it does.
async fn check(node: &Node, config: &HealthConfig) -> Result<Option<Load>, CheckFailure> {
    tokio::time::timeout(config.timeout, ask(node, &config.path))
        .await
        .unwrap_or(Err(CheckFailure::TimedOut))
}

async fn ask(node: &Node, path: &str) -> Result<Option<Load>, CheckFailure> {
    let address = node.check_address();
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| CheckFailure::Connect(error.to_string()))?;
    let broken = |error: hyper::Error| CheckFailure::Broken(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .header(header::USER_AGENT, "strata-balancer")
        .body(Empty::<Bytes>::new())
        .map_err(|error| CheckFailure::Broken(error.to_string()))?;
    // The connection's own end tells nothing that the request's does not, and may come
    // before an answer that has arrived is seen. Both are dropped as soon as there is a
    // status: no body is waited for.
    let connection = async {
        let _ = connection.await;
        std::future::pending::<Infallible>().await
    };
    let response = tokio::select! {
        response = sender.send_request(request) => response.map_err(broken)?,
        never = connection => match never {},
    };
    match response.status().as_u16() {
        status @ 500.. => Err(CheckFailure::Status(status)),
        _ => Ok(said_load(response.headers())),
    }
}

/// What an answer says of its node's load.
pub(crate) fn said_load(fields: &HeaderMap) -> Option<Load> {
    Load::parse(fields.get(headers::LOAD)?.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stay_within_the_jitter_and_vary() {
        let second = Duration::from_secs(1);
        let intervals: Vec<u128> = (0..1000)
            .map(|round| jittered(second, 10, 7, round).as_millis())
            .collect();
        let (least, most) = (intervals.iter().min().unwrap(), intervals.iter().max().unwrap());
        assert!(
            (900..910).contains(least) && (1090..=1100).contains(most),
            "{least} to {most}"
        );
        assert_eq!(jittered(second, 0, 7, 1), second);
    }
}
