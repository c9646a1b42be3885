//! The last good answer of a discovery, on disk: what a balancer that starts while the discovery is down begins with.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::file;
use crate::config::OriginConfig;

/// A file in the form that a watched file has.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
}

#[derive(Serialize)]
struct List<'a> {
    origins: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Item<'a> {
    address: String,
    id: &'a str,
    weight: u32,
    check: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<&'a str>,
}

impl StateFile {
    /// The file of the discovery of this name in `folder`.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        // Names have colons and slashes.
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || "-._".contains(c) {
                c
            } else {
                '_'
            }
        };
        let name: String = name.chars().map(plain).collect();
        Self {
            path: folder.join(format!("members-{name}.yaml")),
        }
    }

    /// What was saved last; nothing when there is none, or none that can be read, which is logged.
    pub(super) fn load(&self) -> Vec<OriginConfig> {
        if !self.path.exists() {
            return Vec::new();
        }
        match file::read(&self.path, None) {
            Ok(origins) => origins,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the last good members cannot be read");
                Vec::new()
            }
        }
    }

    /// Replaces what was saved, whole or not at all. JSON, which is YAML.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn save(&self, origins: &[OriginConfig]) -> io::Result<()> {
        let items = origins.iter().map(|origin| Item {
            address: origin.address.to_string(),
            id: &origin.id,
            weight: origin.weight,
            check: origin.check.to_string(),
            agent: origin.agent.map(|agent| agent.to_string()),
            zone: origin.zone.as_ref().map(crate::zone::Zone::as_str),
        });
        let list = List {
            origins: items.collect(),
        };
        let text = serde_json::to_vec_pretty(&list)?;
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let new = self.path.with_extension("yaml.new");
        fs::write(&new, text)?;
        fs::rename(&new, &self.path)
    }
}
