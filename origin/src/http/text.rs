//! Texts: what a path asks of one, and what is sent.

use std::sync::Arc;

use bytes::Bytes;
use strata_media::codec::MediaKind;
use strata_media::manifest::hls;
use strata_media::presentation::Presentation;
use strata_media::smooth::{Fragment, Noun};
use strata_media::text::{HlsMedia, HlsText, SegmentForm, TextForm, TextTrack};
use strata_media::text_segment::{self, Step, TextSegment};
use strata_media::write::smooth;

use super::fault::Fault;
use super::query::Query;
use super::route::{Route, numbered, texts_beside};
use crate::asset::{Title, read_ranges};
use crate::source::Tally;

/// One thing that a title offers of its texts, which are named by their places
/// among them, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextResource {
    /// The HLS playlist beside media of this kind.
    Playlist { text: usize, media: HlsMedia },
    /// The HLS playlist of its fragments, which are those of DASH.
    FragmentPlaylist { text: usize },
    /// The initialization segment of DASH.
    Init { text: usize },
    /// A segment of DASH or HLS.
    Segment {
        text: usize,
        segment: usize,
        form: SegmentForm,
    },
    /// The whole text as one file.
    File { text: usize, form: TextForm },
    /// What `noun` asks of a fragment of Smooth Streaming.
    Fragment { fragment: Fragment, noun: Noun },
}

impl TextResource {
    /// What `route` means, if it is a text of `title`, with the choices of its query.
    pub(super) fn resolve(route: &Route<'_>, title: &Title, query: &Query) -> Option<Self> {
        let presentation = title.presentation();
        match *route {
            Route::Playlist { stem } => {
                let text = text_in(presentation, stem)?;
                let media = query.hls_media.unwrap_or(title.packaging().hls_media);
                let has_fragments = texts_beside(media, title, query) == HlsText::FragmentedMp4;
                if has_fragments {
                    return Some(Self::FragmentPlaylist { text });
                }
                is_offered(presentation, media).then_some(Self::Playlist { text, media })
            }
            Route::Dash { stem } => {
                if let Some(text) = text_in(presentation, stem) {
                    return segmented(presentation, text).map(|_| Self::Init { text });
                }
                let (stem, time) = numbered(stem)?;
                let text = text_in(presentation, stem)?;
                let segment = segmented(presentation, text)?.track.segment_at(time)?;
                let form = SegmentForm::Fragment;
                Some(Self::Segment { text, segment, form })
            }
            Route::NumberedDash { stem } => {
                let (text, segment) = numbered_segment(presentation, stem)?;
                segmented(presentation, text)?;
                let form = SegmentForm::Fragment;
                Some(Self::Segment { text, segment, form })
            }
            Route::WebVtt { stem, media } => {
                let (text, segment) = numbered_segment(presentation, stem)?;
                let form = SegmentForm::WebVtt(media);
                is_offered(presentation, media).then_some(Self::Segment { text, segment, form })
            }
            Route::TextFile { stem, form } => {
                let text = text_in(presentation, stem)?;
                let found = presentation.texts.get(text)?;
                (found.form == form).then_some(Self::File { text, form })
            }
            Route::Fragment(ref request) => {
                let fragment = title.smooth().resolve(presentation, request)?;
                let noun = request.noun;
                (fragment.kind == MediaKind::Text).then_some(Self::Fragment { fragment, noun })
            }
            Route::Mpd
            | Route::Hls { .. }
            | Route::Ts { .. }
            | Route::ClientManifest
            | Route::TrickPlay(_)
            | Route::Thumbnail(_) => None,
        }
    }

    /// Whether it is a playlist.
    pub(super) fn is_manifest(self) -> bool {
        matches!(self, Self::Playlist { .. } | Self::FragmentPlaylist { .. })
    }

    /// Whether it is made of the whole text, once for all who ask.
    pub(super) fn is_rendered(self) -> bool {
        self.is_manifest() || matches!(self, Self::File { .. })
    }

    /// Whether it consists of characters, which are worth compressing.
    pub(super) fn is_characters(self) -> bool {
        match self {
            Self::Playlist { .. } | Self::FragmentPlaylist { .. } | Self::File { .. } => true,
            Self::Segment { form, .. } => matches!(form, SegmentForm::WebVtt(_)),
            Self::Init { .. } | Self::Fragment { .. } => false,
        }
    }

    /// Numbers that name it among all resources of the title's texts.
    pub(super) fn numbers(self) -> (u8, usize, usize) {
        match self {
            Self::Playlist { text, media } => (40, text, usize::from(media == HlsMedia::TransportStream)),
            Self::FragmentPlaylist { text } => (51, text, 0),
            Self::Init { text } => (41, text, 0),
            Self::Segment { text, segment, form } => {
                let kind = match form {
                    SegmentForm::Fragment => 42,
                    SegmentForm::WebVtt(HlsMedia::FragmentedMp4) => 43,
                    SegmentForm::WebVtt(HlsMedia::TransportStream) => 44,
                    SegmentForm::Ttml => 45,
                };
                (kind, text, segment)
            }
            Self::File { text, .. } => (46, text, 0),
            Self::Fragment { fragment, noun } => {
                let kind = match noun {
                    Noun::Fragments => 47,
                    Noun::KeyFrames => 48,
                    Noun::FragmentInfo => 49,
                    Noun::RawFragments => 50,
                };
                (kind, fragment.track, fragment.segment)
            }
        }
    }

    /// `Content-Type`: RFC 8216 §4 and §3.5, W3C WebVTT §9.1, TTML2 §F.1, RFC 4337.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Playlist { .. } | Self::FragmentPlaylist { .. } => "application/vnd.apple.mpegurl",
            Self::Segment {
                form: SegmentForm::WebVtt(_),
                ..
            }
            | Self::File {
                form: TextForm::WebVttFile,
                ..
            } => "text/vtt",
            Self::Segment {
                form: SegmentForm::Ttml,
                ..
            }
            | Self::File { .. }
            | Self::Fragment {
                noun: Noun::RawFragments,
                ..
            } => "application/ttml+xml",
            Self::Init { .. } | Self::Segment { .. } | Self::Fragment { .. } => "application/mp4",
        }
    }

    /// The playlist or file, for those that are [rendered](Self::is_rendered).
    pub(super) fn render(self, presentation: &Presentation) -> String {
        let text = |text: usize| presentation.texts.get(text);
        match self {
            Self::Playlist { text, media } => hls::text(presentation, text, media),
            Self::FragmentPlaylist { text } => hls::text_fragments(presentation, text),
            Self::File {
                text: index,
                form: TextForm::TtmlFile,
            } => text(index).and_then(text_segment::ttml_file).unwrap_or_default(),
            Self::File { text: index, .. } => text(index).and_then(text_segment::webvtt).unwrap_or_default(),
            Self::Init { .. } | Self::Segment { .. } | Self::Fragment { .. } => String::new(),
        }
    }

    /// All of it, for those that are not [rendered](Self::is_rendered).
    pub(super) async fn bytes(self, title: &Title, tally: &Arc<Tally>) -> Result<Bytes, Fault> {
        let text = |text: usize| title.presentation().texts.get(text).ok_or(Fault::Resource);
        match self {
            Self::Playlist { .. } | Self::FragmentPlaylist { .. } | Self::File { .. } => {
                Err(Fault::Bug("what is rendered is not made"))
            }
            Self::Init { text: index } => Ok(text_segment::init(text(index)?)),
            Self::Segment {
                text: index,
                segment,
                form,
            } => make(title, text(index)?, segment, form, tally).await,
            Self::Fragment { fragment, noun } => {
                let (text, form) = (text(fragment.track)?, SegmentForm::Ttml);
                let document = make(title, text, fragment.segment, form, tally).await?;
                Ok(smooth::document(&fragment, noun, &document))
            }
        }
    }
}

/// Makes segment `segment` of `text`.
async fn make(
    title: &Title,
    text: &TextTrack,
    segment: usize,
    form: SegmentForm,
    tally: &Arc<Tally>,
) -> Result<Bytes, Fault> {
    let object = title.object(text.track.file);
    let object = object.ok_or(Fault::Bug("a text without a file"))?;
    let mut making = TextSegment::new(text, segment, form).ok_or(Fault::Resource)?;
    let mut supplied = Vec::new();
    loop {
        let step = making.step(supplied).map_err(|error| Fault::Corrupt {
            object: object.name().to_owned(),
            reason: error.to_string(),
        })?;
        match step {
            Step::Done(bytes) => return Ok(bytes),
            Step::Need(ranges) => supplied = read_ranges(object, ranges, tally).await?,
        }
    }
}

/// The text that `stem` closes with, unless it closes with a track of a longer name.
fn text_in(presentation: &Presentation, stem: &str) -> Option<usize> {
    let (text, before) = presentation.text_in(stem)?;
    let track = presentation.track_in(stem);
    let is_meant = track.is_none_or(|(_, before_track)| before.len() < before_track.len());
    is_meant.then_some(text)
}

/// The text and segment (0-based) that `stem` closes with, the segment by its number.
fn numbered_segment(presentation: &Presentation, stem: &str) -> Option<(usize, usize)> {
    let (stem, number) = numbered(stem)?;
    let text = text_in(presentation, stem)?;
    let segment = usize::try_from(number.checked_sub(1)?).ok()?;
    presentation.texts.get(text)?.track.segments.get(segment)?;
    Some((text, segment))
}

/// The text at `text`, if DASH has it in segments.
fn segmented(presentation: &Presentation, text: usize) -> Option<&TextTrack> {
    let found = presentation.texts.get(text)?;
    found.form.is_segmented().then_some(found)
}

/// Whether HLS offers the title in segments of this kind.
pub(super) fn is_offered(presentation: &Presentation, media: HlsMedia) -> bool {
    match media {
        HlsMedia::FragmentedMp4 => true,
        HlsMedia::TransportStream => presentation.tracks.iter().any(hls::ts::allows),
    }
}
