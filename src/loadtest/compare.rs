//! `strata loadtest compare`: two results side by side.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use strata_loadtest::report::compare::{self, Verdict};
use strata_loadtest::report::{Output, Report, read};

/// Show two results side by side, with what differs marked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata loadtest compare monday/ tuesday/
  strata loadtest compare sweep/0 sweep/140 --out both/    # two values of a sweep, as a page")]
pub(crate) struct Arguments {
    /// The earlier one: its folder or its report.json.
    before: PathBuf,
    /// The later one.
    after: PathBuf,
    /// Keep compare.html in this folder. Without it only a table is printed.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A report, called as its place is unless its user called it something.
fn named(path: &Path) -> anyhow::Result<Report> {
    let mut report = read(path)?;
    if report.title.is_empty() {
        report.title = path.display().to_string();
    }
    Ok(report)
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let (before, after) = (named(&arguments.before)?, named(&arguments.after)?);
    let mut out = std::io::stdout().lock();
    for warning in compare::warnings(&before, &after) {
        writeln!(out, "{warning}")?;
    }
    writeln!(out, "first: {}, second: {}\n", before.title, after.title)?;
    writeln!(out, "{:<32} {:>14} {:>14}", "", "first", "second")?;
    for row in compare::compared(&before, &after) {
        let mark = match row.verdict {
            Verdict::Same => "",
            Verdict::Different => "differs",
            Verdict::Better => "better",
            Verdict::Worse => "worse",
        };
        let change = compare::percent(&row).map_or_else(String::new, |percent| format!("{percent:+.1} %"));
        writeln!(
            out,
            "{:<32} {:>14} {:>14} {change:>10} {mark}",
            row.title,
            row.unit.show(row.before),
            row.unit.show(row.after)
        )?;
    }
    if let Some(folder) = &arguments.out {
        let output = Output::new(folder).context("--out")?;
        let page = output.other("compare.html", compare::html(&before, &after).as_bytes())?;
        writeln!(out, "\n{}", page.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
