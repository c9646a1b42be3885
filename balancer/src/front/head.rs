//! A request's head, checked before anything is made of it. Pure.
//!
//! Two programs that read one head differently are what request smuggling lives
//! on, so whatever RFC 9112 does not allow is refused here, by its bytes, and
//! nothing is mended. RFC 9112 §2.2, §3, §5, §6; RFC 9110 §5.5, §7.2.

use std::borrow::Cow;

use http::StatusCode;

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes, from the method to the empty line.
    pub bytes: usize,
    /// Header fields.
    pub fields: usize,
}

/// What a client of HTTP/2 without TLS begins with, up to the empty line. RFC 9113 §3.4.
pub(super) const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The first line is no request line.
    RequestLine,
    /// Some version of HTTP that is not spoken here.
    Version,
    /// A field that is none, is folded, or holds control characters.
    Field,
    /// `Host` is missing, there twice, or no host.
    Host,
    /// It cannot be told for sure where the request ends.
    Framing,
    /// A body, and nothing here takes one.
    Body,
    /// The request line alone is longer than a head may be.
    Target,
    /// The head is longer than it may be, or has too many fields.
    TooLarge,
    /// The head did not arrive in time.
    TimedOut,
}

impl Refusal {
    pub(crate) const ALL: [Self; 9] = [
        Self::RequestLine,
        Self::Version,
        Self::Field,
        Self::Host,
        Self::Framing,
        Self::Body,
        Self::Target,
        Self::TooLarge,
        Self::TimedOut,
    ];

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::RequestLine | Self::Field | Self::Host | Self::Framing | Self::Body => {
                StatusCode::BAD_REQUEST
            }
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Target => StatusCode::URI_TOO_LONG,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// What the client is told.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::RequestLine => "malformed request line\n",
            Self::Version => "only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken\n",
            Self::Field => "malformed header field\n",
            Self::Host => "exactly one valid Host is needed\n",
            Self::Framing => "ambiguous length of the request\n",
            Self::Body => "a request with a body is not served\n",
            Self::Target => "the URL is too long\n",
            Self::TooLarge => "the request's head is too large\n",
            Self::TimedOut => "the request's head did not arrive in time\n",
        }
    }

    /// The value of metric labels and log fields.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::RequestLine => "request_line",
            Self::Version => "version",
            Self::Field => "field",
            Self::Host => "host",
            Self::Framing => "framing",
            Self::Body => "body",
            Self::Target => "target",
            Self::TooLarge => "too_large",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Where the head at the start of `bytes` ends, past its empty line. `None`: it has not arrived whole.
///
/// `from`: so many bytes have been looked at before, less two. Lines that end
/// without CR count as lines here, so that such a head is refused and not waited for.
pub(super) fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let line_end = at + memchr::memchr(b'\n', bytes.get(at..)?)?;
        at = line_end + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Checks a whole head, up to and with its empty line.
///
/// # Errors
///
/// Why it is refused.
pub(super) fn check(head: &[u8], limits: HeadLimits) -> Result<(), Refusal> {
    if limits.bytes < head.len() {
        return Err(too_large(head, limits));
    }
    let mut lines = Lines(head);
    let is_1_1 = request_line(
        lines
            .next()
            .ok_or(Refusal::RequestLine)?
            .ok_or(Refusal::RequestLine)?,
    )?;
    let mut fields = Fields::default();
    for (count, line) in lines.enumerate() {
        let line = line.ok_or(Refusal::Field)?;
        if line.is_empty() {
            return fields.check(is_1_1);
        }
        if limits.fields <= count {
            return Err(Refusal::TooLarge);
        }
        fields.read(line)?;
    }
    Err(Refusal::Field)
}

/// Why a head that is longer than it may be is refused.
pub(super) fn too_large(head: &[u8], limits: HeadLimits) -> Refusal {
    match memchr::memchr(b'\n', head) {
        Some(line) if line < limits.bytes => Refusal::TooLarge,
        _ => Refusal::Target,
    }
}

/// Method and target of a head that may be anything, to be logged.
pub(super) fn shown(head: &[u8]) -> (Cow<'_, str>, Cow<'_, str>) {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let mut word = || String::from_utf8_lossy(words.next().unwrap_or_default().trim_ascii_end());
    (word(), word())
}

/// The lines of a head without their ends. `None` in place of one that does not end in CR LF, or has a CR elsewhere.
struct Lines<'h>(&'h [u8]);

impl<'h> Iterator for Lines<'h> {
    type Item = Option<&'h [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, rest) = self.0.split_at_checked(memchr::memchr(b'\n', self.0)? + 1)?;
        self.0 = rest;
        let line = line.strip_suffix(b"\r\n");
        Some(line.filter(|line| memchr::memchr(b'\r', line).is_none()))
    }
}

/// Whether the request is HTTP/1.1, and not 1.0.
fn request_line(line: &[u8]) -> Result<bool, Refusal> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::RequestLine);
    };
    let is_target = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    if !is_token(method) || !is_target {
        return Err(Refusal::RequestLine);
    }
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        _ if version.starts_with(b"HTTP/") => Err(Refusal::Version),
        _ => Err(Refusal::RequestLine),
    }
}

/// What of the fields says where a request goes and where it ends.
#[derive(Default)]
struct Fields {
    has_host: bool,
    has_coding: bool,
    length: Option<u64>,
}

impl Fields {
    fn read(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let (name, value) = line
            .split_at_checked(memchr::memchr(b':', line).ok_or(Refusal::Field)?)
            .ok_or(Refusal::Field)?;
        // Also refuses folded lines, which begin with a space, and names with one before the colon.
        if !is_token(name) {
            return Err(Refusal::Field);
        }
        let value = value.get(1..).unwrap_or_default();
        if !value
            .iter()
            .all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
        {
            return Err(Refusal::Field);
        }
        // Of white space only spaces and tabs are left by now.
        let value = value.trim_ascii();
        if name.eq_ignore_ascii_case(b"host") {
            if self.has_host || !is_host(value) {
                return Err(Refusal::Host);
            }
            self.has_host = true;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.has_coding || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Refusal::Framing);
            }
            self.has_coding = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // Twice the same is not ambiguous, but nobody who means well sends it.
            let length = is_number(value).then(|| std::str::from_utf8(value).ok()?.parse().ok());
            if self.length.is_some() {
                return Err(Refusal::Framing);
            }
            self.length = Some(length.flatten().ok_or(Refusal::Framing)?);
        }
        Ok(())
    }

    fn check(&self, is_1_1: bool) -> Result<(), Refusal> {
        if is_1_1 && !self.has_host {
            return Err(Refusal::Host);
        }
        match (self.has_coding, self.length) {
            (true, Some(_)) => Err(Refusal::Framing),
            (true, None) if !is_1_1 => Err(Refusal::Framing),
            (false, None | Some(0)) => Ok(()),
            (true, None) | (false, Some(_)) => Err(Refusal::Body),
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let is_token = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
    };
    !bytes.is_empty() && bytes.iter().all(is_token)
}

fn is_number(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit)
}

/// RFC 3986 §3.2.2 and a port, without user information.
fn is_host(value: &[u8]) -> bool {
    let is_host = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'%'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b';'
                    | b'='
                    | b':'
                    | b'['
                    | b']'
            )
    };
    value.iter().all(is_host)
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
