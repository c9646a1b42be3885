//! The figures of a report by name: what thresholds, comparisons and sweeps speak of.

use super::Report;
use crate::number::float;

/// How a figure is written, and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// A part of 1, written in percent.
    Share,
    /// A number of things.
    Count,
    /// Bits a second.
    BitsPerSecond,
    /// Things a second.
    PerSecond,
    /// A plain number.
    Number,
    /// Bytes.
    Bytes,
    /// Money, in the currency of the price file.
    Money,
}

/// A figure that reports have.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// As thresholds call it.
    pub name: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Whether less is better; `None`: neither.
    pub less_is_better: Option<bool>,
    /// Its value; `None` where it was not measured.
    pub of: fn(&Report) -> Option<f64>,
}

/// Access to figures by name.
pub struct Figures;

const fn figure(
    name: &'static str,
    title: &'static str,
    unit: Unit,
    less_is_better: Option<bool>,
    of: fn(&Report) -> Option<f64>,
) -> Figure {
    Figure {
        name,
        title,
        unit,
        less_is_better,
        of,
    }
}

/// `None` when no request was measured: thresholds are not met by silence.
fn latency(report: &Report, pick: fn(&super::Quantiles) -> f64) -> Option<f64> {
    (report.totals.requests > 0).then(|| pick(&report.latency))
}

/// The fleet, where a balancer was there to tell what happened between nodes.
fn balanced(report: &Report) -> Option<&super::FleetFigures> {
    let fleet = report.fleet.as_ref()?;
    (report.test == super::Test::Simulation || !fleet.balancers.is_empty()).then_some(fleet)
}

impl Figures {
    /// All of them, in the order of reports.
    pub const ALL: &'static [Figure] = &[
        figure("requests", "Requests", Unit::Count, None, |r| {
            Some(float(r.totals.requests))
        }),
        figure("rate", "Requests a second", Unit::PerSecond, Some(false), |r| {
            Some(r.totals.per_second)
        }),
        figure(
            "throughput",
            "Throughput",
            Unit::BitsPerSecond,
            Some(false),
            |r| Some(r.totals.bits_per_second),
        ),
        figure("errors", "Failed requests", Unit::Share, Some(true), |r| {
            (r.totals.requests > 0).then(|| r.error_share())
        }),
        figure("p50", "Latency, median", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p50_ms)
        }),
        figure("p90", "Latency, p90", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p90_ms)
        }),
        figure("p95", "Latency, p95", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p95_ms)
        }),
        figure("p99", "Latency, p99", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p99_ms)
        }),
        figure("p99.9", "Latency, p99.9", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p999_ms)
        }),
        figure("p99.99", "Latency, p99.99", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.p9999_ms)
        }),
        figure("max", "Latency, longest", Unit::Milliseconds, Some(true), |r| {
            latency(r, |q| q.max_ms)
        }),
        figure(
            "lateness_p99",
            "Sent late, p99",
            Unit::Milliseconds,
            Some(true),
            // Virtual requests are never late.
            |r| {
                let is_real = r.test != super::Test::Simulation;
                (is_real && r.totals.requests > 0).then_some(r.lateness.p99_ms)
            },
        ),
        figure("hit_ratio", "Hit ratio of media", Unit::Share, Some(false), |r| {
            r.fleet.as_ref()?.hit_ratio()
        }),
        figure(
            "store_requests",
            "Requests at the store",
            Unit::Count,
            Some(true),
            |r| Some(float(r.fleet.as_ref()?.store.total())),
        ),
        figure(
            "store_bytes",
            "Bytes from the store",
            Unit::Bytes,
            Some(true),
            |r| Some(float(r.fleet.as_ref()?.store.bytes)),
        ),
        figure(
            "max_over_mean",
            "Busiest node ÷ mean",
            Unit::Number,
            Some(true),
            |r| r.fleet.as_ref()?.max_over_mean(),
        ),
        figure("first_choice", "First choices", Unit::Share, Some(false), |r| {
            r.fleet.as_ref()?.first_choice_share()
        }),
        figure(
            "bound_hits",
            "Nodes passed over as full",
            Unit::Count,
            None,
            |r| Some(float(balanced(r)?.bound_hits)),
        ),
        figure("retries", "Retries", Unit::Count, Some(true), |r| {
            Some(float(balanced(r)?.retry_count()))
        }),
        figure("redispatches", "Redispatches", Unit::Count, Some(true), |r| {
            Some(float(balanced(r)?.redispatch_count()))
        }),
        figure(
            "resumes",
            "Answers taken up elsewhere",
            Unit::Count,
            Some(true),
            |r| Some(float(balanced(r)?.resumes)),
        ),
        figure(
            "cross_zone",
            "Requests across zones",
            Unit::Count,
            Some(true),
            |r| Some(float(r.fleet.as_ref()?.cross_zone?)),
        ),
        figure(
            "drowning",
            "Time of nodes with too much to send",
            Unit::Share,
            Some(true),
            |r| r.fleet.as_ref()?.drowning,
        ),
        figure("drowned", "Nodes that drown", Unit::Count, Some(true), |r| {
            Some(float(r.fleet.as_ref()?.drowned?))
        }),
        figure("stalls", "Stalls of playback", Unit::Count, Some(true), |r| {
            Some(float(r.audience.as_ref()?.stalls))
        }),
        figure(
            "startup_p99",
            "Time to the first picture, p99",
            Unit::Milliseconds,
            Some(true),
            |r| Some(r.audience.as_ref()?.startup.p99_ms),
        ),
        figure("check_faults", "Wrong answers", Unit::Count, Some(true), |r| {
            Some(float(r.checks.as_ref()?.faults))
        }),
        figure("cost", "Cost an hour", Unit::Money, Some(true), |r| {
            Some(r.cost.as_ref()?.per_hour())
        }),
    ];

    /// The figure of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Figure> {
        Self::ALL.iter().find(|figure| figure.name == name)
    }
}

impl Unit {
    /// What stands at an axis of such values, whose marks are short.
    #[must_use]
    pub fn axis(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Share => "part of all",
            Self::Count => "number",
            Self::BitsPerSecond => "bits a second",
            Self::PerSecond => "a second",
            Self::Number => "",
            Self::Bytes => "bytes",
            Self::Money => "an hour",
        }
    }

    /// A value with its unit, as people write it.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds if value >= 10_000.0 => format!("{:.1} s", value / 1000.0),
            Self::Milliseconds if value >= 100.0 => format!("{value:.0} ms"),
            Self::Milliseconds if value >= 1.0 => format!("{value:.1} ms"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Share if value != 0.0 && value < 0.001 => format!("{:.4} %", value * 100.0),
            Self::Share => format!("{:.2} %", value * 100.0),
            Self::Count => grouped(value),
            Self::BitsPerSecond => format!("{}b/s", scaled(value)),
            Self::PerSecond if value < 100.0 => format!("{value:.1}"),
            Self::PerSecond => grouped(value),
            Self::Number => format!("{value:.3}"),
            Self::Bytes => format!("{}B", scaled(value)),
            Self::Money => format!("{value:.2}"),
        }
    }
}

/// A count with its thousands apart: `1,234,567`.
#[must_use]
pub fn grouped(value: f64) -> String {
    let digits = crate::number::whole(value).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and a decimal prefix: `1.25 G`.
#[must_use]
pub fn scaled(value: f64) -> String {
    let (divisor, prefix) = match value.abs() {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let value = value / divisor;
    let digits = if value.abs() >= 100.0 || (prefix.is_empty() && value.fract() == 0.0) {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$} {prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_people_write_them() {
        for (unit, value, text) in [
            (Unit::Count, 1_234_567.0, "1,234,567"),
            (Unit::Count, 12.0, "12"),
            (Unit::BitsPerSecond, 1.25e9, "1.25 Gb/s"),
            (Unit::BitsPerSecond, 0.0, "0 b/s"),
            (Unit::Milliseconds, 0.123, "0.12 ms"),
            (Unit::Milliseconds, 12_345.0, "12.3 s"),
            (Unit::Bytes, 2.5e9, "2.50 GB"),
            (Unit::Share, 0.9731, "97.31 %"),
            (Unit::Share, 0.000_01, "0.0010 %"),
        ] {
            assert_eq!(unit.show(value), text);
        }
    }

    #[test]
    fn every_figure_has_a_name_of_its_own() {
        for figure in Figures::ALL {
            let same = Figures::ALL.iter().filter(|other| other.name == figure.name);
            assert_eq!(same.count(), 1, "{}", figure.name);
        }
    }
}
