//! `strata loadtest fetch`: a few URLs at a rate.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use strata_loadtest::client::{Ask, Keep, Target};
use strata_loadtest::closed_loop;
use strata_loadtest::open_loop::{self, Job};
use strata_loadtest::record::Kind;
use strata_loadtest::report::Test;
use strata_loadtest::schedule::{Arrivals, Shape, Spacing};

use super::end;
use super::options::{LoadOptions, duration, interrupted, reached};

/// Ask for URLs, in turn, at a rate.
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest fetch http://127.0.0.1:8080/film.ism/.mpd --rate 500 --for 30s --expect 'p99<50ms'
  strata loadtest fetch https://origin/a https://origin/b --rate 100 --http2 --out results/
  strata loadtest fetch http://127.0.0.1:8080/1k --closed 32 --for 10s   # as fast as 32 connections go"
)]
pub(crate) struct Arguments {
    /// What to ask for.
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// Requests a second, sent when they are due.
    #[arg(long, value_name = "N", required_unless_present = "closed")]
    rate: Option<f64>,
    /// How long.
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = duration)]
    length: Duration,
    /// Send at random times with this mean, as independent people would, rather than evenly.
    #[arg(long)]
    poisson: bool,
    /// Keep so many requests on their way instead: the next one is sent when one has ended. Measures what a
    /// server can do; its latencies hide what clients would have waited.
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "poisson"])]
    closed: Option<usize>,
    /// Compare each answer with the first one to the same URL: length, ETag, content.
    #[arg(long)]
    check: bool,
    /// Seed of the random times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    load: LoadOptions,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    arguments.load.runtime()?.block_on(fetch(arguments))
}

/// Most requests a second: more than a machine can send.
const RATE_MAX: f64 = 1e6;

/// Most requests on their way at once in a closed loop.
const CLOSED_MAX: usize = 65_536;

/// When requests are due; none in a closed loop.
fn times(arguments: &Arguments) -> anyhow::Result<Option<Arrivals>> {
    if let Some(workers) = arguments.closed {
        ensure!(
            (1..=CLOSED_MAX).contains(&workers),
            "--closed goes from 1 to {CLOSED_MAX}"
        );
        return Ok(None);
    }
    let rate = arguments.rate.unwrap_or_default();
    ensure!(rate > 0.0, "--rate must be above 0");
    ensure!(rate <= RATE_MAX, "--rate goes up to {RATE_MAX} requests a second");
    let spacing = if arguments.poisson {
        Spacing::Random
    } else {
        Spacing::Even
    };
    let times = Arrivals::new(Shape::Steady, spacing, rate, arguments.length, arguments.seed);
    ensure!(
        times.clone().next().is_some(),
        "no request is due in {:?} at --rate {rate}",
        arguments.length
    );
    Ok(Some(times))
}

async fn fetch(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let times = times(arguments)?;
    let tariff = arguments.load.results.tariff()?;
    let client = arguments.load.client()?;
    let targets = reached(&client, &arguments.urls).await?;
    let conduct = arguments
        .load
        .conduct(Test::Fetch, Some(arguments.length), settings(arguments), &[])
        .await?;
    let trial = arguments.load.trial(client, arguments.check);
    let keep = if arguments.check {
        Keep::Hash
    } else {
        Keep::Nothing
    };
    let asks = targets
        .into_iter()
        .map(move |(target, path)| (kind_of(&path), ask(&target, &path, keep)));
    let asks: Vec<(Kind, Ask)> = asks.collect();
    let work = async {
        match times {
            None => {
                let workers = arguments.closed.unwrap_or(1);
                closed_loop::run(&trial, asks, workers, arguments.length).await;
            }
            Some(times) => {
                let turns = asks.into_iter().cycle();
                let jobs = times.zip(turns).map(|(due, (kind, ask))| Job { due, kind, ask });
                // The thread that keeps the time could not be started: nothing is sent.
                let _ = open_loop::run(&trial, jobs).await;
            }
        }
    };
    let mut report = conduct
        .run(&trial, work, interrupted(), |report, _| {
            if arguments.closed.is_some() {
                let note = "Closed loop: latencies count from when a request was sent, and hide what clients \
                            would have waited while the server was slow.";
                report.notes = vec![note.to_owned()];
            }
        })
        .await?;
    tariff.add_cost(&mut report);
    end::finish(&report, conduct.output.as_ref())
}

fn ask(target: &Arc<Target>, path: &str, keep: Keep) -> Ask {
    Ask {
        keep,
        ..Ask::get(target, path)
    }
}

fn kind_of(path: &str) -> Kind {
    Kind::of_path(path.split('?').next().unwrap_or_default())
}

fn settings(arguments: &Arguments) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::from([
        ("urls".to_owned(), arguments.urls.join(" ")),
        ("length".to_owned(), format!("{:?}", arguments.length)),
    ]);
    match (arguments.closed, arguments.rate) {
        (Some(workers), _) => settings.insert("closed".to_owned(), workers.to_string()),
        (None, Some(rate)) => settings.insert("rate".to_owned(), rate.to_string()),
        (None, None) => None,
    };
    settings
}
