//! Audio groups: the renditions a variant offers to choose from, RFC 8216bis §4.4.6.1.1.

use crate::codec::AudioDetails;
use crate::language;
use crate::track::AudioPurpose;

use super::super::rendition::{Rendition, sets};
use super::Attributes;

/// Renditions of one codec and channel count, in every language, at one step
/// of the bitrate ladder.
pub(super) struct AudioGroup<'a> {
    pub(super) id: String,
    /// At least one.
    pub(super) renditions: Vec<Rendition<'a>>,
}

/// All groups of `audio`. Where one language has more bitrates than another, the
/// other's highest is repeated: every group offers the same choice.
pub(super) fn groups<'a>(audio: &[Rendition<'a>]) -> Vec<AudioGroup<'a>> {
    let mut families: Vec<Vec<Vec<Rendition<'a>>>> = Vec::new();
    for mut set in sets(audio.to_vec()) {
        set.sort_by_key(|rendition| rendition.track.bandwidth.peak);
        let family = families.iter_mut().find(|family| {
            let kin = family.first().and_then(|set| set.first());
            kin.zip(set.first())
                .is_some_and(|(a, b)| a.codec == b.codec && a.channels() == b.channels())
        });
        match family {
            Some(family) => family.push(set),
            None => families.push(vec![set]),
        }
    }
    families.iter().flat_map(|family| steps(family)).collect()
}

/// One group for each step of a family's longest ladder.
fn steps<'a>(family: &[Vec<Rendition<'a>>]) -> Vec<AudioGroup<'a>> {
    let count = family.iter().map(Vec::len).max().unwrap_or(0);
    let group = |step: usize| {
        let at_step = |set: &Vec<Rendition<'a>>| set.get(step).or(set.last()).cloned();
        let renditions: Vec<_> = family.iter().filter_map(at_step).collect();
        let first = renditions.first()?;
        let mut id = format!("{}-{}ch", first.codec.name(), first.channels());
        if count > 1 {
            id.push_str(&format!("-{}", step + 1));
        }
        Some(AudioGroup { id, renditions })
    };
    (0..count).filter_map(group).collect()
}

impl AudioGroup<'_> {
    /// Writes an `EXT-X-MEDIA` for each rendition; `uri` says where the one at an
    /// index is, or nothing when it stands in the variants themselves.
    pub(super) fn write(&self, playlist: &mut String, uri: impl Fn(usize, &Rendition<'_>) -> Option<String>) {
        let names = unique_names(&self.renditions);
        for (index, (rendition, display_name)) in self.renditions.iter().zip(names).enumerate() {
            // Players choose among these by language, so only the first of each may be chosen unasked.
            let earlier = self.renditions.iter().take(index);
            let is_first_of_language = earlier.clone().all(|other| {
                other.language != rendition.language
                    || other.track.audio.purpose != rendition.track.audio.purpose
            });
            Attributes::of("#EXT-X-MEDIA")
                .plain("TYPE", "AUDIO")
                .quoted("GROUP-ID", &self.id)
                .quoted_some("LANGUAGE", rendition.language.as_deref())
                .quoted("NAME", &display_name)
                .plain("DEFAULT", yes_or_no(index == 0))
                .plain("AUTOSELECT", yes_or_no(is_first_of_language))
                .quoted_some("CHARACTERISTICS", characteristics(rendition.track.audio.purpose))
                .quoted_some("CHANNELS", rendition.audio().and_then(channels).as_deref())
                .quoted_some("URI", uri(index, rendition).as_deref())
                .write_to(playlist);
        }
    }
}

pub(super) fn yes_or_no(yes: bool) -> &'static str {
    if yes { "YES" } else { "NO" }
}

/// Names for people, each only once in a group: the language's, else the
/// track's; both where several have the same language.
pub(super) fn unique_names(renditions: &[Rendition<'_>]) -> Vec<String> {
    let name = |rendition: &Rendition<'_>| {
        if let Some(label) = &rendition.track.audio.label {
            return Some(label.clone());
        }
        let tag = rendition.language.as_deref()?;
        Some(language::english_name(tag).unwrap_or_else(|| tag.to_owned()))
    };
    let mut names: Vec<String> = Vec::new();
    for rendition in renditions {
        let name = name(rendition).unwrap_or_else(|| rendition.track.name.clone());
        let with_track = format!("{name} ({})", rendition.track.name);
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let mut candidates = [name.clone(), with_track].into_iter().chain(numbered);
        // The numbers never run out before the renditions do.
        names.push(
            candidates
                .find(|candidate| !names.contains(candidate))
                .unwrap_or(name),
        );
    }
    names
}

/// What a sound is for, in Apple's terms.
fn characteristics(purpose: AudioPurpose) -> Option<&'static str> {
    match purpose {
        AudioPurpose::Description => Some("public.accessibility.describes-video"),
        AudioPurpose::EnhancedIntelligibility => Some("public.accessibility.enhances-speech-intelligibility"),
        _ => None,
    }
}

/// The value of `CHANNELS`: the count, or the number of objects and `JOC`.
fn channels(audio: &AudioDetails) -> Option<String> {
    match (audio.joc_complexity, audio.channels) {
        (Some(complexity), _) => Some(format!("{complexity}/JOC")),
        (None, 0) => None,
        (None, channels) => Some(channels.to_string()),
    }
}
