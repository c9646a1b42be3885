//! Strata's own access lines, of origins and balancers: one JSON object each.

use serde::Deserialize;

use super::{Entry, Line, microseconds, repeatable};

/// What is read of a line; it has more.
#[derive(Deserialize)]
struct Fields<'a> {
    /// When the answer ended.
    time: &'a str,
    method: &'a str,
    #[serde(borrow)]
    path: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    range: Option<std::borrow::Cow<'a, str>>,
    duration_ms: f64,
}

pub(super) fn parse(line: &str) -> Result<Line, String> {
    let fields: Fields<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let ended = chrono::DateTime::parse_from_rfc3339(fields.time)
        .map_err(|error| format!("time `{}`: {error}", fields.time))?;
    let took_us = i64::try_from(crate::number::whole(fields.duration_ms * 1e3)).unwrap_or(0);
    repeatable(fields.method, &fields.path, |method, path| Entry {
        at_us: microseconds(ended).saturating_sub(took_us),
        precision_us: 1000,
        method,
        path,
        host: None,
        range: fields.range.map(std::borrow::Cow::into_owned),
    })
}
