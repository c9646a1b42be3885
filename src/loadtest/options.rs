//! Flags that tests have in common.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strata_loadtest::check::Copies;
use strata_loadtest::client::{Client, ClientOptions, Target, Trust, Version};
use strata_loadtest::conduct::Conduct;
use strata_loadtest::price::{PricedInstance, Prices};
use strata_loadtest::progress::Progress;
use strata_loadtest::report::{Heading, Output, Report, Test};
use strata_loadtest::scrape::Watched;
use strata_loadtest::threshold::Threshold;
use strata_loadtest::trial::Trial;
use strata_node::config::Value as _;
use tokio::signal::unix::{SignalKind, signal};

/// Connections of the client that looks at nodes.
const SCRAPE_CONNECTIONS: usize = 64;

/// Most threads that send and receive.
const THREADS_MAX: usize = 1024;

/// Connections of HTTP/1.1 where none are asked for, and of HTTP/2.
const CONNECTIONS: usize = 4096;
const CONNECTIONS_HTTP2: usize = 4;

/// Open files that are no connections to servers: results, logs, the runtime's, those to nodes that are looked at.
const OTHER_FILES: usize = 2 * SCRAPE_CONNECTIONS;

/// Flags of every test that sends requests.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadOptions {
    /// Speak HTTP/2: by ALPN over TLS, with prior knowledge in the clear.
    #[arg(long)]
    http2: bool,
    /// Open at most this many connections to a server; with HTTP/2, exactly this many. [default: 4096, with HTTP/2: 4]
    #[arg(long, value_name = "N")]
    connections: Option<usize>,
    /// Threads that send and receive.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Longest time for an answer, from its request to its last byte.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Fail requests unsent while so many are on their way.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    waiting_max: u64,
    /// Give the test up when nothing was answered for so long.
    #[arg(long, value_name = "DURATION", default_value = "35s", value_parser = duration)]
    give_up: Duration,
    /// Show requests that take this long among the slow ones.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = duration)]
    slow: Duration,
    /// Believe certificates signed by the authorities in this PEM file. [default: the system's]
    #[arg(long, value_name = "FILE", conflicts_with = "tls_insecure")]
    tls_ca: Option<PathBuf>,
    /// Believe every certificate.
    #[arg(long)]
    tls_insecure: bool,
    /// Look at the metrics of this node once a second: its admin address, with a name and a zone if you
    /// like, as in a1=127.0.0.1:9081 or a1@eu-west-1a=127.0.0.1:9081; repeat for each node.
    #[arg(long, value_name = "[NAME[@ZONE]=]ADDRESS:PORT")]
    node: Vec<String>,
    #[command(flatten)]
    pub(crate) results: ResultOptions,
}

/// Flags about what becomes of results.
#[derive(Debug, clap::Args)]
pub(crate) struct ResultOptions {
    /// Keep report.html and report.json in this folder. Without it only a summary is printed.
    #[arg(long, short, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What the report is called.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) title: String,
    /// Fail (exit status 3) unless this is so; repeat for more. A figure, <, <=, > or >=, and a limit:
    /// p99<250ms, errors<0.1%, hit_ratio>=90%, rate>1000, throughput>1Gbps, store_requests<5000, …
    #[arg(long, value_name = "EXPECTATION", value_parser = Threshold::parse)]
    pub(crate) expect: Vec<Threshold>,
    /// State what it costs, with the prices in this file: see config/prices.yaml.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// The type of the origins' instances, from --prices.
    #[arg(long, value_name = "NAME", requires = "prices")]
    instance: Option<String>,
    /// Tell nothing while it runs.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl ResultOptions {
    /// The price file, if one is given.
    pub(crate) fn prices(&self) -> anyhow::Result<Option<Prices>> {
        Ok(self.prices.as_deref().map(Prices::read).transpose()?)
    }

    /// The type of instance that is named, from these prices.
    pub(crate) fn priced<'p>(
        &self,
        prices: Option<&'p Prices>,
    ) -> anyhow::Result<Option<&'p PricedInstance>> {
        let (Some(name), Some(prices)) = (&self.instance, prices) else {
            return Ok(None);
        };
        let priced = prices.named(name);
        Ok(Some(priced.with_context(|| {
            format!("--instance: the price file has no `{name}`")
        })?))
    }

    /// What nodes cost, if prices are given. To be had before a test: what it finds must not be lost over them.
    pub(crate) fn tariff(&self) -> anyhow::Result<Tariff> {
        let prices = self.prices()?;
        let hour = self.priced(prices.as_ref())?.map_or(0.0, |priced| priced.hour);
        Ok(Tariff { prices, hour })
    }
}

/// What nodes cost.
pub(crate) struct Tariff {
    prices: Option<Prices>,
    /// An instance.
    hour: f64,
}

impl Tariff {
    /// Adds what it costs to a report on nodes.
    pub(crate) fn add_cost(&self, report: &mut Report) {
        if let (Some(prices), Some(fleet)) = (&self.prices, &report.fleet) {
            report.cost = Some(prices.cost(fleet, self.hour, report.length_s));
        }
    }
}

/// A duration such as `6s` or `250ms`, above 0.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = Duration::from_scalar(text)?;
    if duration.is_zero() {
        Err("must be above 0".to_owned())
    } else {
        Ok(duration)
    }
}

impl LoadOptions {
    /// The runtime that sends and receives.
    pub(crate) fn runtime(&self) -> anyhow::Result<tokio::runtime::Runtime> {
        ensure!(
            (1..=THREADS_MAX).contains(&self.threads),
            "--threads goes from 1 to {THREADS_MAX}"
        );
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(self.threads)
            .enable_all()
            .build()
            .context("cannot start the runtime")
    }

    /// A client for the servers under test.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let version = if self.http2 {
            Version::Http2
        } else {
            Version::Http1
        };
        let most = open_files_max().saturating_sub(OTHER_FILES).max(1);
        let usual = if self.http2 {
            CONNECTIONS_HTTP2
        } else {
            CONNECTIONS
        };
        let connections = self.connections.unwrap_or(usual.min(most));
        ensure!(
            (1..=most).contains(&connections),
            "--connections goes from 1 to {most}: more open files are not allowed to this process (ulimit -n)"
        );
        let trust = match (&self.tls_ca, self.tls_insecure) {
            (Some(path), _) => Trust::File(path.clone()),
            (None, true) => Trust::Anyone,
            (None, false) => Trust::System,
        };
        Ok(Client::new(&ClientOptions {
            version,
            connections,
            timeout: self.timeout,
            trust,
        })?)
    }

    /// Starts the clock of a test; answers are compared with first copies when `is_checked`.
    pub(crate) fn trial(&self, client: Client, is_checked: bool) -> Arc<Trial> {
        Trial::start(
            client,
            is_checked.then(Copies::default),
            self.slow,
            self.waiting_max,
        )
    }

    /// What surrounds a test.
    pub(crate) async fn conduct(
        &self,
        test: Test,
        length: Option<Duration>,
        settings: BTreeMap<String, String>,
        more_nodes: &[String],
    ) -> anyhow::Result<Conduct> {
        let mut nodes = Vec::new();
        for text in self.node.iter().chain(more_nodes) {
            nodes.push(watched(text).await?);
        }
        let scraper = Client::new(&ClientOptions {
            version: Version::Http1,
            connections: SCRAPE_CONNECTIONS,
            timeout: Duration::from_secs(2),
            trust: Trust::Anyone,
        })?;
        let output = self.results.out.as_deref().map(Output::new).transpose();
        Ok(Conduct {
            heading: Heading {
                test,
                title: self.results.title.clone(),
                strata: env!("CARGO_PKG_VERSION").to_owned(),
                settings,
            },
            nodes,
            scraper,
            thresholds: self.results.expect.clone(),
            output: output.context("--out")?,
            progress: Progress::new(length, self.results.quiet),
            silence_max: self.give_up,
            drain: self.timeout,
        })
    }
}

/// Reads `[NAME[@ZONE]=]ADDRESS:PORT`.
async fn watched(text: &str) -> anyhow::Result<Watched> {
    let (label, address) = text.rsplit_once('=').unwrap_or((text, text));
    let (name, zone) = match label.split_once('@') {
        Some((name, zone)) => (name, Some(zone.to_owned())),
        None => (label, None),
    };
    let (admin, _) = Target::of(&format!("http://{address}"))
        .await
        .with_context(|| format!("--node {text}"))?;
    Ok(Watched {
        name: name.to_owned(),
        zone,
        admin: Arc::new(admin),
    })
}

/// Servers named on the command line, with their paths; each is reached once before the test begins.
pub(crate) async fn reached(client: &Client, urls: &[String]) -> anyhow::Result<Vec<(Arc<Target>, String)>> {
    let mut targets = Vec::new();
    for url in urls {
        let (target, path) = Target::of(url).await?;
        client
            .probe(&target)
            .await
            .with_context(|| format!("{url} cannot be reached"))?;
        targets.push((Arc::new(target), path));
    }
    Ok(targets)
}

/// The user wants no more, or the pipeline that runs the test. A second signal ends the process at once.
pub(crate) async fn interrupted() {
    if signalled().await.is_err() {
        // Without signals the test runs its length.
        std::future::pending::<()>().await;
    }
    tokio::spawn(async {
        if signalled().await.is_ok() {
            std::process::exit(130);
        }
    });
}

/// Ctrl-C, or what ends jobs that are given up.
async fn signalled() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = terminated.recv() => Ok(()),
    }
}

/// As many open files as the system lets this process have, which often is more than it begins with.
fn open_files_max() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // What there is has to do where that is not allowed.
    let _ = setrlimit(Resource::Nofile, raised);
    let files = getrlimit(Resource::Nofile).current;
    files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}
