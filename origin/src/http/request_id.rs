//! The request id: what tells a request apart in the logs of all tiers.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, set by balancers.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over, in bytes.
const BYTES_MAX: usize = 128;

/// Differs from process to process.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The id that came with the request, if it can stand in a log line as it is;
/// otherwise a new one of 32 hexadecimal digits.
pub(super) fn keep_or_make(headers: &HeaderMap) -> HeaderValue {
    match headers.get(HEADER) {
        Some(id) if is_plain(id.as_bytes()) => id.clone(),
        _ => {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let id = format!("{:016x}{:016x}", SEED.hash_one(count), SEED.hash_one(!count));
            HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
        }
    }
}

fn is_plain(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_kept_and_anything_else_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static("Root=1-67891233"));
        assert_eq!(keep_or_make(&headers), "Root=1-67891233");
        headers.insert(HEADER, HeaderValue::from_static("two words"));
        let (one, other) = (keep_or_make(&headers), keep_or_make(&headers));
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
