//! CloudFront's logs: the standard ones, whose `#Fields:` say what stands where, and real-time ones,
//! whose fields are chosen where they are set up.

use chrono::NaiveDateTime;

use super::{Entry, Line, repeatable, seconds_as_us};

/// The fields of a real-time log with all fields, up to the last that is of use here, in the order
/// of CloudFront's developer guide.
const REAL_TIME: [&str; 21] = [
    "timestamp",
    "c-ip",
    "s-ip",
    "time-to-first-byte",
    "sc-status",
    "sc-bytes",
    "cs-method",
    "cs-protocol",
    "cs-host",
    "cs-uri-stem",
    "cs-bytes",
    "x-edge-location",
    "x-edge-request-id",
    "x-host-header",
    "time-taken",
    "cs-protocol-version",
    "c-ip-version",
    "cs-user-agent",
    "cs-referer",
    "cs-cookie",
    "cs-uri-query",
];

/// Which column is what.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// Those of a real-time log with all fields.
    pub(super) fn of_real_time() -> Self {
        Self::named(&REAL_TIME.join(","))
    }

    /// Names with commas or spaces between them.
    pub(super) fn named(names: &str) -> Self {
        let names = names.split([',', ' ', '\t']).filter(|name| !name.is_empty());
        Self {
            names: names.map(str::to_owned).collect(),
        }
    }

    /// The cell of the first of `names` that says something.
    fn of<'l>(&self, cells: &[&'l str], names: &[&str]) -> Option<&'l str> {
        names.iter().find_map(|wanted| {
            let place = self.names.iter().position(|name| name == wanted)?;
            cells
                .get(place)
                .copied()
                .filter(|cell| *cell != "-" && !cell.is_empty())
        })
    }
}

pub(super) fn parse(line: &str, columns: &mut Columns) -> Result<Line, String> {
    if let Some(comment) = line.strip_prefix('#') {
        if let Some(fields) = comment.strip_prefix("Fields:") {
            *columns = Columns::named(fields);
        }
        return Ok(Line::Skip);
    }
    let cells: Vec<&str> = line.split('\t').collect();
    if columns.names.is_empty() {
        return Err("there is no #Fields: line before it".to_owned());
    }
    let need = |names: &[&str]| {
        let wanted = names.first().copied().unwrap_or_default();
        columns
            .of(&cells, names)
            .ok_or_else(|| format!("`{wanted}` is missing"))
    };
    let took_us = columns
        .of(&cells, &["time-taken"])
        .and_then(seconds_as_us)
        .unwrap_or(0);
    let (ended_us, precision_us) = match columns.of(&cells, &["timestamp"]) {
        Some(text) => {
            let at = seconds_as_us(text).ok_or_else(|| format!("timestamp `{text}` is no time"))?;
            (at, 1000)
        }
        None => {
            let text = format!("{} {}", need(&["date"])?, need(&["time"])?);
            let time = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S")
                .map_err(|_| format!("`{text}` is no time"))?;
            (time.and_utc().timestamp_micros(), 1_000_000)
        }
    };
    let method = need(&["cs-method"])?;
    let stem = need(&["cs-uri-stem"])?;
    let path = match columns.of(&cells, &["cs-uri-query"]) {
        Some(query) => format!("{stem}?{query}"),
        None => stem.to_owned(),
    };
    let range = columns
        .of(&cells, &["sc-range-start"])
        .zip(columns.of(&cells, &["sc-range-end"]))
        .map(|(start, end)| format!("bytes={start}-{end}"));
    let host = columns
        .of(&cells, &["x-host-header", "cs(Host)", "cs-host"])
        .map(str::to_owned);
    repeatable(method, &path, |method, path| Entry {
        at_us: ended_us.saturating_sub(took_us),
        precision_us,
        method,
        path,
        host,
        range,
    })
}
