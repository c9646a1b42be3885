//! Byte ranges (`RFC 9110 §14`).

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;

/// What of a representation is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it.
    Whole,
    /// These bytes, half-open and within it.
    Part(Range<u64>),
    /// Bytes that it does not have, or that nobody can make out: 416.
    Unsatisfiable,
}

/// Reads the `Range` of a GET of `length` bytes.
///
/// Several ranges are answered with the whole (§14.2 lets a server do so);
/// units other than bytes are none of ours.
pub(super) fn select(headers: &HeaderMap, length: u64) -> Selection {
    let mut values = headers.get_all(RANGE).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Selection::Whole;
    };
    let Some((unit, set)) = value.to_str().ok().and_then(|value| value.split_once('=')) else {
        return Selection::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Selection::Whole;
    }
    match one(set.trim(), length) {
        Some(range) if !range.is_empty() => Selection::Part(range),
        _ => Selection::Unsatisfiable,
    }
}

/// `10-19`, `10-` or `-10`.
fn one(range: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let end = if last.is_empty() {
        length
    } else {
        let last = number(last)?;
        if last < first {
            return None;
        }
        last.saturating_add(1).min(length)
    };
    Some(first..end)
}

/// Digits and nothing else; more than fit are as good as the most that fit.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(value: &str, length: u64, expected: Selection) {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(value).unwrap());
        assert_eq!(select(&headers, length), expected, "{value}");
    }

    #[test]
    fn one_range_is_served() {
        check("bytes=0-0", 100, Selection::Part(0..1));
        check("bytes=10-19", 100, Selection::Part(10..20));
        check("bytes=10-", 100, Selection::Part(10..100));
        check("bytes=-10", 100, Selection::Part(90..100));
        check("bytes=-1000", 100, Selection::Part(0..100));
        check("bytes=90-1000", 100, Selection::Part(90..100));
        check("Bytes= 10-19", 100, Selection::Part(10..20));
        check("bytes=5-99999999999999999999999", 100, Selection::Part(5..100));
    }

    #[test]
    fn a_range_beyond_the_end_or_without_sense_is_unsatisfiable() {
        for value in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=10",
            "bytes=20-10",
            "bytes=+1-2",
            "bytes=1-2x",
            "bytes=99999999999999999999999-",
        ] {
            check(value, 100, Selection::Unsatisfiable);
        }
        check("bytes=0-", 0, Selection::Unsatisfiable);
        check("bytes=-5", 0, Selection::Unsatisfiable);
    }

    #[test]
    fn several_ranges_and_other_units_get_the_whole() {
        check("bytes=0-1,5-6", 100, Selection::Whole);
        check("items=0-1", 100, Selection::Whole);
        check("bytes", 100, Selection::Whole);
        assert_eq!(select(&HeaderMap::new(), 100), Selection::Whole);
    }
}
