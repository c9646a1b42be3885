//! One request from its head to its last byte: what is logged and counted.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use http::header::{RANGE, REFERER, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use serde::Serialize;

use super::metrics::{Ended, Ending, Kind};
use super::service::Front;
use crate::source::Tally;
use strata_node::request_id;

/// What is logged as the status of a request whose client left before there
/// was one.
const CLIENT_GONE: u16 = 499;

/// Longest text of a client's that is logged, in bytes; the rest is cut off.
/// All of them together stay below the log's own limit, so that no request can
/// keep itself out of it.
const TEXT_BYTES_MAX: usize = 2048;

/// A request being answered. Dropping it is its end: it is logged and counted
/// then, whatever ended it.
pub(super) struct Exchange {
    front: Arc<Front>,
    begun: Instant,
    remote: SocketAddr,
    method: Method,
    uri: Uri,
    id: HeaderValue,
    user_agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    range: Option<HeaderValue>,
    pub(super) kind: Kind,
    pub(super) title: Option<String>,
    pub(super) fault: Option<&'static str>,
    pub(super) tally: Arc<Tally>,
    head: Option<Head>,
    sent: u64,
    source_failed: bool,
}

/// The response's head has been handed to the connection.
#[derive(Clone, Copy)]
struct Head {
    status: StatusCode,
    after: Duration,
    /// Bytes that the body will have.
    length: u64,
}

impl Exchange {
    pub(super) fn begin<B>(front: Arc<Front>, request: &Request<B>, remote: SocketAddr) -> Self {
        let headers = request.headers();
        let header = |name: &HeaderName| headers.get(name).cloned();
        front.metrics().in_flight.inc();
        Self {
            begun: Instant::now(),
            remote,
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: request_id::keep_or_make(headers.get(request_id::HEADER)),
            user_agent: header(&USER_AGENT),
            referer: header(&REFERER),
            range: header(&RANGE),
            kind: Kind::Other,
            title: None,
            fault: None,
            tally: Arc::default(),
            head: None,
            sent: 0,
            source_failed: false,
            front,
        }
    }

    pub(super) fn id(&self) -> &str {
        self.id.to_str().unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The head is ready; a body of `length` bytes follows.
    pub(super) fn answered(&mut self, status: StatusCode, headers: &mut HeaderMap, length: u64) {
        headers.insert(request_id::HEADER, self.id.clone());
        self.head = Some(Head {
            status,
            after: self.begun.elapsed(),
            length,
        });
    }

    /// Bytes of the body were handed to the connection.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes as u64);
    }

    /// The source failed in the middle of the body.
    pub(super) fn source_failed(&mut self) {
        self.source_failed = true;
    }

    fn ending(&self) -> Ending {
        match self.head {
            _ if self.source_failed => Ending::SourceFailed,
            Some(head) if head.length <= self.sent => Ending::Whole,
            _ => Ending::ClientLeft,
        }
    }

    /// What the caches did: `miss` if any lookup had to wait for a fill of its
    /// own, else `joined` if any waited for another's, else `hit`.
    fn cache(&self) -> &'static str {
        let tally = &self.tally;
        match (tally.misses(), tally.joined(), tally.hits()) {
            (1.., _, _) => "miss",
            (_, 1.., _) => "joined",
            (_, _, 1..) => "hit",
            _ => "none",
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let duration = self.begun.elapsed();
        let ending = self.ending();
        let metrics = self.front.metrics();
        metrics.in_flight.dec();
        metrics.ended(&Ended {
            kind: self.kind,
            status: self.head.map(|head| head.status),
            ending,
            fault: self.fault,
            bytes: self.sent,
            seconds: duration.as_secs_f64(),
            first_byte_seconds: self.head.map(|head| head.after.as_secs_f64()),
        });
        let tally = &self.tally;
        self.front.access_log().write(&Line {
            time: DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true),
            remote: Shown(&self.remote),
            method: self.method.as_str(),
            path: short(
                self.uri
                    .path_and_query()
                    .map_or(self.uri.path(), PathAndQuery::as_str),
            ),
            range: text(self.range.as_ref()),
            status: self.head.map_or(CLIENT_GONE, |head| head.status.as_u16()),
            ending: ending.label(),
            bytes: self.sent,
            duration_ms: milliseconds(duration),
            ttfb_ms: self.head.map(|head| milliseconds(head.after)),
            title: self.title.as_deref(),
            kind: self.kind.label(),
            fault: self.fault,
            cache: self.cache(),
            hits: tally.hits(),
            misses: tally.misses(),
            joined: tally.joined(),
            store_requests: tally.store_requests(),
            store_bytes: tally.store_bytes(),
            request_id: text(Some(&self.id)),
            user_agent: text(self.user_agent.as_ref()),
            referer: text(self.referer.as_ref()),
        });
    }
}

/// A line of the access log. Times are in milliseconds, sizes in bytes.
#[derive(Serialize)]
struct Line<'a> {
    /// When the response ended, RFC 3339 in UTC.
    time: String,
    remote: Shown<'a, SocketAddr>,
    method: &'a str,
    /// As sent, with its query.
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    status: u16,
    ending: &'static str,
    /// Of the body.
    bytes: u64,
    duration_ms: f64,
    /// To the head of the response.
    ttfb_ms: Option<f64>,
    title: Option<&'a str>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    cache: &'static str,
    hits: u32,
    misses: u32,
    joined: u32,
    /// Sent on behalf of this request.
    store_requests: u32,
    store_bytes: u64,
    request_id: Option<&'a str>,
    user_agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referer: Option<&'a str>,
}

struct Shown<'a, T>(&'a T);

impl<T: fmt::Display> Serialize for Shown<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok()).map(short)
}

fn short(text: &str) -> &str {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..end).unwrap_or_default()
}

/// With microseconds as its last digits.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
