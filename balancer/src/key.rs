//! From a request to its key: what the choice of a node depends on.

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;
use strata_node::title_path::{self, PathError, Trick};

use crate::ring::Key;

/// What of a request makes its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// The title in the path, so that all requests for a title meet on the
    /// nodes that hold its index and chunks.
    Title,
    /// The value of a header; the title where the request has none.
    ///
    /// Whoever may set the header may aim at nodes: have the edge set it, or
    /// remove it.
    Header(HeaderName),
    /// The whole path, so that even one title spreads over all nodes.
    Url,
}

impl KeySource {
    /// The key of a request for `path`, as sent and without its query.
    ///
    /// A path is normalised before it is hashed: two spellings of a name meet
    /// on the same node. One that names no title is its own key.
    ///
    /// # Errors
    ///
    /// When the path plays tricks that every origin would refuse, whatever the
    /// key is made of: answer 400.
    pub fn key(&self, path: &str, headers: &HeaderMap) -> Result<Key, Trick> {
        let (title, resource) = match title_path::parse(path) {
            Ok(path) => (path.title, path.resource),
            Err(PathError::NotATitle) => (normalised(path), String::new()),
            Err(PathError::Malformed(trick)) => return Err(trick),
        };
        let given = match self {
            Self::Header(name) => headers.get(name),
            Self::Title | Self::Url => None,
        };
        Ok(match (self, given) {
            (_, Some(value)) => Key::of(value.as_bytes()),
            (Self::Url, None) if !resource.is_empty() => Key::of(format!("{title}/{resource}").as_bytes()),
            (_, None) => Key::of(title.as_bytes()),
        })
    }
}

/// A path that [`title_path::parse`] found well formed, in the form in which it names titles.
fn normalised(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<&str> = decoded.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: &KeySource, path: &str) -> Key {
        source.key(path, &HeaderMap::new()).unwrap()
    }

    #[test]
    fn all_of_a_title_has_one_key() {
        let title = key(&KeySource::Title, "/shows/film.ism/.mpd");
        for path in [
            "/shows/film.ism/dash/film-video=401000-0.dash",
            "/shows//film.ism",
            "/%73hows/film%2Eism/a",
        ] {
            assert_eq!(key(&KeySource::Title, path), title, "{path}");
        }
        assert_ne!(key(&KeySource::Title, "/shows/film2.ism/.mpd"), title);
        assert_eq!(title, Key::of(b"shows/film.ism"));
    }

    #[test]
    fn a_path_that_names_no_title_is_its_own_key() {
        assert_eq!(key(&KeySource::Title, "/a//b%20c/"), Key::of(b"a/b c"));
        assert_eq!(key(&KeySource::Url, "/a//b%20c/"), Key::of(b"a/b c"));
    }

    #[test]
    fn a_url_key_tells_the_resources_of_a_title_apart() {
        let first = key(&KeySource::Url, "/film.ism/dash/0.dash");
        assert_ne!(key(&KeySource::Url, "/film.ism/dash/1.dash"), first);
        assert_eq!(key(&KeySource::Url, "/film.ism//dash/0.dash"), first);
    }

    #[test]
    fn a_header_key_falls_back_to_the_title() {
        let source = KeySource::Header(HeaderName::from_static("x-lb"));
        assert_eq!(key(&source, "/film.ism/.mpd"), Key::of(b"film.ism"));
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-lb"), "any".parse().unwrap())]);
        assert_eq!(source.key("/film.ism/.mpd", &headers), Ok(Key::of(b"any")));
    }

    #[test]
    fn tricks_are_refused_whatever_the_key_is() {
        let header = KeySource::Header(HeaderName::from_static("x-lb"));
        let headers = HeaderMap::from_iter([(HeaderName::from_static("x-lb"), "any".parse().unwrap())]);
        for source in [KeySource::Title, KeySource::Url, header] {
            for path in ["/../x.ism", "/%2e%2e/x", "/a%00.ism", "/a%2fb.ism", "*", "/%zz"] {
                assert!(source.key(path, &headers).is_err(), "{path}");
            }
        }
    }
}
