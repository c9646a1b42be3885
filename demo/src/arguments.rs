//! The command line.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;

/// Where the page is built to.
const PAGE_FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/page/dist");

/// The title that is played when none is named.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sample/title");

/// Plays a title through every tier of Strata, on this machine.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
#[command(
    after_help = "Starts an S3 server, two zones of two origins, a balancer, and a page with three \
    players. Everything listens on 127.0.0.1 and stops with Ctrl-C."
)]
pub(crate) struct Arguments {
    /// Titles to upload and play: a folder with .ism and .mp4 files [default: the sample title]
    #[arg(long, value_name = "DIR", default_value = SAMPLE, hide_default_value = true)]
    pub(crate) titles: PathBuf,
    /// The strata binary [default: the one beside strata-demo]
    #[arg(long, value_name = "PATH")]
    pub(crate) strata: Option<PathBuf>,
    /// The page's built files [default: demo/page/dist in the sources]
    #[arg(long, value_name = "DIR")]
    pub(crate) page_files: Option<PathBuf>,
    /// A folder for the nodes' logs, kept afterwards [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub(crate) logs: Option<PathBuf>,
    /// The page's port
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub(crate) page_port: u16,
    /// The balancer's port
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) balancer_port: u16,
    /// The balancer's port for operators
    #[arg(long, value_name = "PORT", default_value_t = 9080)]
    pub(crate) balancer_admin_port: u16,
    /// The first of the four origins' ports; the others follow
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    pub(crate) origin_port: u16,
    /// The first of the four origins' ports for operators
    #[arg(long, value_name = "PORT", default_value_t = 9081)]
    pub(crate) origin_admin_port: u16,
    /// The S3 server's port
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(crate) s3_port: u16,
    /// Let the system choose every port
    #[arg(long)]
    pub(crate) any_ports: bool,
}

impl Arguments {
    /// The strata binary, checked to be there.
    pub(crate) fn strata_binary(&self) -> anyhow::Result<PathBuf> {
        let beside = || -> anyhow::Result<PathBuf> {
            Ok(std::env::current_exe()?
                .parent()
                .map(|folder| folder.join("strata"))
                .unwrap_or_default())
        };
        let path = self.strata.clone().map_or_else(beside, Ok)?;
        ensure!(
            path.is_file(),
            "there is no strata binary at {}: build it (cargo build --bins) or name it with --strata",
            path.display()
        );
        // A bare file name would be looked up in PATH.
        path.canonicalize()
            .with_context(|| format!("--strata {}", path.display()))
    }

    /// The folder with the page, checked to be built.
    pub(crate) fn page_files(&self) -> anyhow::Result<PathBuf> {
        let path = self.page_files.clone().unwrap_or_else(|| PAGE_FILES.into());
        ensure!(
            path.join("index.html").is_file(),
            "the page is not built: run `npm ci && npm run build` in demo/page, or name it with --page-files"
        );
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
