//! What a server manifest says of tracks: names and bitrates, unique where they have
//! to be.

use std::collections::HashSet;

use strata_media::codec::{Codec, Details, MediaKind};
use strata_media::language::{bcp47, english_name, iso_639_2};
use strata_media::manifest::ism::params;
use strata_media::read::ism::TrackReference;
use strata_media::text::Document;
use strata_media::track::Track;

use super::input::Input;

/// Bits a second that a text is named by: as packagers do.
const TEXT_BITRATE: u64 = 1000;

/// The tracks that a manifest has so far.
pub(super) struct References<'a> {
    tracks: Vec<TrackReference>,
    /// Names and what goes by them: a name stands for one codec and number of channels.
    names: Vec<(String, Coding)>,
    /// Names with bitrates; pictures are one scene and share one name.
    taken: HashSet<(String, u64)>,
    title_language: Option<&'a str>,
}

/// What all tracks of a name have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coding {
    codec: Option<Codec>,
    channels: u16,
}

impl<'a> References<'a> {
    pub(super) fn new(title_language: Option<&'a str>) -> Self {
        Self {
            tracks: Vec::new(),
            names: Vec::new(),
            taken: HashSet::new(),
            title_language,
        }
    }

    /// Adds `track`, one of a file.
    pub(super) fn track(&mut self, input: &Input, track: &Track) {
        let language = match track.kind {
            MediaKind::Video => None,
            MediaKind::Audio | MediaKind::Text => self.language(input, track.language.as_deref()),
        };
        let (channels, kind) = match (track.codec().map(|codec| &codec.details), track.kind) {
            (Some(Details::Audio(audio)), _) => (audio.channels, "audio"),
            (_, MediaKind::Audio) => (0, "audio"),
            (_, MediaKind::Video) => (0, "video"),
            (_, MediaKind::Text) => (0, "textstream"),
        };
        let coding = Coding {
            codec: track.codec().map(|codec| codec.codec),
            channels,
        };
        // Pictures in several codecs are told apart by their bitrates alone.
        let name = match track.kind {
            MediaKind::Video => kind.to_owned(),
            MediaKind::Audio | MediaKind::Text => self.name(kind, language.as_deref(), coding),
        };
        let bitrate = match track.kind {
            MediaKind::Text => TEXT_BITRATE,
            MediaKind::Video | MediaKind::Audio => track.bitrate.max(1),
        };
        self.push(input, track.kind, name, bitrate, language, Some(track));
    }

    /// Adds a side text.
    pub(super) fn text(&mut self, input: &Input, document: &Document) {
        let language = self.language(input, document.language.as_deref());
        let coding = Coding {
            codec: None,
            channels: 0,
        };
        let name = self.name("textstream", language.as_deref(), coding);
        self.push(input, MediaKind::Text, name, TEXT_BITRATE, language, None);
    }

    pub(super) fn finish(self) -> Vec<TrackReference> {
        self.tracks
    }

    fn push(
        &mut self,
        input: &Input,
        kind: MediaKind,
        name: String,
        bitrate: u64,
        language: Option<String>,
        track: Option<&Track>,
    ) {
        // What has the same name is versions of one thing, told apart by their bitrates.
        let mut bitrates = bitrate..;
        let taken = &mut self.taken;
        let bitrate = bitrates.find(|bitrate| taken.insert((name.clone(), *bitrate)));
        let mut stated = Vec::new();
        if let Some(track) = track {
            stated.push(("trackID".to_owned(), track.source_id.to_string()));
        }
        stated.push(("trackName".to_owned(), name.clone()));
        stated.extend(track.map(params).unwrap_or_default());
        self.tracks.push(TrackReference {
            kind,
            src: input.src.clone(),
            system_bitrate: bitrate,
            system_language: language,
            track_id: track.map(|track| track.source_id),
            track_name: Some(name),
            params: stated,
        });
    }

    /// `kind_language`, with the codec, the channels or a number behind it where another
    /// codec has the name already, or another text.
    fn name(&mut self, kind: &str, language: Option<&str>, coding: Coding) -> String {
        let base = match language {
            Some(language) => format!("{kind}_{language}"),
            None => kind.to_owned(),
        };
        let with_codec = coding.codec.map(|codec| format!("{base}_{}", codec.name()));
        let with_channels = with_codec
            .as_ref()
            .map(|name| format!("{name}_{}ch", coding.channels));
        let numbered = (2_u32..).map(|number| format!("{base}_{number}"));
        let mut names = [Some(base.clone()), with_codec, with_channels]
            .into_iter()
            .flatten()
            .chain(numbered);
        let is_text = kind == "textstream";
        let known = &self.names;
        let is_free = |name: &String| match known.iter().find(|(other, _)| other == name) {
            // Two texts of a language say different things.
            Some((_, other)) => !is_text && *other == coding,
            None => true,
        };
        // The numbers never run out before the tracks do.
        let name = names.find(is_free).unwrap_or(base);
        self.names.push((name.clone(), coding));
        name
    }

    /// The language that the file states, or its name ends with, or the title's: in
    /// three letters where there are such, as server manifests have it.
    fn language(&self, input: &Input, stated: Option<&str>) -> Option<String> {
        let stated = stated
            .filter(|language| bcp47(language).is_some())
            .map(str::to_owned);
        let language = stated
            .or_else(|| language_in_name(&input.stem()))
            .or_else(|| self.title_language.map(str::to_owned))?;
        let code = match language.contains('-') {
            true => None,
            false => iso_639_2(&language).and_then(|code| String::from_utf8(code.to_vec()).ok()),
        };
        Some(code.unwrap_or(language))
    }
}

/// The language at the end of a file's name, behind `-`, `_`, `.` or a space.
fn language_in_name(stem: &str) -> Option<String> {
    let (_, last) = stem.rsplit_once(['-', '_', '.', ' '])?;
    let is_code = matches!(last.len(), 2 | 3) && last.bytes().all(|letter| letter.is_ascii_alphabetic());
    let tag = is_code.then(|| bcp47(last)).flatten()?;
    english_name(&tag).map(|_| last.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_at_the_end_of_a_name() {
        let cases = [
            ("film-eng", Some("eng")),
            ("film_SV", Some("sv")),
            ("film.en", Some("en")),
            ("film-1080", None),
            ("film-hd", None),
            ("eng", None),
            ("film-english", None),
        ];
        for (stem, language) in cases {
            assert_eq!(language_in_name(stem).as_deref(), language, "{stem}");
        }
    }
}
