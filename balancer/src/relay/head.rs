//! Heads of requests and answers: from bytes and to bytes. Pure.

use std::mem::MaybeUninit;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use httparse::ParserConfig;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::{Error, ErrorType, Result};

/// Largest head of an answer.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Most fields of a head.
const FIELDS_MAX: usize = 256;

/// How long the next bytes are an answer's body. RFC 9112 §6.3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Until a chunk of no bytes.
    Chunked,
    /// Until the connection ends, however that comes about.
    Close,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: ResponseHeader,
    pub(super) framing: Framing,
}

impl Head {
    /// How its body is framed when it answers `method`.
    pub(super) fn body(&self, method: &Method) -> Framing {
        let status = self.response.status;
        let bodiless =
            *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodiless {
            Framing::Length(0)
        } else {
            self.framing
        }
    }
}

/// Reads a request's head that has been checked. `None`: its target is no URL after all.
pub(crate) fn request(head: Bytes) -> Option<RequestHeader> {
    // Not set to anything first: it is 8 KiB, once a request.
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let whole = parsed.parse_with_uninit_headers(&head, &mut fields);
    if !whole.ok()?.is_complete() {
        return None;
    }
    let (method, target) = (parsed.method?, parsed.path?);
    let mut request =
        RequestHeader::build_no_case(method, target.as_bytes(), Some(parsed.headers.len())).ok()?;
    request.set_version(version(parsed.version));
    for field in parsed.headers.iter() {
        let (name, value) = (name(field)?, value(&head, field)?);
        request.append_header(name, value).ok()?;
    }
    Some(request)
}

/// Takes an answer's head off the front of `read`. `None`: it has not arrived whole.
///
/// # Errors
///
/// It is no head, or cannot be framed.
pub(super) fn read(read: &mut BytesMut) -> Result<Option<Head>> {
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let status = ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, read, &mut fields);
    let status = status.map_err(|error| {
        Error::because(
            ErrorType::InvalidHTTPHeader,
            "reading the head of an answer",
            error,
        )
        .into_up()
    })?;
    let httparse::Status::Complete(size) = status else {
        if HEAD_BYTES_MAX < read.len() {
            return Err(malformed("the head of an answer is too large"));
        }
        return Ok(None);
    };
    let code = parsed.code.unwrap_or(0);
    let mut response = ResponseHeader::build_no_case(code, Some(parsed.headers.len()))?;
    response.set_version(version(parsed.version));
    response.set_reason_phrase(parsed.reason.filter(|reason| !reason.is_empty()))?;
    // Its values are parts of the bytes that were read, and not copied.
    let places: Vec<_> = parsed
        .headers
        .iter()
        .map(|field| (name(field), place(read, field)))
        .collect();
    let head = read.split_to(size).freeze();
    for (name, place) in places {
        let value = place.and_then(|place| HeaderValue::from_maybe_shared(head.slice(place)).ok());
        let (Some(name), Some(value)) = (name, value) else {
            return Err(malformed("a field of an answer is malformed"));
        };
        response.append_header(name, value)?;
    }
    let framing = framing(&mut response)?;
    Ok(Some(Head { response, framing }))
}

fn malformed(why: &'static str) -> Box<Error> {
    Error::explain(ErrorType::InvalidHTTPHeader, why).into_up()
}

fn version(minor: Option<u8>) -> Version {
    if minor == Some(0) {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    }
}

fn name(field: &httparse::Header<'_>) -> Option<HeaderName> {
    HeaderName::from_bytes(field.name.as_bytes()).ok()
}

fn value(head: &Bytes, field: &httparse::Header<'_>) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(head.slice(place(head, field)?)).ok()
}

/// Where the value of `field` lies in `head`, which it was read from.
fn place(head: &[u8], field: &httparse::Header<'_>) -> Option<std::ops::Range<usize>> {
    let start = (field.value.as_ptr() as usize).checked_sub(head.as_ptr() as usize)?;
    let end = start.checked_add(field.value.len())?;
    // An empty value need not lie anywhere.
    if field.value.is_empty() {
        return Some(0..0);
    }
    (end <= head.len()).then_some(start..end)
}

/// How a body is framed, which its head says in one way afterwards.
fn framing(response: &mut ResponseHeader) -> Result<Framing> {
    let codings = response.headers.get_all(header::TRANSFER_ENCODING);
    let mut codings = codings.iter();
    if let Some(coding) = codings.next() {
        let is_chunked =
            codings.next().is_none() && coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if !is_chunked || response.version == Version::HTTP_10 {
            return Err(malformed("a coding that is not known here"));
        }
        response.remove_header(&header::CONTENT_LENGTH);
        return Ok(Framing::Chunked);
    }
    let mut length = None;
    let mut lengths = 0;
    for value in response.headers.get_all(header::CONTENT_LENGTH) {
        // The same once more is no contradiction. RFC 9110 §8.6.
        for part in value.as_bytes().split(|byte| *byte == b',') {
            let part = number(part.trim_ascii()).ok_or_else(|| malformed("a length that is none"))?;
            if length.is_some_and(|length| length != part) {
                return Err(malformed("two lengths"));
            }
            length = Some(part);
            lengths += 1;
        }
    }
    let Some(length) = length else {
        return Ok(Framing::Close);
    };
    if lengths != 1 {
        response.insert_header(header::CONTENT_LENGTH, length)?;
    }
    Ok(Framing::Length(length))
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| std::str::from_utf8(digits).ok()?.parse().ok())
        .flatten()
}

/// The bytes of a request's head.
pub(super) fn write_request(request: &RequestHeader) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(1 << 10);
    bytes.put_slice(request.method.as_str().as_bytes());
    bytes.put_u8(b' ');
    bytes.put_slice(request.raw_path());
    bytes.put_slice(b" HTTP/1.1\r\n");
    request.header_to_h1_wire(&mut bytes);
    bytes.put_slice(b"\r\n");
    bytes
}

/// The bytes of an answer's head.
pub(super) fn write_response(response: &ResponseHeader) -> BytesMut {
    let mut bytes = BytesMut::with_capacity(1 << 10);
    bytes.put_slice(b"HTTP/1.1 ");
    bytes.put_slice(response.status.as_str().as_bytes());
    bytes.put_u8(b' ');
    bytes.put_slice(response.get_reason_phrase().unwrap_or_default().as_bytes());
    bytes.put_slice(b"\r\n");
    response.header_to_h1_wire(&mut bytes);
    bytes.put_slice(b"\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(fields: &str) -> Option<Framing> {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let mut bytes = BytesMut::from(head.as_str());
        read(&mut bytes).ok().flatten().map(|head| head.framing)
    }

    #[test]
    fn a_body_is_framed_in_one_way_or_not_at_all() {
        let length = |length| Some(Framing::Length(length));
        assert_eq!(framed("content-length: 12\r\n"), length(12));
        assert_eq!(framed("content-length: 12\r\ncontent-length: 12\r\n"), length(12));
        assert_eq!(framed("content-length: 12, 12\r\n"), length(12));
        assert_eq!(framed(""), Some(Framing::Close));
        assert_eq!(framed("transfer-encoding: Chunked\r\n"), Some(Framing::Chunked));
        assert_eq!(
            framed("content-length: 5\r\ntransfer-encoding: chunked\r\n"),
            Some(Framing::Chunked)
        );
        for odd in [
            "content-length: 12\r\ncontent-length: 13\r\n",
            "content-length: +12\r\n",
            "content-length: 18446744073709551616\r\n",
            "content-length:\r\n",
            "transfer-encoding: gzip\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        ] {
            assert_eq!(framed(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_head_is_taken_off_what_follows_it() {
        let mut bytes = BytesMut::from("HTTP/1.1 206 Some\r\nContent-Length: 2\r\nX-A:\r\nx-a: b \r\n\r\nok");
        let Head { response, .. } = read(&mut bytes).unwrap().unwrap();
        assert_eq!(
            (response.status.as_u16(), response.get_reason_phrase()),
            (206, Some("Some"))
        );
        let values: Vec<_> = response.headers.get_all("x-a").iter().collect();
        assert_eq!(values, ["", "b"]);
        assert_eq!(&bytes[..], b"ok");
    }

    #[test]
    fn half_a_head_is_waited_for_and_nonsense_is_not() {
        assert!(
            read(&mut BytesMut::from("HTTP/1.1 200 OK\r\ncont"))
                .unwrap()
                .is_none()
        );
        assert!(read(&mut BytesMut::from("SSH-2.0-OpenSSH\r\n\r\n")).is_err());
        let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
        assert!(read(&mut BytesMut::from(long.as_str())).is_err());
    }

    #[test]
    fn a_request_is_what_its_bytes_say() {
        let head = Bytes::from_static(b"GET /a?b HTTP/1.0\r\nHost: t\r\nX-A: 1\r\nx-a: 2\r\n\r\n");
        let request = request(head).unwrap();
        assert_eq!(
            (request.raw_path(), request.version),
            (&b"/a?b"[..], Version::HTTP_10)
        );
        assert_eq!(
            write_request(&request),
            "GET /a?b HTTP/1.1\r\nHost: t\r\nx-a: 1\r\nx-a: 2\r\n\r\n"
        );
    }
}
