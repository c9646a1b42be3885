//! What is told of a title, whatever the form.

use serde::Serialize;
use strata_media::codec::{Details, MediaKind};
use strata_media::manifest::left_out;
use strata_media::manifest::smooth::Streams;
use strata_media::plan::Part;
use strata_media::text::{ClosedCaption, ClosedCaptions, TextForm, TextRole, TextTrack};
use strata_media::thumbnail::Thumbnails;
use strata_media::track::Track;

use super::title::{SegmentPlan, Selected, Title};

/// A title. Times are seconds, sizes bytes, rates bits a second.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) title: String,
    /// The query of its URLs, if it is shaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shape: Option<String>,
    pub(super) duration_seconds: f64,
    pub(super) target_duration_seconds: f64,
    /// Bytes that an origin keeps in memory for the title.
    pub(super) memory_bytes: usize,
    pub(super) files: Vec<FileReport>,
    pub(super) tracks: Vec<TrackReport>,
    /// Services in the pictures, as `CC1=eng`; `none` when the server manifest says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed_captions: Option<String>,
    pub(super) thumbnails: Vec<ThumbnailReport>,
    pub(super) skipped: Vec<SkippedReport>,
    /// Tracks that are served in other formats than these.
    pub(super) left_out: Vec<LeftOutReport>,
    pub(super) warnings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) plans: Vec<PlanReport>,
}

#[derive(Serialize)]
pub(super) struct FileReport {
    pub(super) index: u32,
    pub(super) path: String,
    pub(super) size: u64,
}

#[derive(Serialize)]
pub(super) struct TrackReport {
    pub(super) token: String,
    pub(super) kind: &'static str,
    /// RFC 6381.
    pub(super) codecs: String,
    pub(super) language: Option<String>,
    pub(super) file: u32,
    pub(super) source_id: u32,
    pub(super) timescale: u32,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) frame_rate: Option<f64>,
    pub(super) sample_rate: Option<u32>,
    pub(super) channels: Option<u16>,
    /// What is special to a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextReport>,
    pub(super) bandwidth_peak: u64,
    pub(super) bandwidth_average: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_frames: Option<KeyFrameReport>,
    pub(super) segments: Vec<SegmentReport>,
}

/// What trick play is offered of a track.
#[derive(Serialize)]
pub(super) struct KeyFrameReport {
    pub(super) count: usize,
    pub(super) longest_seconds: f64,
    pub(super) bandwidth_peak: u64,
    pub(super) bandwidth_average: u64,
}

/// A track of thumbnails.
#[derive(Serialize)]
pub(super) struct ThumbnailReport {
    pub(super) token: String,
    /// Columns and rows of an image.
    pub(super) tiles: String,
    /// Of one thumbnail, in pixels.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) tile_seconds: f64,
    pub(super) images: usize,
    pub(super) bandwidth_peak: u64,
    /// The file of the first image.
    pub(super) file: u32,
}

#[derive(Serialize)]
pub(super) struct TextReport {
    /// `subtitle`, `caption` or `forced`.
    pub(super) role: &'static str,
    pub(super) label: Option<String>,
    /// How DASH carries it.
    pub(super) dash: &'static str,
    /// Cues of a file of text; those of a track are read when they are asked for.
    pub(super) cues: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct SegmentReport {
    pub(super) index: usize,
    /// In ticks; the `$Time$` of its name.
    pub(super) time: u64,
    pub(super) start_seconds: f64,
    pub(super) duration_seconds: f64,
    /// Those of a text are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) samples: Option<u32>,
    /// Cues of a file of text that are shown in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cues: Option<usize>,
    pub(super) media_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct SkippedReport {
    pub(super) file: u32,
    pub(super) source_id: Option<u32>,
    pub(super) kind: Option<&'static str>,
    pub(super) reason: String,
}

#[derive(Serialize)]
pub(super) struct LeftOutReport {
    /// `dash`, `hls`, `hls_ts` or `smooth`.
    pub(super) format: &'static str,
    pub(super) track: String,
    pub(super) reason: String,
}

#[derive(Serialize)]
pub(super) struct PlanReport {
    pub(super) track: String,
    pub(super) segment: usize,
    pub(super) parts: Vec<PartReport>,
    /// Exact length of the response.
    pub(super) length: u64,
}

#[derive(Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub(super) enum PartReport {
    /// Bytes made here.
    Made { length: u64 },
    /// A range of a source file.
    File {
        file: u32,
        path: String,
        offset: u64,
        length: u64,
    },
}

impl Report {
    pub(super) fn of(
        title: &Title,
        tracks: &[Selected<'_>],
        plans: Vec<SegmentPlan<'_>>,
    ) -> anyhow::Result<Self> {
        let presentation = &title.presentation;
        let files = title.files.iter().zip(0..).map(|(file, index)| FileReport {
            index,
            path: file.path.display().to_string(),
            size: file.size,
        });
        let skipped = presentation.skipped.iter().map(|track| SkippedReport {
            file: track.file.0,
            source_id: track.source_id,
            kind: track.kind.map(kind),
            reason: track.reason.to_string(),
        });
        let duration = presentation.duration();
        let warnings = presentation.warnings.iter().map(ToString::to_string);
        let left_out = left_out(presentation, &Streams::of(presentation)).into_iter();
        let left_out = left_out.map(|left_out| LeftOutReport {
            format: left_out.format,
            track: left_out.track,
            reason: left_out.reason,
        });
        let suffix = presentation.suffix.as_str();
        Ok(Self {
            title: title.path.display().to_string(),
            shape: (!suffix.is_empty()).then(|| suffix.to_owned()),
            duration_seconds: duration.timescale.seconds(duration.ticks),
            target_duration_seconds: presentation.target_duration.as_secs_f64(),
            memory_bytes: presentation.heap_size(),
            files: files.collect(),
            tracks: tracks.iter().map(|selected| TrackReport::of(*selected)).collect(),
            thumbnails: presentation.thumbnails.iter().map(ThumbnailReport::of).collect(),
            skipped: skipped.collect(),
            left_out: left_out.collect(),
            closed_captions: closed_captions(&presentation.closed_captions),
            warnings: warnings
                .chain(title.left_out.iter().cloned())
                .chain(title.findings()?)
                .collect(),
            plans: plans
                .into_iter()
                .map(|plan| PlanReport::of(title, plan))
                .collect(),
        })
    }
}

impl TrackReport {
    fn of(selected: Selected<'_>) -> Self {
        let track = selected.track();
        let (sample_rate, channels) = match track.codec().map(|codec| &codec.details) {
            Some(Details::Audio(audio)) => (Some(audio.sample_rate), Some(audio.channels)),
            _ => (None, None),
        };
        let is_video = track.kind == MediaKind::Video;
        let (width, height) = track.display_size;
        Self {
            token: track.token.clone(),
            kind: kind(track.kind),
            codecs: track
                .codecs
                .iter()
                .map(|codec| codec.rfc6381.as_str())
                .collect::<Vec<_>>()
                .join(","),
            language: track.language.clone(),
            file: track.file.0,
            source_id: track.source_id,
            timescale: track.timescale.get(),
            width: is_video.then_some(width),
            height: is_video.then_some(height),
            frame_rate: track
                .frame_rate
                .map(|rate| ratio(rate.numerator, rate.denominator)),
            sample_rate,
            channels,
            text: match selected {
                Selected::Track(_) => None,
                Selected::Text(text) => Some(TextReport::of(text)),
            },
            bandwidth_peak: track.bandwidth.peak,
            bandwidth_average: track.bandwidth.average,
            key_frames: KeyFrameReport::of(track),
            segments: segments(selected),
        }
    }
}

impl TextReport {
    fn of(text: &TextTrack) -> Self {
        Self {
            role: match text.traits.role {
                TextRole::Subtitle => "subtitle",
                TextRole::Caption => "caption",
                TextRole::Forced => "forced",
            },
            label: text.traits.label.clone(),
            dash: match text.form {
                TextForm::Wvtt => "wvtt",
                TextForm::Stpp => "stpp",
                TextForm::WebVttFile => "one WebVTT file",
                TextForm::TtmlFile => "one TTML file",
            },
            cues: text.document().map(|document| document.cues.len()),
        }
    }
}

impl KeyFrameReport {
    fn of(track: &Track) -> Option<Self> {
        let longest = track.key_frames().map(|frame| frame.duration).max()?;
        let bandwidth = track.key_frame_bandwidth();
        Some(Self {
            count: track.key_frame_count(),
            longest_seconds: track.timescale.duration(longest).as_secs_f64(),
            bandwidth_peak: bandwidth.peak,
            bandwidth_average: bandwidth.average,
        })
    }
}

impl ThumbnailReport {
    fn of(thumbnails: &Thumbnails) -> Self {
        let track = &thumbnails.track;
        let (width, height) = thumbnails.tile_size();
        Self {
            token: track.token.clone(),
            tiles: thumbnails.tiles.to_string(),
            width,
            height,
            tile_seconds: track.timescale.duration(thumbnails.tile_ticks(0)).as_secs_f64(),
            images: track.segments.len(),
            bandwidth_peak: track.bandwidth.peak,
            file: track.file.0,
        }
    }
}

fn closed_captions(captions: &ClosedCaptions) -> Option<String> {
    let service = |service: &ClosedCaption| match service.language() {
        Some(language) => format!("{}={language}", service.instream_id()),
        None => service.instream_id(),
    };
    match captions {
        ClosedCaptions::Unstated => None,
        ClosedCaptions::None => Some("none".to_owned()),
        ClosedCaptions::Listed(services) => Some(services.iter().map(service).collect::<Vec<_>>().join(", ")),
    }
}

/// Cues that are shown in segment `index` of a text, if it is a file of its own.
fn cues(text: &TextTrack, index: usize) -> Option<usize> {
    let ((start, end), document) = text.window(index).zip(text.document())?;
    Some(document.shown_within(start, end).count())
}

fn segments(selected: Selected<'_>) -> Vec<SegmentReport> {
    let track = selected.track();
    let ticks = |ticks: u64| i64::try_from(ticks).unwrap_or(i64::MAX);
    // Sound may start before the presentation does: its decoder has to warm up.
    let start = |time: u64| ticks(time).saturating_sub(ticks(track.presentation_time_offset));
    let report = |(index, segment): (usize, &strata_media::track::Segment)| {
        let (samples, cues) = match selected {
            Selected::Track(track) => (Some(track.sample_count(index)), None),
            Selected::Text(text) => (None, cues(text, index)),
        };
        SegmentReport {
            index,
            time: segment.start,
            start_seconds: track.timescale.seconds(start(segment.start)),
            duration_seconds: track.timescale.seconds(ticks(segment.duration)),
            samples,
            cues,
            media_bytes: segment.media_size,
        }
    };
    track.segments.iter().enumerate().map(report).collect()
}

impl PlanReport {
    fn of(title: &Title, plan: SegmentPlan<'_>) -> Self {
        let part = |part: &Part| match part {
            Part::Bytes(bytes) => PartReport::Made {
                length: bytes.len() as u64,
            },
            Part::Source { file, range } => PartReport::File {
                file: file.0,
                path: title
                    .file(*file)
                    .map(|file| file.path.display().to_string())
                    .unwrap_or_default(),
                offset: range.start,
                length: part.length(),
            },
        };
        Self {
            track: plan.track.token.clone(),
            segment: plan.segment,
            parts: plan.plan.parts.iter().map(part).collect(),
            length: plan.plan.length,
        }
    }
}

fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Text => "text",
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn ratio(numerator: u64, denominator: u64) -> f64 {
    numerator as f64 / denominator as f64
}
