//! `strata loadtest audience`: viewers, as many and as different as there will be.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use strata_loadtest::audience::{Habits, Plan, Shares, Tally, attend, catalogue};
use strata_loadtest::record::Kind;
use strata_loadtest::report::{Output, Report, Test};
use strata_loadtest::schedule::{Arrivals, Shape, Spacing};
use strata_loadtest::scrape::{Line, names};
use strata_loadtest::simulate::{Learned, TitleShape, service_of};

use super::end;
use super::options::{LoadOptions, duration, interrupted, reached};

/// Let viewers in, who choose titles, follow manifests and watch.
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest audience http://127.0.0.1:8080 --catalogue titles/ --viewers 500 --for 5m --check
  aws s3 ls --recursive s3://films | strata loadtest audience http://lb --catalogue - --for 30m
  strata loadtest audience http://lb --catalogue final.txt --live --curve flash --for 10m

A flash crowd keeps its shape when it is scaled to the machine at hand: a million viewers in an hour, \
100,000 in the minute of the peak, become 1,000 in ten minutes and 600 in the busiest one."
)]
pub(crate) struct Arguments {
    /// The server that is asked. Its URL's path, if any, comes before each title's.
    #[arg(value_name = "URL")]
    target: String,
    #[command(flatten)]
    pub(crate) crowd: CrowdOptions,
    /// Titles, the most popular first: a folder, or a file (- is standard input) with a path a line, with
    /// what `aws s3 ls --recursive` prints, or with the JSON of `aws s3api list-objects-v2`.
    #[arg(long, value_name = "FILE|DIR")]
    catalogue: String,
    /// Compare each segment with its first copy: length, ETag, content.
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    load: LoadOptions,
}

/// Flags that describe an audience, real or simulated.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CrowdOptions {
    /// Viewers that come over the whole test.
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    pub(crate) viewers: f64,
    /// How long the test lasts.
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub(crate) length: Duration,
    /// How arrivals are spread over it: evenly, as over a day, or as before a live final.
    #[arg(long, value_enum, default_value_t = Curve::Steady)]
    pub(crate) curve: Curve,
    /// How unequal titles are: the exponent of Zipf's law; 0: all alike.
    #[arg(long, value_name = "ALPHA", default_value_t = 0.9)]
    pub(crate) zipf: f64,
    /// Protocols and their shares.
    #[arg(long, value_name = "SHARES", default_value = "dash=60,hls=35,smooth=5", value_parser = Shares::parse)]
    pub(crate) protocols: Shares,
    /// Mean time that those who stay watch.
    #[arg(long, value_name = "DURATION", default_value = "25m", value_parser = duration)]
    pub(crate) watch: Duration,
    /// The part of viewers that leaves within half a minute.
    #[arg(long, value_name = "PART", default_value_t = 0.2)]
    pub(crate) bounce: f64,
    /// Jumps a minute of watching.
    #[arg(long, value_name = "N", default_value_t = 0.05)]
    pub(crate) seeks: f64,
    /// What players hold ahead.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub(crate) buffer: Duration,
    /// All watch the same moment, as of a live event; titles that end begin again.
    #[arg(long)]
    pub(crate) live: bool,
    /// Every viewer has a perfect line: renditions depend on the server alone.
    #[arg(long)]
    pub(crate) perfect_lines: bool,
    /// Seed of all choices: the same one makes the same viewers.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Curve {
    /// Always the same.
    Steady,
    /// A day: few in the morning, most in the evening.
    Diurnal,
    /// A live final: a trickle, then six times the mean.
    Flash,
}

/// Most viewers of nodes, each of which is a task of this machine; a simulation has no such limit.
const VIEWERS_MAX: f64 = 1e6;

impl CrowdOptions {
    /// Checks what of viewers that come for real no single flag can.
    fn check_real(&self) -> anyhow::Result<()> {
        self.check()?;
        ensure!(
            self.viewers <= VIEWERS_MAX,
            "--viewers goes up to {VIEWERS_MAX} here; `strata loadtest simulate` takes more"
        );
        ensure!(
            self.arrivals().next().is_some(),
            "nobody comes: --viewers {} arrive at random times, none of which is within {:?} with --seed {}",
            self.viewers,
            self.length,
            self.seed
        );
        Ok(())
    }

    /// Checks what no single flag can.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.viewers.is_finite() && self.viewers > 0.0,
            "--viewers must be above 0"
        );
        ensure!((0.0..=10.0).contains(&self.zipf), "--zipf goes from 0 to 10");
        ensure!((0.0..=1.0).contains(&self.bounce), "--bounce goes from 0 to 1");
        ensure!(
            (0.0..=600.0).contains(&self.seeks),
            "--seeks goes from 0 to 600 a minute"
        );
        Ok(())
    }

    pub(crate) fn habits(&self) -> Habits {
        Habits {
            alpha: self.zipf,
            shares: self.protocols,
            watch_s: self.watch.as_secs_f64(),
            bounce: self.bounce,
            seeks_per_minute: self.seeks,
            buffer_s: self.buffer.as_secs_f64(),
            is_live: self.live,
            has_lines: !self.perfect_lines,
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        match self.curve {
            Curve::Steady => Shape::Steady,
            Curve::Diurnal => Shape::Diurnal,
            Curve::Flash => Shape::Flash,
        }
    }

    pub(crate) fn arrivals(&self) -> Arrivals {
        let rate = self.viewers / self.length.as_secs_f64();
        Arrivals::new(self.shape(), Spacing::Random, rate, self.length, self.seed)
    }

    /// What this run teaches simulations. `titles` are named as the nodes know them.
    fn learned(&self, title: TitleShape, titles: Vec<String>, report: &Report, lines: &[Line]) -> Learned {
        let segments = report.kinds.iter().find(|of_kind| of_kind.kind == Kind::Segment);
        let (balancers, origins): (Vec<&Line>, Vec<&Line>) =
            lines.iter().partition(|line| line.is_balancer());
        let media = [("tier", "chunks_memory")];
        let of_balancer = |name: &str| {
            let told = balancers.first().and_then(|line| line.told(name))?;
            u32::try_from(told).ok()
        };
        // Where on the ring they are depends on what their balancer calls them.
        let known = balancers
            .first()
            .map(|line| line.labels(names::BALANCED_IN_FLIGHT, "node"));
        let named = || origins.iter().map(|line| line.node.name.clone()).collect();
        Learned {
            title,
            titles,
            viewers: self.viewers,
            length_s: Some(self.length.as_secs_f64()),
            shape: self.shape(),
            habits: self.habits(),
            seed: self.seed,
            nodes: known
                .filter(|known| known.len() == origins.len())
                .unwrap_or_else(named),
            cache_bytes: origins
                .iter()
                .map(|line| line.now(names::CACHE_CAPACITY, &media))
                .min(),
            is_warm: origins
                .iter()
                .any(|line| line.at_first(names::CACHE_USAGE, &media) > 0),
            chunk_bytes: origins.first().and_then(|line| line.told(names::CHUNK_BYTES)),
            factor_percent: of_balancer(names::FACTOR),
            floor: of_balancer(names::FLOOR),
            service: service_of(lines, segments.map_or(0, |of_kind| of_kind.requests)),
        }
    }

    pub(crate) fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
        set("viewers", self.viewers.to_string());
        set("length", format!("{:?}", self.length));
        set("curve", format!("{:?}", self.curve).to_lowercase());
        set("zipf", self.zipf.to_string());
        set("protocols", self.protocols.to_string());
        set("watch", format!("{:?}", self.watch));
        set("bounce", self.bounce.to_string());
        set("seeks", self.seeks.to_string());
        set("buffer", format!("{:?}", self.buffer));
        set("live", self.live.to_string());
        set("seed", self.seed.to_string());
        settings
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let titles = catalogue::read(&arguments.catalogue)?;
    arguments.load.runtime()?.block_on(watch(arguments, titles))
}

/// What of a test with an audience a rig tells: who is asked, and how nodes are looked at.
pub(crate) struct Stage<'a> {
    pub(crate) target: &'a str,
    pub(crate) catalogue: Vec<String>,
    pub(crate) is_checked: bool,
    pub(crate) crowd: &'a CrowdOptions,
    pub(crate) load: &'a LoadOptions,
    /// Nodes beside those of the flags.
    pub(crate) nodes: Vec<String>,
    pub(crate) settings: BTreeMap<String, String>,
}

async fn watch(arguments: &Arguments, titles: Vec<String>) -> anyhow::Result<ExitCode> {
    let stage = Stage {
        target: &arguments.target,
        catalogue: titles,
        is_checked: arguments.check,
        crowd: &arguments.crowd,
        load: &arguments.load,
        nodes: Vec::new(),
        settings: BTreeMap::new(),
    };
    let (report, output) = stage.run().await?;
    end::finish(&report, output.as_ref())
}

impl Stage<'_> {
    /// Lets the audience in; the report, and where it goes.
    pub(crate) async fn run(self) -> anyhow::Result<(Report, Option<Output>)> {
        let crowd = self.crowd;
        crowd.check_real()?;
        let tariff = self.load.results.tariff()?;
        let client = self.load.client()?;
        let targets = reached(&client, &[self.target.to_owned()]).await?;
        let [(target, prefix)] = targets.as_slice() else {
            anyhow::bail!("one URL is asked");
        };
        let mut settings = crowd.settings();
        settings.insert("target".to_owned(), self.target.to_owned());
        settings.insert("titles".to_owned(), self.catalogue.len().to_string());
        settings.extend(self.settings);
        let conduct = self
            .load
            .conduct(Test::Audience, Some(crowd.length), settings, &self.nodes)
            .await?;
        let trial = self.load.trial(client, self.is_checked);
        let prefix = prefix.trim_end_matches('/');
        let key = |title: &String| format!("{prefix}/{title}").trim_start_matches('/').to_owned();
        let keys: Vec<String> = self.catalogue.iter().map(key).collect();
        let plan = Plan {
            target: Arc::clone(target),
            prefix: prefix.to_owned(),
            titles: self.catalogue,
            habits: crowd.habits(),
            is_checked: self.is_checked,
            seed: crowd.seed,
        };
        let tally = Arc::new(Mutex::new(Tally::default()));
        let work = attend(&trial, plan, crowd.arrivals(), crowd.length, &tally);
        let mut report = conduct
            .run(&trial, work, interrupted(), |report, lines| {
                let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                report.audience = Some(tally.figures());
                report.learned = tally
                    .shape()
                    .map(|title| crowd.learned(title, keys.clone(), report, lines));
            })
            .await?;
        tariff.add_cost(&mut report);
        Ok((report, conduct.output))
    }
}
