//! What is counted about requests.

use http::StatusCode;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::route::Resource;
use super::text::TextResource;

/// Upper bounds of durations, in seconds: from memory to a slow store.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mpd,
    Master,
    MediaPlaylist,
    ClientManifest,
    Init,
    Segment,
    /// A segment or file of text.
    Text,
    /// Segments of key frames alone.
    KeyFrames,
    /// Images of thumbnails.
    Thumbnails,
    /// Nothing that a title offers, or not known yet when the request failed.
    Other,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Mpd,
        Self::Master,
        Self::MediaPlaylist,
        Self::ClientManifest,
        Self::Init,
        Self::Segment,
        Self::Text,
        Self::KeyFrames,
        Self::Thumbnails,
        Self::Other,
    ];

    /// The name in logs and metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Mpd => "mpd",
            Self::Master => "hls_master",
            Self::MediaPlaylist => "hls_media",
            Self::ClientManifest => "smooth_manifest",
            Self::Init => "init",
            Self::Segment => "segment",
            Self::Text => "text",
            Self::KeyFrames => "key_frames",
            Self::Thumbnails => "thumbnails",
            Self::Other => "other",
        }
    }
}

impl From<Resource> for Kind {
    fn from(resource: Resource) -> Self {
        match resource {
            Resource::Mpd | Resource::NumberedMpd => Self::Mpd,
            Resource::Master { .. } => Self::Master,
            Resource::MediaPlaylist { .. } | Resource::TsPlaylist { .. } => Self::MediaPlaylist,
            Resource::Init { .. } => Self::Init,
            Resource::Segment { .. } | Resource::TsSegment { .. } | Resource::Fragment { .. } => {
                Self::Segment
            }
            Resource::ClientManifest => Self::ClientManifest,
            Resource::Text(text) => match text {
                TextResource::Playlist { .. } | TextResource::FragmentPlaylist { .. } => Self::MediaPlaylist,
                TextResource::Init { .. } => Self::Init,
                TextResource::Segment { .. } | TextResource::File { .. } | TextResource::Fragment { .. } => {
                    Self::Text
                }
            },
            Resource::TrickPlay(wanted) if wanted.is_playlist() => Self::MediaPlaylist,
            Resource::TrickPlay(_) => Self::KeyFrames,
            Resource::Thumbnail(wanted) if wanted.is_playlist() => Self::MediaPlaylist,
            Resource::Thumbnail(_) => Self::Thumbnails,
        }
    }
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All of it was sent.
    Whole,
    /// The client left before.
    ClientLeft,
    /// The source failed in the middle; the connection was broken.
    SourceFailed,
}

impl Ending {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::ClientLeft => "client_left",
            Self::SourceFailed => "source_failed",
        }
    }
}

/// Classes of statuses; the last is for requests whose client left before
/// there was one.
const CLASSES: [&str; 5] = ["2xx", "3xx", "4xx", "5xx", "none"];

#[derive(Clone, Debug)]
struct OfKind {
    kind: Kind,
    requests: Vec<IntCounter>,
    bytes: IntCounter,
    duration: Histogram,
    first_byte: Histogram,
}

/// Metrics of the HTTP front.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    kinds: Vec<OfKind>,
    endings: IntCounterVec,
    faults: IntCounterVec,
    pub(super) panics: IntCounter,
    pub(super) in_flight: IntGauge,
    pub(super) connections: IntGauge,
}

impl HttpMetrics {
    /// Requests being answered now.
    pub(crate) fn in_flight(&self) -> IntGauge {
        self.in_flight.clone()
    }

    /// Registers with `registry`.
    ///
    /// # Errors
    /// When the registry already holds metrics of these names.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            prometheus::Result::Ok(counters)
        };
        let histograms = |name: &str, help: &str| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            let histograms = HistogramVec::new(options, &["kind"])?;
            registry.register(Box::new(histograms.clone()))?;
            prometheus::Result::Ok(histograms)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            prometheus::Result::Ok(gauge)
        };
        let requests = counters(
            "strata_origin_requests_total",
            "Requests, by what they are for and class of status.",
            &["kind", "class"],
        )?;
        let bytes = counters(
            "strata_origin_response_bytes_total",
            "Bytes of response bodies handed to connections.",
            &["kind"],
        )?;
        let duration = histograms(
            "strata_origin_request_duration_seconds",
            "Time from a request's head to its last byte.",
        )?;
        let first_byte = histograms(
            "strata_origin_first_byte_seconds",
            "Time from a request's head to the head of its response.",
        )?;
        let of_kind = |kind: Kind| {
            let label = kind.label();
            let of_class = |class: &&str| requests.with_label_values(&[label, class]);
            OfKind {
                kind,
                requests: CLASSES.iter().map(of_class).collect(),
                bytes: bytes.with_label_values(&[label]),
                duration: duration.with_label_values(&[label]),
                first_byte: first_byte.with_label_values(&[label]),
            }
        };
        let panics = IntCounter::new("strata_origin_panics_total", "Requests that met a bug.")?;
        registry.register(Box::new(panics.clone()))?;
        Ok(Self {
            kinds: Kind::ALL.map(of_kind).to_vec(),
            endings: counters(
                "strata_origin_response_endings_total",
                "How responses ended.",
                &["ending"],
            )?,
            faults: counters(
                "strata_origin_faults_total",
                "Requests not served, by the reason.",
                &["fault"],
            )?,
            panics,
            in_flight: gauge("strata_origin_in_flight", "Requests being answered now.")?,
            connections: gauge("strata_origin_connections", "Connections open now.")?,
        })
    }

    /// A request has ended.
    pub(super) fn ended(&self, ended: &Ended) {
        let Some(of_kind) = self.kinds.iter().find(|of_kind| of_kind.kind == ended.kind) else {
            return;
        };
        let class = match ended.status.map(|status| status.as_u16()) {
            Some(..300) => 0,
            Some(300..400) => 1,
            Some(400..500) => 2,
            Some(500..) => 3,
            None => 4,
        };
        if let Some(counter) = of_kind.requests.get(class) {
            counter.inc();
        }
        of_kind.bytes.inc_by(ended.bytes);
        of_kind.duration.observe(ended.seconds);
        if let Some(seconds) = ended.first_byte_seconds {
            of_kind.first_byte.observe(seconds);
        }
        self.endings.with_label_values(&[ended.ending.label()]).inc();
        if let Some(fault) = ended.fault {
            self.faults.with_label_values(&[fault]).inc();
        }
    }
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) kind: Kind,
    pub(super) status: Option<StatusCode>,
    pub(super) ending: Ending,
    pub(super) fault: Option<&'static str>,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    pub(super) first_byte_seconds: Option<f64>,
}
