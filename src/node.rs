//! What `strata origin` and `strata balancer` do alike: read the configuration, serve, drain.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use strata_node::config::{Document, Mistakes, Override};
use strata_node::shutdown::Shutdown;
use strata_node::telemetry;

/// How long background threads may take to end once a node has drained.
const END_LIMIT: Duration = Duration::from_secs(1);

/// Flags that every node has.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArguments {
    /// Read the configuration from this YAML file; flags win over it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What to log: a level, or targets with levels such as `info,strata_origin=debug`.
    ///
    /// Logs go to standard error, as JSON lines unless that is a terminal.
    /// [env: STRATA_LOG, default: info]
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// The flags that were given, as overrides of configuration keys.
#[derive(Debug, Default)]
pub(crate) struct Overrides(Vec<Override>);

impl Overrides {
    /// Sets `key` by each value of `flag`: none or one, or one for each item of a list.
    pub(crate) fn with<'v>(
        mut self,
        flag: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = &'v String>,
    ) -> Self {
        let given = values.into_iter().map(|value| Override {
            key,
            value: value.clone(),
            flag,
        });
        self.0.extend(given);
        self
    }
}

/// Reads the configuration again, from where it came from.
pub(crate) type Reread<Config> = Box<dyn Fn() -> Result<Config, Mistakes> + Send + Sync>;

impl NodeArguments {
    /// The configuration file, if there is one.
    pub(crate) fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

/// Reads a node's configuration and runs the node until it has drained.
pub(crate) fn run<Config, Serving, Fault>(
    arguments: &NodeArguments,
    overrides: Overrides,
    read: impl Fn(Document) -> Result<Config, Mistakes> + Send + Sync + 'static,
    serve: impl FnOnce(Config, Reread<Config>, Shutdown) -> Serving,
) -> anyhow::Result<()>
where
    Serving: Future<Output = Result<(), Fault>>,
    Fault: std::error::Error + Send + Sync + 'static,
{
    telemetry::start(arguments.log.as_deref())?;
    let path = arguments.config.clone();
    let reread: Reread<Config> =
        Box::new(move || Document::read(path.as_deref(), overrides.0.clone()).and_then(&read));
    let config = reread()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::on_signals().context("cannot wait for signals")?;
        let outcome = serve(config, reread, shutdown.clone()).await;
        shutdown.stop();
        outcome.map_err(anyhow::Error::new)
    });
    runtime.shutdown_timeout(END_LIMIT);
    if outcome.is_ok() {
        tracing::info!("stopped");
    }
    outcome
}
