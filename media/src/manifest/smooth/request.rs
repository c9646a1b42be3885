//! The names of fragments in URLs (`[MS-SSTR] §2.2.3`).

use std::fmt;

use crate::shape::Suffix;
use crate::smooth::Noun;

/// What a URL behind the title names, as in
/// `QualityLevels(652000)/Fragments(video=0)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FragmentRequest {
    /// [`super::QualityLevel::bitrate`].
    pub bitrate: u64,
    /// What of the fragment is asked for.
    pub noun: Noun,
    /// [`super::Stream::name`].
    pub stream: String,
    /// Time of the fragment in ticks of 100 ns.
    pub time: u64,
}

const NOUNS: [Noun; 4] = [
    Noun::Fragments,
    Noun::KeyFrames,
    Noun::FragmentInfo,
    Noun::RawFragments,
];

impl FragmentRequest {
    /// Reads the part of a path behind the title, percent-decoded; `None` when
    /// it is no such name. Each name has one spelling, so that caches hold one copy.
    #[must_use]
    pub fn parse(resource: &str) -> Option<Self> {
        let rest = resource.strip_prefix("QualityLevels(")?;
        let (bitrate, rest) = rest.split_once(")/")?;
        let (noun, rest) = rest.split_once('(')?;
        let (stream, time) = rest.strip_suffix(')')?.rsplit_once('=')?;
        let noun = NOUNS
            .into_iter()
            .find(|candidate| noun_name(*candidate) == noun)?;
        let request = Self {
            bitrate: bitrate.parse().ok()?,
            noun,
            stream: stream.to_owned(),
            time: time.parse().ok()?,
        };
        // Refuses `+1` and `01`.
        (request.to_string() == resource).then_some(request)
    }

    /// Value of the `Link` header that names the fragment after this one, whose
    /// time is `next`, for caches that fetch ahead. `suffix` is the presentation's.
    #[must_use]
    pub fn link_to(&self, next: u64, suffix: &Suffix) -> String {
        let noun = noun_name(self.noun);
        format!("<{noun}({}={next}){suffix}>; rel=\"next\"", self.stream)
    }
}

impl fmt::Display for FragmentRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bitrate,
            noun,
            stream,
            time,
        } = self;
        write!(
            f,
            "QualityLevels({bitrate})/{}({stream}={time})",
            noun_name(*noun)
        )
    }
}

fn noun_name(noun: Noun) -> &'static str {
    match noun {
        Noun::Fragments => "Fragments",
        Noun::KeyFrames => "KeyFrames",
        Noun::FragmentInfo => "FragmentInfo",
        Noun::RawFragments => "RawFragments",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in [
            "QualityLevels(652000)/Fragments(video=0)",
            "QualityLevels(0)/KeyFrames(audio_eng=18446744073709551615)",
            "QualityLevels(1)/FragmentInfo(v=1)",
            "QualityLevels(1)/RawFragments(v=1)",
        ] {
            assert_eq!(FragmentRequest::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            "QualityLevels(1)",
            "QualityLevels(1)/Fragments(video)",
            "QualityLevels(1)/Fragments(video=)",
            "QualityLevels(1)/Fragments(video=-1)",
            "QualityLevels(1)/Fragments(video=+1)",
            "QualityLevels(1)/Fragments(video=01)",
            "QualityLevels(01)/Fragments(video=1)",
            "QualityLevels(1)/Fragments(video=1)x",
            "QualityLevels(1)/Fragment(video=1)",
            "QualityLevels(1)/fragments(video=1)",
            "QualityLevels(1,a=b)/Fragments(video=1)",
            "QualityLevels(1)/Fragments(video=18446744073709551616)",
        ] {
            assert_eq!(FragmentRequest::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_next_fragment_is_named_beside_this_one() {
        let request = FragmentRequest::parse("QualityLevels(652000)/Fragments(video=0)").unwrap();
        assert_eq!(
            request.link_to(4_800_000, &Suffix::default()),
            "<Fragments(video=4800000)>; rel=\"next\""
        );
        assert_eq!(
            request.link_to(4_800_000, &Suffix::default().and("vbegin", "5")),
            "<Fragments(video=4800000)?vbegin=5>; rel=\"next\""
        );
    }
}
