//! Two tests side by side, with what differs marked.

use std::fmt::Write as _;

use super::chart::{Axis, Join, Look, Plot, Series};
use super::figures::{Figures, Unit};
use super::page::{Banner, escape, page, section};
use super::{Report, sections};
use crate::number::float_len;
use crate::record::Second;

/// A figure that differs by less than this part is taken for the same.
pub const NOISE: f64 = 0.02;

/// How a figure of the second test stands to the first's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As before, within [`NOISE`].
    Same,
    /// Different, and neither is better.
    Different,
    /// Better.
    Better,
    /// Worse.
    Worse,
}

/// A figure of both tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// What it is called.
    pub title: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Of the first.
    pub before: f64,
    /// Of the second.
    pub after: f64,
    /// How they stand.
    pub verdict: Verdict,
}

/// The figures that both have.
#[must_use]
pub fn compared(before: &Report, after: &Report) -> Vec<Compared> {
    let row = |figure: &super::Figure| {
        let (old, new) = ((figure.of)(before)?, (figure.of)(after)?);
        let change = (new - old).abs();
        let verdict = match figure.less_is_better {
            _ if change <= NOISE * old.abs().max(new.abs()) => Verdict::Same,
            None => Verdict::Different,
            Some(less) if less == (new < old) => Verdict::Better,
            Some(_) => Verdict::Worse,
        };
        Some(Compared {
            title: figure.title,
            unit: figure.unit,
            before: old,
            after: new,
            verdict,
        })
    };
    Figures::ALL.iter().filter_map(row).collect()
}

/// The change in percent; `None` where there was nothing before.
#[must_use]
pub fn percent(compared: &Compared) -> Option<f64> {
    (compared.before != 0.0).then(|| 100.0 * (compared.after - compared.before) / compared.before)
}

/// What must be known before the figures are read: that one is partial, or that they are of different kinds.
#[must_use]
pub fn warnings(before: &Report, after: &Report) -> Vec<String> {
    let partial = [("first", before), ("second", after)]
        .into_iter()
        .filter_map(|(which, report)| Some(format!("The {which}: {}", super::warning(&report.ending)?)));
    let different = (before.test != after.test).then(|| {
        format!(
            "Different kinds of tests: {} and {}.",
            before.test.label(),
            after.test.label()
        )
    });
    partial.chain(different).collect()
}

/// The page that shows both.
#[must_use]
pub fn html(before: &Report, after: &Report) -> String {
    let name = |report: &Report, other: &str| {
        if report.title.is_empty() {
            other.to_owned()
        } else {
            report.title.clone()
        }
    };
    let (first, second) = (name(before, "first"), name(after, "second"));
    let rows = compared(before, after);
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let subtitle = format!(
        "{} better, {} worse, {} the same within {:.0} %",
        count(Verdict::Better),
        count(Verdict::Worse),
        count(Verdict::Same),
        NOISE * 100.0
    );
    let warnings = warnings(before, after);
    let title = format!("{first} → {second}");
    let banner = Banner {
        title: &title,
        subtitle: &subtitle,
        verdict: None,
        warning: (!warnings.is_empty()).then(|| warnings.join(" ")),
    };
    let body = [
        section("Figures", &table(&rows, &first, &second)),
        section("Over time", &over_time(before, after, &first, &second)),
        section("Latency", &latency(before, after, &first, &second)),
        section("Nodes", &side_by_side(before, after, &first, &second)),
        section("Settings that differ", &settings(before, after, &first, &second)),
    ];
    page(&banner, &body.concat())
}

fn table(rows: &[Compared], first: &str, second: &str) -> String {
    let mut out = format!(
        "<div class=\"wide\"><table><thead><tr><th></th><th>{}</th><th>{}</th><th>Change</th><th></th></tr></thead><tbody>",
        escape(first),
        escape(second)
    );
    for row in rows {
        let (class, mark) = match row.verdict {
            Verdict::Same => ("", ""),
            Verdict::Different => ("", "differs"),
            Verdict::Better => ("down", "▲ better"),
            Verdict::Worse => ("up", "▼ worse"),
        };
        let change = percent(row).map_or("–".to_owned(), |percent| format!("{percent:+.1} %"));
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{class}\">{change}</td><td class=\"{class}\">{mark}</td></tr>",
            escape(row.title),
            row.unit.show(row.before),
            row.unit.show(row.after)
        );
    }
    out.push_str("</tbody></table></div>");
    out
}

fn over_time(before: &Report, after: &Report, first: &str, second: &str) -> String {
    let line = |report: &Report, name: &str, look, value: fn(&Second) -> f64| Series {
        name: name.to_owned(),
        points: report
            .timeline
            .iter()
            .enumerate()
            .map(|(at, second)| (float_len(at), value(second)))
            .collect(),
        look,
    };
    let both = |title: &str, unit, join, value: fn(&Second) -> f64| {
        let lines = vec![
            line(before, first, Look::Guide, value),
            line(after, second, Look::Line(0), value),
        ];
        Plot::over_time(title, unit, join, lines).svg()
    };
    format!(
        "<div class=\"plots\">{}{}</div>",
        both("Requests a second", Unit::PerSecond, Join::Mean, |second| {
            crate::number::float(second.ended)
        }),
        both("Latency, p99", Unit::Milliseconds, Join::Highest, |second| second
            .p99_ms)
    )
}

fn latency(before: &Report, after: &Report, first: &str, second: &str) -> String {
    let line = |report: &Report, name: &str, look| Series {
        name: name.to_owned(),
        points: sections::nines(&report.latency),
        look,
    };
    let plot = Plot {
        title: "Latency by percentile".to_owned(),
        caption: String::new(),
        unit: Unit::Milliseconds,
        series: vec![
            line(before, first, Look::Guide),
            line(after, second, Look::Line(0)),
        ],
        join: Join::Highest,
        axis: Axis::Nines,
        height: 240.0,
        from_zero: true,
        top: 0.0,
    };
    format!("<div class=\"plots\">{}</div>", plot.svg())
}

fn side_by_side(before: &Report, after: &Report, first: &str, second: &str) -> String {
    let top = sections::load_top([before, after].into_iter());
    let one = |report: &Report, name: &str| sections::load_plot(report, name, top).svg();
    let plots = format!("{}{}", one(before, first), one(after, second));
    if plots.is_empty() {
        plots
    } else {
        format!("<div class=\"plots\">{plots}</div>")
    }
}

fn settings(before: &Report, after: &Report, first: &str, second: &str) -> String {
    let names = before.settings.keys().chain(after.settings.keys());
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names.dedup();
    let value = |report: &Report, name: &String| report.settings.get(name).cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| vec![name.clone(), value(before, name), value(after, name)])
        .filter(|row| row.get(1) != row.get(2))
        .collect();
    super::page::table(&["Setting", first, second], &rows)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::Record;
    use crate::report::{FleetFigures, Heading, Test};
    use crate::trial::Ending;

    fn report(test: Test, ending: Ending) -> Report {
        let heading = Heading {
            test,
            title: String::new(),
            strata: String::new(),
            settings: Default::default(),
        };
        Report::new(
            &heading,
            String::new(),
            1.0,
            ending,
            &Record::new(Duration::from_secs(1)),
        )
    }

    #[test]
    fn what_cannot_be_compared_well_is_told() {
        let fetch = report(Test::Fetch, Ending::Complete);
        assert!(warnings(&fetch, &fetch).is_empty());
        let simulated = report(Test::Simulation, Ending::Interrupted);
        let told = warnings(&fetch, &simulated).join(" ");
        assert!(told.contains("The second: Partial results"), "{told}");
        assert!(told.contains("fetch and simulation"), "{told}");
        assert!(html(&fetch, &simulated).contains("fetch and simulation"));
    }

    #[test]
    fn only_balancers_know_of_retries() {
        let mut seen = report(Test::Fetch, Ending::Complete);
        seen.fleet = Some(FleetFigures::default());
        let told = |report: &Report| {
            let rows = compared(report, report);
            rows.iter().any(|row| row.title == "Retries")
        };
        assert!(!told(&seen));
        seen.fleet = Some(FleetFigures {
            balancers: vec![Default::default()],
            ..FleetFigures::default()
        });
        assert!(told(&seen));
    }
}
