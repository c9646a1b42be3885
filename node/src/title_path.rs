//! Request paths: normalised, refused when they play tricks, and split into a
//! title and what is asked of it.
//!
//! The origin routes by the split and the balancer hashes by the title, so both
//! must read a path the same way; that is why it is read here.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// Longest request path, in bytes as sent.
pub const PATH_BYTES_MAX: usize = 1024;

/// Suffixes that make a path segment a title.
const TITLE_SUFFIXES: [&str; 9] = [
    ".ism", ".mp4", ".m4v", ".m4a", ".mov", ".ismv", ".isma", ".cmfv", ".cmfa",
];

/// Bytes that [`TitlePath`] percent-encodes when it is displayed: all that RFC 3986 §3.3 does not let stand in a path.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A request path, decoded once and split. Displays as the normalised path, percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TitlePath {
    /// The title, relative to the store, without a leading slash: `shows/film.ism`.
    pub title: String,
    /// What is asked of the title: `dash/film-video=401000-0.dash`; may be empty.
    pub resource: String,
}

impl fmt::Display for TitlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", utf8_percent_encode(&self.title, ENCODED))?;
        if !self.resource.is_empty() {
            write!(f, "/{}", utf8_percent_encode(&self.resource, ENCODED))?;
        }
        Ok(())
    }
}

/// Why a path names no title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path breaks a rule: 400.
    #[error("malformed path: {0}")]
    Malformed(Trick),
    /// The path is well formed and holds no title: 404.
    #[error("the path names no title")]
    NotATitle,
}

/// Which rule a malformed path breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trick {
    /// Longer than [`PATH_BYTES_MAX`].
    #[error("longer than {PATH_BYTES_MAX} bytes")]
    TooLong,
    /// Does not begin with a slash.
    #[error("no leading slash")]
    Relative,
    /// A `%` without two hexadecimal digits behind it.
    #[error("incomplete percent-encoding")]
    Escape,
    /// NUL or another control character, raw or encoded.
    #[error("control character")]
    Control,
    /// A backslash, or a slash that hides in percent-encoding.
    #[error("encoded slash or backslash")]
    HiddenSlash,
    /// Not UTF-8 once decoded.
    #[error("not UTF-8")]
    Encoding,
    /// A `.` or `..` segment, raw or encoded.
    #[error("dot segment")]
    DotSegment,
}

/// Reads a request path, without its query.
///
/// Percent-decodes once, so that what is left is a plain name and never decoded
/// again; takes repeated slashes for one; the title goes up to the first segment
/// that ends like a title (`film.ism`, `film.mp4`, …, in any case of letters).
///
/// # Errors
/// [`PathError`]; nothing that it lets through can name anything above the store's root.
pub fn parse(path: &str) -> Result<TitlePath, PathError> {
    if PATH_BYTES_MAX < path.len() {
        return Err(PathError::Malformed(Trick::TooLong));
    }
    if !path.starts_with('/') {
        return Err(PathError::Malformed(Trick::Relative));
    }
    let decoded = decode(path).map_err(PathError::Malformed)?;
    let segments = || decoded.split('/').filter(|segment| !segment.is_empty());
    if segments().any(|segment| matches!(segment, "." | "..")) {
        return Err(PathError::Malformed(Trick::DotSegment));
    }
    let title_depth = segments().position(is_title).ok_or(PathError::NotATitle)? + 1;
    let join = |parts: &mut dyn Iterator<Item = &str>| parts.collect::<Vec<_>>().join("/");
    Ok(TitlePath {
        title: join(&mut segments().take(title_depth)),
        resource: join(&mut segments().skip(title_depth)),
    })
}

/// Percent-decodes, and refuses what no honest path contains.
fn decode(path: &str) -> Result<String, Trick> {
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'\\' {
            return Err(Trick::HiddenSlash);
        }
        if byte == b'%' {
            let hex = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
            let mut digits = rest.clone();
            if !(hex(digits.next()) && hex(digits.next())) {
                return Err(Trick::Escape);
            }
        }
    }
    // Slashes are compared by number: any more than were sent have come out of hiding.
    let slashes = path.bytes().filter(|byte| *byte == b'/').count();
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    let decoded = String::from_utf8(decoded).map_err(|_| Trick::Encoding)?;
    if decoded.chars().any(char::is_control) {
        return Err(Trick::Control);
    }
    if decoded.contains('\\') || decoded.bytes().filter(|byte| *byte == b'/').count() != slashes {
        return Err(Trick::HiddenSlash);
    }
    Ok(decoded)
}

/// Whether a segment ends like a title and has a name before that.
fn is_title(segment: &str) -> bool {
    TITLE_SUFFIXES.iter().any(|suffix| {
        let stem_size = segment.len().checked_sub(suffix.len());
        stem_size
            .and_then(|size| segment.split_at_checked(size))
            .is_some_and(|(stem, end)| !stem.is_empty() && end.eq_ignore_ascii_case(suffix))
    })
}

#[cfg(test)]
mod tests;
