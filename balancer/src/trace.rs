//! W3C trace context: passed on as it came, or begun here.
//!
//! The balancer makes no spans, so what comes in goes on unchanged, as
//! <https://www.w3.org/TR/trace-context/> §3.2 lets it; what cannot be read
//! begins anew, without the state that belonged to it.

use http::{HeaderMap, HeaderName, HeaderValue};
use strata_node::request_id;

/// The header that names trace and caller.
pub(crate) const PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header with what vendors add.
pub(crate) const STATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of `00-{32}-{16}-{2}`.
const PARENT_BYTES: usize = 55;

/// The trace that a request belongs to, if the client said so in a way that can be read.
pub(crate) fn given(headers: &HeaderMap) -> Option<&str> {
    let mut parents = headers.get_all(PARENT).iter();
    let parent = parents.next()?;
    if parents.next().is_some() {
        return None;
    }
    trace_id(parent.to_str().ok()?)
}

/// A `traceparent` that begins a trace, which nobody has asked to be recorded.
///
/// A request id of 32 hexadecimal digits, as they are made here, is the trace's id too.
pub(crate) fn begin(id: &HeaderValue) -> HeaderValue {
    let mut parent = [b'-'; PARENT_BYTES];
    let id = Some(id.as_bytes()).filter(|id| std::str::from_utf8(id).is_ok_and(|id| is_id(id, 32)));
    let made = id.is_none().then(request_id::make);
    let made = made.as_ref().map_or(b"".as_slice(), HeaderValue::as_bytes);
    let caller = request_id::hexadecimal(request_id::word());
    let parts = [
        (0, b"00".as_slice()),
        (3, id.unwrap_or(made)),
        (36, caller.as_slice()),
        (53, b"00".as_slice()),
    ];
    for (start, part) in parts {
        if let Some(place) = parent.get_mut(start..start + part.len()) {
            place.copy_from_slice(part);
        }
    }
    HeaderValue::from_bytes(&parent).unwrap_or(HeaderValue::from_static(""))
}

/// The trace's id in a `traceparent`. `None`: it is none. §3.2.2.
pub(crate) fn trace_id(parent: &str) -> Option<&str> {
    let mut parts = parent.splitn(5, '-');
    let (version, trace, caller, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Versions to come may go on behind this one's fields.
    let ends = parent.len() == PARENT_BYTES || (version != "00" && parts.next().is_some());
    let is_version = is_hex(version, 2) && version != "ff";
    (is_version && is_id(trace, 32) && is_id(caller, 16) && is_hex(flags, 2) && ends).then_some(trace)
}

fn is_hex(text: &str, size: usize) -> bool {
    text.len() == size && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Zeros only are no id.
fn is_id(text: &str, size: usize) -> bool {
    is_hex(text, size) && text.bytes().any(|byte| byte != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn what_the_specification_allows_is_read() {
        for parent in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes",
        ] {
            assert_eq!(trace_id(parent), Some(TRACE), "{parent}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for parent in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ] {
            assert_eq!(trace_id(parent), None, "{parent}");
        }
    }

    #[test]
    fn a_trace_that_begins_here_can_be_read() {
        let id = HeaderValue::from_static(TRACE);
        let parent = begin(&id);
        assert_eq!(trace_id(parent.to_str().unwrap()), Some(TRACE));
        let other = begin(&HeaderValue::from_static("an id of the client's"));
        assert!(trace_id(other.to_str().unwrap()).is_some());
    }

    #[test]
    fn two_parents_are_none() {
        let parent = begin(&HeaderValue::from_static(TRACE));
        let mut headers = HeaderMap::from_iter([(PARENT, parent.clone())]);
        assert_eq!(given(&headers), Some(TRACE));
        headers.append(PARENT, parent);
        assert_eq!(given(&headers), None);
    }
}
