//! Timed text: `wvtt` and `stpp`, `ISO/IEC 14496-30`, Smooth Streaming's `dfxp`,
//! and 3GPP's `tx3g`.

use super::bits::Bits;
use super::boxes::Boxes;
use super::{Codec, CodecError, Finding, FourCc};

/// reserved, data_reference_index.
const FIXED_SIZE: usize = 8;

/// Namespaces of IMSC 1 profiles, as `stpp` entries list them, and their short names
/// in the registry of TTML profiles.
const PROFILES: [(&str, &str); 4] = [
    ("http://www.w3.org/ns/ttml/profile/imsc1/text", "im1t"),
    ("http://www.w3.org/ns/ttml/profile/imsc1/image", "im1i"),
    ("http://www.w3.org/ns/ttml/profile/imsc1.1/text", "im2t"),
    ("http://www.w3.org/ns/ttml/profile/imsc1.1/image", "im2i"),
];

/// Reads the payload of a text sample entry.
pub(super) fn read(four_cc: FourCc, payload: &[u8]) -> Result<Finding<'_>, CodecError> {
    let Some(after) = payload.get(FIXED_SIZE..) else {
        return Err(CodecError::Truncated {
            part: four_cc,
            offset: payload.len(),
        });
    };
    match &four_cc.0 {
        b"wvtt" => {
            let record = Boxes::read(after)?.require(four_cc, b"vttC")?;
            Ok(Finding {
                codec: Codec::Wvtt,
                rfc6381: four_cc.to_string(),
                record,
            })
        }
        b"stpp" => read_stpp(four_cc, after),
        // Documents whose times count from the start of their sample.
        b"dfxp" => Ok(Finding {
            codec: Codec::Stpp,
            rfc6381: four_cc.to_string(),
            record: &[],
        }),
        _ => Ok(Finding {
            codec: Codec::Tx3g,
            rfc6381: four_cc.to_string(),
            record: after,
        }),
    }
}

/// Reads an `XMLSubtitleSampleEntry`. Its `codecs` parameter names the TTML
/// profile where the entry does: `stpp.ttml.im1t`.
fn read_stpp(four_cc: FourCc, after: &[u8]) -> Result<Finding<'_>, CodecError> {
    let (namespaces, rest) = read_string(four_cc, after)?;
    let (locations, rest) = read_string(four_cc, rest)?;
    // Some writers leave the last string out when there is nothing after it.
    let (_, rest) = read_string(four_cc, rest).unwrap_or_default();
    let boxes = Boxes::read(rest)?;
    let from_mime = match boxes.find(b"mime") {
        Some(mime) => read_mime_codecs(mime)?,
        None => None,
    };
    let from_namespaces = || {
        let words = || namespaces.split_whitespace().chain(locations.split_whitespace());
        PROFILES
            .iter()
            .find(|(uri, _)| words().any(|word| word == *uri))
            .map(|(_, name)| (*name).to_owned())
    };
    let rfc6381 = match from_mime.or_else(from_namespaces) {
        Some(profile) => format!("{four_cc}.ttml.{profile}"),
        None => four_cc.to_string(),
    };
    Ok(Finding {
        codec: Codec::Stpp,
        rfc6381,
        record: &[],
    })
}

/// The `codecs` parameter in a `mime` box: `application/ttml+xml;codecs=im1t`.
fn read_mime_codecs(payload: &[u8]) -> Result<Option<String>, CodecError> {
    let part = FourCc(*b"mime");
    let mut bits = Bits::new(part, payload);
    bits.skip(32)?; // version, flags
    let rest = bits.rest();
    // The terminator is often missing.
    let text =
        read_string(part, rest).map_or_else(|_| std::str::from_utf8(rest).unwrap_or(""), |(text, _)| text);
    let codecs = text
        .split(';')
        .find_map(|parameter| parameter.trim().strip_prefix("codecs="));
    let is_safe = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(codecs
        .map(|name| name.trim_matches('"'))
        .filter(is_safe)
        .map(str::to_owned))
}

/// Reads a string up to its zero byte. Text that is not UTF-8 counts as empty.
fn read_string(part: FourCc, data: &[u8]) -> Result<(&str, &[u8]), CodecError> {
    let end = data.iter().position(|byte| *byte == 0);
    let Some((text, rest)) = end.and_then(|end| Some((data.get(..end)?, data.get(end + 1..)?))) else {
        return Err(CodecError::Truncated {
            part,
            offset: FIXED_SIZE + data.len(),
        });
    };
    Ok((std::str::from_utf8(text).unwrap_or(""), rest))
}
