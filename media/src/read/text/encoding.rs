//! From bytes to characters.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes are looked at to tell UTF-16 without a byte order mark.
const PROBE_SIZE: usize = 256;

/// Decodes `bytes`: by their byte order mark; else UTF-8 when they are; else
/// UTF-16 when every other byte is zero; else Windows-1252. All ends of lines
/// become line feeds, and NUL becomes U+FFFD as WebVTT wants it.
pub(super) fn decode(bytes: &[u8]) -> String {
    let text = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => {
            let rest = bytes.get(mark..).unwrap_or_default();
            encoding.decode_without_bom_handling(rest).0
        }
        None => guess(bytes).decode_without_bom_handling(bytes).0,
    };
    let mut lines = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        lines.push(match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                '\n'
            }
            '\0' => char::REPLACEMENT_CHARACTER,
            _ => character,
        });
    }
    lines
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let probe = bytes.get(..PROBE_SIZE).unwrap_or(bytes);
    let zeros = |first: usize| {
        probe
            .iter()
            .skip(first)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    // Most letters of texts in UTF-16 are of the first 256.
    let (even, odd, half) = (zeros(0), zeros(1), probe.len() / 2);
    if bytes.len() >= 4 && half < odd * 2 {
        UTF_16LE
    } else if bytes.len() >= 4 && half < even * 2 {
        UTF_16BE
    } else if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn every_encoding_in_use_is_told_apart() {
        let text = "WEBVTT\n\nGrüße – café\n";
        assert_eq!(decode(text.as_bytes()), text);
        assert_eq!(decode(format!("\u{FEFF}{text}").as_bytes()), text);
        for mark in ["", "\u{FEFF}"] {
            let marked = format!("{mark}{text}");
            assert_eq!(decode(&utf_16(&marked, u16::to_le_bytes)), text);
            assert_eq!(decode(&utf_16(&marked, u16::to_be_bytes)), text);
        }
        assert_eq!(decode(b"Gr\xFC\xDFe \x96 caf\xE9"), "Grüße – café");
    }

    #[test]
    fn all_ends_of_lines_are_the_same() {
        assert_eq!(decode(b"a\r\nb\rc\nd\r\r\ne\0"), "a\nb\nc\nd\n\ne\u{FFFD}");
    }
}
