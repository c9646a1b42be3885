//! What nodes measure, read from their `/metrics` pages.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// How long a node on the same machine may take to answer.
const TIMEOUT: Duration = Duration::from_millis(800);

/// The largest page read.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// A page in the Prometheus text format.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    text: String,
}

impl Metrics {
    /// The sum of a metric's series whose labels have these values; 0 when
    /// there is none. Counts of this demo are far below 2^53.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let values = self.text.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (found, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let matches = |(label, value): &(&str, &str)| {
                found.split("\",").any(|pair| {
                    pair.split_once("=\"")
                        .is_some_and(|(key, text)| key == *label && text.trim_end_matches('"') == *value)
                })
            };
            labels
                .iter()
                .all(matches)
                .then(|| value.trim().parse::<f64>().ok())
                .flatten()
        });
        let sum: f64 = values.sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and the values are counts"
        )]
        let count = sum as u64;
        count
    }
}

/// Asks nodes for their metrics and whether they are ready.
#[derive(Clone, Debug)]
pub(crate) struct Scraper {
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Scraper {
    pub(crate) fn new() -> Scraper {
        Scraper {
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// The page at `/metrics`.
    pub(crate) async fn metrics(&self, admin: SocketAddr) -> anyhow::Result<Metrics> {
        let (status, text) = self.get(admin, "/metrics").await?;
        anyhow::ensure!(status.is_success(), "{admin} answered {status}");
        Ok(Metrics { text })
    }

    /// Whether `/readyz` says so.
    pub(crate) async fn is_ready(&self, admin: SocketAddr) -> bool {
        self.get(admin, "/readyz")
            .await
            .is_ok_and(|(status, _)| status.is_success())
    }

    async fn get(&self, admin: SocketAddr, path: &str) -> anyhow::Result<(http::StatusCode, String)> {
        let answer = async {
            let response = self.client.get(format!("http://{admin}{path}").parse()?).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), PAGE_BYTES_MAX).collect().await;
            let body = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        tokio::time::timeout(TIMEOUT, answer).await.context("timed out")?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP strata_requests_total Requests.
# TYPE strata_requests_total counter
strata_requests_total{node=\"a1\",ending=\"answered\"} 40
strata_requests_total{node=\"a1\",ending=\"failed\"} 2
strata_requests_total{node=\"a11\",ending=\"answered\"} 500
strata_requests_total_other{node=\"a1\"} 9000
strata_in_flight 3
";

    fn check(name: &str, labels: &[(&str, &str)], expected: u64) {
        assert_eq!(
            Metrics {
                text: PAGE.to_owned()
            }
            .sum(name, labels),
            expected,
            "{name} {labels:?}"
        );
    }

    #[test]
    fn series_are_summed_over_the_labels_that_are_left_open() {
        check("strata_requests_total", &[("node", "a1")], 42);
        check(
            "strata_requests_total",
            &[("node", "a1"), ("ending", "failed")],
            2,
        );
        check("strata_requests_total", &[], 542);
    }

    #[test]
    fn a_metric_without_labels_is_read_and_an_absent_one_is_zero() {
        check("strata_in_flight", &[], 3);
        check("strata_absent", &[], 0);
        check("strata_in_flight", &[("node", "a1")], 0);
    }
}
