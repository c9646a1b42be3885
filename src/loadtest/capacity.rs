//! `strata loadtest capacity`: how many nodes of which type carry a load, and at what cost.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use strata_loadtest::number::{float, float_len, place};
use strata_loadtest::price::{Cost, PricedInstance};
use strata_loadtest::report::{Output, Report, grouped, page, scaled, section, table};
use strata_loadtest::simulate::{Change, FleetEvent};

use super::options::ResultOptions;
use super::simulate::{World, WorldOptions, rate};

/// Answer how many origins of which type carry a load, with which balance factor, and what they cost.
///
/// For each type of instance in the price file, and each factor, the smallest fleet is looked for that carries the
/// load in virtual time and still does when a zone is lost half-way: no origin may have more than a second's
/// work waiting for more than 1 % of the time.
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest capacity --target 500Gbps --prices config/prices.yaml --zones 3
  strata loadtest capacity --target 40Gbps --prices prices.yaml --zones 3 --like results/ --factors 0,140"
)]
pub(crate) struct Arguments {
    /// What viewers draw together at the peak.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    target: f64,
    /// Balance factors to try; 0: plain hashing.
    #[arg(long, value_delimiter = ',', default_value = "0,125,140,180")]
    factors: Vec<u32>,
    /// Do not demand that a lost zone is carried.
    #[arg(long)]
    no_zone_loss: bool,
    #[command(flatten)]
    world: WorldOptions,
    #[command(flatten)]
    results: ResultOptions,
}

/// Most origins of a fleet: more do not fit on a ring.
const NODES_MAX: usize = 1024;

/// As the providers of clouds count them.
const HOURS_A_MONTH: f64 = 730.0;

/// Length of each simulation, in seconds: filling caches, then steady, then without a zone.
const LENGTH_S: u64 = 600;

/// What a viewer of this audience draws once it has settled, in bits a second: measured on a small one.
fn drawn_by_one(world: &World) -> anyhow::Result<f64> {
    const VIEWERS: f64 = 2000.0;
    const SECONDS: usize = 120;
    let mut small = world.clone();
    small.scenario.viewers = VIEWERS;
    small.scenario.nodes.truncate(1);
    for node in &mut small.scenario.nodes {
        node.instance.baseline_bps = 1e15;
        node.instance.burst_bps = 1e15;
    }
    let report = small.run("", true)?;
    let settled = report.timeline.iter().rev().skip(1).take(SECONDS);
    let bytes: u64 = settled.map(|second| second.bytes).sum();
    ensure!(bytes > 0, "these viewers draw nothing");
    Ok(8.0 * float(bytes) / float_len(SECONDS) / VIEWERS)
}

/// A fleet that carries the load.
#[derive(Debug, Clone, Serialize)]
struct Answer {
    instance: String,
    factor_percent: u32,
    nodes: usize,
    cost: Cost,
    per_hour: f64,
    hit_ratio: f64,
    max_over_mean: f64,
    drowning: f64,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.results.out.as_deref().map(Output::new).transpose();
    let output = output.context("--out")?;
    let base = arguments.base()?;
    let prices = base
        .prices
        .clone()
        .context("--prices is needed: see config/prices.yaml")?;
    ensure!(
        arguments.no_zone_loss || arguments.world.zones > 1,
        "a zone can be lost with --zones 2 or more only; --no-zone-loss does without"
    );
    let mut answers = Vec::new();
    for priced in &prices.instances {
        for factor in &arguments.factors {
            arguments.tell(&format!("{} with factor {factor} …", priced.instance.name));
            match arguments.smallest(&base, priced, *factor)? {
                Some(answer) => answers.push(answer),
                None => arguments.tell(&format!("  not with {NODES_MAX} of them")),
            }
        }
    }
    answers.sort_by(|a, b| a.per_hour.total_cmp(&b.per_hour));
    let best = answers
        .first()
        .context("no fleet of these types carries that load")?;
    let answer = arguments.sentence(best, &prices.as_of);
    let rows: Vec<Vec<String>> = answers.iter().map(row).collect();
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}\n")?;
    writeln!(out, "{}", HEADS.map(|head| format!("{head:>16}")).concat())?;
    for row in &rows {
        let cells: String = row.iter().map(|cell| format!("{cell:>16}")).collect();
        writeln!(out, "{cells}")?;
    }
    if let Some(output) = &output {
        let json = serde_json::to_vec_pretty(&answers).context("the answer cannot be written")?;
        output.other("capacity.json", &json)?;
        let title = format!("Capacity for {}b/s", scaled(arguments.target));
        let banner = strata_loadtest::report::Banner {
            title: &title,
            subtitle: &format!("list prices as stated on {}", prices.as_of),
            verdict: Some((true, answer)),
            warning: None,
        };
        let body = section("Fleets that carry it, cheapest first", &table(&HEADS, &rows));
        let path = output.other("capacity.html", page(&banner, &body).as_bytes())?;
        writeln!(out, "\n{}", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

const HEADS: [&str; 10] = [
    "Instance",
    "Factor",
    "Origins",
    "An hour",
    "instances",
    "store",
    "zones",
    "to viewers",
    "Hit ratio",
    "Busiest ÷ mean",
];

fn row(answer: &Answer) -> Vec<String> {
    vec![
        answer.instance.clone(),
        answer.factor_percent.to_string(),
        answer.nodes.to_string(),
        format!("{:.2}", answer.per_hour),
        format!("{:.2}", answer.cost.instances),
        format!("{:.2}", answer.cost.store),
        format!("{:.2}", answer.cost.zones),
        format!("{:.2}", answer.cost.out),
        format!("{:.1} %", 100.0 * answer.hit_ratio),
        format!("{:.2}", answer.max_over_mean),
    ]
}

impl Arguments {
    fn tell(&self, text: &str) {
        if !self.results.quiet {
            // Nothing is left to say it to when stderr is closed.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// An audience that draws the target: so many viewers at once, who all stay.
    fn base(&self) -> anyhow::Result<World> {
        let mut world = self.world.world(&self.results)?;
        world.scenario.length = Duration::from_secs(LENGTH_S);
        world.scenario.arriving = Duration::from_secs(LENGTH_S / 5);
        world.scenario.habits.watch_s = 1e9;
        world.scenario.habits.bounce = 0.0;
        world.scenario.events = Vec::new();
        world.scenario.viewers = (self.target / drawn_by_one(&world)?).max(1.0);
        Ok(world)
    }

    fn sentence(&self, best: &Answer, as_of: &str) -> String {
        let zone = if self.no_zone_loss {
            String::new()
        } else {
            format!(", and still do with one of {} zones lost", self.world.zones)
        };
        let factor = match best.factor_percent {
            0 => "plain hashing".to_owned(),
            factor => format!("a balance factor of {factor}"),
        };
        format!(
            "{}b/s: {} × {} with {factor} carry it{zone}, for {} {:.2} an hour ({} a month) at prices of {as_of}.",
            scaled(self.target),
            best.nodes,
            best.instance,
            best.cost.currency,
            best.per_hour,
            grouped(best.per_hour * HOURS_A_MONTH)
        )
    }

    /// The smallest fleet of this type and factor that carries the load.
    fn smallest(&self, base: &World, priced: &PricedInstance, factor: u32) -> anyhow::Result<Option<Answer>> {
        let zones = usize::from(self.world.zones);
        let least = place((self.target / priced.instance.baseline_bps).ceil()).max(zones);
        let even = |count: usize| count.next_multiple_of(zones);
        let (mut low, mut high) = (even(least).saturating_sub(zones), even(least));
        let mut found = None;
        // Doubled until it carries the load, then halved between what does and what does not.
        while found.is_none() {
            if NODES_MAX < high {
                return Ok(None);
            }
            found = self.carried(base, priced, factor, high)?;
            if found.is_none() {
                low = high;
                high = even(high + (high / 2).max(zones));
            }
        }
        while zones < high - low {
            let middle = even(low + (high - low) / 2);
            if middle <= low || high <= middle {
                break;
            }
            match self.carried(base, priced, factor, middle)? {
                Some(answer) => {
                    found = Some(answer);
                    high = middle;
                }
                None => low = middle,
            }
        }
        Ok(found)
    }

    fn carried(
        &self,
        base: &World,
        priced: &PricedInstance,
        factor: u32,
        nodes: usize,
    ) -> anyhow::Result<Option<Answer>> {
        let mut world = base.clone();
        let first = world.scenario.nodes.first().context("there is no node")?.clone();
        world.scenario.bound.factor_percent = factor;
        world.scenario.nodes = (0..nodes)
            .map(|number| {
                let mut node = first.clone();
                node.name = format!("node-{number:04}");
                node.zone = u16::try_from(number % usize::from(self.world.zones)).unwrap_or(0);
                // What has to be carried for ever is carried without bursts.
                node.instance = priced.instance.clone();
                node.instance.burst_bps = priced.instance.baseline_bps;
                node
            })
            .collect();
        if !self.no_zone_loss {
            world.scenario.events = vec![FleetEvent {
                at_s: float(LENGTH_S) / 2.0,
                change: Change::KillZone(0),
            }];
        }
        world.hour = priced.hour;
        let report = world.run("", true)?;
        let fleet = report.fleet.as_ref().context("a simulation has a fleet")?;
        if fleet.drowned != Some(0) {
            return Ok(None);
        }
        let cost = self.cost(&world, &report)?;
        Ok(Some(Answer {
            instance: priced.instance.name.clone(),
            factor_percent: factor,
            nodes,
            per_hour: cost.per_hour(),
            cost,
            hit_ratio: fleet.hit_ratio().unwrap_or(0.0),
            max_over_mean: fleet.max_over_mean().unwrap_or(0.0),
            drowning: fleet.drowning.unwrap_or(0.0),
        }))
    }

    fn cost(&self, world: &World, report: &Report) -> anyhow::Result<Cost> {
        let prices = world.prices.as_ref().context("--prices is needed")?;
        let mut fleet = report.fleet.clone().context("a simulation has a fleet")?;
        // A zone is lost for a test's sake: its traffic between zones is not part of an ordinary hour.
        fleet.cross_zone_bytes = None;
        Ok(prices.cost(&fleet, world.hour, report.length_s))
    }
}
