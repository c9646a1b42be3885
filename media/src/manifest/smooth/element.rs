//! `StreamIndex`, `QualityLevel` and `c`, `[MS-SSTR] §2.2.2.3` to `§2.2.2.6`.

use std::fmt::Write as _;

use crate::codec::{AudioDetails, CodecConfig, Details, MediaKind};
use crate::presentation::Presentation;
use crate::smooth::TIMESCALE;
use crate::text::TextRole;
use crate::track::Track;

use super::super::xml::Element;
use super::codec::coding;
use super::private_data::private_data;
use super::streams::{QualityLevel, Stream, Streams};

/// Bits of a sample of decoded sound, which is what `BitsPerSample` is for
/// codecs that have no such number.
const BITS_PER_SAMPLE: u16 = 16;

pub(super) fn stream_index(presentation: &Presentation, streams: &Streams, stream: &Stream) -> Element {
    let times = streams.times(presentation, stream);
    let largest = |size: fn(&Track) -> Option<(u32, u32)>| {
        let sizes = stream.tracks(presentation).filter_map(size);
        sizes.reduce(|a, b| (a.0.max(b.0), a.1.max(b.1)))
    };
    let (coded, shown) = (largest(coded_size), largest(display_size));
    let kind = match stream.kind {
        MediaKind::Video => "video",
        MediaKind::Audio => "audio",
        MediaKind::Text => "text",
    };
    // Letters, digits and -._~ only: it needs no escape in the template.
    let (name, suffix) = (&stream.name, &presentation.suffix);
    let url = format!("QualityLevels({{bitrate}})/Fragments({name}={{start time}}){suffix}");
    let levels = stream.levels.iter().enumerate();
    Element::new("StreamIndex")
        .with("Type", kind)
        .with("Name", name)
        .with("Subtype", subtype(presentation, stream))
        .with_some("Language", stream.language.as_deref())
        .with("TimeScale", TIMESCALE.get())
        .with("Chunks", stream.segment_count(presentation))
        .with("QualityLevels", stream.levels.len())
        .with_some("MaxWidth", coded.map(|(width, _)| width))
        .with_some("MaxHeight", coded.map(|(_, height)| height))
        .with_some("DisplayWidth", shown.map(|(width, _)| width))
        .with_some("DisplayHeight", shown.map(|(_, height)| height))
        .with("Url", url)
        .containing(levels.filter_map(|(index, level)| {
            quality_level(
                index,
                level,
                presentation.track(stream.kind, level.track)?.codec()?,
            )
        }))
        .containing(chunks(&times))
}

/// What a text is for, in the codes of the first encoders.
fn subtype(presentation: &Presentation, stream: &Stream) -> &'static str {
    let first = stream.levels.first();
    let text = first.filter(|_| stream.kind == MediaKind::Text);
    let text = text.and_then(|level| presentation.texts.get(level.track));
    match text.map(|text| text.traits.role) {
        None => "",
        Some(TextRole::Caption) => "CAPT",
        Some(TextRole::Subtitle | TextRole::Forced) => "SUBT",
    }
}

fn quality_level(index: usize, level: &QualityLevel, config: &CodecConfig) -> Option<Element> {
    let coding = coding(config).ok()?;
    let mut hex = String::new();
    for byte in private_data(config, level.bitrate) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02X}");
    }
    let element = Element::new("QualityLevel")
        .with("Index", index)
        .with("Bitrate", level.bitrate)
        .with("FourCC", coding.four_cc)
        .with("CodecPrivateData", hex)
        .with_some("AudioTag", coding.audio_tag);
    Some(match &config.details {
        Details::Video(video) => element
            .with("MaxWidth", video.width)
            .with("MaxHeight", video.height)
            .with_some(
                "NALUnitLengthField",
                video.nal_length_size.filter(|size| *size != 4),
            ),
        Details::Audio(audio) => sound(element, audio),
        Details::Text => element,
    })
}

fn sound(element: Element, audio: &AudioDetails) -> Element {
    element
        .with("SamplingRate", audio.sample_rate)
        .with("Channels", audio.channels)
        .with("BitsPerSample", BITS_PER_SAMPLE)
        // Bytes of one decoded sample of all channels: coded frames have no size of their own.
        .with("PacketSize", audio.channels.saturating_mul(BITS_PER_SAMPLE / 8))
}

fn coded_size(track: &Track) -> Option<(u32, u32)> {
    match &track.codec()?.details {
        Details::Video(video) => Some((video.width, video.height)),
        Details::Audio(_) | Details::Text => None,
    }
}

/// The size the source shows pictures at, or what its codec says.
fn display_size(track: &Track) -> Option<(u32, u32)> {
    match (track.display_size, &track.codec()?.details) {
        ((0, _) | (_, 0), Details::Video(video)) => Some(video.display_size()),
        (size, Details::Video(_)) => Some(size),
        (_, Details::Audio(_) | Details::Text) => None,
    }
}

/// The fragments, given their times and the end of the last: equal durations in
/// a row as one, the first with its time even when that is 0, which some players
/// do not assume.
fn chunks(times: &[u64]) -> Vec<Element> {
    let durations: Vec<u64> = times
        .iter()
        .zip(times.iter().skip(1))
        .map(|(start, end)| end.saturating_sub(*start))
        .collect();
    let mut start = times.first();
    durations
        .chunk_by(|a, b| a == b)
        .map(|run| {
            Element::new("c")
                .with_some("t", start.take())
                .with("d", run.first().copied().unwrap_or(0))
                .with_some("r", Some(run.len()).filter(|count| *count > 1))
        })
        .collect()
}
