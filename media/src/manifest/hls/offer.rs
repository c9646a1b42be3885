//! What every variant offers beside its sound: subtitles and closed captions,
//! RFC 8216bis §4.4.6.1.

use crate::language;
use crate::presentation::Presentation;
use crate::shape::Suffix;
use crate::text::{ClosedCaption, ClosedCaptions, HlsText, TextRole, TextTrack};
use crate::track::Bandwidth;

use super::audio_group::yes_or_no;
use super::{Attributes, playlist_uri};

/// The one group of subtitles.
const SUBTITLES: &str = "subtitles";

/// The one group of closed captions.
const CLOSED_CAPTIONS: &str = "closed-captions";

/// What every variant offers beside its sound.
pub(super) struct Offer {
    /// What the largest text takes.
    pub(super) bandwidth: Bandwidth,
    has_subtitles: bool,
    /// RFC 6381, of texts in fragmented MP4: one for all. WebVTT is no media format to a browser, and
    /// stands for nothing in `CODECS`.
    pub(super) codecs: Vec<String>,
    closed_captions: ClosedCaptions,
}

impl Offer {
    pub(super) fn of(presentation: &Presentation, texts: HlsText) -> Self {
        let in_fragments = match texts_in(presentation, texts) {
            HlsText::FragmentedMp4 => presentation.texts.as_slice(),
            HlsText::WebVtt => &[],
        };
        let mut codecs: Vec<String> = Vec::new();
        for codec in in_fragments.iter().map(|text| text.track.rfc6381()) {
            if !codecs.iter().any(|known| known == &*codec) {
                codecs.push(codec.into_owned());
            }
        }
        let bandwidths = presentation.texts.iter().map(|text| text.track.bandwidth);
        Self {
            bandwidth: Bandwidth {
                peak: bandwidths
                    .clone()
                    .map(|bandwidth| bandwidth.peak)
                    .max()
                    .unwrap_or(0),
                average: bandwidths.map(|bandwidth| bandwidth.average).max().unwrap_or(0),
            },
            has_subtitles: !presentation.texts.is_empty(),
            codecs,
            closed_captions: presentation.closed_captions.clone(),
        }
    }

    /// The lowest version of a multivariant playlist that has it (`RFC 8216 §7`).
    pub(super) fn version(&self) -> u32 {
        /// `SERVICE` values of `INSTREAM-ID` came with it.
        const VERSION_WITH_SERVICES: u32 = 7;
        let is_service = |caption: &ClosedCaption| matches!(caption, ClosedCaption::Cea708 { .. });
        if self.closed_captions.services().iter().any(is_service) {
            VERSION_WITH_SERVICES
        } else {
            1
        }
    }

    /// Adds to a variant's attributes the groups it offers.
    pub(super) fn refer(&self, attributes: Attributes) -> Attributes {
        let attributes = attributes.quoted_some("SUBTITLES", self.has_subtitles.then_some(SUBTITLES));
        match self.closed_captions {
            ClosedCaptions::Unstated => attributes,
            ClosedCaptions::None => attributes.plain("CLOSED-CAPTIONS", "NONE"),
            ClosedCaptions::Listed(_) => attributes.quoted("CLOSED-CAPTIONS", CLOSED_CAPTIONS),
        }
    }

    /// Writes an `EXT-X-MEDIA` for each text, `suffix` behind its URI, and each service
    /// of closed captions.
    pub(super) fn write(&self, playlist: &mut String, presentation: &Presentation, suffix: &Suffix) {
        let names = unique_names(&presentation.texts);
        let default = presentation.texts.iter().position(|text| text.traits.is_default);
        for (index, (text, name)) in presentation.texts.iter().zip(names).enumerate() {
            let is_forced = text.traits.role == TextRole::Forced;
            // Chosen by themselves, without regard to others of the language.
            let earlier = presentation.texts.iter().take(index);
            let is_alike = |other: &TextTrack| {
                language_of(other) == language_of(text) && other.traits.role == text.traits.role
            };
            let is_default = default == Some(index);
            let is_selected = is_forced || is_default || earlier.clone().all(|other| !is_alike(other));
            Attributes::of("#EXT-X-MEDIA")
                .plain("TYPE", "SUBTITLES")
                .quoted("GROUP-ID", SUBTITLES)
                .quoted_some("LANGUAGE", language_of(text).as_deref())
                .quoted("NAME", &name)
                .plain("DEFAULT", yes_or_no(is_default))
                .plain("AUTOSELECT", yes_or_no(is_selected))
                .plain("FORCED", yes_or_no(is_forced))
                .quoted_some("CHARACTERISTICS", characteristics(text).as_deref())
                .quoted("URI", &playlist_uri(&presentation.name, &text.track, suffix))
                .write_to(playlist);
        }
        self.write_closed_captions(playlist);
    }

    fn write_closed_captions(&self, playlist: &mut String) {
        let services = self.closed_captions.services();
        let language = |index: usize| services.get(index)?.language().and_then(language::bcp47);
        for (index, service) in services.iter().enumerate() {
            let tag = language(index);
            let id = service.instream_id();
            let name = tag
                .as_deref()
                .map(|tag| language::english_name(tag).unwrap_or_else(|| tag.to_owned()));
            let is_first_of_language = (0..index).all(|other| language(other) != tag);
            let name = match name {
                Some(name) if is_first_of_language => name,
                Some(name) => format!("{name} ({id})"),
                None => id.clone(),
            };
            Attributes::of("#EXT-X-MEDIA")
                .plain("TYPE", "CLOSED-CAPTIONS")
                .quoted("GROUP-ID", CLOSED_CAPTIONS)
                .quoted_some("LANGUAGE", tag.as_deref())
                .quoted("NAME", &name)
                .plain("DEFAULT", "NO")
                .plain("AUTOSELECT", yes_or_no(is_first_of_language))
                .quoted("INSTREAM-ID", &id)
                .write_to(playlist);
        }
    }
}

/// What the texts come in where `wanted` is asked for: fragmented MP4 when all of them
/// have it in one form. Players take what a variant states of its texts for true of each,
/// and read no `wvtt` as `stpp`.
#[must_use]
pub fn texts_in(presentation: &Presentation, wanted: HlsText) -> HlsText {
    let mut forms = presentation.texts.iter().map(|text| text.form);
    let first = forms.next().filter(|form| form.is_segmented());
    match first {
        Some(first) if forms.all(|form| form == first) => wanted,
        _ => HlsText::WebVtt,
    }
}

fn language_of(text: &TextTrack) -> Option<String> {
    text.track.language.as_deref().and_then(language::bcp47)
}

/// What a text is like, in Apple's terms.
fn characteristics(text: &TextTrack) -> Option<String> {
    let mut characteristics = Vec::new();
    if text.traits.role == TextRole::Caption {
        characteristics.push("public.accessibility.transcribes-spoken-dialog");
        characteristics.push("public.accessibility.describes-music-and-sound");
    }
    if text.traits.is_easy_to_read {
        characteristics.push("public.easy-to-read");
    }
    (!characteristics.is_empty()).then(|| characteristics.join(","))
}

/// Names for people, each only once: the one stated, or the language's with what
/// the text is for, or the track's.
fn unique_names(texts: &[TextTrack]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for text in texts {
        let stated = text.traits.label.clone();
        let spoken = language_of(text).map(|tag| language::english_name(&tag).unwrap_or(tag));
        let spoken = spoken.map(|name| match text.traits.role {
            TextRole::Subtitle => name,
            TextRole::Caption => format!("{name} (captions)"),
            TextRole::Forced => format!("{name} (forced)"),
        });
        let name = stated.or(spoken).unwrap_or_else(|| text.track.name.clone());
        let with_track = format!("{name} ({})", text.track.name);
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut candidates = [name.clone(), with_track].into_iter().chain(numbered);
        // The numbers never run out before the texts do.
        let free = candidates.find(|candidate| !names.contains(candidate));
        names.push(free.unwrap_or(name));
    }
    names
}
