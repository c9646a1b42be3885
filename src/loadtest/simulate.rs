//! `strata loadtest simulate`: viewers and nodes in virtual time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use strata_balancer::bound::Bound;
use strata_loadtest::audience::catalogue;
use strata_loadtest::price::{PricedInstance, Prices};
use strata_loadtest::progress::Progress;
use strata_loadtest::report::{self, Heading, Output, Report, Test};
use strata_loadtest::simulate::{
    self, CacheSpec, Change, FleetEvent, Instance, KeyOf, NodeSpec, Scenario, Service, TitleShape, Validation,
};
use strata_node::config::{ByteSize, Value as _};
use strata_origin::source::{HEAD_BYTES, ReadLimits};

use super::audience::CrowdOptions;
use super::end;
use super::options::{ResultOptions, duration};
use super::rig::{RigSpec, StoreOptions};

/// Let viewers watch from a fleet that is not there, in virtual time.
///
/// Viewers decide as those of `audience` do, requests go where the balancer's own ring and bound send them, and
/// caches evict as the origin's do. How long things take is stated, or measured by a real run (--like).
#[derive(Debug, clap::Args)]
#[command(
    allow_negative_numbers = true,
    after_long_help = "\
Examples:
  strata loadtest simulate --nodes 20 --viewers 50000 --for 1h --balance-factor 140 --out sim/
  strata loadtest simulate --nodes 1000 --viewers 10000000 --for 1h --live --curve flash --titles 20
  strata loadtest simulate --like results/ --out sim/     # rebuilds a real run: does it agree?
  strata loadtest simulate --nodes 30 --zones 3 --kill-zone 20m:1 --prices config/prices.yaml"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) world: WorldOptions,
    #[command(flatten)]
    results: ResultOptions,
}

/// What balancers and origins are told by default: balance factor, balance floor, bytes in a chunk.
const FACTOR_PERCENT: u32 = 140;
const FLOOR: u32 = 4;
const CHUNK_BYTES: u64 = 1 << 20;

/// Bytes in a chunk, as far as origins take them.
pub(crate) fn of_chunk(bytes: u64) -> anyhow::Result<u32> {
    ensure!(
        (64 << 10..=16 << 20).contains(&bytes),
        "a chunk has from 64KiB to 16MiB"
    );
    Ok(u32::try_from(bytes)?)
}

/// Flags that describe what is simulated.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WorldOptions {
    #[command(flatten)]
    pub(crate) crowd: CrowdOptions,
    /// Rebuild this run of `audience`: its viewers, titles, nodes and times. The report says how far the
    /// simulation is from it.
    #[arg(long, value_name = "DIR|report.json")]
    pub(crate) like: Option<PathBuf>,
    /// Origins. [default: 10, on a rig 4, or those of --like]
    #[arg(long, value_name = "N")]
    pub(crate) nodes: Option<usize>,
    /// Zones that they are spread over, each with a balancer.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) zones: u16,
    /// What an origin can send for ever, such as 10Gbps. [default: the instance's, or 10Gbps]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    baseline: Option<f64>,
    /// What an origin can send for --burst-for. [default: the instance's, or the baseline]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    burst: Option<f64>,
    /// How long a full allowance lasts. [default: the instance's, or 0]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    burst_for: Option<Duration>,
    /// An origin's memory for chunks. [default: the instance's, that of --like,
    /// or 512MiB; on a rig 64MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) cache: Option<u64>,
    /// Bytes in a chunk. [default: that of --like, or 1MiB]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    chunk_size: Option<u64>,
    /// Most bytes that one request at the store brings: neighbouring chunks that are missing come together.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(ReadLimits::default().range_bytes_max), value_parser = ByteSize::from_scalar)]
    get_size: ByteSize,
    /// Most bytes that are read ahead of a viewer who watches on; 0: none.
    #[arg(long, value_name = "SIZE", default_value_t = ByteSize(ReadLimits::default().ahead_bytes_max), value_parser = ByteSize::from_scalar)]
    read_ahead: ByteSize,
    /// Titles. [default: 1000, or those of --like]
    #[arg(long, value_name = "N")]
    titles: Option<usize>,
    /// How long each title is.
    #[arg(long, value_name = "DURATION", default_value = "90m", value_parser = duration)]
    title_length: Duration,
    /// How long segments are.
    #[arg(long, value_name = "DURATION", default_value = "6s", value_parser = duration)]
    segment: Duration,
    /// Renditions, with commas between them.
    #[arg(long, value_name = "RATES", default_value = "400kbps,1Mbps,2.5Mbps,5Mbps")]
    ladder: String,
    /// Sound beside the picture.
    #[arg(long, value_name = "RATE", default_value = "128kbps", value_parser = rate)]
    audio: f64,
    /// Highest load of an origin in percent of the average; 0: no bound. [default: that of --like, or 140]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) balance_factor: Option<u32>,
    /// Requests that an origin may always hold. [default: that of --like, or 4]
    #[arg(long, value_name = "N")]
    balance_floor: Option<u32>,
    /// What of a request decides on its origin.
    #[arg(long, value_enum, default_value_t = KeyName::Title)]
    pub(crate) hash_key: KeyName,
    /// An origin dies: TIME:NUMBER, numbers from 0; repeat for more.
    #[arg(long, value_name = "TIME:NODE", value_parser = moment)]
    kill: Vec<(f64, usize)>,
    /// All origins of a zone die.
    #[arg(long, value_name = "TIME:ZONE", value_parser = moment)]
    pub(crate) kill_zone: Vec<(f64, usize)>,
    /// So many origins join, spread over the zones.
    #[arg(long, value_name = "TIME:COUNT", value_parser = moment)]
    join: Vec<(f64, usize)>,
    /// An origin's own time over a request. [default: that of --like, or 500us]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    node_time: Option<Duration>,
    /// The store's time over a request. [default: that of --like, or 30ms]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    store_time: Option<Duration>,
    /// Tell so many viewers apart; where more come, several walk as one.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) told_apart: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum KeyName {
    /// The title: all of it meets on the same origins.
    Title,
    /// The whole path: even one title spreads over all.
    Url,
}

/// A rate such as `5Gbps`, in bits a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let units = [
        ("Tbps", 1e12),
        ("Gbps", 1e9),
        ("Mbps", 1e6),
        ("kbps", 1e3),
        ("bps", 1.0),
    ];
    units
        .iter()
        .find_map(|(unit, factor)| {
            let value: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
            (value.is_finite() && value > 0.0).then_some(value * factor)
        })
        .ok_or_else(|| format!("`{text}` is not a rate such as 10Gbps, 2.5Mbps or 128kbps"))
}

fn size(text: &str) -> Result<u64, String> {
    let size = ByteSize::from_scalar(text)?;
    if size.0 == 0 {
        Err("must be above 0".to_owned())
    } else {
        Ok(size.0)
    }
}

fn moment(text: &str) -> Result<(f64, usize), String> {
    let fault = || format!("`{text}` is not a time and a number such as 20m:3");
    let (time, number) = text.split_once(':').ok_or_else(fault)?;
    let time = Duration::from_scalar(time)?;
    Ok((time.as_secs_f64(), number.parse().map_err(|_| fault())?))
}

/// A scenario, and what surrounds it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) names: Vec<String>,
    pub(crate) prices: Option<Prices>,
    pub(crate) hour: f64,
    /// The run that is rebuilt.
    pub(crate) real: Option<Report>,
    /// Whether that run's caches held chunks when it began.
    is_warm: bool,
    pub(crate) settings: BTreeMap<String, String>,
}

impl WorldOptions {
    /// The scenario that the flags describe.
    pub(crate) fn world(&self, results: &ResultOptions) -> anyhow::Result<World> {
        self.check()?;
        let real = self.like.as_deref().map(report::read).transpose()?;
        let learned = match &real {
            Some(real) => Some(real.learned.clone().context("--like: that run had no audience")?),
            None => None,
        };
        let prices = results.prices()?;
        let (instance, hour) = self.instance_type(results.priced(prices.as_ref())?, learned.as_ref());
        let count = self.nodes.or(learned
            .as_ref()
            .map(|run| run.nodes.len())
            .filter(|count| *count > 0));
        let specs = self.specs(
            count.unwrap_or(10),
            learned.as_ref().map_or(&[][..], |run| run.nodes.as_slice()),
            &instance,
        );
        let title = Arc::new(match &learned {
            Some(run) => run.title.clone(),
            None => self.title()?,
        });
        let titles = self.title_count(learned.as_ref())?;
        let service = self.service(learned.as_ref());
        let length = self.length(real.as_ref(), learned.as_ref());
        let bound = self.bound(learned.as_ref());
        let cache = self.cache_spec(learned.as_ref())?;
        let mut settings = self.settings(specs.len(), titles, &instance, &service);
        settings.insert("balance factor".to_owned(), bound.factor_percent.to_string());
        settings.insert("balance floor".to_owned(), bound.floor.to_string());
        settings.insert(
            "chunk size".to_owned(),
            ByteSize(u64::from(cache.chunk_bytes)).to_string(),
        );
        if let Some(run) = &learned {
            settings.insert("viewers".to_owned(), run.viewers.to_string());
            settings.insert("length".to_owned(), format!("{length:?}"));
        }
        Ok(World {
            scenario: Scenario {
                viewers: learned.as_ref().map_or(self.crowd.viewers, |run| run.viewers),
                shape: learned.as_ref().map_or(self.crowd.shape(), |run| run.shape),
                length,
                arriving: length,
                habits: learned
                    .as_ref()
                    .map_or_else(|| self.crowd.habits(), |run| run.habits.clone()),
                seed: learned.as_ref().map_or(self.crowd.seed, |run| run.seed),
                titles: vec![title; titles],
                events: self.events(&specs, &instance),
                nodes: specs,
                bound,
                key: match self.hash_key {
                    KeyName::Title => KeyOf::Title,
                    KeyName::Url => KeyOf::Url,
                },
                cache,
                service,
                told_apart: self.told_apart,
            },
            is_warm: learned.as_ref().is_some_and(|run| run.is_warm),
            names: learned.map(|run| run.titles).unwrap_or_default(),
            prices,
            hour,
            real,
            settings,
        })
    }

    fn check(&self) -> anyhow::Result<()> {
        self.crowd.check()?;
        ensure!(
            matches!(self.balance_factor, None | Some(0 | 101..=65_535)),
            "--balance-factor must be 0 (no bound) or from 101 to 65535"
        );
        ensure!(self.zones > 0, "--zones must be above 0");
        Ok(())
    }

    fn title_count(&self, learned: Option<&simulate::Learned>) -> anyhow::Result<usize> {
        let titles = self
            .titles
            .or(learned.map(|run| run.titles.len()))
            .unwrap_or(1000);
        ensure!(
            titles > 0 && titles <= catalogue::TITLES_MAX,
            "--titles goes from 1 to {}",
            catalogue::TITLES_MAX
        );
        Ok(titles)
    }

    /// How long things take: as stated, else as a real run measured, else by default.
    fn service(&self, learned: Option<&simulate::Learned>) -> Service {
        let mut service = learned.and_then(|run| run.service).unwrap_or_default();
        if let Some(time) = self.node_time {
            service.node_s = time.as_secs_f64();
        }
        if let Some(time) = self.store_time {
            service.store_s = time.as_secs_f64();
        }
        service
    }

    /// How long viewers come: as in the run that is rebuilt.
    fn length(&self, real: Option<&Report>, learned: Option<&simulate::Learned>) -> Duration {
        let seconds = learned
            .and_then(|run| run.length_s)
            .or(real.map(|real| real.length_s.round()));
        seconds
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .unwrap_or(self.crowd.length)
    }

    fn bound(&self, learned: Option<&simulate::Learned>) -> Bound {
        Bound {
            factor_percent: self
                .balance_factor
                .or(learned.and_then(|run| run.factor_percent))
                .unwrap_or(FACTOR_PERCENT),
            floor: self
                .balance_floor
                .or(learned.and_then(|run| run.floor))
                .unwrap_or(FLOOR),
        }
    }

    fn cache_spec(&self, learned: Option<&simulate::Learned>) -> anyhow::Result<CacheSpec> {
        let chunk_bytes = self
            .chunk_size
            .or(learned.and_then(|run| run.chunk_bytes))
            .unwrap_or(CHUNK_BYTES);
        Ok(CacheSpec {
            chunk_bytes: of_chunk(chunk_bytes)?,
            index_bytes: 128 << 20,
            ttl: Duration::from_secs(60),
            get_bytes_max: self.get_size.0.max(chunk_bytes),
            ahead_bytes_max: self.read_ahead.0,
            head_bytes: u32::try_from(HEAD_BYTES).context("heads are short")?,
        })
    }

    /// A rig of real nodes with these settings.
    pub(crate) fn rig(&self, store: &StoreOptions) -> RigSpec {
        const ORIGINS: usize = 4;
        const CACHE_BYTES: u64 = 64 << 20;
        let bound = self.bound(None);
        RigSpec {
            store: store.clone(),
            origins: self.nodes.unwrap_or(ORIGINS),
            cache: self.cache.unwrap_or(CACHE_BYTES).to_string(),
            chunk_size: self.chunk_size.unwrap_or(CHUNK_BYTES).to_string(),
            factor: bound.factor_percent.to_string(),
            floor: bound.floor.to_string(),
            hash_key: format!("{:?}", self.hash_key).to_lowercase(),
        }
    }

    fn instance_type(
        &self,
        priced: Option<&PricedInstance>,
        learned: Option<&simulate::Learned>,
    ) -> (Instance, f64) {
        let known = priced.map(|priced| &priced.instance);
        let baseline_bps = self
            .baseline
            .or(known.map(|known| known.baseline_bps))
            .unwrap_or(10e9);
        let cache = self.cache.or(known.map(|known| known.cache_bytes));
        let instance = Instance {
            name: known.map_or("origin".to_owned(), |known| known.name.clone()),
            baseline_bps,
            burst_bps: self
                .burst
                .or(known.map(|known| known.burst_bps))
                .unwrap_or(baseline_bps),
            burst_s: self
                .burst_for
                .map(|time| time.as_secs_f64())
                .or(known.map(|known| known.burst_s))
                .unwrap_or(0.0),
            cache_bytes: cache
                .or(learned.and_then(|run| run.cache_bytes))
                .unwrap_or(512 << 20),
        };
        (instance, priced.map_or(0.0, |priced| priced.hour))
    }

    fn specs(&self, count: usize, names: &[String], instance: &Instance) -> Vec<NodeSpec> {
        let spec = |place: usize| NodeSpec {
            name: names
                .get(place)
                .cloned()
                .unwrap_or_else(|| format!("node-{place:04}")),
            zone: u16::try_from(place % usize::from(self.zones)).unwrap_or(0),
            instance: instance.clone(),
        };
        (0..count).map(spec).collect()
    }

    fn events(&self, specs: &[NodeSpec], instance: &Instance) -> Vec<FleetEvent> {
        let event = |at_s: f64, change| FleetEvent { at_s, change };
        let mut events: Vec<FleetEvent> = self
            .kill
            .iter()
            .map(|(at, place)| event(*at, Change::Kill(*place)))
            .collect();
        let zone = |number: usize| Change::KillZone(u16::try_from(number).unwrap_or(u16::MAX));
        events.extend(
            self.kill_zone
                .iter()
                .map(|(at, number)| event(*at, zone(*number))),
        );
        let mut next = specs.len();
        for (at, count) in &self.join {
            for place in next..next + count {
                let spec = NodeSpec {
                    name: format!("node-{place:04}"),
                    zone: u16::try_from(place % usize::from(self.zones)).unwrap_or(0),
                    instance: instance.clone(),
                };
                events.push(event(*at, Change::Join(spec)));
            }
            next += count;
        }
        events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        events
    }

    fn title(&self) -> anyhow::Result<TitleShape> {
        let ladder: Result<Vec<f64>, String> = self.ladder.split(',').map(|text| rate(text.trim())).collect();
        let mut ladder: Vec<u64> = ladder
            .map_err(anyhow::Error::msg)
            .context("--ladder")?
            .into_iter()
            .map(strata_loadtest::number::whole)
            .collect();
        ladder.sort_unstable();
        Ok(TitleShape::even(
            self.title_length.as_secs_f64(),
            self.segment.as_secs_f64(),
            &ladder,
            strata_loadtest::number::whole(self.audio),
        ))
    }

    fn settings(
        &self,
        nodes: usize,
        titles: usize,
        instance: &Instance,
        service: &Service,
    ) -> BTreeMap<String, String> {
        let mut settings = self.crowd.settings();
        let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
        set("nodes", nodes.to_string());
        set("zones", self.zones.to_string());
        set("titles", titles.to_string());
        set("instance", instance.name.clone());
        set(
            "baseline",
            format!("{}b/s", report::scaled(instance.baseline_bps)),
        );
        set("cache", ByteSize(instance.cache_bytes).to_string());
        set("hash key", format!("{:?}", self.hash_key).to_lowercase());
        set("node time", format!("{:.3} ms", service.node_s * 1e3));
        set("store time", format!("{:.3} ms", service.store_s * 1e3));
        if let Some(like) = &self.like {
            set("like", like.display().to_string());
        }
        settings
    }
}

impl World {
    /// Simulates it.
    pub(crate) fn run(&self, title: &str, is_quiet: bool) -> anyhow::Result<Report> {
        let heading = Heading {
            test: Test::Simulation,
            title: title.to_owned(),
            strata: env!("CARGO_PKG_VERSION").to_owned(),
            settings: self.settings.clone(),
        };
        let begun = Instant::now();
        let started = strata_loadtest::conduct::now_rfc_3339();
        let mut progress = Progress::new(None, is_quiet);
        let mut report = simulate::run(&self.scenario, &self.names, &heading, started, |passed| {
            progress.tell_passed(passed, begun.elapsed());
        })?;
        progress.end();
        report
            .notes
            .push(format!("Simulated in {:.1?}.", begun.elapsed()));
        if let (Some(prices), Some(fleet)) = (&self.prices, &report.fleet) {
            report.cost = Some(prices.cost(fleet, self.hour, report.length_s));
        }
        report.validation = self.real.as_ref().and_then(|real| Validation::of(real, &report));
        if self.is_warm {
            let note = "The run that is rebuilt began with chunks in its caches, the simulation with none: \
                        compare with a run on nodes that have just been started.";
            report.notes.push(note.to_owned());
        }
        Ok(report)
    }
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let output = arguments.results.out.as_deref().map(Output::new).transpose();
    let output = output.context("--out")?;
    let world = arguments.world.world(&arguments.results)?;
    let mut report = world.run(&arguments.results.title, arguments.results.quiet)?;
    report.verdict = arguments
        .results
        .expect
        .iter()
        .map(|threshold| threshold.judge(&report))
        .collect();
    end::finish(&report, output.as_ref())
}
