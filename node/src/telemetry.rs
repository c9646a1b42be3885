//! Logs: to stderr, for people on a terminal and as JSON lines otherwise.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The environment variable that holds a filter: `info`, or `strata_origin=debug,warn`.
pub const FILTER_VARIABLE: &str = "STRATA_LOG";

/// What is logged when nobody says otherwise.
pub const FILTER_DEFAULT: &str = "info";

/// Logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not of the form `level` or `target=level,…`.
    #[error("log filter `{filter}`: {source}")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logs have been set up before in this process.
    #[error("logs are set up already")]
    Twice,
}

/// Sends this process's logs to stderr, those of the `log` facade included.
///
/// `filter` comes from `--log`; without it [`FILTER_VARIABLE`] and then [`FILTER_DEFAULT`] decide.
///
/// # Errors
/// The filter is malformed, or logs have been set up before.
pub fn start(filter: Option<&str>) -> Result<(), TelemetryError> {
    let filter = match filter {
        Some(filter) => filter.to_owned(),
        None => std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| FILTER_DEFAULT.to_owned()),
    };
    let parsed = EnvFilter::try_new(&filter).map_err(|source| TelemetryError::Filter { filter, source })?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(io::stderr);
    let started = if io::stderr().is_terminal() {
        builder.finish().try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .finish()
            .try_init()
    };
    started.map_err(|_| TelemetryError::Twice)
}
