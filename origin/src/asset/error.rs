//! Why a title cannot be served.

use std::sync::Arc;
use std::time::Duration;

use strata_media::presentation::AssembleError;
use strata_media::read::ism::IsmError;
use strata_media::read::mp4::ReadError;

use super::location::LocationError;
use crate::source::{SourceError, SourceFault};

/// Why a title cannot be served.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// The title itself is not in the store, or may not be read.
    #[error("{0}")]
    Title(SourceError),
    /// The server manifest names a file that is not in the store, or may not
    /// be read.
    #[error("named by the server manifest: {0}")]
    File(SourceError),
    /// The server manifest names something that cannot be a file of the store.
    #[error("named by the server manifest: {0}")]
    Location(#[from] LocationError),
    /// The server manifest cannot be read.
    #[error("{object}: {error}")]
    Ism {
        /// The manifest.
        object: Arc<str>,
        /// What is wrong with it.
        error: Arc<IsmError>,
    },
    /// A file cannot be read as MP4.
    #[error("{object}: {error}")]
    Mp4 {
        /// The file.
        object: Arc<str>,
        /// What is wrong with it.
        error: Arc<ReadError>,
    },
    /// The files do not make a title.
    #[error("{0}")]
    Assemble(Arc<AssembleError>),
    /// The title exceeds a limit.
    #[error("more {what} than the {limit} allowed")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// The largest number taken.
        limit: u64,
    },
    /// The store failed on the way.
    #[error("{0}")]
    Store(SourceError),
    /// Loading took too long.
    #[error("loading was not done after {after:?} (titles.load_timeout)")]
    Deadline {
        /// The limit.
        after: Duration,
    },
    /// Loading ended without a result: a bug.
    #[error("loading ended without a result")]
    Lost,
}

impl LoadError {
    /// Sorts a failure to read the title's own object.
    pub(super) fn of_title(error: SourceError) -> Self {
        match error.fault {
            SourceFault::NotFound | SourceFault::Denied { .. } => Self::Title(error),
            _ => Self::Store(error),
        }
    }

    /// Sorts a failure to read a file that the manifest names.
    pub(super) fn of_file(error: SourceError) -> Self {
        match error.fault {
            SourceFault::NotFound | SourceFault::Denied { .. } => Self::File(error),
            _ => Self::Store(error),
        }
    }

    /// Whether every load would end like this until the store's content
    /// changes: worth remembering for a moment.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::Title(_)
            | Self::File(_)
            | Self::Location(_)
            | Self::Ism { .. }
            | Self::Mp4 { .. }
            | Self::Assemble(_)
            | Self::Limit { .. } => true,
            Self::Store(_) | Self::Deadline { .. } | Self::Lost => false,
        }
    }

    /// Whether the object was replaced while it was being read: the next load
    /// finds the new one.
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Store(error) if error.fault == SourceFault::Changed)
    }
}
