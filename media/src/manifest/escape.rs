//! Text on its way into XML, playlists and URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a path segment: letters, digits, `-._~`, and the `=`
/// of track tokens.
const KEPT_IN_SEGMENT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'=');

/// `text` as (part of) one path segment of a URL.
pub(super) fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, &KEPT_IN_SEGMENT).to_string()
}

/// `text` as the value of an XML attribute in double quotes. Characters XML
/// cannot hold become U+FFFD, `XML 1.0 §2.2`.
pub(super) fn xml_attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // Left as they are, a parser would make spaces of them.
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// `text` as a quoted string of a playlist, quotes included, `RFC 8216 §4.2`:
/// there is no way to write a quote or a control character in one.
pub(super) fn quoted_string(text: &str) -> String {
    let safe = text.chars().map(|character| match character {
        '"' => '\'',
        _ if character.is_control() => ' ',
        _ => character,
    });
    format!("\"{}\"", safe.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_segment_keeps_the_equals_sign_and_nothing_that_has_a_meaning() {
        assert_eq!(path_segment("film-video=401000"), "film-video=401000");
        assert_eq!(
            path_segment("a b/c?d#e%f$g\"é"),
            "a%20b%2Fc%3Fd%23e%25f%24g%22%C3%A9"
        );
    }

    #[test]
    fn an_attribute_cannot_be_left_early() {
        assert_eq!(
            xml_attribute("a\"<b>&\n\u{1}é"),
            "a&quot;&lt;b&gt;&amp;&#10;\u{FFFD}é"
        );
    }

    #[test]
    fn a_quoted_string_cannot_be_left_early() {
        assert_eq!(quoted_string("a\"b\r\n#EXT"), "\"a'b  #EXT\"");
    }
}
