//! What is expected of a test, and whether it is so: `p99<250ms`, `errors<0.1%`.

use serde::{Deserialize, Serialize};

use crate::report::{Figure, Figures, Report, Unit};

/// A figure and where it has to stay.
#[derive(Debug, Clone)]
pub struct Threshold {
    text: String,
    figure: &'static Figure,
    is_below: bool,
    may_be_equal: bool,
    limit: f64,
}

/// A threshold held against a report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// As given.
    pub expected: String,
    /// What was found, as people write it.
    pub found: String,
    /// Whether it is as expected. What was not measured is not.
    pub is_met: bool,
}

/// Why a text is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There is no comparison in it.
    #[error("`{0}` is not an expectation such as p99<250ms, errors<0.1% or hit_ratio>=90%")]
    Form(String),
    /// There is no such figure.
    #[error("there is no figure `{name}`; there are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// The limit is no number, or has another unit than the figure.
    #[error("`{limit}` is no limit for `{name}`: write {example}")]
    Limit {
        /// What was given.
        limit: String,
        /// The figure.
        name: &'static str,
        /// What would be right.
        example: &'static str,
    },
}

impl Threshold {
    /// Reads `p99<250ms`: a figure's name, `<`, `<=`, `>` or `>=`, and a limit.
    ///
    /// # Errors
    /// [`ThresholdError`].
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let form = || ThresholdError::Form(text.to_owned());
        let at = text.find(['<', '>']).ok_or_else(form)?;
        let (name, rest) = text.split_at(at);
        let is_below = rest.starts_with('<');
        let rest = rest.get(1..).unwrap_or_default();
        let (may_be_equal, limit) = match rest.strip_prefix('=') {
            Some(limit) => (true, limit),
            None => (false, rest),
        };
        let name = name.trim();
        let figure = Figures::named(name).ok_or_else(|| {
            let known: Vec<&str> = Figures::ALL.iter().map(|figure| figure.name).collect();
            ThresholdError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            }
        })?;
        Ok(Self {
            text: text.to_owned(),
            figure,
            is_below,
            may_be_equal,
            limit: limit_of(limit.trim(), figure)?,
        })
    }

    /// Holds it against a report.
    #[must_use]
    pub fn judge(&self, report: &Report) -> Judged {
        let found = (self.figure.of)(report);
        let is_met = found.is_some_and(|found| {
            let is_within = if self.is_below {
                found < self.limit
            } else {
                self.limit < found
            };
            let is_equal = (found - self.limit).abs() <= f64::EPSILON * self.limit.abs();
            is_within || (self.may_be_equal && is_equal)
        });
        Judged {
            expected: self.text.clone(),
            found: found.map_or("not measured".to_owned(), |found| self.figure.unit.show(found)),
            is_met,
        }
    }
}

fn limit_of(text: &str, figure: &'static Figure) -> Result<f64, ThresholdError> {
    let (suffixes, example): (&[(&str, f64)], _) = match figure.unit {
        Unit::Milliseconds => (
            &[("us", 0.001), ("ms", 1.0), ("s", 1000.0)],
            "250ms, 1.5s or 800us",
        ),
        Unit::Share => (&[("%", 0.01)], "0.1%"),
        Unit::BitsPerSecond => (
            &[("Gbps", 1e9), ("Mbps", 1e6), ("kbps", 1e3), ("bps", 1.0)],
            "5Gbps or 800Mbps",
        ),
        Unit::Bytes => (
            &[("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("", 1.0)],
            "20GB or 500MB",
        ),
        Unit::Count | Unit::PerSecond | Unit::Number | Unit::Money => (&[("", 1.0)], "a number"),
    };
    let fault = || ThresholdError::Limit {
        limit: text.to_owned(),
        name: figure.name,
        example,
    };
    suffixes
        .iter()
        .find_map(|(suffix, factor)| {
            let value: f64 = text.strip_suffix(suffix)?.trim().parse().ok()?;
            value.is_finite().then_some(value * factor)
        })
        .ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::{Example, Kind, Measured, Record};
    use crate::report::{Heading, Test};
    use crate::trial::Ending;

    fn report(requests: u32, ms: u64) -> Report {
        let mut record = Record::new(Duration::from_secs(1));
        for _ in 0..requests {
            let measured = Measured {
                kind: Kind::Segment,
                due: Duration::ZERO,
                sent: Duration::ZERO,
                first_byte: None,
                ended: Duration::from_millis(ms),
                bytes: 1000,
                status: 200,
                failure: None,
            };
            record.add(&measured, Example::default);
        }
        let heading = Heading {
            test: Test::Fetch,
            title: String::new(),
            strata: String::new(),
            settings: Default::default(),
        };
        Report::new(&heading, String::new(), 1.0, Ending::Complete, &record)
    }

    fn check(text: &str, report: &Report, is_met: bool) {
        let judged = Threshold::parse(text).unwrap().judge(report);
        assert_eq!(judged.is_met, is_met, "{judged:?}");
    }

    #[test]
    fn figures_are_held_against_limits_in_their_units() {
        let report = report(10, 100);
        check("p99<250ms", &report, true);
        check("p99 < 0.05s", &report, false);
        check("p99>50000us", &report, true);
        check("errors<=0%", &report, true);
        check("errors<0%", &report, false);
        check("requests>=10", &report, true);
        check("throughput>0.07Mbps", &report, true);
    }

    #[test]
    fn what_was_not_measured_is_not_as_expected() {
        check("hit_ratio>1%", &report(10, 1), false);
        check("hit_ratio<99%", &report(10, 1), false);
        check("errors<1%", &report(0, 1), false);
        check("p99<1s", &report(0, 1), false);
    }

    #[test]
    fn what_is_no_threshold_is_refused_with_what_would_be() {
        let error = |text: &str| Threshold::parse(text).unwrap_err().to_string();
        assert!(error("p99").contains("such as p99<250ms"));
        assert!(error("p98<1ms").contains("there is no figure `p98`") && error("p98<1ms").contains("p99.9"));
        assert!(error("p99<250").contains("250ms"));
        assert!(error("errors<1").contains("0.1%"));
        assert!(error("requests<NaN").contains("a number"));
    }
}
