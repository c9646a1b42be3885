//! `strata loadtest`: how nodes fare under load, and what a report says of it.

mod audience;
mod capacity;
mod compare;
mod end;
mod fetch;
mod options;
mod replay;
mod rig;
mod simulate;
mod sweep;

use std::process::ExitCode;

/// Test how nodes fare under load.
///
/// Requests are sent when they are due, whatever became of those before (open loop), and latency counts from
/// when a request was due: a server that stops for two seconds shows two seconds. Each test leaves a
/// folder with report.html, which needs nothing else to be looked at, and report.json.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata loadtest fetch http://127.0.0.1:8080/film.ism/.mpd --rate 500 --for 30s    # a URL
  strata loadtest replay access.log --target http://127.0.0.1:8080                  # yesterday
  strata loadtest audience http://127.0.0.1:8080 --catalogue titles/ --viewers 500  # people
  strata loadtest sweep factor --values 0,120,140,180 --nodes 40 --viewers 40000    # a setting
  strata loadtest capacity --target 500Gbps --prices config/prices.yaml --zones 3   # how many nodes
Each subcommand's --help has more.

Exit status: 0 when the test ran and every --expect is met; 1 when it could not run; 2 for flags \
that do not exist; 3 when an expectation is not met; 4 when it ended early (Ctrl-C, SIGTERM, nothing \
answers): results are kept and marked as partial.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    test: Test,
}

#[derive(Debug, clap::Subcommand)]
enum Test {
    Fetch(fetch::Arguments),
    Replay(replay::Arguments),
    Audience(Box<audience::Arguments>),
    Simulate(Box<simulate::Arguments>),
    Sweep(Box<sweep::Arguments>),
    Capacity(Box<capacity::Arguments>),
    Compare(compare::Arguments),
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.test {
        Test::Fetch(arguments) => fetch::run(arguments),
        Test::Replay(arguments) => replay::run(arguments),
        Test::Audience(arguments) => audience::run(arguments),
        Test::Simulate(arguments) => simulate::run(arguments),
        Test::Sweep(arguments) => sweep::run(arguments),
        Test::Capacity(arguments) => capacity::run(arguments),
        Test::Compare(arguments) => compare::run(arguments),
    }
}
