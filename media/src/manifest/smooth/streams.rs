//! The streams of a title, and the fragments they name.

use std::collections::HashSet;

use crate::codec::MediaKind;
use crate::presentation::Presentation;
use crate::smooth::{Fragment, presentation_time};
use crate::track::Track;

use super::super::rendition::{Rendition, sets};
use super::alignment;
use super::codec::{self, Reason};
use super::request::FragmentRequest;

/// What a title offers over Smooth Streaming. It goes with the presentation it
/// was made of and takes a few bytes a track; making it walks all segments once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// The streams, in the order of their first tracks, then one for each text
    /// unless there are no others.
    pub streams: Vec<Stream>,
    /// The tracks that are in none, in the order they were found out.
    pub left_out: Vec<LeftOut>,
    /// Added to times from the start of the presentation, so that none is negative.
    shift: i64,
}

/// Versions of the same thing: a `StreamIndex`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// What it carries.
    pub kind: MediaKind,
    /// Its name, unique in the title; safe in URLs.
    pub name: String,
    /// BCP 47.
    pub language: Option<String>,
    /// Its tracks, at least one, all with the same number of segments.
    pub levels: Vec<QualityLevel>,
}

/// One track of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityLevel {
    /// Position of the track in the presentation: among the texts for a stream of
    /// text, else among the tracks.
    pub track: usize,
    /// Names the track in URLs, unique in the stream: its bitrate, or the next
    /// one up that is free when an earlier track has the same.
    pub bitrate: u64,
}

/// A track that is not offered, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Position of the track in the presentation.
    pub track: usize,
    /// Why it is left out.
    pub reason: Reason,
}

impl Streams {
    /// The streams of `presentation`.
    #[must_use]
    pub fn of(presentation: &Presentation) -> Self {
        let mut left_out = Vec::new();
        let mut allowed = Vec::new();
        for (index, track) in presentation.tracks.iter().enumerate() {
            match codec::allows_track(track) {
                Ok(()) => allowed.extend(Rendition::new(index, track)),
                Err(reason) => left_out.push(LeftOut { track: index, reason }),
            }
        }
        let mut names = HashSet::new();
        let mut streams: Vec<Stream> = sets(allowed)
            .into_iter()
            .filter_map(|set| stream(alignment::largest(set, &mut left_out), &mut names))
            .collect();
        if !streams.is_empty() {
            // Whatever a text is carried in, here it is sent as TTML.
            let texts = presentation.texts.iter().enumerate();
            let texts = texts.filter_map(|(index, text)| Rendition::new(index, &text.track));
            streams.extend(texts.filter_map(|text| stream(vec![text], &mut names)));
        }
        let mut title = Self {
            streams,
            left_out,
            shift: 0,
        };
        let starts = title
            .streams
            .iter()
            .filter_map(|stream| title.boundary(presentation, stream, 0));
        title.shift = starts.min().unwrap_or(0).min(0).saturating_neg();
        title
    }

    /// The fragment that `request` names; `None` when there is no such one.
    #[must_use]
    pub fn resolve(&self, presentation: &Presentation, request: &FragmentRequest) -> Option<Fragment> {
        let stream = self.streams.iter().find(|stream| stream.name == request.stream)?;
        let level = stream
            .levels
            .iter()
            .find(|level| level.bitrate == request.bitrate)?;
        let (mut low, mut high) = (0, stream.segment_count(presentation));
        while low < high {
            let middle = low.midpoint(high);
            if self.time(presentation, stream, middle)? < request.time {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let fragment = self.fragment(presentation, stream, level, low)?;
        (fragment.start == request.time).then_some(fragment)
    }

    /// The fragment of segment `segment` (0-based) of a level of one of these streams.
    #[must_use]
    pub fn fragment(
        &self,
        presentation: &Presentation,
        stream: &Stream,
        level: &QualityLevel,
        segment: usize,
    ) -> Option<Fragment> {
        let count = stream.segment_count(presentation);
        if count <= segment {
            return None;
        }
        let start = self.time(presentation, stream, segment)?;
        let end = self.time(presentation, stream, segment + 1)?;
        Some(Fragment {
            kind: stream.kind,
            track: level.track,
            segment,
            start,
            duration: end.saturating_sub(start),
            next: (segment + 1 < count).then_some(end),
            shift: self.shift,
        })
    }

    /// Bytes of memory it holds, itself included.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let streams = self.streams.iter().map(|stream| {
            let text = stream.name.capacity() + stream.language.as_ref().map_or(0, String::capacity);
            size_of::<Stream>() + text + stream.levels.capacity() * size_of::<QualityLevel>()
        });
        size_of::<Self>() + streams.sum::<usize>() + self.left_out.capacity() * size_of::<LeftOut>()
    }

    /// The times of the fragments of `stream`, and where the last one ends.
    pub(super) fn times(&self, presentation: &Presentation, stream: &Stream) -> Vec<u64> {
        (0..=stream.segment_count(presentation))
            .filter_map(|index| self.time(presentation, stream, index))
            .collect()
    }

    /// Ticks from zero to the end of the longest stream.
    pub(super) fn duration(&self, presentation: &Presentation) -> u64 {
        let tracks = self.streams.iter().flat_map(|stream| stream.tracks(presentation));
        let ends =
            tracks.map(|track| presentation_time(track, i64::try_from(track.end()).unwrap_or(i64::MAX)));
        let end = ends.max().unwrap_or(0).saturating_add(self.shift);
        end.max(0).unsigned_abs()
    }

    fn time(&self, presentation: &Presentation, stream: &Stream, index: usize) -> Option<u64> {
        let time = self
            .boundary(presentation, stream, index)?
            .saturating_add(self.shift);
        Some(time.max(0).unsigned_abs())
    }

    /// When segment `index` of `stream` starts to be decoded, in ticks from the
    /// start of the presentation, or when the stream ends. The tracks' times
    /// differ when they reorder pictures differently: the earliest counts, so
    /// that every sample is decoded before it is shown. The end is that of the
    /// last picture, not when it is decoded: players show nothing behind it.
    fn boundary(&self, presentation: &Presentation, stream: &Stream, index: usize) -> Option<i64> {
        let count = stream.segment_count(presentation);
        let tracks = stream.tracks(presentation);
        if index < count {
            tracks
                .filter_map(|track| Some(presentation_time(track, start(track, index)?)))
                .min()
        } else {
            tracks.filter_map(|track| end(track, count)).max()
        }
    }
}

impl Stream {
    /// Number of fragments of each level.
    #[must_use]
    pub fn segment_count(&self, presentation: &Presentation) -> usize {
        self.tracks(presentation)
            .next()
            .map_or(0, |track| track.segments.len())
    }

    /// Its tracks, in the order of its levels.
    pub(super) fn tracks<'a>(&'a self, presentation: &'a Presentation) -> impl Iterator<Item = &'a Track> {
        self.levels
            .iter()
            .filter_map(|level| presentation.track(self.kind, level.track))
    }
}

/// When segment `index` of `track` starts to be decoded, in ticks on the output
/// timeline.
fn start(track: &Track, index: usize) -> Option<i64> {
    match track.kind {
        MediaKind::Text => i64::try_from(track.segments.get(index)?.start).ok(),
        MediaKind::Video | MediaKind::Audio => Some(track.decode_times(index)?.start),
    }
}

/// When the last of `count` segments of `track` is decoded and shown, in ticks
/// from the start of the presentation.
fn end(track: &Track, count: usize) -> Option<i64> {
    let shown = i64::try_from(track.end()).unwrap_or(i64::MAX);
    let end = match track.kind {
        MediaKind::Text => shown,
        MediaKind::Video | MediaKind::Audio => shown.max(track.decode_times(count.checked_sub(1)?)?.end),
    };
    Some(presentation_time(track, end))
}

/// The stream of aligned renditions; `None` for none of them.
fn stream(set: Vec<Rendition<'_>>, names: &mut HashSet<String>) -> Option<Stream> {
    let first = set.first()?;
    let name = &first.track.name;
    let with_language = first
        .language
        .as_ref()
        .map(|language| format!("{name}_{language}"));
    let numbered = (1_u32..).map(|number| format!("{name}_{number}"));
    let mut candidates = [name.clone()].into_iter().chain(with_language).chain(numbered);
    let name = candidates.find(|name| names.insert(name.clone()))?;
    let mut taken: HashSet<u64> = set.iter().map(|rendition| rendition.track.bitrate).collect();
    let mut seen = HashSet::new();
    let levels = set.iter().map(|rendition| {
        let mut bitrate = rendition.track.bitrate;
        if !seen.insert(bitrate) {
            // A bitrate another track states stays that track's.
            while !taken.insert(bitrate) {
                bitrate = bitrate.wrapping_add(1);
            }
        }
        QualityLevel {
            track: rendition.index,
            bitrate,
        }
    });
    Some(Stream {
        kind: first.kind(),
        name,
        levels: levels.collect(),
        language: first.language.clone(),
    })
}
