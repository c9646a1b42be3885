//! `strata balancer`: spreads requests over origins.

use std::path::Path;

use strata_balancer::{BalancerConfig, ConfigSource};

use crate::node::{self, NodeArguments, Overrides};

/// Run a balancer: each title's requests go to the same few origins.
///
/// Titles are spread by consistent hashing; an origin that would carry more than its bound hands on to the
/// next one. An answer that fails is asked of another origin. The configuration file has many more
/// keys than there are flags: see config/balancer.yaml.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata balancer --config balancer.yaml
  strata balancer --listen 127.0.0.1:8080 --admin 127.0.0.1:9080 \\
    --origin 127.0.0.1:8081 --origin 127.0.0.1:8082 --balance-factor 140

SIGTERM or SIGINT drains: no new connections, those in flight end. A second one stops at once.
SIGHUP reads the configuration and the certificates again, as a change of their files does.
SIGUSR2 starts the command again, hands the sockets over and drains: for a new binary, or for keys
that SIGHUP cannot change.

Exit status: 0 after a drain; 1 when it could not start, with every mistake in the configuration;
2 for flags that do not exist.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Serve clients here; port 0 takes any free port. [key: listen]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Answer /status (a page), /healthz, /readyz and /metrics here. [key: admin, default: 127.0.0.1:9080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<String>,
    /// Send requests to this origin; repeat for each one. [key: origins]
    #[arg(long, value_name = "ADDRESS:PORT")]
    origin: Vec<String>,
    /// Let an origin have at most this percentage of the average load; 0 for no bound.
    /// [key: balance.factor, default: 140]
    #[arg(long, value_name = "PERCENT")]
    balance_factor: Option<String>,
    /// Write one JSON line a request: stdout, off, or a file. [key: access_log, default: stdout]
    #[arg(long, value_name = "WHERE")]
    access_log: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let overrides = Overrides::default()
        .with("--listen", "listen", &arguments.listen)
        .with("--admin", "admin", &arguments.admin)
        .with("--origin", "origins.address", &arguments.origin)
        .with("--balance-factor", "balance.factor", &arguments.balance_factor)
        .with("--access-log", "access_log", &arguments.access_log);
    node::run(
        &arguments.node,
        overrides,
        BalancerConfig::from_document,
        |config, read, shutdown| {
            let path = arguments.node.config().map(Path::to_owned);
            strata_balancer::run(config, ConfigSource { path, read }, shutdown)
        },
    )
}
