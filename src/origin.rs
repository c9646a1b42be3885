//! `strata origin`: packages titles just in time.

use strata_origin::OriginConfig;

use crate::node::{self, NodeArguments, Overrides};

/// Run an origin: MP4 titles in a folder or an S3 bucket become DASH and HLS as they are asked for.
///
/// A title is a server manifest (film.ism) or an MP4 file; what it offers is under its own path:
/// /film.ism/.mpd for DASH, /film.ism/.m3u8 for HLS. The configuration file has many more keys than there
/// are flags: see config/origin.yaml.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  strata origin --config origin.yaml
  strata origin --listen 127.0.0.1:8081 --admin 127.0.0.1:9081 --store ./titles
  strata origin --listen 127.0.0.1:8081 --admin 127.0.0.1:9081 \\
    --store s3://bucket/prefix --s3-endpoint http://127.0.0.1:9000 --cache /var/cache/strata

Credentials for S3 are found as the AWS SDK finds them: AWS_ACCESS_KEY_ID and its kin, profiles,
or the role of the machine.

SIGTERM or SIGINT drains: no new connections, those in flight end. A second one stops at once.

Exit status: 0 after a drain; 1 when it could not start, with every mistake in the configuration;
2 for flags that do not exist.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    node: NodeArguments,
    /// Serve clients here; port 0 takes any free port. [key: listen]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Answer /healthz, /readyz, /metrics and POST /purge here. [key: admin, default: 127.0.0.1:9081]
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<String>,
    /// Find titles here: a folder, or s3://bucket/prefix. [key: store.url]
    #[arg(long, value_name = "PLACE")]
    store: Option<String>,
    /// Reach S3 at this URL instead of AWS, with the bucket in the path. [key: store.endpoint]
    #[arg(long, value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Sign for this region. [key: store.region]
    #[arg(long, value_name = "REGION")]
    s3_region: Option<String>,
    /// Keep what was read in this folder too. [key: cache.disk.path]
    #[arg(long, value_name = "FOLDER")]
    cache: Option<String>,
    /// Write one JSON line a request: stdout, off, or a file. [key: access_log, default: stdout]
    #[arg(long, value_name = "WHERE")]
    access_log: Option<String>,
}

/// Runs the subcommand.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let overrides = Overrides::default()
        .with("--listen", "listen", &arguments.listen)
        .with("--admin", "admin", &arguments.admin)
        .with("--store", "store.url", &arguments.store)
        .with("--s3-endpoint", "store.endpoint", &arguments.s3_endpoint)
        .with("--s3-region", "store.region", &arguments.s3_region)
        .with("--cache", "cache.disk.path", &arguments.cache)
        .with("--access-log", "access_log", &arguments.access_log);
    node::run(
        &arguments.node,
        overrides,
        OriginConfig::from_document,
        |config, _, shutdown| strata_origin::run(config, shutdown),
    )
}
