//! The access log's line for one request.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use http::Version;
use serde::{Serialize, Serializer};

use crate::asked::Asked;
use crate::exchange::{Ended, Exchange};
use crate::front::head::Refusal;
use crate::metrics::Outcome;
use crate::trace;

/// What is logged as the status of a request whose client left before there was one.
pub(crate) const CLIENT_GONE: u16 = 499;

/// One line. Times are in milliseconds, sizes in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// When the answer ended, RFC 3339 in UTC.
    #[serde(serialize_with = "rfc_3339")]
    time: SystemTime,
    remote: Option<Shown<SocketAddr>>,
    /// As `HTTP/1.1`. `None`: the request could not be read.
    protocol: Option<&'static str>,
    /// As `TLSv1_3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<&'a str>,
    method: &'a str,
    /// As sent, with its query.
    path: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    status: u16,
    outcome: &'static str,
    /// What was wrong with the request's head.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'static str>,
    /// Body sent to the client.
    bytes: u64,
    #[serde(serialize_with = "milliseconds")]
    duration_ms: Duration,
    /// To the head of the origin's answer.
    #[serde(
        serialize_with = "milliseconds_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    ttfb_ms: Option<Duration>,
    /// The node asked last.
    node: Option<&'a str>,
    /// Why that one.
    choice: Option<&'static str>,
    attempts: Vec<AttemptField<'a>>,
    /// 16 hexadecimal digits.
    key: Option<String>,
    request_id: &'a str,
    /// 32 hexadecimal digits: W3C trace context.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct AttemptField<'a> {
    node: &'a str,
    ending: &'static str,
    #[serde(serialize_with = "milliseconds")]
    duration_ms: Duration,
}

impl<'a> Line<'a> {
    /// The line of a request that has ended.
    pub(crate) fn new(asked: Asked<'a>, exchange: &'a Exchange, status: u16, outcome: Outcome) -> Self {
        let request = asked.head;
        let attempt = |ended: &'a Ended| AttemptField {
            node: ended.node.id(),
            ending: ended.ending.label(),
            duration_ms: ended.duration,
        };
        let last = exchange.ended().last();
        Self {
            time: SystemTime::now(),
            remote: asked.client.map(Shown),
            protocol: protocol(request.version),
            tls: asked.tls,
            method: request.method.as_str(),
            path: String::from_utf8_lossy(request.raw_path()),
            range: request
                .headers
                .get(http::header::RANGE)
                .and_then(|value| value.to_str().ok()),
            status,
            outcome: outcome.label(),
            refusal: None,
            bytes: exchange.sent,
            duration_ms: exchange.started.elapsed(),
            ttfb_ms: exchange.first_byte,
            node: last.map(|ended| ended.node.id()),
            choice: last.map(|ended| ended.choice.label()),
            attempts: exchange.ended().iter().map(attempt).collect(),
            key: exchange.key.map(|key| format!("{:016x}", key.hash())),
            request_id: exchange.request_id.to_str().unwrap_or_default(),
            trace_id: match &exchange.trace {
                Some(begun) => begun.to_str().ok().and_then(trace::trace_id),
                None => trace::given(&request.headers),
            },
        }
    }

    /// The line of a request that was refused by its head.
    pub(crate) fn refused(
        remote: SocketAddr,
        method: &'a str,
        path: &'a str,
        refusal: Refusal,
        request_id: &'a str,
    ) -> Self {
        Self {
            time: SystemTime::now(),
            remote: Some(Shown(remote)),
            protocol: None,
            tls: None,
            method,
            path: Cow::Borrowed(path),
            range: None,
            status: refusal.status().as_u16(),
            outcome: Outcome::Refused.label(),
            refusal: Some(refusal.label()),
            bytes: 0,
            duration_ms: Duration::ZERO,
            ttfb_ms: None,
            node: None,
            choice: None,
            attempts: Vec::new(),
            key: None,
            request_id,
            trace_id: None,
        }
    }
}

fn protocol(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("HTTP/1.0"),
        Version::HTTP_11 => Some("HTTP/1.1"),
        Version::HTTP_2 => Some("HTTP/2"),
        _ => None,
    }
}

#[derive(Debug)]
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn rfc_3339<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&DateTime::<Utc>::from(*time).to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Microseconds are the last digits.
fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}

fn milliseconds_or_none<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, serializer),
        None => serializer.serialize_none(),
    }
}
