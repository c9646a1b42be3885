//! The request id: what tells a request apart in the logs of all tiers.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a client, in bytes.
const BYTES_MAX: usize = 128;

/// Differs from process to process; from the system's randomness.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// The id a client gave, if it can stand in a log line as it is; otherwise a new one.
#[must_use]
pub fn keep_or_make(given: Option<&HeaderValue>) -> HeaderValue {
    match given {
        Some(id) if is_plain(id.as_bytes()) => id.clone(),
        _ => make(),
    }
}

/// 32 hexadecimal digits that no other request of this process has.
#[must_use]
pub fn make() -> HeaderValue {
    let mut id = [0; 32];
    let (first, rest) = id.split_at_mut(16);
    first.copy_from_slice(&hexadecimal(word()));
    rest.copy_from_slice(&hexadecimal(word()));
    HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("-"))
}

/// A number that this process has not given out before, and that tells nobody the next.
#[must_use]
pub fn word() -> u64 {
    SEED.hash_one(COUNTER.fetch_add(1, Ordering::Relaxed))
}

/// A number's 16 lower-case hexadecimal digits: once a request, so without the machinery of formatting.
#[must_use]
pub fn hexadecimal(word: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (index, byte) in word.to_be_bytes().into_iter().enumerate() {
        for (digit, nibble) in [(0, byte >> 4), (1, byte & 15)] {
            if let Some(place) = digits.get_mut(2 * index + digit) {
                *place = if nibble < 10 {
                    b'0' + nibble
                } else {
                    b'a' + (nibble - 10)
                };
            }
        }
    }
    digits
}

fn is_plain(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_id_is_kept() {
        let given = HeaderValue::from_static("Root=1-67891233-abcdef012345678912345678");
        assert_eq!(keep_or_make(Some(&given)), given);
    }

    #[test]
    fn numbers_are_written_as_everywhere() {
        for word in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX, word()] {
            assert_eq!(hexadecimal(word), format!("{word:016x}").as_bytes(), "{word}");
        }
    }

    #[test]
    fn anything_else_gets_a_new_one() {
        let long = HeaderValue::from_str(&"x".repeat(BYTES_MAX + 1)).unwrap();
        let odd = [
            HeaderValue::from_static(""),
            HeaderValue::from_static("a b"),
            long,
        ];
        for given in odd.iter().map(Some).chain([None]) {
            let made = keep_or_make(given);
            assert_eq!(made.len(), 32);
            assert_ne!(made, keep_or_make(given));
        }
    }
}
