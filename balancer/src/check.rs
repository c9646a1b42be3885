//! The checks of a node: a GET over a fresh connection, now and then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::config::HealthConfig;
use crate::health::CheckFailure;
use crate::node::Node;
use crate::pool::Pool;

/// Starts checking all nodes of `pool`, at once and then at intervals. Each
/// check that decides something is told to `news`.
pub(crate) fn start(pool: &Arc<Pool>, config: &HealthConfig, news: &mpsc::Sender<()>) -> JoinSet<()> {
    let mut checks = JoinSet::new();
    for node in pool.nodes() {
        checks.spawn(watch(node, Arc::clone(pool), config.clone(), news.clone()));
    }
    checks
}

async fn watch(node: Arc<Node>, pool: Arc<Pool>, config: HealthConfig, news: mpsc::Sender<()>) {
    let seed = xxh3_64_with_seed(node.id().as_bytes(), u64::from(std::process::id()));
    for round in 0_u64.. {
        let next = tokio::time::Instant::now() + jittered(&config, seed, round);
        let result = check(&node, &config).await;
        let failure = result.as_ref().err().map(ToString::to_string);
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
        tokio::time::sleep_until(next).await;
    }
}

/// The interval to the next check, varied within the jitter by a hash of who checks what for the how many-th time.
fn jittered(config: &HealthConfig, seed: u64, round: u64) -> Duration {
    let span = config.interval / 100 * config.jitter_percent;
    let part = xxh3_64_with_seed(&round.to_le_bytes(), seed) % 1000;
    let part = u32::try_from(part).unwrap_or(0);
    config.interval.saturating_sub(span) + span * 2 / 1000 * part
}

async fn check(node: &Node, config: &HealthConfig) -> Result<(), CheckFailure> {
    tokio::time::timeout(config.timeout, ask(node, &config.path))
        .await
        .unwrap_or(Err(CheckFailure::TimedOut))
}

async fn ask(node: &Node, path: &str) -> Result<(), CheckFailure> {
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
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Thresholds;

    #[test]
    fn intervals_stay_within_the_jitter_and_vary() {
        let config = HealthConfig {
            path: "/".to_owned(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            thresholds: Thresholds { fall: 1, rise: 1 },
            jitter_percent: 10,
        };
        let intervals: Vec<u128> = (0..1000)
            .map(|round| jittered(&config, 7, round).as_millis())
            .collect();
        let (least, most) = (intervals.iter().min().unwrap(), intervals.iter().max().unwrap());
        assert!(
            (900..910).contains(least) && (1090..=1100).contains(most),
            "{least} to {most}"
        );
        let steady = HealthConfig {
            jitter_percent: 0,
            ..config
        };
        assert_eq!(jittered(&steady, 7, 1), Duration::from_secs(1));
    }
}
