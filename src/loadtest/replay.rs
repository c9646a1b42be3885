//! `strata loadtest replay`: a recorded log, played again.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::ensure;
use strata_loadtest::client::{Ask, Keep};
use strata_loadtest::log::{self, Entry, Format, Pace, Rewrite};
use strata_loadtest::open_loop::{self, Job};
use strata_loadtest::record::Kind;
use strata_loadtest::report::Test;

use super::end;
use super::options::{LoadOptions, interrupted, reached};

/// Play an access log again.
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest replay access.log --target http://127.0.0.1:8080 --out results/
  strata loadtest replay E123.*.gz --target https://staging --rate 1000 --rewrite '^/v1/(.*)=>/$1'
  strata loadtest replay balancer.log --target http://127.0.0.1:8080 --speed 2 --check

Formats are recognised: Strata's JSON lines, nginx's combined, HAProxy's CLF and httplog, \
CloudFront's standard and real-time logs; each may be gzipped. Only GET and HEAD are repeated. \
Lines that cannot be read are counted, and the first of them shown with their numbers."
)]
pub(crate) struct Arguments {
    /// Logs; - is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The server that is asked. Its URL's path, if any, comes before each path of the log.
    #[arg(long, value_name = "URL")]
    target: String,
    /// What the logs are. [default: recognised]
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// The columns of a real-time log, with commas between them, as it was set up. [default: all fields]
    #[arg(long, value_name = "NAMES")]
    fields: Option<String>,
    /// Play it so many times as fast as it was recorded.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, conflicts_with = "rate")]
    speed: f64,
    /// Play it with this mean rate, in requests a second.
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Replace in paths, as in '^/old/(.*)=>/new/$1'; repeat for more, which apply in order.
    #[arg(long, value_name = "REGEX=>REPLACEMENT")]
    rewrite: Vec<String>,
    /// Send the log's host names in Host, where it has them, instead of the target's.
    #[arg(long, conflicts_with = "host")]
    keep_host: bool,
    /// Send this in Host.
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Stop after so many requests.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Compare each answer with the first one to the same URL: length, ETag, content.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    load: LoadOptions,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatName {
    /// JSON lines of Strata's nodes.
    Strata,
    /// nginx, HAProxy.
    Combined,
    /// CloudFront's standard logs.
    Cloudfront,
    /// CloudFront's real-time logs.
    CloudfrontRealtime,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Strata => Self::Strata,
            FormatName::Combined => Self::Combined,
            FormatName::Cloudfront => Self::CloudFront,
            FormatName::CloudfrontRealtime => Self::CloudFrontRealTime,
        }
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let rewrite = Rewrite::parse(&arguments.rewrite)?;
    let format = arguments.format.map(Format::from);
    let mut logs = log::read(&arguments.files, format, arguments.fields.as_deref())?;
    if let Some(limit) = arguments.limit {
        ensure!(limit > 0, "--limit must be above 0");
        logs.entries.truncate(limit);
    }
    let tariff = arguments.load.results.tariff()?;
    let pace = arguments.rate.map_or(Pace::Speed(arguments.speed), Pace::Rate);
    let due = log::schedule(&logs.entries, pace)?;
    let length = due.last().copied();
    arguments.load.runtime()?.block_on(async {
        let client = arguments.load.client()?;
        let targets = reached(&client, std::slice::from_ref(&arguments.target)).await?;
        let [(target, prefix)] = targets.as_slice() else {
            anyhow::bail!("--target is one URL");
        };
        let conduct = arguments
            .load
            .conduct(Test::Replay, length, settings(arguments), &[])
            .await?;
        let trial = arguments.load.trial(client, arguments.check);
        let plan = Plan {
            target: Arc::clone(target),
            prefix: prefix.trim_end_matches('/').to_owned(),
            rewrite,
            keep_host: arguments.keep_host,
            host: arguments.host.clone(),
            keep: if arguments.check {
                Keep::Hash
            } else {
                Keep::Nothing
            },
        };
        let jobs = logs.entries.into_iter().zip(due).map(move |(entry, due)| {
            let ask = plan.ask(entry);
            let kind = Kind::of_path(ask.path.split('?').next().unwrap_or_default());
            Job { due, kind, ask }
        });
        let figures = logs.figures;
        let work = async {
            // The thread that keeps the time could not be started: nothing is sent.
            let _ = open_loop::run(&trial, jobs).await;
        };
        let mut report = conduct
            .run(&trial, work, interrupted(), |report, _| {
                report.log = Some(figures.clone())
            })
            .await?;
        tariff.add_cost(&mut report);
        end::finish(&report, conduct.output.as_ref())
    })
}

/// How an entry becomes a request.
struct Plan {
    target: Arc<strata_loadtest::client::Target>,
    prefix: String,
    rewrite: Rewrite,
    keep_host: bool,
    host: Option<String>,
    keep: Keep,
}

impl Plan {
    fn ask(&self, entry: Entry) -> Ask {
        let path = self.rewrite.path(&entry.path);
        let logged = entry.host.filter(|_| self.keep_host);
        Ask {
            target: Arc::clone(&self.target),
            method: entry.method,
            path: format!("{}{path}", self.prefix),
            range: entry.range,
            host: self.host.clone().or(logged),
            keep: self.keep,
        }
    }
}

fn settings(arguments: &Arguments) -> BTreeMap<String, String> {
    let pace = match arguments.rate {
        Some(rate) => format!("{rate} requests a second"),
        None => format!("{} × as recorded", arguments.speed),
    };
    BTreeMap::from([
        ("files".to_owned(), arguments.files.join(" ")),
        ("target".to_owned(), arguments.target.clone()),
        ("pace".to_owned(), pace),
        ("rewrite".to_owned(), arguments.rewrite.join(" ")),
    ])
}
