//! What a server manifest says of a text beside its file.
//!
//! Params of a `textstream` that are honoured, names in any case:
//!
//! | param | value |
//! | --- | --- |
//! | `role`, `trackRole`, `kind`, `trackKind` | `subtitle`, `caption`, `forced-subtitle` or `easyreader`, also in the plural and behind a scheme as in `urn:mpeg:dash:role:2011@caption` or `about:html-kind@captions` |
//! | `Subtype` | `CAPT` for captions, `SUBT` for subtitles, as IIS writes it |
//! | `forced` | `true` for text that is shown even when none is chosen |
//! | `default` | `true` for the text that is shown unless people choose otherwise; of several the first |
//! | `label`, `trackLabel`, `trackDescription` | the name people choose it by |
//! | `dashForm` | `wvtt`, `stpp`, `vtt` or `ttml`, see [`TextForm`] |

use crate::read::ism::TrackReference;

/// What a text is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextRole {
    /// It translates what is said.
    #[default]
    Subtitle,
    /// It stands for all that is heard.
    Caption,
    /// It belongs to the pictures, such as a translation of a sign, and is shown
    /// even when no text is chosen.
    Forced,
}

/// How DASH carries a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Segments of WebVTT in fragmented MP4 (`ISO/IEC 14496-30 §7`).
    Wvtt,
    /// Segments of TTML in fragmented MP4 (`ISO/IEC 14496-30 §5`).
    Stpp,
    /// One WebVTT file.
    WebVttFile,
    /// One TTML file.
    TtmlFile,
}

impl TextForm {
    /// Whether it comes in segments.
    #[must_use]
    pub fn is_segmented(self) -> bool {
        matches!(self, Self::Wvtt | Self::Stpp)
    }
}

/// What a server manifest says of a text beside its file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTraits {
    /// What it is for.
    pub role: TextRole,
    /// Whether its words are chosen to be read with ease.
    pub is_easy_to_read: bool,
    /// Whether it is shown unless people choose otherwise.
    pub is_default: bool,
    /// The name people choose it by.
    pub label: Option<String>,
    /// How DASH is to carry it, when that is stated.
    pub form: Option<TextForm>,
}

impl TextTraits {
    /// What `reference` states.
    #[must_use]
    pub fn of(reference: &TrackReference) -> Self {
        let mut traits = Self::default();
        for role in reference.roles() {
            match role.trim_end_matches('s') {
                "caption" | "capt" => traits.role = TextRole::Caption,
                "forced-subtitle" | "forced_subtitle" | "forced" => traits.role = TextRole::Forced,
                "easyreader" => traits.is_easy_to_read = true,
                _ => {}
            }
        }
        let is_set = |name: &str| {
            let value = reference.param(name).map(str::to_ascii_lowercase);
            matches!(value.as_deref(), Some("true" | "yes" | "1"))
        };
        if is_set("forced") {
            traits.role = TextRole::Forced;
        }
        traits.is_default = is_set("default");
        traits.label = reference.label().map(str::to_owned);
        traits.form = reference.param("dashForm").and_then(form);
        traits
    }
}

fn form(value: &str) -> Option<TextForm> {
    match value.to_ascii_lowercase().as_str() {
        "wvtt" => Some(TextForm::Wvtt),
        "stpp" => Some(TextForm::Stpp),
        "vtt" => Some(TextForm::WebVttFile),
        "ttml" => Some(TextForm::TtmlFile),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::MediaKind;

    fn traits(params: &[(&str, &str)]) -> TextTraits {
        TextTraits::of(&TrackReference::with_params(MediaKind::Text, params))
    }

    #[test]
    fn roles_are_known_by_any_of_their_names() {
        for (name, value, role) in [
            ("role", "caption", TextRole::Caption),
            ("KIND", "urn:mpeg:dash:role:2011@caption", TextRole::Caption),
            ("trackKind", "about:html-kind@captions", TextRole::Caption),
            ("Subtype", "CAPT", TextRole::Caption),
            ("Subtype", "SUBT", TextRole::Subtitle),
            ("trackRole", "forced-subtitle", TextRole::Forced),
            ("forced", "TRUE", TextRole::Forced),
            ("forced", "false", TextRole::Subtitle),
            ("role", "commentary", TextRole::Subtitle),
        ] {
            assert_eq!(traits(&[(name, value)]).role, role, "{name}={value}");
        }
    }

    #[test]
    fn labels_and_forms_are_read() {
        let read = traits(&[
            ("label", ""),
            ("trackDescription", "Untertitel"),
            ("dashform", "STPP"),
        ]);
        assert_eq!(read.label.as_deref(), Some("Untertitel"));
        assert_eq!(read.form, Some(TextForm::Stpp));
        assert!(traits(&[("role", "easyreader")]).is_easy_to_read);
        assert!(traits(&[("Default", "True")]).is_default);
        assert!(!traits(&[("default", "false")]).is_default);
    }
}
