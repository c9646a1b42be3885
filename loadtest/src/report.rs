//! What a test found, as a value: written as JSON, shown as one HTML file,
//! compared with another, held against thresholds.

pub mod chart;
pub mod compare;
mod figures;
mod fleet;
mod html;
mod page;
mod sections;
pub mod sweep;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::figures::{Figure, Figures, Unit, grouped, scaled};
pub use self::fleet::{FleetFigures, NodeFigures, StoreFigures, TierFigures};
pub use self::html::{html, warning};
pub use self::page::{Banner, escape, page, section, table, tile};
pub use self::write::{Output, ReadError, WriteError, read};

use crate::number::{float, milliseconds, ratio};
use crate::record::{Example, Failure, Kind, Latencies, Record, Second};
use crate::threshold::Judged;
use crate::trial::Ending;

/// The version of the JSON; raised when a reader of older ones would be misled.
pub const FORMAT: u32 = 1;

/// What kind of test it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// A few URLs.
    Fetch,
    /// A log, played again.
    Replay,
    /// Viewers.
    Audience,
    /// Viewers and nodes in virtual time.
    Simulation,
}

impl Test {
    /// The name in reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Replay => "replay",
            Self::Audience => "audience",
            Self::Simulation => "simulation",
        }
    }
}

/// What a test found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// The version that wrote it.
    pub strata: String,
    /// What kind of test it was.
    pub test: Test,
    /// What it is called, by its user.
    pub title: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// How long it ran, in seconds; virtual ones for a simulation.
    pub length_s: f64,
    /// How it ended.
    pub ending: Ending,
    /// What it was told.
    pub settings: BTreeMap<String, String>,
    /// What a reader should know.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What clients saw.
    pub totals: Totals,
    /// From when requests were due to the last byte.
    pub latency: Quantiles,
    /// From when they were sent to the last byte.
    pub service: Quantiles,
    /// From when they were due to the first byte.
    pub first_byte: Quantiles,
    /// From when they were due to when they were sent.
    pub lateness: Quantiles,
    /// By what requests were for.
    pub kinds: Vec<KindFigures>,
    /// Second by second.
    pub timeline: Vec<Second>,
    /// The viewers, in tests with an audience.
    #[serde(default)]
    pub audience: Option<AudienceFigures>,
    /// The nodes, where they were looked at.
    #[serde(default)]
    pub fleet: Option<FleetFigures>,
    /// Answers compared with first copies.
    #[serde(default)]
    pub checks: Option<CheckFigures>,
    /// The log that was replayed.
    #[serde(default)]
    pub log: Option<LogFigures>,
    /// Failed requests, the first of each reason.
    #[serde(default)]
    pub failed: Vec<Example>,
    /// The slowest requests.
    #[serde(default)]
    pub slow: Vec<Example>,
    /// What an hour of it costs.
    #[serde(default)]
    pub cost: Option<crate::price::Cost>,
    /// What was learned for simulations.
    #[serde(default)]
    pub learned: Option<crate::simulate::Learned>,
    /// How a simulation compares with the run it rebuilds.
    #[serde(default)]
    pub validation: Option<crate::simulate::Validation>,
    /// Expectations, and whether they are met.
    #[serde(default)]
    pub verdict: Vec<Judged>,
}

/// What clients saw, all in all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// Requests a second.
    pub per_second: f64,
    /// Bits of bodies a second.
    pub bits_per_second: f64,
    /// Connections opened.
    pub connections: u64,
    /// By status; 0 where there was none.
    pub statuses: BTreeMap<u16, u64>,
    /// By reason.
    pub failures: BTreeMap<Failure, u64>,
}

/// Quantiles of a duration, in milliseconds. All 0 when nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// The mean.
    pub mean_ms: f64,
    /// Half of all took no longer.
    pub p50_ms: f64,
    /// 75 of 100.
    pub p75_ms: f64,
    /// 90 of 100.
    pub p90_ms: f64,
    /// 95 of 100.
    pub p95_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1000.
    pub p999_ms: f64,
    /// 9999 of 10,000.
    pub p9999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

impl Quantiles {
    /// The quantiles of what was measured.
    #[must_use]
    pub fn of(latencies: &Latencies) -> Self {
        if latencies.count() == 0 {
            return Self::default();
        }
        let at = |quantile| latencies.quantile(quantile).map_or(0.0, milliseconds);
        Self {
            mean_ms: milliseconds(latencies.mean()),
            p50_ms: at(0.5),
            p75_ms: at(0.75),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            p9999_ms: at(0.9999),
            max_ms: milliseconds(latencies.max()),
        }
    }

    /// Names and values, in the order of reports.
    #[must_use]
    pub fn named(&self) -> [(&'static str, f64); 9] {
        [
            ("p50", self.p50_ms),
            ("p75", self.p75_ms),
            ("p90", self.p90_ms),
            ("p95", self.p95_ms),
            ("p99", self.p99_ms),
            ("p99.9", self.p999_ms),
            ("p99.99", self.p9999_ms),
            ("max", self.max_ms),
            ("mean", self.mean_ms),
        ]
    }
}

/// The requests of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindFigures {
    /// Which.
    pub kind: Kind,
    /// Requests.
    pub requests: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// From when they were due to the last byte.
    pub latency: Quantiles,
}

/// How viewers fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AudienceFigures {
    /// Viewers that came.
    pub viewers: u64,
    /// Most of them at once.
    pub peak: u64,
    /// By protocol.
    pub protocols: BTreeMap<String, u64>,
    /// Titles somebody watched.
    pub titles: u64,
    /// Manifests that could not be played.
    pub manifests_bad: u64,
    /// Time from the wish to watch to the first picture.
    pub startup: Quantiles,
    /// Times that playback stood still.
    pub stalls: u64,
    /// Seconds that it stood still, over all viewers.
    pub stalled_s: f64,
    /// Seconds watched, over all viewers.
    pub watched_s: f64,
    /// Changes of rendition.
    pub switches: u64,
    /// Jumps.
    pub seeks: u64,
    /// Viewers that left before the end.
    pub abandoned: u64,
}

/// Answers compared with first copies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckFigures {
    /// URLs of which there is a first copy.
    pub copies: u64,
    /// Answers found wrong.
    pub faults: u64,
}

/// A log that was replayed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogFigures {
    /// Files read.
    pub files: Vec<String>,
    /// Lines with a request.
    pub requests: u64,
    /// Lines that are none of any request: comments, other methods.
    pub skipped: u64,
    /// Lines that could not be read.
    pub broken: u64,
    /// The first of them.
    pub broken_lines: Vec<BrokenLine>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenLine {
    /// The file it is in.
    pub file: String,
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What a report begins with.
#[derive(Debug, Clone)]
pub struct Heading {
    /// What kind of test it is.
    pub test: Test,
    /// What it is called.
    pub title: String,
    /// The version of the program.
    pub strata: String,
    /// What it was told.
    pub settings: BTreeMap<String, String>,
}

impl Report {
    /// A report on what was recorded during `length_s` seconds.
    pub fn new(heading: &Heading, started: String, length_s: f64, ending: Ending, record: &Record) -> Self {
        let per_second = |count: u64| {
            if length_s > 0.0 {
                float(count) / length_s
            } else {
                0.0
            }
        };
        let totals = Totals {
            requests: record.ended,
            failed: record.failed,
            bytes: record.bytes,
            per_second: per_second(record.ended),
            bits_per_second: 8.0 * per_second(record.bytes),
            connections: 0,
            statuses: record.statuses.clone(),
            failures: record.failures.clone(),
        };
        let kinds = record.kinds.iter().map(|(kind, of_kind)| KindFigures {
            kind: *kind,
            requests: of_kind.ended,
            failed: of_kind.failed,
            bytes: of_kind.bytes,
            latency: Quantiles::of(&of_kind.latency),
        });
        Self {
            format: FORMAT,
            strata: heading.strata.clone(),
            test: heading.test,
            title: heading.title.clone(),
            started,
            length_s,
            ending,
            settings: heading.settings.clone(),
            notes: Vec::new(),
            totals,
            latency: Quantiles::of(&record.latency),
            service: Quantiles::of(&record.service),
            first_byte: Quantiles::of(&record.first_byte),
            lateness: Quantiles::of(&record.lateness),
            kinds: kinds.collect(),
            timeline: record.timeline.seconds(),
            audience: None,
            fleet: None,
            checks: None,
            log: None,
            failed: record.samples.failed().to_vec(),
            slow: record.samples.slow().into_iter().cloned().collect(),
            cost: None,
            learned: None,
            validation: None,
            verdict: Vec::new(),
        }
    }

    /// Failed requests as a part of all; 0 when there are none.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        ratio(self.totals.failed, self.totals.requests).unwrap_or(0.0)
    }

    /// Whether every expectation is met.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.verdict.iter().all(|judged| judged.is_met)
    }
}
