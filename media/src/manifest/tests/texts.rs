//! Manifests of titles with texts and closed captions.

use std::time::Duration;

use super::{audio, check, presentation, video};
use crate::codec::MediaKind;
use crate::plan::FileIndex;
use crate::presentation::Presentation;
use crate::read::ism::TrackReference;
use crate::read::text::TextFormat;
use crate::text::{ClosedCaptions, Cue, Document, Node, SideFile};

fn title() -> Presentation {
    presentation(vec![
        video(1280, 720, 2_501_000, "avc1.64001f"),
        audio("audio_eng", "eng", 128_002),
    ])
}

/// Adds a text with a cue at the seventh second, named and described by `params`.
fn add(title: &mut Presentation, src: &str, language: &str, params: &[(&str, &str)]) {
    let cue = Cue {
        start: Duration::from_secs(7),
        end: Duration::from_secs(9),
        content: vec![Node::Text("Hello!".to_owned())],
        ..Cue::default()
    };
    title.add_side_file(SideFile {
        file: FileIndex(2),
        reference: TrackReference {
            src: src.to_owned(),
            system_language: Some(language.to_owned()),
            ..TrackReference::with_params(MediaKind::Text, params)
        },
        document: Document {
            cues: vec![cue],
            ..Document::default()
        },
        form: TextFormat::of_name(src).unwrap().form(),
    });
}

#[test]
fn texts_of_every_kind_stand_beside_the_pictures() {
    let mut title = title();
    add(&mut title, "film.eng.vtt", "eng", &[("default", "true")]);
    add(&mut title, "film.eng-cc.vtt", "eng", &[("role", "caption")]);
    add(
        &mut title,
        "film.eng-signs.srt",
        "eng",
        &[("forced", "true"), ("trackName", "signs")],
    );
    add(
        &mut title,
        "film.swe.ttml",
        "swe",
        &[("label", "Lätt svenska"), ("role", "easyreader")],
    );
    add(&mut title, "film.fra.vtt", "fra", &[("dashForm", "vtt")]);
    add(&mut title, "film.deu.dfxp", "deu", &[("dashForm", "ttml")]);
    check("texts", &title);
}

#[test]
fn closed_captions_are_told_of() {
    let mut title = title();
    title.closed_captions = ClosedCaptions::parse("CC1=eng;CC3=swe;SERVICE1=eng;SERVICE2");
    check("closed-captions", &title);
}

#[test]
fn a_title_without_closed_captions_can_say_so() {
    let mut title = title();
    title.closed_captions = ClosedCaptions::None;
    check("no-captions", &title);
}
