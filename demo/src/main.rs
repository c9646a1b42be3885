//! `strata-demo`: every tier of Strata on this machine, and a page to watch it.
//!
//! An S3 server in this process; two zones of two origins and a balancer, each
//! a process of its own as in production; a page with three players. Killing an
//! origin from the page is a real kill.

mod arguments;
mod audience;
mod banner;
mod fleet;
mod metrics;
mod ports;
mod process;
mod sampler;
mod store;
mod topology;
mod web;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::arguments::Arguments;
use crate::audience::Audience;
use crate::fleet::Fleet;
use crate::ports::Ports;
use crate::sampler::{Sampler, Snapshot};
use crate::store::Bucket;
use crate::topology::Topology;

/// How long the nodes may take until all are ready.
const READY_DEADLINE: Duration = Duration::from_secs(30);

/// Orders from the page that wait for the fleet; more are refused.
const ORDERS_WAITING_MAX: usize = 16;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter("warn,s3s=off")
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("strata-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let strata = arguments.strata_binary()?;
    let page_files = arguments.page_files()?;
    let ports = Ports::reserve(&arguments)?;
    let logs = Logs::create(arguments.logs.as_deref())?;
    let bucket = Bucket::start(ports.s3)
        .await
        .context("the S3 server (--s3-port)")?;
    let titles = bucket.upload(&arguments.titles).await?;
    let topology = Arc::new(Topology::new(&ports, &bucket, strata, logs.path())?);

    // Asked for before the first child starts, so that no signal in between
    // leaves children behind.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut signalled = std::pin::pin!(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });

    let (orders, orders_taken) = mpsc::channel(ORDERS_WAITING_MAX);
    let mut fleet = Fleet::new(Arc::clone(&topology), orders_taken);
    let audience = Arc::new(Audience::new(&topology.balancer_url(), &titles.all)?);
    let sampler = Sampler::new(
        &topology,
        fleet.states(),
        Arc::clone(&bucket.server),
        Arc::clone(&audience),
    );
    let snapshots = sampler.snapshots();
    let outcome = async {
        fleet.start_all()?;
        let sampling = tokio::spawn(sampler.run());
        let ready = all_ready(snapshots.clone());
        tokio::select! {
            ready = tokio::time::timeout(READY_DEADLINE, ready) => {
                ready.unwrap_or_else(|_| Err(anyhow::anyhow!("not every node was ready within {READY_DEADLINE:?}")))?;
            }
            died = fleet.run_until_a_death() => return Err(died),
            () = &mut signalled => return Ok(()),
        }
        let page = web::Page {
            address: ports.page.local_addr()?,
            files: page_files,
            topology: Arc::clone(&topology),
            titles: titles.listed.clone(),
            orders,
            snapshots,
            audience: Arc::clone(&audience),
        };
        banner::print(&page, &bucket, logs.path())?;
        let serving = tokio::spawn(web::serve(ports.page, page));
        tokio::select! {
            () = fleet.run() => {}
            () = &mut signalled => {}
        }
        serving.abort();
        sampling.abort();
        Ok(())
    }
    .await;
    audience.invite(0);
    fleet.stop_all().await;
    bucket.shutdown().await;
    logs.keep_if(outcome.is_err() || fleet.someone_died());
    outcome.with_context(|| format!("the demo did not start; logs are in {}", logs.path().display()))
}

async fn all_ready(mut snapshots: watch::Receiver<Snapshot>) -> anyhow::Result<()> {
    snapshots.wait_for(Snapshot::is_ready).await?;
    Ok(())
}

/// The folder with the nodes' logs. One made by us goes when all went well.
struct Logs {
    path: std::path::PathBuf,
    ours: std::cell::Cell<Option<tempfile::TempDir>>,
}

impl Logs {
    fn create(wanted: Option<&Path>) -> anyhow::Result<Logs> {
        if let Some(path) = wanted {
            std::fs::create_dir_all(path).with_context(|| format!("--logs {}", path.display()))?;
            return Ok(Logs {
                path: path.to_owned(),
                ours: std::cell::Cell::new(None),
            });
        }
        let folder = tempfile::Builder::new().prefix("strata-demo-").tempdir()?;
        Ok(Logs {
            path: folder.path().to_owned(),
            ours: std::cell::Cell::new(Some(folder)),
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn keep_if(&self, keep: bool) {
        if let Some(folder) = self.ours.take()
            && keep
        {
            let _ = folder.keep();
        }
    }
}
