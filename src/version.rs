//! `strata version`: which build this is.

use std::io::Write as _;

use anyhow::Context as _;

/// Show the version of this binary.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Runs the subcommand.
pub(crate) fn run(_: &Arguments) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "strata {}", env!("CARGO_PKG_VERSION"))
        .context("cannot write to standard output")
}
