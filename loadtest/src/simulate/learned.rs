//! What titles are like and how long things take: from a real run, or from a description.

use serde::{Deserialize, Serialize};

use super::Service;
use crate::audience::Habits;
use crate::number::{float, float_len};
use crate::schedule::Shape;
use crate::scrape::{Line, names};

/// A title, as far as fetching it goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TitleShape {
    /// Seconds of each segment.
    pub segments: Vec<f64>,
    /// Bits a second of each rendition as manifests state them, in rising order: what players go by.
    pub bandwidths: Vec<u64>,
    /// Bits a second of each rendition as they are sent.
    pub rates: Vec<f64>,
    /// Bits a second of the sound, as sent; 0: none beside the picture.
    pub audio_rate: f64,
}

impl TitleShape {
    /// A title of segments of equal length, sent at the rates that manifests state.
    #[must_use]
    pub fn even(length_s: f64, segment_s: f64, bandwidths: &[u64], audio_bps: u64) -> Self {
        let count = crate::number::place((length_s / segment_s).ceil()).clamp(1, 1 << 16);
        Self {
            segments: vec![segment_s; count],
            bandwidths: bandwidths.to_vec(),
            rates: bandwidths.iter().map(|bandwidth| float(*bandwidth)).collect(),
            audio_rate: float(audio_bps),
        }
    }

    /// Seconds of the whole title.
    #[must_use]
    pub fn length_s(&self) -> f64 {
        self.segments.iter().sum()
    }

    /// Bytes of the whole title in all renditions.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        (self.rates.iter().sum::<f64>() + self.audio_rate) * self.length_s() / 8.0
    }

    /// Mean length of a segment, in seconds.
    #[must_use]
    pub fn segment_s(&self) -> f64 {
        self.length_s() / float_len(self.segments.len().max(1))
    }
}

/// What a real run teaches simulations: enough to rebuild it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// A title of the catalogue as it was sent; all are taken to be alike.
    pub title: TitleShape,
    /// The titles' names, the most popular first.
    pub titles: Vec<String>,
    /// Viewers that came.
    pub viewers: f64,
    /// How long they came and watched, in seconds; `None`: as long as the run lasted.
    #[serde(default)]
    pub length_s: Option<f64>,
    /// How their arrivals were spread.
    pub shape: Shape,
    /// How they behaved.
    pub habits: Habits,
    /// The seed of their choices.
    pub seed: u64,
    /// Names of the origins, as their balancer knows them.
    pub nodes: Vec<String>,
    /// Memory for chunks of the smallest origin.
    pub cache_bytes: Option<u64>,
    /// Whether the origins held chunks when the run began; simulations begin with none.
    #[serde(default)]
    pub is_warm: bool,
    /// Bytes in a chunk, where origins told it.
    #[serde(default)]
    pub chunk_bytes: Option<u64>,
    /// The balance factor, in percent, where a balancer told it.
    #[serde(default)]
    pub factor_percent: Option<u32>,
    /// The balance floor, where a balancer told it.
    #[serde(default)]
    pub floor: Option<u32>,
    /// How long things took, where nodes were looked at.
    pub service: Option<Service>,
}

/// What nodes taught: how long a request takes, and what it asks of the store.
///
/// `None` when no origin was looked at, or none was asked for a segment.
#[must_use]
pub fn service_of(lines: &[Line], segments: u64) -> Option<Service> {
    let (balancers, origins): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| line.is_balancer());
    let sum = |name: &str, labels: &[(&str, &str)]| -> f64 {
        origins.iter().map(|line| float(line.grown(name, labels))).sum()
    };
    let per = |count: f64, of: f64| if of > 0.0 { count / of } else { 0.0 };
    let mean = |lines: &[&Line], name: &str, labels: &[(&str, &str)]| {
        let means: Vec<f64> = lines
            .iter()
            .filter_map(|line| line.mean_seconds(name, labels))
            .collect();
        (!means.is_empty()).then(|| means.iter().sum::<f64>() / float_len(means.len()))
    };
    if origins.is_empty() || segments == 0 {
        return None;
    }
    let media = [("tier", "chunks_memory")];
    let looks = sum(names::CACHE_REQUESTS, &media);
    let bytes_of_manifests: f64 = ["mpd", "hls_master", "hls_media", "smooth_manifest", "init"]
        .iter()
        .map(|kind| sum(names::RESPONSE_BYTES, &[("kind", *kind)]))
        .sum();
    let manifests: f64 = ["mpd", "hls_master", "hls_media", "smooth_manifest", "init"]
        .iter()
        .map(|kind| sum(names::REQUESTS, &[("kind", *kind)]))
        .sum();
    let store_s = mean(&origins, names::STORE_SECONDS, &[("operation", "read")]);
    let store_s = store_s.unwrap_or(0.0);
    let load_s = mean(&origins, names::TITLE_LOAD_SECONDS, &[]);
    let node_s = node_seconds(&balancers, &origins)?;
    let loads = sum(names::TITLE_LOADS, &[]);
    let asked = |operation| sum(names::STORE_REQUESTS, &[("operation", operation)]);
    let checks = sum(names::TITLE_CHECKS, &[]);
    let load_requests = per(asked("open"), loads);
    Some(Service {
        node_s,
        store_s,
        load_s,
        load_requests,
        // A check asks for each file that a load asks for.
        check_requests: if checks > 0.0 {
            per(asked("head"), checks)
        } else {
            load_requests
        },
        looks: Some(per(looks, float(segments))),
        manifest_bytes: crate::number::whole(per(bytes_of_manifests, manifests)),
    })
}

/// What a request takes beside its waits for titles and chunks that are being read, in seconds: these are
/// simulated by themselves.
fn node_seconds(balancers: &[&Line], origins: &[&Line]) -> Option<f64> {
    let (lines, name) = if balancers.is_empty() {
        (origins, names::REQUEST_SECONDS)
    } else {
        (balancers, names::BALANCED_SECONDS)
    };
    let sum_of = |lines: &[&Line], name: &str| -> f64 {
        let sum = format!("{name}_sum");
        lines.iter().map(|line| line.grown_exactly(&sum, &[])).sum()
    };
    let count: u64 = lines
        .iter()
        .map(|line| line.grown(&format!("{name}_count"), &[]))
        .sum();
    let whole_s = sum_of(lines, name) / float(count);
    let loads = |outcome: &str| -> f64 {
        let labels = [("tier", "indexes_memory"), ("outcome", outcome)];
        origins
            .iter()
            .map(|line| float(line.grown(names::CACHE_REQUESTS, &labels)))
            .sum()
    };
    // Those who join a load wait for half of it on average.
    let joined = 0.5 * loads("joined") / loads("miss").max(1.0);
    let waited_s = sum_of(origins, names::TITLE_LOAD_SECONDS) * (1.0 + joined)
        + sum_of(origins, names::FILL_WAIT_SECONDS);
    (count > 0).then(|| (whole_s - waited_s / float(count)).max(whole_s * 0.1))
}
