//! What is kept of every request while a test runs: counts, histograms, a
//! second-by-second line, and a few examples. Memory does not grow with the
//! number of requests.

mod failure;
mod samples;
mod timeline;

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

pub use self::failure::Failure;
pub use self::samples::{Example, FAILED_OF_A_REASON_MAX, SLOW_MAX, Samples};
pub use self::timeline::{SECONDS_MAX, Second, Timeline};

/// Longest latency that is told apart from longer ones, in microseconds: ten minutes.
const LATENCY_US_MAX: u64 = 600_000_000;

/// Significant digits of latencies: 0.1 % of the value.
const DIGITS: u8 = 3;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An MPD, a master playlist, a Smooth client manifest.
    Manifest,
    /// An HLS media playlist.
    Playlist,
    /// An init segment.
    Init,
    /// A media segment.
    Segment,
    /// Anything else.
    Other,
}

impl Kind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Manifest,
        Self::Playlist,
        Self::Init,
        Self::Segment,
        Self::Other,
    ];

    /// The name in reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Playlist => "playlist",
            Self::Init => "init",
            Self::Segment => "segment",
            Self::Other => "other",
        }
    }

    /// What a path of Strata's, without its query, is for.
    #[must_use]
    pub fn of_path(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or_default();
        let has = |suffix: &str| name.len() >= suffix.len() && name.ends_with(suffix);
        if has(".mpd") || name.eq_ignore_ascii_case("manifest") {
            Self::Manifest
        } else if has(".m3u8") {
            if name == ".m3u8" || name == "master.m3u8" {
                Self::Manifest
            } else {
                Self::Playlist
            }
        } else if path.contains("/Fragments(") || path.contains("/QualityLevels(") {
            Self::Segment
        } else if has(".dash") || has(".m4s") || has(".ts") || has(".hls") || has(".mp4") || has(".cmfv") {
            // Segments carry their time or number behind a hyphen.
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let number = stem.rsplit_once('-').map_or("", |(_, number)| number);
            let is_numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            if is_numbered { Self::Segment } else { Self::Init }
        } else {
            Self::Other
        }
    }
}

/// One request that has ended. Times count from the start of the test.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// What it was for.
    pub kind: Kind,
    /// When it was due.
    pub due: Duration,
    /// When it was sent.
    pub sent: Duration,
    /// When the head of its answer was there.
    pub first_byte: Option<Duration>,
    /// When it ended.
    pub ended: Duration,
    /// Bytes of body received.
    pub bytes: u64,
    /// The answer's status; 0 when there was none.
    pub status: u16,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// Everything that is kept.
#[derive(Debug)]
pub struct Record {
    /// Requests that have ended.
    pub ended: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// By status; 0 where there was none.
    pub statuses: BTreeMap<u16, u64>,
    /// By reason.
    pub failures: BTreeMap<Failure, u64>,
    /// By what they were for: requests, failures, bytes, latency.
    pub kinds: BTreeMap<Kind, OfKind>,
    /// From when a request was due to the last byte of its answer.
    pub latency: Latencies,
    /// From when a request was sent to the last byte: what a tool that waits
    /// for answers before it sends would show.
    pub service: Latencies,
    /// From when a request was due to the first byte.
    pub first_byte: Latencies,
    /// From when a request was due to when it was sent.
    pub lateness: Latencies,
    /// Second by second.
    pub timeline: Timeline,
    /// Failed and slow ones.
    pub samples: Samples,
}

/// The requests of one kind.
#[derive(Debug)]
pub struct OfKind {
    /// Requests.
    pub ended: u64,
    /// Of these, the failed ones.
    pub failed: u64,
    /// Bytes of bodies.
    pub bytes: u64,
    /// From when they were due to the last byte.
    pub latency: Latencies,
}

/// A histogram of durations, to the microsecond.
#[derive(Debug)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self(new_histogram(DIGITS))
    }
}

fn new_histogram(digits: u8) -> Histogram<u64> {
    let mut histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, digits).unwrap_or_else(|_| {
        // The bounds above are good ones; without them the histogram finds its own.
        histogram_of_any_range()
    });
    histogram.auto(false);
    histogram
}

#[expect(clippy::unwrap_used, reason = "fails for more than 5 digits only")]
fn histogram_of_any_range() -> Histogram<u64> {
    Histogram::new(DIGITS).unwrap()
}

impl Latencies {
    /// Adds one; what is longer than ten minutes counts as ten minutes.
    pub fn add(&mut self, duration: Duration) {
        self.add_times(duration, 1);
    }

    /// Adds the same duration so many times.
    pub fn add_times(&mut self, duration: Duration, times: u64) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record_n(microseconds.max(1), times);
    }

    /// How many were added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The duration that `quantile` (0 to 1) of all do not exceed; `None` when there are none.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_quantile(quantile)))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.0.max())
    }

    /// The mean.
    #[must_use]
    pub fn mean(&self) -> Duration {
        crate::number::seconds(self.0.mean() / 1e6)
    }
}

impl Record {
    /// Nothing yet. Requests that take `slow` or longer become examples.
    #[must_use]
    pub fn new(slow: Duration) -> Self {
        Self {
            ended: 0,
            failed: 0,
            bytes: 0,
            statuses: BTreeMap::new(),
            failures: BTreeMap::new(),
            kinds: BTreeMap::new(),
            latency: Latencies::default(),
            service: Latencies::default(),
            first_byte: Latencies::default(),
            lateness: Latencies::default(),
            timeline: Timeline::default(),
            samples: Samples::new(slow),
        }
    }

    /// Adds a request. `example` is called when it is one that is worth keeping.
    pub fn add(&mut self, measured: &Measured, example: impl FnOnce() -> Example) {
        self.add_many(measured, 1, example);
    }

    /// Adds so many alike requests.
    pub fn add_many(&mut self, measured: &Measured, times: u64, example: impl FnOnce() -> Example) {
        let latency = measured.ended.saturating_sub(measured.due);
        let failed = if measured.failure.is_some() { times } else { 0 };
        self.ended += times;
        self.failed += failed;
        self.bytes += times * measured.bytes;
        *self.statuses.entry(measured.status).or_default() += times;
        if let Some(failure) = measured.failure {
            *self.failures.entry(failure).or_default() += times;
        }
        let of_kind = self.kinds.entry(measured.kind).or_insert_with(|| OfKind {
            ended: 0,
            failed: 0,
            bytes: 0,
            latency: Latencies::default(),
        });
        of_kind.ended += times;
        of_kind.failed += failed;
        of_kind.bytes += times * measured.bytes;
        of_kind.latency.add_times(latency, times);
        self.latency.add_times(latency, times);
        self.service
            .add_times(measured.ended.saturating_sub(measured.sent), times);
        if let Some(first_byte) = measured.first_byte {
            self.first_byte
                .add_times(first_byte.saturating_sub(measured.due), times);
        }
        self.lateness
            .add_times(measured.sent.saturating_sub(measured.due), times);
        self.timeline.add(measured, latency, times);
        self.samples.offer(measured, latency, example);
    }

    /// Makes a failure of a request that was added as a good one.
    pub fn fault(&mut self, failure: Failure, example: impl FnOnce() -> Example) {
        self.failed += 1;
        *self.failures.entry(failure).or_default() += 1;
        self.samples.keep_failed(failure, example);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, kind: Kind) {
        assert_eq!(Kind::of_path(path), kind, "{path}");
    }

    #[test]
    fn paths_tell_what_they_are_for() {
        check("/film.ism/.mpd", Kind::Manifest);
        check("/film.ism/.m3u8", Kind::Manifest);
        check("/film.ism/Manifest", Kind::Manifest);
        check("/film.ism/hls/film-video=401000.m3u8", Kind::Playlist);
        check("/film.ism/dash/film-video=401000.dash", Kind::Init);
        check("/film.ism/dash/film-video=401000-76800.dash", Kind::Segment);
        check("/film.ism/hls/film-video=401000-3.ts", Kind::Segment);
        check(
            "/film.ism/QualityLevels(401000)/Fragments(video=60000000)",
            Kind::Segment,
        );
        check("/film.ism", Kind::Other);
        check("/", Kind::Other);
    }

    #[test]
    fn a_latency_runs_from_when_the_request_was_due() {
        let mut record = Record::new(Duration::from_secs(1));
        record.add(
            &Measured {
                kind: Kind::Segment,
                due: Duration::from_millis(100),
                sent: Duration::from_millis(1100),
                first_byte: Some(Duration::from_millis(1105)),
                ended: Duration::from_millis(1110),
                bytes: 10,
                status: 200,
                failure: None,
            },
            Example::default,
        );
        let near = |latencies: &Latencies, ms: u64| {
            let found = latencies.quantile(0.5).unwrap();
            let expected = Duration::from_millis(ms);
            assert!(
                found.abs_diff(expected) <= expected.mul_f64(0.001),
                "{found:?} for {expected:?}"
            );
        };
        near(&record.latency, 1010);
        near(&record.service, 10);
        near(&record.first_byte, 1005);
        near(&record.lateness, 1000);
        assert_eq!(record.samples.slow().len(), 1);
    }

    #[test]
    fn durations_beyond_the_scale_count_as_its_end() {
        let mut latencies = Latencies::default();
        latencies.add(Duration::from_secs(86_400));
        assert!(latencies.max() >= Duration::from_secs(599));
    }
}
