//! A report as one HTML file.

use super::page::{Banner, page, section};
use super::{Report, sections};
use crate::trial::Ending;

/// The whole page.
#[must_use]
pub fn html(report: &Report) -> String {
    let title = if report.title.is_empty() {
        "Load test"
    } else {
        &report.title
    };
    let subtitle = format!(
        "{} · {} · {:.0} s{} · strata {}",
        report.test.label(),
        report.started,
        report.length_s,
        if report.test == super::Test::Simulation {
            " of virtual time"
        } else {
            ""
        },
        report.strata
    );
    let banner = Banner {
        title,
        subtitle: &subtitle,
        verdict: verdict(report),
        warning: warning(&report.ending),
    };
    let body = [
        sections::tiles(report),
        section("Expectations", &sections::verdict(report)),
        section("Over time", &sections::over_time(report)),
        section("Latency", &sections::latency(report)),
        section("For real and simulated", &sections::validation(report)),
        section("Nodes", &sections::nodes(report)),
        section("Caches and store", &sections::caches(report)),
        section("Balancing", &sections::balancing(report)),
        section("Cost", &sections::cost(report)),
        section("Viewers", &sections::audience(report)),
        section(
            if report.totals.failed == 0 {
                "Answers"
            } else {
                "Failures"
            },
            &sections::failures(report),
        ),
        section("Slowest requests", &sections::slow(report)),
        section("Log", &sections::log(report)),
        section("Settings", &sections::settings(report)),
    ];
    page(&banner, &body.concat())
}

fn verdict(report: &Report) -> Option<(bool, String)> {
    if report.verdict.is_empty() {
        let validation = report.validation.as_ref()?;
        return Some((validation.is_valid, sections::agreement(validation).to_owned()));
    }
    let count = report.verdict.len();
    let missed = report.verdict.iter().filter(|judged| !judged.is_met).count();
    let text = match (missed, count) {
        (0, 1) => "What was expected is met.".to_owned(),
        (0, count) => format!("All {count} expectations are met."),
        (1, 1) => "What was expected is not met.".to_owned(),
        (missed, count) => format!("Not met: {missed} of {count} expectations."),
    };
    Some((missed == 0, text))
}

/// What must be said of a test that did not run its length.
#[must_use]
pub fn warning(ending: &Ending) -> Option<String> {
    match ending {
        Ending::Complete => None,
        Ending::Running => {
            Some("Partial results: the test was still running when this was written.".to_owned())
        }
        Ending::Interrupted => Some("Partial results: the test was interrupted.".to_owned()),
        Ending::GivenUp(reason) => Some(format!("Partial results: the test was given up: {reason}.")),
    }
}
