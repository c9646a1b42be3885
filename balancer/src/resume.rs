//! Going on with an answer that broke off, at another node. Pure.
//!
//! Nodes give byte for byte the same answer under the same strong ETag, so when
//! one dies with its answer half sent, the rest of it can be had from another
//! one as a range, and the client sees one whole answer. RFC 9110 §14, §8.8.3.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG};
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// What of the client's own request does not ask for the rest: its conditions
/// were met by the first answer. The codings it takes stay: they led to the
/// representation that the rest is to come from.
pub(crate) const NOT_FOR_THE_REST: [HeaderName; 5] = [
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
];

/// What must be known of an answer's head to go on with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resumable {
    etag: HeaderValue,
    /// `Content-Encoding`: bytes are counted in the coded form. `None`: there is none.
    coding: Option<HeaderValue>,
    /// Where the answer's body begins in the whole representation, in bytes.
    first: u64,
    /// Where it ends, exclusive.
    end: u64,
    /// Size of the whole representation.
    total: u64,
}

/// The part of an answer that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rest {
    etag: HeaderValue,
    coding: Option<HeaderValue>,
    first: u64,
    end: u64,
    total: u64,
}

impl Resumable {
    /// What a head says. `None`: should its body break off, that is the end of
    /// it: there is no strong ETag, no length, or a body that is no plain range.
    pub(crate) fn of(method: &Method, status: StatusCode, headers: &HeaderMap) -> Option<Self> {
        if *method != Method::GET {
            return None;
        }
        let etag = headers
            .get(ETAG)
            .filter(|etag| etag.as_bytes().starts_with(b"\""))?
            .clone();
        let length: u64 = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
        let (first, end, total) = match status {
            StatusCode::OK => (0, length, length),
            StatusCode::PARTIAL_CONTENT => content_range(headers.get(CONTENT_RANGE)?)?,
            _ => return None,
        };
        (first.checked_add(length)? == end && end <= total).then_some(Self {
            etag,
            coding: headers.get(CONTENT_ENCODING).cloned(),
            first,
            end,
            total,
        })
    }

    /// What is missing after `sent` bytes of the body. `None`: nothing.
    pub(crate) fn rest(&self, sent: u64) -> Option<Rest> {
        let first = self.first.checked_add(sent)?;
        let Self {
            etag,
            coding,
            end,
            total,
            ..
        } = self;
        (first < *end).then(|| Rest {
            etag: etag.clone(),
            coding: coding.clone(),
            first,
            end: *end,
            total: *total,
        })
    }
}

impl Rest {
    /// The value of `Range` that asks for it.
    pub(crate) fn range(&self) -> String {
        format!("bytes={}-{}", self.first, self.end - 1)
    }

    /// The value of `If-Match` without which it would be the rest of something else.
    pub(crate) fn etag(&self) -> HeaderValue {
        self.etag.clone()
    }

    /// Whether this is the head of just that part of just that representation.
    /// What it says is checked, not what was asked for: a node may not know `If-Match`.
    pub(crate) fn begins_with(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let part = Resumable::of(&Method::GET, status, headers);
        let Self {
            etag,
            coding,
            first,
            end,
            total,
        } = self.clone();
        status == StatusCode::PARTIAL_CONTENT
            && part
                == Some(Resumable {
                    etag,
                    coding,
                    first,
                    end,
                    total,
                })
    }
}

/// First byte, end (exclusive) and total size of `bytes 0-499/1234`.
fn content_range(value: &HeaderValue) -> Option<(u64, u64, u64)> {
    let (range, total) = value.to_str().ok()?.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.parse().ok()?;
    Some((first.parse().ok()?, last.checked_add(1)?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        fields.collect()
    }

    fn whole() -> Resumable {
        let head = headers(&[(ETAG, "\"x\""), (CONTENT_LENGTH, "1000")]);
        Resumable::of(&Method::GET, StatusCode::OK, &head).unwrap()
    }

    #[test]
    fn the_rest_begins_where_the_client_stands() {
        let rest = whole().rest(300).unwrap();
        assert_eq!(
            (rest.range().as_str(), rest.etag().as_bytes()),
            ("bytes=300-999", &b"\"x\""[..])
        );
        assert_eq!(whole().rest(0).unwrap().range(), "bytes=0-999");
        assert_eq!(whole().rest(1000), None);
        assert_eq!(whole().rest(u64::MAX), None);
    }

    #[test]
    fn the_rest_of_a_range_lies_within_it() {
        let fields = [
            (ETAG, "\"x\""),
            (CONTENT_LENGTH, "100"),
            (CONTENT_RANGE, "bytes 500-599/1000"),
        ];
        let range = Resumable::of(&Method::GET, StatusCode::PARTIAL_CONTENT, &headers(&fields)).unwrap();
        assert_eq!(range.rest(30).unwrap().range(), "bytes=530-599");
        assert_eq!(range.rest(100), None);
    }

    #[test]
    fn only_the_very_rest_is_taken_for_it() {
        let rest = whole().rest(300).unwrap();
        let begins = |status, etag, length, range| {
            let head = headers(&[(ETAG, etag), (CONTENT_LENGTH, length), (CONTENT_RANGE, range)]);
            rest.begins_with(status, &head)
        };
        let partial = StatusCode::PARTIAL_CONTENT;
        assert!(begins(partial, "\"x\"", "700", "bytes 300-999/1000"));
        assert!(!begins(partial, "\"y\"", "700", "bytes 300-999/1000"));
        assert!(!begins(partial, "W/\"x\"", "700", "bytes 300-999/1000"));
        assert!(!begins(partial, "\"x\"", "700", "bytes 299-998/1000"));
        assert!(!begins(partial, "\"x\"", "700", "bytes 300-999/1001"));
        assert!(!begins(partial, "\"x\"", "699", "bytes 300-999/1000"));
        assert!(!begins(StatusCode::OK, "\"x\"", "700", "bytes 300-999/1000"));
        assert!(!begins(StatusCode::OK, "\"x\"", "1000", ""));
    }

    #[test]
    fn the_rest_of_a_coded_body_is_coded_alike() {
        let coded = |coding, range| {
            headers(&[
                (ETAG, "\"x\""),
                (CONTENT_LENGTH, "700"),
                (CONTENT_ENCODING, coding),
                (CONTENT_RANGE, range),
            ])
        };
        let answer = Resumable::of(&Method::GET, StatusCode::OK, &coded("gzip", "")).unwrap();
        let rest = answer.rest(0).unwrap();
        let range = "bytes 0-699/700";
        assert!(rest.begins_with(StatusCode::PARTIAL_CONTENT, &coded("gzip", range)));
        assert!(!rest.begins_with(StatusCode::PARTIAL_CONTENT, &coded("br", range)));
        let plain = headers(&[(ETAG, "\"x\""), (CONTENT_LENGTH, "700"), (CONTENT_RANGE, range)]);
        assert!(!rest.begins_with(StatusCode::PARTIAL_CONTENT, &plain));
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_resumed() {
        let of = |method: Method, status: u16, fields: &[(HeaderName, &'static str)]| {
            Resumable::of(&method, StatusCode::from_u16(status).unwrap(), &headers(fields))
        };
        let length = (CONTENT_LENGTH, "1000");
        let etag = (ETAG, "\"x\"");
        assert!(of(Method::GET, 200, &[length.clone(), etag.clone()]).is_some());
        assert_eq!(of(Method::HEAD, 200, &[length.clone(), etag.clone()]), None);
        assert_eq!(of(Method::GET, 404, &[length.clone(), etag.clone()]), None);
        assert_eq!(of(Method::GET, 200, std::slice::from_ref(&length)), None);
        assert_eq!(of(Method::GET, 200, std::slice::from_ref(&etag)), None);
        assert_eq!(of(Method::GET, 200, &[length.clone(), (ETAG, "W/\"x\"")]), None);
        assert_eq!(of(Method::GET, 206, &[length, etag]), None);
    }

    #[test]
    fn odd_ranges_are_no_ranges() {
        for odd in [
            "",
            "bytes */1000",
            "bytes 1-2",
            "bytes 1-2/*",
            "items 0-1/2",
            "bytes 5-18446744073709551615/9",
        ] {
            assert_eq!(content_range(&HeaderValue::from_static(odd)), None, "{odd}");
        }
    }
}
