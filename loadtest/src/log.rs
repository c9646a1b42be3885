//! Access logs of Strata, nginx, HAProxy and CloudFront, plain or gzipped, read as requests to repeat.

mod cloudfront;
mod combined;
mod reader;
mod replay;
mod rewrite;
mod strata;

use http::Method;

pub use self::reader::{BROKEN_SHOWN_MAX, ENTRIES_MAX, Format, LINE_BYTES_MAX, LogError, Logs, read};
pub use self::replay::{Pace, PaceError, schedule};
pub use self::rewrite::{Rewrite, RewriteError};

/// A request of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, in microseconds from 1970 on.
    pub at_us: i64,
    /// To what the time is known, in microseconds: 1,000,000 where a log has whole seconds.
    pub precision_us: i64,
    /// What was done.
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    /// The host that was asked, where the log says so.
    pub host: Option<String>,
    /// The range that was asked for, where the log says so.
    pub range: Option<String>,
}

/// What a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A request.
    Request(Entry),
    /// Nothing to repeat: a comment, a request that changes something.
    Skip,
}

/// The request of a line, unless it is one that a test should not repeat.
fn repeatable(method: &str, path: &str, make: impl FnOnce(Method, String) -> Entry) -> Result<Line, String> {
    let known: Method = method.parse().map_err(|_| format!("`{method}` is no method"))?;
    if known != Method::GET && known != Method::HEAD {
        return Ok(Line::Skip);
    }
    // Proxies log absolute URLs as they were sent.
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => path,
    };
    if !path.starts_with('/') || path.parse::<http::uri::PathAndQuery>().is_err() {
        return Err(format!("`{path}` is no path"));
    }
    Ok(Line::Request(make(known, path.to_owned())))
}

/// Microseconds from 1970 to a time.
fn microseconds(time: chrono::DateTime<chrono::FixedOffset>) -> i64 {
    time.timestamp_micros()
}

/// Seconds, written with a point, as microseconds; `None` for what is no time.
fn seconds_as_us(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    (seconds.is_finite() && (0.0..1e10).contains(&seconds))
        .then(|| i64::try_from(crate::number::whole(seconds * 1e6)).unwrap_or(i64::MAX))
}
