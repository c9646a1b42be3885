//! The end of a test: its summary, its files, its exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use strata_loadtest::report::{Figures, Output, Report, Test, Unit, grouped, warning};
use strata_loadtest::simulate::{TOLERANCE, Validation};

/// An expectation is not met.
pub(crate) const NOT_MET: u8 = 3;
/// The test ended early.
pub(crate) const PARTIAL: u8 = 4;

/// Figures of the summary, where they were measured.
const SUMMARY: [&str; 20] = [
    "rate",
    "throughput",
    "errors",
    "p50",
    "p90",
    "p99",
    "p99.9",
    "p99.99",
    "max",
    "lateness_p99",
    "hit_ratio",
    "store_requests",
    "max_over_mean",
    "first_choice",
    "retries",
    "redispatches",
    "resumes",
    "drowned",
    "stalls",
    "check_faults",
];

/// Prints the summary, keeps the report and says how the process should end. The summary is
/// printed first: it is there even when the disk is full.
pub(crate) fn finish(report: &Report, output: Option<&Output>) -> anyhow::Result<ExitCode> {
    summarise(report, &mut io::stdout().lock()).context("cannot write the summary")?;
    if let Some(output) = output {
        output
            .finish(report)
            .context("results could not be kept; the summary above is what there is")?;
        writeln!(io::stdout(), "\n{}", output.page().display())?;
    }
    Ok(exit_code(report))
}

/// The exit status that a report calls for.
pub(crate) fn exit_code(report: &Report) -> ExitCode {
    if !report.ending.is_complete() {
        ExitCode::from(PARTIAL)
    } else if report.is_as_expected() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_MET)
    }
}

fn summarise(report: &Report, out: &mut impl Write) -> io::Result<()> {
    if let Some(warning) = warning(&report.ending) {
        writeln!(out, "{warning}")?;
    }
    let requests = report.totals.requests as f64;
    writeln!(
        out,
        "{:<32} {} in {:.1} s",
        "Requests",
        grouped(requests),
        report.length_s
    )?;
    if let Some(audience) = &report.audience {
        writeln!(
            out,
            "{:<32} {}, {} at once at most; {:.1} minutes watched",
            "Viewers",
            grouped(audience.viewers as f64),
            grouped(audience.peak as f64),
            audience.watched_s / 60.0
        )?;
    }
    for figure in SUMMARY.iter().filter_map(|name| Figures::named(name)) {
        if let Some(value) = (figure.of)(report) {
            writeln!(out, "{:<32} {}", figure.title, figure.unit.show(value))?;
        }
    }
    if report.test != Test::Simulation && report.totals.requests > 0 {
        let service = Unit::Milliseconds.show(report.service.p99_ms);
        writeln!(
            out,
            "{:<32} {service} (what a tool that waits for answers sees)",
            "Latency from when sent, p99"
        )?;
    }
    write_failures(report, out)?;
    for note in &report.notes {
        writeln!(out, "{note}")?;
    }
    if let Some(log) = &report.log
        && log.broken > 0
    {
        let lines = if log.broken == 1 { "line" } else { "lines" };
        writeln!(
            out,
            "{} {lines} of the log could not be read:",
            grouped(log.broken as f64)
        )?;
        for line in &log.broken_lines {
            writeln!(out, "  {}:{}: {}", line.file, line.line, line.reason)?;
        }
    }
    if let Some(validation) = &report.validation {
        write_validation(validation, out)?;
    }
    for judged in &report.verdict {
        let met = if judged.is_met { "met" } else { "NOT MET" };
        writeln!(
            out,
            "expected {:<24} found {:<14} {met}",
            judged.expected, judged.found
        )?;
    }
    Ok(())
}

/// What failed, by reason and by status, and what was said of the first of them.
fn write_failures(report: &Report, out: &mut impl Write) -> io::Result<()> {
    for (failure, count) in &report.totals.failures {
        writeln!(out, "  failed: {failure:<22} {}", grouped(*count as f64))?;
    }
    for (status, count) in report.totals.statuses.range(400..) {
        writeln!(out, "  status: {status:<22} {}", grouped(*count as f64))?;
    }
    if let Some(detail) = report.failed.iter().find_map(|example| example.detail.as_ref()) {
        writeln!(out, "  such as: {detail}")?;
    }
    Ok(())
}

/// How far the simulation is from the run that it rebuilds.
fn write_validation(validation: &Validation, out: &mut impl Write) -> io::Result<()> {
    for row in &validation.figures {
        let Some(figure) = Figures::named(&row.figure) else {
            continue;
        };
        writeln!(
            out,
            "{:<32} {} simulated, {} for real: {:+.1} %",
            figure.title,
            figure.unit.show(row.simulated),
            figure.unit.show(row.real),
            100.0 * row.difference
        )?;
    }
    let agrees = if validation.is_valid {
        "agrees"
    } else {
        "does NOT agree"
    };
    writeln!(
        out,
        "The simulation {agrees} with the run that it rebuilds, within {:.0} %.",
        100.0 * TOLERANCE
    )
}
