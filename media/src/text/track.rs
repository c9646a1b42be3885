//! A text of a title: where its cues come from, and the track it is served as.

use std::time::Duration;

use bytes::Bytes;

use super::{Document, SideFile, TextForm, TextTraits};
use crate::codec::{Codec, CodecConfig, Details, FourCc, MediaKind};
use crate::presentation::{Presentation, Source, bandwidth, naming};
use crate::read::ism::TrackReference;
use crate::sample::{Cursor, SampleMap};
use crate::track::{Segment, Track};
use crate::trick_play::KeyFrames;

use super::grid::Grid;

/// Bits a second that a text is named by when nobody says: as packagers do.
const BITRATE_DEFAULT: u64 = 1000;

/// Bytes a segment takes beside its cues, and each cue beside its text; at most so many.
const SEGMENT_OVERHEAD: u64 = 900;
const CUE_OVERHEAD: u64 = 160;

/// A text of a title.
#[derive(Clone, Debug)]
pub struct TextTrack {
    /// The track it is served as. Its segments are cut exactly where those of the
    /// pictures are and leave no gap, on a clock that counts both the pictures'
    /// ticks and milliseconds. A sample entry made for it, rather than taken from
    /// its source, is empty here: [`crate::text_segment::init`] writes it.
    pub track: Track,
    /// What is known of it.
    pub traits: TextTraits,
    /// How DASH carries it.
    pub form: TextForm,
    /// Where its cues come from.
    pub origin: TextOrigin,
}

/// Where the cues of a text come from.
#[derive(Clone, Debug)]
pub enum TextOrigin {
    /// A file of its own, read whole.
    Document(Document),
    /// Samples of a track, read as segments are asked for. The track's own
    /// segments are cut between its samples.
    Samples(Box<Track>),
}

impl TextTrack {
    /// The file as a whole, when it is one by itself.
    #[must_use]
    pub fn document(&self) -> Option<&Document> {
        match &self.origin {
            TextOrigin::Document(document) => Some(document),
            TextOrigin::Samples(_) => None,
        }
    }

    /// When segment `segment` starts and ends, from the start of the
    /// presentation; `None` if there is no such segment.
    #[must_use]
    pub fn window(&self, segment: usize) -> Option<(Duration, Duration)> {
        let found = self.track.segments.get(segment)?;
        let moment = |ticks: u64| {
            let ticks = ticks.saturating_sub(self.track.presentation_time_offset);
            self.track.timescale.duration(ticks)
        };
        Some((
            moment(found.start),
            moment(found.start.saturating_add(found.duration)),
        ))
    }

    /// Leaves of the text what plays from `begin` to `end`, from the start of the
    /// presentation; `track` is its track, cut there.
    pub(crate) fn clip(&mut self, track: Track, begin: Duration, end: Option<Duration>, target: Duration) {
        let bandwidth = self.track.bandwidth;
        self.track = Track { bandwidth, ..track };
        match &mut self.origin {
            TextOrigin::Document(document) => {
                if let Some(end) = end {
                    document.end_at(end);
                }
                document.begin_at(begin);
                weigh(&mut self.track, document, target);
            }
            TextOrigin::Samples(source) => {
                let ticks = source.timescale.ticks_of(begin).unsigned_abs();
                source.presentation_time_offset = source.presentation_time_offset.saturating_add(ticks);
            }
        }
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        let origin = match &self.origin {
            TextOrigin::Document(document) => document.heap_size(),
            TextOrigin::Samples(track) => size_of_val(track.as_ref()) + track.heap_size(),
        };
        let label = self.traits.label.as_ref().map_or(0, String::capacity);
        self.track.heap_size() + origin + label
    }
}

/// Takes the texts out of `tracks`, in their order; `sources` are what the tracks
/// were made from.
pub(crate) fn split_off(
    tracks: Vec<Track>,
    sources: &[Source],
    target: Duration,
) -> (Vec<Track>, Vec<TextTrack>) {
    let (texts, tracks): (Vec<_>, Vec<_>) = tracks
        .into_iter()
        .partition(|track| track.kind == MediaKind::Text);
    let grid = Grid::of(&tracks, target).or_else(|| Grid::of(&texts, target));
    let Some(grid) = grid else {
        return (tracks, Vec::new());
    };
    let texts = texts.into_iter().map(|track| {
        let reference = reference_of(&track, sources);
        let traits = reference.map(TextTraits::of).unwrap_or_default();
        of_samples(track, traits, &grid)
    });
    (tracks, texts.collect())
}

/// What the server manifest says of a track of a file.
fn reference_of<'a>(track: &Track, sources: &'a [Source]) -> Option<&'a TrackReference> {
    let sources = sources.iter().filter(|source| source.file == track.file);
    let references = sources.filter_map(|source| source.reference.as_ref());
    let mut references = references.filter(|reference| reference.kind == MediaKind::Text);
    references.find(|reference| reference.track_id.is_none_or(|id| id == track.source_id))
}

fn of_samples(source: Track, traits: TextTraits, grid: &Grid) -> TextTrack {
    let own_form = match source.codec().map(|codec| codec.codec) {
        Some(Codec::Stpp) => TextForm::Stpp,
        _ => TextForm::Wvtt,
    };
    // A file as a whole would take reading all samples at once.
    let form = traits.form.filter(|form| form.is_segmented()).unwrap_or(own_form);
    // Times in samples of `dfxp` are others than DASH has them.
    let is_kept = |codec: &CodecConfig| codec.codec == codec_of(form) && codec.four_cc() != FourCc(*b"dfxp");
    let is_kept = source.codecs.iter().all(is_kept);
    let codecs = if is_kept {
        source.codecs.clone()
    } else {
        vec![made_codec(form)]
    };
    let track = Track {
        timescale: grid.clock,
        codecs,
        presentation_time_offset: grid.offset,
        segments: grid.segments(),
        samples: SampleMap::default(),
        end: Cursor::default(),
        ..source.clone()
    };
    TextTrack {
        track,
        traits,
        form,
        origin: TextOrigin::Samples(Box::new(source)),
    }
}

impl Presentation {
    /// Adds the text of a file beside the others. Its cues end where the title
    /// does.
    pub fn add_side_file(&mut self, side: SideFile) {
        let Some(grid) = Grid::of(&self.tracks, self.target_duration) else {
            return;
        };
        let SideFile {
            file,
            reference,
            mut document,
            form,
        } = side;
        let traits = TextTraits::of(&reference);
        let form = traits.form.unwrap_or(form);
        document.sort();
        document.end_at(grid.clock.duration(grid.end.saturating_sub(grid.offset)));
        let language = reference
            .system_language
            .as_deref()
            .or(document.language.as_deref());
        let language = language.filter(|language| !language.is_empty() && *language != "und");
        let language = language.map(naming::url_safe);
        let bitrate = reference.system_bitrate.filter(|bitrate| *bitrate > 0);
        let bitrate = bitrate.unwrap_or(BITRATE_DEFAULT);
        let name = self.free_name(&reference, language.as_deref(), bitrate);
        let mut track = Track {
            kind: MediaKind::Text,
            file,
            source_id: 0,
            token: format!("{name}={bitrate}"),
            name,
            bitrate,
            language,
            audio: crate::track::AudioTraits::default(),
            timescale: grid.clock,
            codecs: vec![made_codec(form)],
            display_size: (0, 0),
            frame_rate: None,
            roll_distance: None,
            presentation_time_offset: grid.offset,
            bandwidth: crate::track::Bandwidth::default(),
            segments: grid.segments(),
            key_frames: KeyFrames::default(),
            samples: SampleMap::default(),
            end: Cursor::default(),
        };
        weigh(&mut track, &document, self.target_duration);
        self.texts.push(TextTrack {
            track,
            traits,
            form,
            origin: TextOrigin::Document(document),
        });
    }

    /// A name that no other track of this bitrate has.
    fn free_name(&self, reference: &TrackReference, language: Option<&str>, bitrate: u64) -> String {
        let stated = reference.track_name.as_deref().filter(|name| !name.is_empty());
        let kind = "textstream";
        let name = match (stated, language) {
            (Some(name), _) => naming::url_safe(name),
            (None, Some(language)) => format!("{kind}_{language}"),
            (None, None) => kind.to_owned(),
        };
        let texts = self.texts.iter().map(|text| &text.track);
        let taken: Vec<&str> = self
            .tracks
            .iter()
            .chain(texts)
            .map(|track| track.token.as_str())
            .collect();
        let with_language = language.filter(|language| !name.ends_with(language));
        let with_language = with_language.map(|language| format!("{name}_{language}"));
        let numbered = (1_u32..).map(|number| format!("{name}_{number}"));
        let mut names = [name.clone()].into_iter().chain(with_language).chain(numbered);
        // The numbers never run out before the tracks do.
        let free = names.find(|name| !taken.contains(&format!("{name}={bitrate}").as_str()));
        free.unwrap_or(name)
    }
}

/// States how many bytes each segment takes, and the bandwidth.
fn weigh(track: &mut Track, document: &Document, target: Duration) {
    let (clock, offset) = (track.timescale, track.presentation_time_offset);
    let segments = &mut track.segments;
    // What starts to count with a segment, and what no longer does: a cue may
    // last for all of them.
    let mut changes = vec![(0_u64, 0_u64); segments.len() + 1];
    for cue in &document.cues {
        let ticks = |time| offset.saturating_add(clock.ticks_of(time).unsigned_abs());
        let (start, end) = (ticks(cue.start), ticks(cue.end));
        let first = segments.partition_point(|segment| segment.start + segment.duration <= start);
        let behind = segments.partition_point(|segment| segment.start < end);
        let weight = cue.heap_size() as u64 + CUE_OVERHEAD;
        for (index, is_start) in [(first, true), (behind.max(first), false)] {
            match (changes.get_mut(index), is_start) {
                (Some((starts, _)), true) => *starts += weight,
                (Some((_, ends)), false) => *ends += weight,
                (None, _) => {}
            }
        }
    }
    let mut weight = 0;
    let mut sizes = Vec::with_capacity(segments.len());
    for (segment, (starts, ends)) in segments.iter_mut().zip(changes) {
        weight = weight + starts - ends;
        segment.media_size = weight;
        sizes.push((weight + SEGMENT_OVERHEAD, segment.duration));
    }
    track.bandwidth = bandwidth::of(&sizes, clock, target);
}

fn codec_of(form: TextForm) -> Codec {
    match form {
        TextForm::Wvtt | TextForm::WebVttFile => Codec::Wvtt,
        TextForm::Stpp | TextForm::TtmlFile => Codec::Stpp,
    }
}

/// A codec whose sample entry is yet to be written.
fn made_codec(form: TextForm) -> CodecConfig {
    let codec = codec_of(form);
    // The text profile of IMSC 1, which is all that is written here.
    let rfc6381 = if codec == Codec::Stpp {
        "stpp.ttml.im1t"
    } else {
        "wvtt"
    };
    CodecConfig {
        codec,
        rfc6381: rfc6381.to_owned(),
        supplemental: None,
        details: Details::Text,
        entry: Bytes::new(),
        record: Bytes::new(),
    }
}

impl Grid {
    fn segments(&self) -> Vec<Segment> {
        let ends = self.starts.iter().skip(1).chain([&self.end]);
        let segment = |(start, end): (&u64, &u64)| Segment {
            start: *start,
            duration: end.saturating_sub(*start),
            media_size: 0,
            cursor: Cursor::default(),
        };
        self.starts.iter().zip(ends).map(segment).collect()
    }
}
