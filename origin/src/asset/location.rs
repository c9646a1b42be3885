//! Where the files that a server manifest names are.

use percent_encoding::percent_decode_str;

/// Why a name in a server manifest is not a file of the store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The name is empty.
    #[error("an empty src")]
    Empty,
    /// The name is a URL of another kind of place than a web server.
    #[error("{src:?} is a URL that is neither http nor https")]
    Url {
        /// As written.
        src: String,
    },
    /// The name leads out of the store.
    #[error("{src:?} leads out of the store")]
    Outside {
        /// As written.
        src: String,
    },
    /// The name holds what no name of a file does: a NUL, another control
    /// character, a backslash, or bytes that are not UTF-8.
    #[error("{src:?} is not a name of a file")]
    Malformed {
        /// As written.
        src: String,
    },
}

/// The object that `src` names, written in the server manifest `manifest`: its place
/// relative to the store's root, as that of the manifest is, or its URL on a web server.
///
/// `src` is a relative URL reference (`RFC 3986 §5.2`): percent-encoding is
/// decoded once, `..` goes up one folder, but never above the store's root.
///
/// # Errors
/// [`LocationError`].
pub fn resolve(manifest: &str, src: &str) -> Result<String, LocationError> {
    let written = || src.to_owned();
    if src.is_empty() {
        return Err(LocationError::Empty);
    }
    if let Some(url) = web_url(src) {
        return url.ok_or_else(|| LocationError::Malformed { src: written() });
    }
    if has_scheme(src) || src.starts_with("//") {
        return Err(LocationError::Url { src: written() });
    }
    if src.starts_with('/') {
        return Err(LocationError::Outside { src: written() });
    }
    let decoded = percent_decode_str(src).decode_utf8();
    let decoded = decoded.map_err(|_| LocationError::Malformed { src: written() })?;
    if decoded
        .chars()
        .any(|letter| letter.is_control() || letter == '\\')
    {
        return Err(LocationError::Malformed { src: written() });
    }
    let folder = manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in decoded.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                if path.pop().is_none() {
                    return Err(LocationError::Outside { src: written() });
                }
            }
            name => path.push(name),
        }
    }
    if decoded.ends_with('/') || path.is_empty() {
        return Err(LocationError::Malformed { src: written() });
    }
    Ok(path.join("/"))
}

/// The URL that `src` is, in the one way it is written here; the inner `None`: it is one
/// of a web server and malformed. Whether its host may be asked is for the source to say.
fn web_url(src: &str) -> Option<Option<String>> {
    let (scheme, rest) = src.split_once("://")?;
    let scheme = ["http", "https"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(scheme))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let url = format!("{scheme}://{}{path}", authority.to_ascii_lowercase());
    let is_plain = !authority.is_empty() && !authority.contains('@') && !path.contains('#');
    Some((is_plain && url.parse::<http::Uri>().is_ok()).then_some(url))
}

/// Whether the reference starts with a scheme (`RFC 3986 §3.1`).
fn has_scheme(src: &str) -> bool {
    let Some((scheme, _)) = src.split_once(':') else {
        return false;
    };
    let mut letters = scheme.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_relative_to_the_manifest() {
        let cases = [
            ("film.ism", "film-1080.mp4", "film-1080.mp4"),
            ("shows/film.ism", "film.mp4", "shows/film.mp4"),
            ("shows/film.ism", "./audio/eng.mp4", "shows/audio/eng.mp4"),
            ("shows/1/film.ism", "../2/film.mp4", "shows/2/film.mp4"),
            ("shows/film.ism", "a%20b%2Bc.mp4", "shows/a b+c.mp4"),
            ("shows/film.ism", "100%.mp4", "shows/100%.mp4"),
            ("shows/film.ism", "sub//film.mp4", "shows/sub/film.mp4"),
            (
                "film.ism",
                "HTTPS://CDN.example.com/A%20b.mp4?t=1",
                "https://cdn.example.com/A%20b.mp4?t=1",
            ),
            (
                "film.ism",
                "http://10.0.0.1:8080/f.mp4",
                "http://10.0.0.1:8080/f.mp4",
            ),
        ];
        for (manifest, src, expected) in cases {
            assert_eq!(resolve(manifest, src).as_deref(), Ok(expected), "{src}");
        }
    }

    #[test]
    fn a_name_that_is_no_file_of_the_store_is_refused() {
        let src = |src: &str| src.to_owned();
        for url in ["file:///etc/passwd", "s3://b/k", "//host/f"] {
            assert_eq!(
                resolve("film.ism", url),
                Err(LocationError::Url { src: src(url) })
            );
        }
        for outside in [
            "../film.mp4",
            "a/../../film.mp4",
            "%2e%2e/film.mp4",
            "..%2ffilm.mp4",
            "/etc/passwd",
        ] {
            let error = LocationError::Outside { src: src(outside) };
            assert_eq!(resolve("film.ism", outside), Err(error), "{outside}");
        }
        for malformed in [
            "film%00.mp4",
            "a\\b.mp4",
            "%ff.mp4",
            "folder/",
            ".",
            "line\nbreak.mp4",
            "http:///film.mp4",
            "http://user@host/film.mp4",
            "http://host/a b.mp4",
            "https://host/film.mp4#t=1",
        ] {
            let error = LocationError::Malformed { src: src(malformed) };
            assert_eq!(resolve("film.ism", malformed), Err(error), "{malformed}");
        }
        assert_eq!(resolve("film.ism", ""), Err(LocationError::Empty));
    }
}
