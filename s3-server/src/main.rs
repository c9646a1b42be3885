//! `strata-s3-server`: the in-memory S3 server as a process of its own.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use strata_s3_server::Server;
use tokio::signal::unix::{SignalKind, signal};

/// An S3 server that keeps its objects in memory: for demos and tests.
///
/// Requests must be signed (SigV4) with the key pair given here and be
/// path-style. Nothing is kept when it stops.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    listen: SocketAddr,
    /// The access key clients sign with
    #[arg(long, value_name = "KEY", default_value = "strata")]
    access_key: String,
    /// The secret key clients sign with
    #[arg(long, value_name = "KEY", default_value = "strata-secret")]
    secret_key: String,
    /// A bucket to make at the start
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// A folder whose files are put into the bucket at the start
    #[arg(long, value_name = "DIR", requires = "bucket")]
    load: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter("warn")
        .init();
    let arguments = Arguments::parse();
    let server = Server::start(arguments.listen, &arguments.access_key, &arguments.secret_key)
        .await
        .context("--listen")?;
    if let Some(bucket) = &arguments.bucket {
        server.store().create_bucket(bucket);
        if let Some(folder) = &arguments.load {
            let count = server
                .store()
                .load_directory(bucket, folder)
                .with_context(|| format!("--load {}", folder.display()))?;
            writeln!(std::io::stdout(), "loaded {count} objects into {bucket}")?;
        }
    }
    writeln!(std::io::stdout(), "listening on {}", server.endpoint())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
    }
    server.shutdown().await;
    Ok(())
}
