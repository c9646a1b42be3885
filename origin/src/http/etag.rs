//! Entity tags (`RFC 9110 §8.8.3`).

use http::HeaderValue;
use xxhash_rust::xxh3::Xxh3;

use super::coding::Coding;
use super::route::Resource;

/// A strong entity tag: names the bytes of one representation. Made from what
/// the bytes are made from, so every node gives the same one without having
/// made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Etag(String);

impl Etag {
    /// The tag of `resource`, in `coding`, of the title with `fingerprint`.
    pub(super) fn new(fingerprint: u128, resource: Resource, coding: Coding) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&fingerprint.to_le_bytes());
        hasher.update(&resource.tag());
        hasher.update(coding.name().as_bytes());
        Self(format!("\"{:032x}\"", hasher.digest128()))
    }

    pub(super) fn header(&self) -> HeaderValue {
        // Quotes and hexadecimal digits always make a header value.
        HeaderValue::from_str(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }

    /// Weak comparison (`RFC 9110 §8.8.3.2`) with a tag as it was received.
    pub(super) fn matches_weakly(&self, received: &str) -> bool {
        received.strip_prefix("W/").unwrap_or(received) == self.0
    }

    /// Strong comparison with a tag as it was received.
    pub(super) fn matches_strongly(&self, received: &str) -> bool {
        received == self.0
    }
}

/// The tags of a list such as `"a", W/"b"`; what is no tag is passed over.
pub(super) fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return None;
            }
            let opening = if rest.starts_with("W/\"") { 3 } else { 1 };
            let quoted = rest.starts_with('"') || opening == 3;
            let closing = rest.get(opening..).and_then(|content| content.find('"'));
            match closing {
                Some(size) if quoted => {
                    let (tag, after) = rest.split_at_checked(opening + size + 1)?;
                    rest = after;
                    return Some(tag);
                }
                // Not a tag: up to the next comma.
                _ => rest = rest.split_once(',').map_or("", |(_, after)| after),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use strata_media::text::{HlsMedia, HlsText};

    use super::*;

    #[test]
    fn a_list_is_taken_apart() {
        let cases: [(&str, &[&str]); 6] = [
            ("\"a\"", &["\"a\""]),
            ("\"a\", W/\"b\" ,\"c\"", &["\"a\"", "W/\"b\"", "\"c\""]),
            ("\"with, comma\",\"b\"", &["\"with, comma\"", "\"b\""]),
            ("junk, \"a\"", &["\"a\""]),
            ("\"open", &[]),
            (", ,", &[]),
        ];
        for (list, expected) in cases {
            assert_eq!(tags(list).collect::<Vec<_>>(), expected, "{list}");
        }
    }

    #[test]
    fn representations_are_told_apart() {
        let tag = |fingerprint, resource, coding| Etag::new(fingerprint, resource, coding);
        let master = |is_default| Resource::Master {
            media: HlsMedia::FragmentedMp4,
            texts: HlsText::default(),
            is_default,
        };
        let all = [
            tag(1, Resource::Mpd, Coding::Identity),
            tag(2, Resource::Mpd, Coding::Identity),
            tag(1, Resource::Mpd, Coding::Gzip),
            tag(1, Resource::NumberedMpd, Coding::Identity),
            tag(1, master(true), Coding::Identity),
            tag(1, master(false), Coding::Identity),
            tag(1, Resource::Init { track: 0 }, Coding::Identity),
            tag(1, Resource::Init { track: 1 }, Coding::Identity),
            tag(1, Resource::Segment { track: 0, segment: 1 }, Coding::Identity),
            tag(1, Resource::Segment { track: 1, segment: 0 }, Coding::Identity),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| one != other), "{index}");
        }
        assert_eq!(all[0], tag(1, Resource::Mpd, Coding::Identity));
    }
}
