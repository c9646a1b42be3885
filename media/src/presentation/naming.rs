//! What names tracks in URLs: `name=bitrate`, unique in the title.

use std::collections::HashSet;
use std::fmt;

use super::Candidate;
use crate::codec::MediaKind;
use crate::track::Track;

/// A track's name and bitrate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) bitrate: u64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.bitrate)
    }
}

/// Longest part of a name that is kept, in characters.
const NAME_LENGTH_MAX: usize = 64;

/// The tokens of `candidates`, in their order. A name taken is told apart by
/// the track's language, then by a number.
pub(super) fn tokens(candidates: &[Candidate<'_>]) -> Vec<Token> {
    let mut taken = HashSet::new();
    candidates
        .iter()
        .map(|candidate| {
            let bitrate = candidate.bitrate();
            let name = candidate.name();
            let with_language = candidate.language().map(|language| format!("{name}_{language}"));
            let numbered = (1_u32..).map(|number| format!("{name}_{number}"));
            let mut names = [name.clone()].into_iter().chain(with_language).chain(numbered);
            // The numbers never run out before the tracks do.
            let token = names.find_map(|name| {
                let token = Token { name, bitrate };
                taken.insert(token.clone()).then_some(token)
            });
            token.unwrap_or(Token { name, bitrate })
        })
        .collect()
}

/// `text` with everything but letters, digits and `-._~` of ASCII as `_`, so
/// that it stands in a URL and in a header as it is.
pub(crate) fn url_safe(text: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-._~".contains(c) {
            c
        } else {
            '_'
        }
    };
    text.chars().take(NAME_LENGTH_MAX).map(safe).collect()
}

/// The track whose token `stem` ends with, by its place, and what stands before
/// it without the `-` between them.
pub(super) fn token_at_end<'t, 's>(
    tracks: impl Iterator<Item = &'t Track>,
    stem: &'s str,
) -> Option<(usize, &'s str)> {
    let matches = tracks.enumerate().filter_map(|(index, track)| {
        let before = stem.strip_suffix(track.token.as_str())?;
        let before = if before.is_empty() {
            before
        } else {
            before.strip_suffix('-')?
        };
        Some((index, before))
    });
    // Names may hold a `-`, so one token can end with another: the longest is meant.
    matches.min_by_key(|(_, before)| before.len())
}

impl Candidate<'_> {
    /// The manifest's name for the track, else one by what it carries.
    fn name(&self) -> String {
        if let Some(name) = self
            .reference
            .and_then(|reference| reference.track_name.as_deref())
            && !name.is_empty()
        {
            return url_safe(name);
        }
        let kind = match self.movie_track.kind {
            MediaKind::Video => return "video".to_owned(),
            MediaKind::Audio => "audio",
            MediaKind::Text => "textstream",
        };
        match self.language() {
            Some(language) => format!("{kind}_{language}"),
            None => kind.to_owned(),
        }
    }

    /// The language the manifest states, else the file's.
    pub(super) fn language(&self) -> Option<String> {
        let stated = self
            .reference
            .and_then(|reference| reference.system_language.as_deref());
        let language = stated.or(self.movie_track.language.as_deref())?;
        (!language.is_empty() && language != "und").then(|| url_safe(language))
    }

    /// Bits a second as the manifest states them, else of the samples.
    fn bitrate(&self) -> u64 {
        let stated = self.reference.and_then(|reference| reference.system_bitrate);
        stated.filter(|bitrate| *bitrate > 0).unwrap_or_else(|| {
            let seconds = u128::from(self.timeline.media_duration.max(1));
            let bits =
                u128::from(self.timeline.media_size) * 8 * u128::from(self.movie_track.timescale.get());
            u64::try_from(bits / seconds).unwrap_or(u64::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_safe_for_urls() {
        assert_eq!(url_safe("audio_eng"), "audio_eng");
        assert_eq!(url_safe("Kommentar / Regie?é=1"), "Kommentar___Regie___1");
        assert_eq!(url_safe(&"x".repeat(1000)).len(), NAME_LENGTH_MAX);
    }
}
