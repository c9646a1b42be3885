//! How all viewers together fared.

use std::collections::{BTreeMap, HashSet};

use super::habits::Protocol;
use super::viewer::{Reel, Watched};
use crate::number::seconds;
use crate::record::Latencies;
use crate::report::{AudienceFigures, Quantiles};
use crate::simulate::TitleShape;

/// Counts of an audience.
#[derive(Debug, Default)]
pub struct Tally {
    viewers: u64,
    present: u64,
    peak: u64,
    protocols: BTreeMap<Protocol, u64>,
    titles: HashSet<usize>,
    manifests_bad: u64,
    startup: Latencies,
    stalls: u64,
    stalled_s: f64,
    watched_s: f64,
    switches: u64,
    seeks: u64,
    abandoned: u64,
    shape: Option<Shape>,
}

/// What was seen of a title, to rebuild it from.
#[derive(Debug)]
struct Shape {
    segments: Vec<f64>,
    bandwidths: Vec<u64>,
    /// Bytes and seconds of each rendition that came.
    came: Vec<(u64, f64)>,
    audio: (u64, f64),
}

impl Tally {
    /// A viewer watches a title of these segments and renditions. The first title's shape stands for all.
    pub(super) fn shaped(&mut self, reel: Reel<'_>) {
        self.shape.get_or_insert_with(|| Shape {
            segments: reel.segments.to_vec(),
            bandwidths: reel.bandwidths.to_vec(),
            came: vec![(0, 0.0); reel.bandwidths.len()],
            audio: (0, 0.0),
        });
    }

    /// A segment of a rendition came; `None`: of the sound.
    pub(super) fn weighed(&mut self, rendition: Option<usize>, bytes: u64, duration_s: f64) {
        let Some(shape) = &mut self.shape else { return };
        let came = match rendition {
            Some(rendition) => shape.came.get_mut(rendition),
            None => Some(&mut shape.audio),
        };
        if let Some((sum, seconds)) = came {
            *sum += bytes;
            *seconds += duration_s;
        }
    }

    /// The shape of the titles, as they were sent; what never came is as its manifest says.
    #[must_use]
    pub fn shape(&self) -> Option<TitleShape> {
        let shape = self.shape.as_ref()?;
        let rate = |(bytes, seconds): &(u64, f64)| {
            (*seconds > 0.0).then(|| 8.0 * crate::number::float(*bytes) / seconds)
        };
        let rates = shape.came.iter().zip(&shape.bandwidths);
        Some(TitleShape {
            segments: shape.segments.clone(),
            bandwidths: shape.bandwidths.clone(),
            rates: rates
                .map(|(came, bandwidth)| rate(came).unwrap_or(crate::number::float(*bandwidth)))
                .collect(),
            audio_rate: rate(&shape.audio).unwrap_or(0.0),
        })
    }

    /// So many viewers came for the same thing.
    pub fn came(&mut self, title: usize, protocol: Protocol, viewers: u64) {
        self.viewers += viewers;
        self.present += viewers;
        self.peak = self.peak.max(self.present);
        *self.protocols.entry(protocol).or_default() += viewers;
        self.titles.insert(title);
    }

    /// So many left; `is_early`: before the end of what they watched.
    pub fn left(&mut self, is_early: bool, viewers: u64) {
        self.present = self.present.saturating_sub(viewers);
        self.abandoned += if is_early { viewers } else { 0 };
    }

    /// A segment of `duration_s` came to so many.
    pub fn watched(&mut self, watched: Watched, duration_s: f64, viewers: u64) {
        let times = crate::number::float(viewers);
        if let Some(startup_s) = watched.startup_s {
            self.startup.add_times(seconds(startup_s), viewers);
        }
        if watched.stalled_s > 0.0 {
            self.stalls += viewers;
            self.stalled_s += watched.stalled_s * times;
        }
        self.watched_s += duration_s * times;
    }

    /// So many changed renditions.
    pub fn switched(&mut self, viewers: u64) {
        self.switches += viewers;
    }

    /// So many jumped.
    pub fn sought(&mut self, viewers: u64) {
        self.seeks += viewers;
    }

    /// A manifest could not be played.
    pub fn manifest_bad(&mut self) {
        self.manifests_bad += 1;
    }

    /// Viewers present.
    #[must_use]
    pub fn present(&self) -> u64 {
        self.present
    }

    /// The figures for a report.
    #[must_use]
    pub fn figures(&self) -> AudienceFigures {
        let protocols = self.protocols.iter();
        AudienceFigures {
            viewers: self.viewers,
            peak: self.peak,
            protocols: protocols
                .map(|(protocol, count)| (protocol.label().to_owned(), *count))
                .collect(),
            titles: self.titles.len() as u64,
            manifests_bad: self.manifests_bad,
            startup: Quantiles::of(&self.startup),
            stalls: self.stalls,
            stalled_s: self.stalled_s,
            watched_s: self.watched_s,
            switches: self.switches,
            seeks: self.seeks,
            abandoned: self.abandoned,
        }
    }
}
