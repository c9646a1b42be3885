//! Heads, good and bad.

use proptest::prelude::*;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    bytes: 1024,
    fields: 10,
};

#[track_caller]
fn is(head: &str, expected: Result<(), Refusal>) {
    assert_eq!(check(head.as_bytes(), LIMITS), expected, "{head:?}");
    assert_eq!(end(head.as_bytes(), 0), Some(head.len()), "{head:?}");
}

/// A GET with these field lines after `Host`.
#[track_caller]
fn fields(lines: &str, expected: Result<(), Refusal>) {
    is(&format!("GET / HTTP/1.1\r\nhost: t\r\n{lines}\r\n"), expected);
}

#[test]
fn plain_requests_pass() {
    is("GET / HTTP/1.1\r\nHost: t\r\n\r\n", Ok(()));
    is("GET / HTTP/1.0\r\n\r\n", Ok(()));
    is(
        "HEAD /a%20b?c=/d;e HTTP/1.1\r\nhost:\t[::1]:80 \r\nx:\r\n\r\n",
        Ok(()),
    );
    is("OPTIONS * HTTP/1.1\r\nhost: t\r\n\r\n", Ok(()));
    is("GET http://t/ HTTP/1.1\r\nhost: t\r\n\r\n", Ok(()));
    fields("x: a\tb \u{e9}\r\n", Ok(()));
    fields("content-length: 0\r\n", Ok(()));
}

#[test]
fn a_request_line_is_three_words() {
    for line in [
        "GET /",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET /\u{e9} HTTP/1.1",
        "GET /\u{7f} HTTP/1.1",
        "GET / http/1.1",
        "",
    ] {
        is(&format!("{line}\r\nhost: t\r\n\r\n"), Err(Refusal::RequestLine));
    }
    for version in ["HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1.1x", "HTTP/"] {
        is(
            &format!("GET / {version}\r\nhost: t\r\n\r\n"),
            Err(Refusal::Version),
        );
    }
}

#[test]
fn lines_end_in_cr_lf_and_nothing_else() {
    is("GET / HTTP/1.1\nhost: t\r\n\r\n", Err(Refusal::RequestLine));
    is("GET / HTTP/1.1\r\nhost: t\n\r\n", Err(Refusal::Field));
    is("GET / HTTP/1.1\r\nhost: t\r\n\n", Err(Refusal::Field));
    is("GET / HTTP/1.1\n\n", Err(Refusal::RequestLine));
    fields("x: a\rb: c\r\n", Err(Refusal::Field));
    fields("x: a\r\r\n", Err(Refusal::Field));
}

#[test]
fn a_field_is_a_name_a_colon_and_a_value() {
    for line in [
        "x",
        "x : a",
        ": a",
        " x: a",
        "x\0: a",
        "x: a\0",
        "x: \u{7f}",
        "x:\u{c}a",
        "x\u{e9}: a",
        "x y: a",
    ] {
        fields(&format!("{line}\r\n"), Err(Refusal::Field));
    }
    // Folded: RFC 9112 §5.2.
    fields("x: a\r\n b\r\n", Err(Refusal::Field));
    fields("x: a\r\n\tb\r\n", Err(Refusal::Field));
}

#[test]
fn there_is_one_host() {
    is("GET / HTTP/1.1\r\n\r\n", Err(Refusal::Host));
    fields("host: t\r\n", Err(Refusal::Host));
    for host in ["a b", "a,b", "a/b", "user@t", "a?b", "\u{e9}"] {
        is(
            &format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            Err(Refusal::Host),
        );
    }
    is("GET / HTTP/1.0\r\nhost: t\r\nHost: t\r\n\r\n", Err(Refusal::Host));
}

#[test]
fn where_a_request_ends_is_beyond_doubt() {
    for lines in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "content-length: 4\r\ncontent-length: 4\r\n",
        "content-length: 0\r\ncontent-length: 5\r\n",
        "content-length: 4, 4\r\n",
        "content-length: +4\r\n",
        "content-length: -1\r\n",
        "content-length: 0x4\r\n",
        "content-length: 4 4\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ] {
        fields(lines, Err(Refusal::Framing));
    }
    is(
        "GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        Err(Refusal::Framing),
    );
}

#[test]
fn a_body_is_refused_however_it_is_announced() {
    fields("Content-Length: 4\r\n", Err(Refusal::Body));
    fields("TRANSFER-ENCODING: Chunked\r\n", Err(Refusal::Body));
    is("POST / HTTP/1.0\r\ncontent-length: 1\r\n\r\n", Err(Refusal::Body));
}

#[test]
fn heads_have_limits() {
    fields(&"x: y\r\n".repeat(9), Ok(()));
    fields(&"x: y\r\n".repeat(10), Err(Refusal::TooLarge));
    fields(&format!("x: {}\r\n", "y".repeat(1024)), Err(Refusal::TooLarge));
    is(
        &format!("GET /{} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(1024)),
        Err(Refusal::Target),
    );
}

#[test]
fn a_head_that_is_no_request_can_be_logged() {
    let shown = |head: &'static [u8]| {
        let (method, target) = shown(head);
        (method.into_owned(), target.into_owned())
    };
    let pair = |method: &str, target: &str| (method.to_owned(), target.to_owned());
    assert_eq!(shown(b"GET /a?b HTTP/1.1\r\n"), pair("GET", "/a?b"));
    assert_eq!(shown(b""), pair("", ""));
    assert_eq!(shown(b"\x16\x03\x01\r\n"), pair("\u{16}\u{3}\u{1}", ""));
    assert_eq!(shown(b"GET /\xff"), pair("GET", "/\u{fffd}"));
}

proptest! {
    #[test]
    fn a_head_ends_at_the_same_place_however_it_arrives(
        text in "(a|\r|\n|\r\n|\r\n\r\n){0,24}",
        pieces in proptest::collection::vec(1_usize..5, 1..30),
    ) {
        let bytes = text.as_bytes();
        let mut arrived = 0;
        let mut found = None;
        for piece in pieces {
            let from = arrived.min(bytes.len()).saturating_sub(2);
            arrived += piece;
            found = end(&bytes[..arrived.min(bytes.len())], from);
            if found.is_some() {
                break;
            }
        }
        if found.is_some() || bytes.len() <= arrived {
            prop_assert_eq!(found, end(bytes, 0));
        }
    }

    #[test]
    fn whatever_passes_is_read_alike_by_another_parser(
        line in "[ -~]{0,12}",
        head in "GET / HTTP/1\\.[01]\r\n(host: t\r\n)?([a-z :\t\r\n\u{1}]{0,6}\r\n){0,3}\r\n",
    ) {
        let head = head.replacen("GET / HTTP", &format!("GET /{line} HTTP"), 1);
        let head = &head[..end(head.as_bytes(), 0).unwrap_or(0)];
        if check(head.as_bytes(), LIMITS).is_ok() {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut fields);
            let parsed = request.parse(head.as_bytes());
            prop_assert_eq!(parsed, Ok(httparse::Status::Complete(head.len())), "{:?}", head);
        }
    }
}
