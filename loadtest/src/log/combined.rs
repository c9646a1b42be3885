//! The combined format of nginx, the CLF of HAProxy (`option httplog clf`) and HAProxy's own (`option httplog`).

use chrono::{DateTime, NaiveDateTime};

use super::{Entry, Line, microseconds, repeatable};

/// `… [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "referer" "agent" …`: the time is when the
/// answer ended, to the second, and how long that took is not said. In HAProxy's own format
/// `… [10/Oct/2025:13:55:36.123] frontend backend/server 0/0/1/2/3 200 … "GET /a HTTP/1.1"` the time is
/// when the request arrived, to the millisecond, in the machine's time zone, which is taken for UTC.
pub(super) fn parse(line: &str) -> Result<Line, String> {
    // syslog puts `haproxy[14389]:` before a line, with no space.
    let (_, rest) = line.split_once(" [").ok_or("there is no [time]")?;
    let (time, rest) = rest.split_once(']').ok_or("the [time] has no end")?;
    let (at_us, precision_us) = time_of(time)?;
    let (_, rest) = rest.split_once('"').ok_or("there is no \"request\"")?;
    let (request, _) = rest.split_once('"').ok_or("the \"request\" has no end")?;
    let mut words = request.split(' ').filter(|word| !word.is_empty());
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(format!("`{request}` is no request"));
    };
    match words.next() {
        Some(version) if !version.starts_with("HTTP/") => return Err(format!("`{request}` is no request")),
        _ => {}
    }
    repeatable(method, path, |method, path| Entry {
        at_us,
        precision_us,
        method,
        path,
        host: None,
        range: None,
    })
}

fn time_of(text: &str) -> Result<(i64, i64), String> {
    if let Ok(time) = DateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S %z") {
        return Ok((microseconds(time), 1_000_000));
    }
    NaiveDateTime::parse_from_str(text, "%d/%b/%Y:%H:%M:%S%.f")
        .map(|time| (time.and_utc().timestamp_micros(), 1000))
        .map_err(|_| format!("`{text}` is no time such as 10/Oct/2025:13:55:36 +0000"))
}
