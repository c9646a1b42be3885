//! Requests at a steady rate, however long their answers take, each checked to the byte.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

use crate::content;

/// How many titles are asked for.
const TITLES: u64 = 200;

/// After this time an answer counts as failed.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Numbers that look random and are the same each time. Steele, Lea, Flood 2014 (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How one request ended.
pub(crate) enum Ended {
    Whole,
    /// No answer, or one that is not 200.
    Failed(String),
    /// A 200 that broke off, or stalled.
    Truncated(String),
    /// A byte that is another one.
    Wrong,
}

/// What came of all requests.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) whole: usize,
    pub(crate) failed: usize,
    pub(crate) truncated: usize,
    pub(crate) wrong: usize,
    /// The first few of what went wrong.
    pub(crate) examples: Vec<String>,
    /// To the last byte, of whole answers.
    times: Vec<Duration>,
}

impl Tally {
    fn add(&mut self, ended: Ended, time: Duration) {
        let example = match ended {
            Ended::Whole => {
                self.whole += 1;
                self.times.push(time);
                return;
            }
            Ended::Failed(why) => {
                self.failed += 1;
                why
            }
            Ended::Truncated(why) => {
                self.truncated += 1;
                why
            }
            Ended::Wrong => {
                self.wrong += 1;
                "a wrong byte".to_owned()
            }
        };
        if self.examples.len() < 10 {
            self.examples.push(format!("after {time:?}: {example}"));
        }
    }

    pub(crate) fn all(&self) -> usize {
        self.whole + self.failed + self.truncated + self.wrong
    }

    pub(crate) fn bad(&self) -> usize {
        self.failed + self.truncated + self.wrong
    }

    /// The time within which this part of a thousand had their answers.
    pub(crate) fn within(&mut self, per_mille: usize) -> Duration {
        self.times.sort();
        let place = (self.times.len() * per_mille / 1000).min(self.times.len().saturating_sub(1));
        self.times.get(place).copied().unwrap_or_default()
    }
}

/// Sends `rate` requests a second until `stop`, and waits for the last answers.
pub(crate) async fn run(address: SocketAddr, rate: u64, seed: u64, stop: Arc<AtomicBool>) -> Tally {
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new())
        // A request that fails has failed: nobody is to hide it.
        .retry_canceled_requests(false)
        .build_http();
    let mut random = Random(seed);
    let mut requests = JoinSet::new();
    let mut tally = Tally::default();
    let started = tokio::time::Instant::now();
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        tokio::time::sleep_until(started + Duration::from_nanos(number * 1_000_000_000 / rate)).await;
        let size = match random.below(100) {
            0..80 => 2_000,
            80..98 => 60_000,
            _ => 1_000_000,
        };
        let path = format!("/title-{}.ism/{size}", random.below(TITLES));
        requests.spawn(one(client.clone(), address, path));
        while let Some(ended) = requests.try_join_next() {
            let (ended, time) = ended.unwrap();
            tally.add(ended, time);
        }
    }
    while let Some(ended) = requests.join_next().await {
        let (ended, time) = ended.unwrap();
        tally.add(ended, time);
    }
    tally
}

async fn one(
    client: Client<HttpConnector, Empty<Bytes>>,
    address: SocketAddr,
    path: String,
) -> (Ended, Duration) {
    let started = Instant::now();
    let ended = tokio::time::timeout(ANSWER_LIMIT, ask(client, address, &path)).await;
    let ended = ended.unwrap_or_else(|_| Ended::Truncated("not done in time".to_owned()));
    (ended, started.elapsed())
}

async fn ask(client: Client<HttpConnector, Empty<Bytes>>, address: SocketAddr, path: &str) -> Ended {
    let uri: Uri = format!("http://{address}{path}").parse().unwrap();
    let answer = match client.get(uri).await {
        Ok(answer) if answer.status() == 200 => answer,
        Ok(answer) => return Ended::Failed(answer.status().to_string()),
        Err(error) => return Ended::Failed(format!("{error:?}")),
    };
    let mut body = answer.into_body();
    let mut at = 0;
    let mut expected = Vec::new();
    while let Some(frame) = body.frame().await {
        let piece = match frame {
            Ok(frame) => frame.into_data().unwrap_or_default(),
            Err(error) => return Ended::Truncated(format!("{error:?}")),
        };
        expected.resize(piece.len(), 0);
        content::fill(path, at, &mut expected);
        if piece != expected {
            return Ended::Wrong;
        }
        at += piece.len();
    }
    if at == content::size(path) {
        Ended::Whole
    } else {
        Ended::Truncated(format!("{at} bytes"))
    }
}
