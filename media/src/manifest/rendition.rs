//! Which tracks are versions of the same thing: the sets players switch within.

use std::borrow::Cow;

use crate::codec::{AudioDetails, Codec, Details, DynamicRange, MediaKind, VideoDetails};
use crate::language::bcp47;
use crate::track::Track;

/// A track with what manifests say of it, looked up once.
#[derive(Debug, Clone)]
pub(super) struct Rendition<'a> {
    /// Its place in the presentation.
    pub(super) index: usize,
    pub(super) track: &'a Track,
    pub(super) codec: Codec,
    pub(super) rfc6381: Cow<'a, str>,
    pub(super) supplemental: Option<&'a str>,
    pub(super) details: &'a Details,
    /// BCP 47.
    pub(super) language: Option<String>,
}

impl<'a> Rendition<'a> {
    /// `None` for a track without sample entries, which no presentation has.
    pub(super) fn new(index: usize, track: &'a Track) -> Option<Self> {
        let config = track.codec()?;
        Some(Self {
            index,
            track,
            codec: config.codec,
            rfc6381: track.rfc6381(),
            supplemental: config.supplemental.as_deref(),
            details: &config.details,
            language: track.language.as_deref().and_then(bcp47),
        })
    }

    pub(super) fn kind(&self) -> MediaKind {
        self.codec.kind()
    }

    pub(super) fn video(&self) -> Option<&'a VideoDetails> {
        match self.details {
            Details::Video(details) => Some(details),
            Details::Audio(_) | Details::Text => None,
        }
    }

    pub(super) fn audio(&self) -> Option<&'a AudioDetails> {
        match self.details {
            Details::Audio(details) => Some(details),
            Details::Video(_) | Details::Text => None,
        }
    }

    pub(super) fn channels(&self) -> u16 {
        self.audio().map_or(0, |audio| audio.channels)
    }

    fn dynamic_range(&self) -> Option<DynamicRange> {
        self.video().map(VideoDetails::dynamic_range)
    }

    /// Whether a player may switch between the two without anyone noticing more
    /// than a change of quality. Pictures are one scene whatever their name; two
    /// sounds or texts of one language are told apart by theirs (a commentary).
    fn is_version_of(&self, other: &Self) -> bool {
        let is_named_alike = self.kind() == MediaKind::Video || self.track.name == other.track.name;
        is_named_alike
            && self.codec == other.codec
            && self.language == other.language
            && self.dynamic_range() == other.dynamic_range()
            && self.channels() == other.channels()
            && self.track.audio.purpose == other.track.audio.purpose
    }
}

/// `renditions` in sets of versions of the same thing. Sets and their members
/// keep the order of the presentation.
pub(super) fn sets(renditions: Vec<Rendition<'_>>) -> Vec<Vec<Rendition<'_>>> {
    let mut sets: Vec<Vec<Rendition<'_>>> = Vec::new();
    for rendition in renditions {
        let set = sets
            .iter_mut()
            .find(|set| set.iter().any(|member| rendition.is_version_of(member)));
        match set {
            Some(set) => set.push(rendition),
            None => sets.push(vec![rendition]),
        }
    }
    sets
}
