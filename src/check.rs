//! `strata check`: names every mistake in a configuration file.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use strata_balancer::BalancerConfig;
use strata_node::config::{Document, Mistakes};
use strata_origin::OriginConfig;

/// Check a configuration file and name every mistake with its file, line and key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata check --config origin.yaml
  strata check --config edge.yaml --kind balancer

Without --kind the content tells: an origin has a store, a balancer has origins or discovery.

Mistakes go to standard error, one a line: origin.yaml:3: store.url: what is wrong.

Exit status: 0 when the file is good, 1 when it has mistakes or cannot be
read, 2 for flags that do not exist.")]
pub(crate) struct Arguments {
    /// The file to check.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What the file configures.
    #[arg(long)]
    kind: Option<Kind>,
}

/// The kinds of nodes that a file can configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    Origin,
    Balancer,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let kind = match arguments.kind {
        Some(kind) => kind,
        None => detect(&arguments.config)?,
    };
    check(&arguments.config, kind)?;
    let noun = match kind {
        Kind::Origin => "an origin",
        Kind::Balancer => "a balancer",
    };
    writeln!(
        std::io::stdout(),
        "{}: a good configuration of {noun}",
        arguments.config.display()
    )
    .context("cannot write to standard output")
}

fn check(path: &Path, kind: Kind) -> Result<(), Mistakes> {
    let document = Document::read(Some(path), Vec::new())?;
    match kind {
        Kind::Origin => OriginConfig::from_document(document).map(drop),
        Kind::Balancer => BalancerConfig::from_document(document).map(drop),
    }
}

/// The kind whose telling key is there; when that says nothing, the kind with fewer mistakes.
fn detect(path: &Path) -> Result<Kind, Mistakes> {
    let document = Document::read(Some(path), Vec::new())?;
    let names_origins = document.has("origins") || document.has("discovery");
    match (document.has("store"), names_origins) {
        (true, false) => return Ok(Kind::Origin),
        (false, true) => return Ok(Kind::Balancer),
        _ => {}
    }
    let count = |kind| check(path, kind).map_or_else(|mistakes| mistakes.len(), |()| 0);
    Ok(if count(Kind::Balancer) < count(Kind::Origin) {
        Kind::Balancer
    } else {
        Kind::Origin
    })
}
