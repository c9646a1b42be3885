//! The section `discovery`.

use std::path::PathBuf;
use std::time::Duration;

use strata_node::config::Section;

use super::autoscaling::{AutoscalingDiscovery, Group};
use super::dns::{Alike, DnsDiscovery, SystemResolver};
use super::file::FileDiscovery;
use super::{DiscoveryMetrics, Source};
use crate::config::WEIGHT_MAX;
use crate::zone::Zone;

/// Most sources of one kind.
const SOURCES_MAX: usize = 64;

/// Where members are found, and what is made of it. Section `discovery`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// A folder in which the last good answers are kept. Key `state`; default:
    /// they are kept in memory only.
    pub state: Option<PathBuf>,
    /// Time for an answer. Key `timeout`; default `10s`.
    pub timeout: Duration,
    /// Share of a source's members that may vanish from one answer to the next,
    /// in percent, one always. Key `remove_max`; default 25.
    pub remove_percent_max: u32,
    /// Keys `files`, `names` and `groups`.
    pub sources: Vec<SourceConfig>,
}

/// One place that knows members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceConfig {
    /// An item of `files`.
    File {
        /// Key `path`; required.
        path: PathBuf,
        /// The zone of members that name none. Key `zone`.
        zone: Option<Zone>,
        /// Key `interval`; default `1s`.
        interval: Duration,
    },
    /// An item of `names`.
    Name {
        /// Key `name`; required.
        name: String,
        /// What all of them have in common.
        alike: Alike,
        /// Key `interval`; default `5s`.
        interval: Duration,
    },
    /// An item of `groups`.
    Group {
        /// The group, and whom to ask for it.
        group: Group,
        /// Key `interval`; default `10s`.
        interval: Duration,
    },
}

impl DiscoveryConfig {
    pub(crate) fn read(mut section: Section<'_>) -> Self {
        let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
        let mut sources = Vec::new();
        for item in section.sections("files") {
            sources.extend(file(item));
        }
        for item in section.sections("names") {
            sources.extend(name(item));
        }
        for item in section.sections("groups") {
            sources.extend(group(item));
        }
        if SOURCES_MAX < sources.len() {
            section.mistake("files", format!("there are more than {SOURCES_MAX} sources"));
        }
        Self {
            state: section.optional("state"),
            timeout: section.within("timeout", second * 10, Duration::from_millis(10)..=hour),
            remove_percent_max: section.within("remove_max", 25, 1..=100),
            sources,
        }
    }

    /// The sources themselves.
    pub(crate) fn sources(&self, metrics: &DiscoveryMetrics) -> Vec<Source> {
        let source = |source: &SourceConfig| match source.clone() {
            SourceConfig::File { path, zone, interval } => {
                let discovery = Box::new(FileDiscovery::new(path, zone));
                Source::new(discovery, interval, self, metrics)
            }
            SourceConfig::Name {
                name,
                alike,
                interval,
            } => {
                let discovery = Box::new(DnsDiscovery::new(name, alike, SystemResolver));
                Source::new(discovery, interval, self, metrics)
            }
            SourceConfig::Group { group, interval } => {
                let discovery = Box::new(AutoscalingDiscovery::new(group));
                Source::new(discovery, interval, self, metrics)
            }
        };
        self.sources.iter().map(source).collect()
    }
}

fn interval(section: &mut Section<'_>, default: u64) -> Duration {
    let hour = Duration::from_secs(3600);
    section.within(
        "interval",
        Duration::from_secs(default),
        Duration::from_millis(10)..=hour,
    )
}

fn alike(section: &mut Section<'_>) -> Alike {
    let port = section.required("port").unwrap_or(0);
    Alike {
        port,
        check_port: section.or("check_port", port),
        agent_port: section.optional("agent_port"),
        weight: section.within("weight", 1, 1..=WEIGHT_MAX),
        zone: section.optional("zone"),
    }
}

fn file(mut section: Section<'_>) -> Option<SourceConfig> {
    let source = SourceConfig::File {
        path: section.required("path").unwrap_or_default(),
        zone: section.optional("zone"),
        interval: interval(&mut section, 1),
    };
    Some(source)
}

fn name(mut section: Section<'_>) -> Option<SourceConfig> {
    let name: Option<String> = section.required("name");
    let (alike, interval) = (alike(&mut section), interval(&mut section, 5));
    Some(SourceConfig::Name {
        name: name?,
        alike,
        interval,
    })
}

fn group(mut section: Section<'_>) -> Option<SourceConfig> {
    let name: Option<String> = section.required("group");
    let region = section.optional("region");
    let endpoint: Option<String> = section.optional("endpoint");
    if let Some(endpoint) = &endpoint
        && !endpoint.starts_with("http://")
        && !endpoint.starts_with("https://")
    {
        section.mistake(
            "endpoint",
            format!("`{endpoint}` is not a URL such as `http://127.0.0.1:5000`"),
        );
    }
    let (alike, interval) = (alike(&mut section), interval(&mut section, 10));
    let group = Group {
        name: name?,
        region,
        endpoint,
        alike,
    };
    Some(SourceConfig::Group { group, interval })
}
