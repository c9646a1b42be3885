//! Texts: an adaptation set each, in segments or as one file.

use crate::language;
use crate::text::{ClosedCaption, ClosedCaptions, TextForm, TextRole, TextTrack};

use super::super::escape::path_segment;
use super::super::xml::Element;
use super::{Names, segment_timeline};

/// The adaptation set with identifier `id` of `text`, whose segments have
/// these names.
pub(super) fn element(id: usize, text: &TextTrack, names: Names<'_>) -> Element {
    let mime_type = match text.form {
        TextForm::Wvtt | TextForm::Stpp => "application/mp4",
        TextForm::WebVttFile => "text/vtt",
        TextForm::TtmlFile => "application/ttml+xml",
    };
    let language = text.track.language.as_deref().and_then(language::bcp47);
    let set = Element::new("AdaptationSet")
        .with("id", id)
        .with("contentType", "text")
        .with("mimeType", mime_type)
        .with_some("lang", language);
    let set = match text.form.is_segmented() {
        true => set.with("segmentAlignment", true).with("startWithSAP", 1),
        false => set,
    };
    let label = text
        .traits
        .label
        .as_deref()
        .map(|label| Element::text("Label", label));
    set.containing(label)
        .containing(accessibility(text))
        .containing(roles(text))
        .containing(
            text.form
                .is_segmented()
                .then(|| segment_timeline::template(names, &text.track)),
        )
        .containing([representation(text, names)])
}

fn representation(text: &TextTrack, names: Names<'_>) -> Element {
    let track = &text.track;
    let codecs = track.codec().filter(|_| text.form.is_segmented());
    let file = |ending: &str| {
        let stem = path_segment(&format!("{}-{}", names.title, track.token));
        Element::text("BaseURL", &format!("{stem}.{ending}{}", names.suffix))
    };
    Element::new("Representation")
        .with("id", &track.token)
        .with("bandwidth", track.bandwidth.peak)
        .with_some("codecs", codecs.map(|codec| &codec.rfc6381))
        .containing(match text.form {
            TextForm::Wvtt | TextForm::Stpp => None,
            TextForm::WebVttFile => Some(file("vtt")),
            TextForm::TtmlFile => Some(file("ttml")),
        })
}

/// `ISO/IEC 23009-1 §5.8.5.5`.
fn roles(text: &TextTrack) -> impl Iterator<Item = Element> {
    let role = match text.traits.role {
        TextRole::Subtitle => "subtitle",
        TextRole::Caption => "caption",
        TextRole::Forced => "forced-subtitle",
    };
    let easy = text.traits.is_easy_to_read.then_some("easyreader");
    let main = text.traits.is_default.then_some("main");
    [role].into_iter().chain(easy).chain(main).map(|value| {
        Element::new("Role")
            .with("schemeIdUri", "urn:mpeg:dash:role:2011")
            .with("value", value)
    })
}

/// For the hard of hearing, `DVB BlueBook A168 §7.1.2`.
fn accessibility(text: &TextTrack) -> Option<Element> {
    (text.traits.role == TextRole::Caption).then(|| {
        Element::new("Accessibility")
            .with("schemeIdUri", "urn:tva:metadata:cs:AudioPurposeCS:2007")
            .with("value", 2)
    })
}

/// Closed captions in the pictures, `ANSI/SCTE 214-1 §6.7`.
pub(super) fn closed_captions(captions: &ClosedCaptions) -> Vec<Element> {
    let language = |caption: &ClosedCaption| {
        let code = caption.language().and_then(language::iso_639_2);
        String::from_utf8_lossy(&code.unwrap_or(*b"und")).into_owned()
    };
    let mut cea_608 = Vec::new();
    let mut cea_708 = Vec::new();
    for caption in captions.services() {
        match caption {
            ClosedCaption::Cea608 { channel, .. } => {
                cea_608.push(format!("CC{channel}={}", language(caption)))
            }
            ClosedCaption::Cea708 { service, .. } => {
                cea_708.push(format!("{service}=lang:{}", language(caption)))
            }
        }
    }
    let schemes = [
        ("urn:scte:dash:cc:cea-608:2015", cea_608),
        ("urn:scte:dash:cc:cea-708:2015", cea_708),
    ];
    let stated = schemes.into_iter().filter(|(_, services)| !services.is_empty());
    stated
        .map(|(scheme, services)| {
            Element::new("Accessibility")
                .with("schemeIdUri", scheme)
                .with("value", services.join(";"))
        })
        .collect()
}
