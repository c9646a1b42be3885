//! `strata loadtest sweep`: one setting over several values, on a rig or simulated.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use strata_loadtest::audience::catalogue;
use strata_loadtest::report::sweep::{Point, Sweep};
use strata_loadtest::report::{Output, Report};
use strata_loadtest::simulate::KeyOf;
use strata_node::config::{ByteSize, Value as _};

use super::audience::Stage;
use super::options::{LoadOptions, interrupted};
use super::rig::{Rig, RigSpec, StoreOptions};
use super::simulate::{World, WorldOptions, of_chunk};

/// Try a setting with several values: on a rig of real nodes, or simulated.
///
/// The same viewers come each time. With --store a balancer and origins are started on this machine for each
/// value; without it everything is simulated.
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest sweep factor --values 0,105,120,140,180,300 --nodes 40 --viewers 40000 --out sweep/
  strata loadtest sweep factor --values 0,140 --store titles/ --nodes 4 --viewers 300 --for 60s
  strata loadtest sweep cache --values 1GiB,4GiB,16GiB --nodes 20 --viewers 20000 --for 1h
  strata loadtest sweep key --values title,url --like results/"
)]
pub(crate) struct Arguments {
    /// What is changed.
    #[arg(value_enum)]
    setting: Setting,
    /// Its values, with commas between them.
    #[arg(long, required = true, value_delimiter = ',')]
    values: Vec<String>,
    /// Titles of the rig, the most popular first. [default: what --store holds, when that is a folder]
    #[arg(long, value_name = "FILE|DIR")]
    catalogue: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    #[command(flatten)]
    world: WorldOptions,
    #[command(flatten)]
    load: LoadOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Setting {
    /// The balance factor, in percent; 0: plain hashing, no bound.
    Factor,
    /// The balance floor.
    Floor,
    /// Memory for chunks of each origin.
    Cache,
    /// Bytes in a chunk.
    Chunk,
    /// The number of origins.
    Nodes,
    /// What of a request decides on its origin: title or url.
    Key,
}

impl Setting {
    fn label(self) -> &'static str {
        match self {
            Self::Factor => "balance factor",
            Self::Floor => "balance floor",
            Self::Cache => "cache",
            Self::Chunk => "chunk size",
            Self::Nodes => "origins",
            Self::Key => "hash key",
        }
    }

    /// The world with this setting changed.
    fn simulated(self, arguments: &Arguments, value: &str) -> anyhow::Result<World> {
        let mut world = arguments.world.world(&arguments.load.results)?;
        let number = || {
            value
                .parse::<u32>()
                .with_context(|| format!("`{value}` is no number"))
        };
        let size = || ByteSize::from_scalar(value).map_err(anyhow::Error::msg);
        match self {
            Self::Factor => {
                let factor = number()?;
                ensure!(
                    matches!(factor, 0 | 101..=65_535),
                    "a factor is 0 or from 101 to 65535"
                );
                world.scenario.bound.factor_percent = factor;
            }
            Self::Floor => world.scenario.bound.floor = number()?,
            Self::Cache => {
                let bytes = size()?.0;
                for node in &mut world.scenario.nodes {
                    node.instance.cache_bytes = bytes;
                }
            }
            Self::Chunk => {
                let cache = &mut world.scenario.cache;
                cache.chunk_bytes = of_chunk(size()?.0)?;
                cache.get_bytes_max = cache.get_bytes_max.max(u64::from(cache.chunk_bytes));
            }
            Self::Nodes => {
                let mut options = arguments.world.clone();
                options.nodes = Some(usize::try_from(number()?)?);
                world = options.world(&arguments.load.results)?;
            }
            Self::Key => {
                world.scenario.key = match value {
                    "title" => KeyOf::Title,
                    "url" => KeyOf::Url,
                    other => anyhow::bail!("`{other}` is no key: title or url"),
                }
            }
        }
        world.settings.insert(self.label().to_owned(), value.to_owned());
        Ok(world)
    }

    /// The rig with this setting changed.
    fn rigged(self, mut rig: RigSpec, value: &str) -> anyhow::Result<RigSpec> {
        let value = value.to_owned();
        match self {
            Self::Factor => rig.factor = value,
            Self::Floor => rig.floor = value,
            Self::Cache => rig.cache = value,
            Self::Chunk => rig.chunk_size = value,
            Self::Nodes => rig.origins = value.parse().with_context(|| format!("`{value}` is no number"))?,
            Self::Key => rig.hash_key = value,
        }
        Ok(rig)
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.load.results.out.as_deref().map(Output::new).transpose();
    let output = output.context("--out")?;
    let mut sweep = Sweep {
        setting: arguments.setting.label().to_owned(),
        title: arguments.load.results.title.clone(),
        is_simulated: arguments.store.store.is_none(),
        points: Vec::new(),
        notes: Vec::new(),
        partial: None,
    };
    let runtime = arguments.load.runtime()?;
    for value in &arguments.values {
        arguments.tell(value);
        let result = if sweep.is_simulated {
            runtime.block_on(arguments.simulate(value))
        } else {
            runtime.block_on(arguments.on_rig(value)).map(Some)
        };
        // One value that cannot be had is no reason to lose the others.
        match result {
            Ok(Some(report)) => {
                // Each value's own report: to look at, and to rebuild with --like.
                if let Some(output) = &output {
                    output.inner(value)?.finish(&report).context("--out")?;
                }
                let is_partial = !report.ending.is_complete();
                sweep.points.push(Point {
                    value: value.clone(),
                    report,
                });
                if is_partial {
                    sweep.partial = Some(format!("the test ended early at {value}"));
                    break;
                }
            }
            Ok(None) => {
                sweep.partial = Some(format!("the sweep was interrupted at {value}"));
                break;
            }
            Err(error) if sweep.points.is_empty() => return Err(error.context(format!("at {value}"))),
            Err(error) => {
                sweep.partial = Some(format!("{value} could not be tried: {error:#}"));
                break;
            }
        }
    }
    // A simulation that was interrupted is not waited for.
    runtime.shutdown_background();
    print(&sweep)?;
    if let Some(output) = &output {
        keep(&sweep, output)?;
    }
    let is_met = sweep.points.iter().all(|point| point.report.is_as_expected());
    Ok(match (&sweep.partial, is_met) {
        (Some(_), _) => ExitCode::from(super::end::PARTIAL),
        (None, true) => ExitCode::SUCCESS,
        (None, false) => ExitCode::from(super::end::NOT_MET),
    })
}

/// Writes what there is of the sweep, and says where.
fn keep(sweep: &Sweep, output: &Output) -> anyhow::Result<()> {
    let json = serde_json::to_vec(sweep).context("the sweep cannot be written")?;
    output.other("sweep.json", &json)?;
    let page = output.other("sweep.html", sweep.html().as_bytes())?;
    writeln!(std::io::stdout(), "\n{}", page.display())?;
    Ok(())
}

impl Arguments {
    fn tell(&self, value: &str) {
        if !self.load.results.quiet {
            // Nothing is left to say it to when stderr is closed.
            let _ = writeln!(std::io::stderr(), "{} {value} …", self.setting.label());
        }
    }

    /// The report, unless the user has had enough.
    async fn simulate(&self, value: &str) -> anyhow::Result<Option<Report>> {
        let world = self.setting.simulated(self, value)?;
        let name = format!("{} {value}", self.setting.label());
        let simulated = tokio::task::spawn_blocking(move || world.run(&name, true));
        let mut report = tokio::select! {
            report = simulated => report??,
            () = interrupted() => return Ok(None),
        };
        report.verdict = self
            .load
            .results
            .expect
            .iter()
            .map(|threshold| threshold.judge(&report))
            .collect();
        Ok(Some(report))
    }

    async fn on_rig(&self, value: &str) -> anyhow::Result<Report> {
        let spec = self.setting.rigged(self.world.rig(&self.store), value)?;
        let place = match (&self.catalogue, &self.store.store) {
            (Some(place), _) => place,
            (None, Some(store)) if !store.contains("://") => store,
            _ => anyhow::bail!("--catalogue names the titles of a store that is no folder"),
        };
        self.world.crowd.check()?;
        let titles = catalogue::read(place)?;
        let rig = tokio::select! {
            rig = Rig::start(&spec) => rig?,
            () = interrupted() => anyhow::bail!("the sweep was interrupted"),
        };
        let url = rig.url();
        let stage = Stage {
            target: &url,
            catalogue: titles,
            is_checked: true,
            crowd: &self.world.crowd,
            load: &self.load,
            nodes: rig.nodes(),
            settings: BTreeMap::from([(self.setting.label().to_owned(), value.to_owned())]),
        };
        let outcome = stage.run().await;
        rig.stop().await;
        outcome.map(|(report, _)| report)
    }
}

fn print(sweep: &Sweep) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if let Some(reason) = &sweep.partial {
        writeln!(out, "Partial results: {reason}.")?;
    }
    for row in sweep.turned() {
        let mut cells = row.iter();
        write!(out, "{:<36}", cells.next().map_or("", String::as_str))?;
        for cell in cells {
            write!(out, "{cell:>14}")?;
        }
        writeln!(out)?;
    }
    for point in &sweep.points {
        for judged in &point.report.verdict {
            let met = if judged.is_met { "met" } else { "NOT MET" };
            writeln!(
                out,
                "expected at {:<12} {:<24} found {:<14} {met}",
                point.value, judged.expected, judged.found
            )?;
        }
    }
    Ok(())
}
