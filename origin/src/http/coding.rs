//! Content codings (`RFC 9110 §12.5.3`).

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

/// How a manifest is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// The coding's name in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
        }
    }

    /// The coding that the client likes best; `gzip` when it does not mind.
    pub(super) fn negotiate(headers: &HeaderMap) -> Self {
        let mut gzip = None;
        let mut identity = None;
        let mut any = None;
        let values = headers.get_all(ACCEPT_ENCODING).into_iter();
        for item in values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
        {
            let (name, quality) = weighed(item);
            let named = match name {
                name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => &mut gzip,
                name if name.eq_ignore_ascii_case("identity") => &mut identity,
                "*" => &mut any,
                _ => continue,
            };
            *named = Some(quality);
        }
        let gzip = gzip.or(any).unwrap_or(0);
        if 0 < gzip && identity.unwrap_or(0) <= gzip {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// `gzip;q=0.5` as its name and its quality in thousandths; a quality that is
/// not one counts as 0.
fn weighed(item: &str) -> (&str, u16) {
    let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
    let quality = parameters.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("q")
            .then(|| thousandths(value.trim()))
    });
    (name.trim(), quality.unwrap_or(1000))
}

/// `1`, `0.25`, `0.` and so on (`RFC 9110 §12.4.2`).
fn thousandths(quality: &str) -> u16 {
    let (whole, decimals) = quality.split_once('.').unwrap_or((quality, ""));
    let is_short = decimals.len() <= 3 && decimals.bytes().all(|digit| digit.is_ascii_digit());
    match whole {
        "1" if decimals.bytes().all(|digit| digit == b'0') => 1000,
        "0" if is_short => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// Compresses a manifest: done once, sent often.
///
/// # Errors
/// None that memory does not give; the signature is `Write`'s.
pub(super) fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    // The head has no time and no name, so every node makes the same bytes.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(accept: &str, expected: Coding) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
        assert_eq!(Coding::negotiate(&headers), expected, "{accept}");
    }

    #[test]
    fn gzip_is_used_where_it_is_welcome() {
        for accept in [
            "gzip",
            "GZIP",
            "deflate, gzip;q=0.5, br",
            "*",
            "x-gzip",
            "gzip;q=1.000",
            "gzip; q=0.001",
        ] {
            check(accept, Coding::Gzip);
        }
        check("identity;q=0.5, gzip;q=0.5", Coding::Gzip);
    }

    #[test]
    fn gzip_is_not_used_where_it_is_not() {
        for accept in [
            "",
            "br",
            "gzip;q=0",
            "gzip;q=0.000",
            "*;q=0",
            "gzip;q=0, *",
            "gzip;q=nan",
            "gzip;q=2",
        ] {
            check(accept, Coding::Identity);
        }
        check("identity, gzip;q=0.5", Coding::Identity);
        assert_eq!(Coding::negotiate(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn compressing_twice_makes_the_same_bytes() {
        assert_eq!(gzip(b"<MPD/>").unwrap(), gzip(b"<MPD/>").unwrap());
    }
}
