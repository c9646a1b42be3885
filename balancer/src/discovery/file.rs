//! Members in a file that somebody else writes.
//!
//! The file has `origins:` as the configuration does. It is read anew at every
//! interval: replace it by renaming, and a half-written one is never seen.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use strata_node::config::{Document, Mistakes};

use super::{Discovery, DiscoveryError, Found};
use crate::config::{OriginConfig, origins};
use crate::zone::Zone;

/// A watched file.
#[derive(Debug)]
pub struct FileDiscovery {
    name: String,
    path: PathBuf,
    zone: Option<Zone>,
}

impl FileDiscovery {
    /// The file at `path`, whose members are in `zone` unless they say otherwise.
    pub fn new(path: PathBuf, zone: Option<Zone>) -> Self {
        Self {
            name: format!("file:{}", path.display()),
            path,
            zone,
        }
    }
}

#[async_trait]
impl Discovery for FileDiscovery {
    fn name(&self) -> &str {
        &self.name
    }

    async fn discover(&self) -> Result<Found, DiscoveryError> {
        let (path, zone) = (self.path.clone(), self.zone.clone());
        let read = tokio::task::spawn_blocking(move || read(&path, zone.as_ref()));
        // Not finished only when the runtime ends.
        let members = read.await.map_err(|_| DiscoveryError::TimedOut)??;
        Ok(Found {
            members,
            leaving: Vec::new(),
        })
    }
}

/// The members in a file.
///
/// # Errors
///
/// The file cannot be read, or every mistake in it.
pub(super) fn read(path: &Path, zone: Option<&Zone>) -> Result<Vec<OriginConfig>, Mistakes> {
    let document = Document::read(Some(path), Vec::new())?;
    let mut members = origins(&mut document.root());
    for member in &mut members {
        member.zone = member.zone.take().or_else(|| zone.cloned());
    }
    document.finish(members)
}
