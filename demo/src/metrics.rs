//! What nodes measure, read from their `/metrics` pages.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use strata_node::exposition::Exposition;

/// How long a node on the same machine may take to answer.
const TIMEOUT: Duration = Duration::from_millis(800);

/// The largest page read.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// A page of metrics.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    page: Exposition,
}

impl Metrics {
    /// The sum of a metric's series whose labels have these values; 0 when
    /// there is none. Counts of this demo are far below 2^53.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and the values are counts"
        )]
        let count = self.page.sum(name, labels) as u64;
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
        Ok(Metrics {
            page: Exposition::new(text),
        })
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
