//! Closed captions within the pictures: CEA-608 and CEA-708.
//!
//! They are data units of the video and are carried with it untouched. No table
//! of a file tells of them, so the server manifest does: by the param
//! `closedCaptions` of a `video`, or the meta `closed_captions` for the whole
//! title, see [`Presentation::read_metas`]. Its value is `none`, or a list such as `CC1=eng;CC3=swe;SERVICE1=eng`;
//! a language may be left out.

use crate::presentation::Presentation;
use crate::read::ism::{ServerManifest, TrackReference};

/// Highest number of a CEA-708 service.
const SERVICE_MAX: u8 = 63;

/// Highest number of a CEA-608 channel.
const CHANNEL_MAX: u8 = 4;

/// What is known of the closed captions of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClosedCaptions {
    /// Nothing: players may look for some.
    #[default]
    Unstated,
    /// There are none.
    None,
    /// There are these, at least one.
    Listed(Vec<ClosedCaption>),
}

/// One service of closed captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClosedCaption {
    /// A channel of CEA-608.
    Cea608 {
        /// Its number, 1 to 4.
        channel: u8,
        /// Its language as stated: a BCP 47 tag or an ISO 639-2 code.
        language: Option<String>,
    },
    /// A service of CEA-708.
    Cea708 {
        /// Its number, 1 to 63.
        service: u8,
        /// Its language as stated: a BCP 47 tag or an ISO 639-2 code.
        language: Option<String>,
    },
}

impl ClosedCaption {
    /// Its language as stated.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        match self {
            Self::Cea608 { language, .. } | Self::Cea708 { language, .. } => language.as_deref(),
        }
    }

    /// Its name in HLS, `RFC 8216 §4.3.4.1`: `CC1`, `SERVICE1`.
    #[must_use]
    pub fn instream_id(&self) -> String {
        match self {
            Self::Cea608 { channel, .. } => format!("CC{channel}"),
            Self::Cea708 { service, .. } => format!("SERVICE{service}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (name, language) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim().to_ascii_uppercase();
        let language = Some(language.trim().to_owned()).filter(|language| !language.is_empty());
        let number = |prefix: &str, max: u8| {
            let number = name.strip_prefix(prefix)?.parse().ok()?;
            (1..=max).contains(&number).then_some(number)
        };
        if let Some(channel) = number("CC", CHANNEL_MAX) {
            return Some(Self::Cea608 { channel, language });
        }
        number("SERVICE", SERVICE_MAX).map(|service| Self::Cea708 { service, language })
    }
}

impl ClosedCaptions {
    /// Reads the value of the param or meta. What is no service is left out.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        if value.trim().eq_ignore_ascii_case("none") {
            return Self::None;
        }
        let mut services: Vec<ClosedCaption> = Vec::new();
        for service in value.split([';', ',']).filter_map(ClosedCaption::parse) {
            let id = service.instream_id();
            if services.iter().all(|other| other.instream_id() != id) {
                services.push(service);
            }
        }
        match services.is_empty() {
            true => Self::Unstated,
            false => Self::Listed(services),
        }
    }

    /// The services that are known.
    #[must_use]
    pub fn services(&self) -> &[ClosedCaption] {
        match self {
            Self::Listed(services) => services,
            Self::Unstated | Self::None => &[],
        }
    }

    /// What the first of `references` that says anything says.
    pub(crate) fn of<'a>(references: impl Iterator<Item = &'a TrackReference>) -> Self {
        let mut stated = references.filter_map(|reference| reference.param("closedCaptions"));
        stated.next().map_or(Self::Unstated, Self::parse)
    }
}

impl Presentation {
    /// Takes what a server manifest says of the closed captions of the whole
    /// title; what a track's own params say holds against it.
    pub fn read_metas(&mut self, manifest: &ServerManifest) {
        if self.closed_captions == ClosedCaptions::Unstated
            && let Some(value) = manifest.meta("closed_captions")
        {
            self.closed_captions = ClosedCaptions::parse(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_read_with_and_without_languages() {
        let captions = ClosedCaptions::parse("CC1=eng; cc3 ;SERVICE2=pt-BR;CC5=x;SERVICE64;nonsense;CC1=fra");
        let ids: Vec<_> = captions
            .services()
            .iter()
            .map(|service| (service.instream_id(), service.language()))
            .collect();
        assert_eq!(
            ids,
            [
                ("CC1".to_owned(), Some("eng")),
                ("CC3".to_owned(), None),
                ("SERVICE2".to_owned(), Some("pt-BR")),
            ]
        );
        assert_eq!(ClosedCaptions::parse(" None "), ClosedCaptions::None);
        assert_eq!(ClosedCaptions::parse("x"), ClosedCaptions::Unstated);
    }
}
