//! What a server manifest says of a sound beside its file.

use crate::read::ism::TrackReference;

/// What a sound is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AudioPurpose {
    /// Nobody says.
    #[default]
    Unstated,
    /// It is the title's own.
    Main,
    /// It stands for the main one.
    Alternate,
    /// It is the main one in another language.
    Dub,
    /// Somebody talks about the title.
    Commentary,
    /// It tells what is seen, for those who do not see it.
    Description,
    /// Its speech is easier to understand.
    EnhancedIntelligibility,
    /// It belongs to the title and is no version of the main one.
    Supplementary,
}

/// What a server manifest says of a sound beside its file. The params are those of
/// texts, see [`crate::text::TextTraits`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudioTraits {
    /// What it is for.
    pub purpose: AudioPurpose,
    /// The name people choose it by.
    pub label: Option<String>,
}

impl AudioTraits {
    /// What `reference` states.
    #[must_use]
    pub fn of(reference: &TrackReference) -> Self {
        let purposes = reference.roles().filter_map(|role| purpose(&role));
        Self {
            purpose: purposes.last().unwrap_or_default(),
            label: reference.label().map(str::to_owned),
        }
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        self.label.as_ref().map_or(0, String::capacity)
    }
}

/// Of a role of `urn:mpeg:dash:role:2011` or an HTML kind, in lower case.
fn purpose(role: &str) -> Option<AudioPurpose> {
    Some(match role {
        "main" => AudioPurpose::Main,
        "alternate" | "alternative" => AudioPurpose::Alternate,
        "dub" | "translation" => AudioPurpose::Dub,
        "commentary" => AudioPurpose::Commentary,
        "description" | "descriptions" | "main-desc" | "audio-description" => AudioPurpose::Description,
        "enhanced-audio-intelligibility" | "clean-audio" => AudioPurpose::EnhancedIntelligibility,
        "supplementary" => AudioPurpose::Supplementary,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::MediaKind;

    fn traits(params: &[(&str, &str)]) -> AudioTraits {
        AudioTraits::of(&TrackReference::with_params(MediaKind::Audio, params))
    }

    #[test]
    fn purposes_are_known_by_any_of_their_names() {
        for (name, value, purpose) in [
            ("role", "main", AudioPurpose::Main),
            ("trackRole", "Commentary", AudioPurpose::Commentary),
            (
                "KIND",
                "urn:mpeg:dash:role:2011@description",
                AudioPurpose::Description,
            ),
            (
                "trackKind",
                "about:html-kind@main-desc",
                AudioPurpose::Description,
            ),
            ("role", "dub", AudioPurpose::Dub),
            ("role", "forced-subtitle", AudioPurpose::Unstated),
            ("colour", "main", AudioPurpose::Unstated),
        ] {
            assert_eq!(traits(&[(name, value)]).purpose, purpose, "{name}={value}");
        }
        assert_eq!(traits(&[("label", "Regie")]).label.as_deref(), Some("Regie"));
    }
}
