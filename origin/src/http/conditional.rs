//! Conditional requests (`RFC 9110 §13`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::etag::{Etag, tags};

/// What a client can compare its copy with.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    pub(super) etag: Etag,
    /// In whole seconds, as headers have it.
    pub(super) modified: Option<SystemTime>,
}

/// What the request's conditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They hold, or there are none.
    Proceed,
    /// The client's copy is good: 304.
    NotModified,
    /// The client wanted another version: 412.
    Failed,
}

impl Validators {
    pub(super) fn new(etag: Etag, modified: Option<SystemTime>) -> Self {
        Self {
            etag,
            modified: modified.map(whole_seconds),
        }
    }

    /// The value of `Last-Modified`.
    pub(super) fn last_modified(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(httpdate::fmt_http_date(self.modified?)).ok()
    }

    /// Weighs the conditions of a GET or HEAD, in the order of §13.2.2.
    pub(super) fn weigh(&self, headers: &HeaderMap) -> Verdict {
        if headers.contains_key(IF_MATCH) {
            if !self.any(headers, &IF_MATCH, Etag::matches_strongly) {
                return Verdict::Failed;
            }
        } else if let (Some(modified), Some(since)) = (self.modified, date(headers, &IF_UNMODIFIED_SINCE))
            && since < modified
        {
            return Verdict::Failed;
        }
        if headers.contains_key(IF_NONE_MATCH) {
            if self.any(headers, &IF_NONE_MATCH, Etag::matches_weakly) {
                return Verdict::NotModified;
            }
        } else if let (Some(modified), Some(since)) = (self.modified, date(headers, &IF_MODIFIED_SINCE))
            && modified <= since
        {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Whether `If-Range`, if there is one, lets the range be served (§13.1.5).
    pub(super) fn allow_range(&self, headers: &HeaderMap) -> bool {
        let Some(condition) = headers.get(IF_RANGE) else {
            return true;
        };
        let Ok(condition) = condition.to_str() else {
            return false;
        };
        if condition.contains('"') {
            return self.etag.matches_strongly(condition.trim());
        }
        let date = httpdate::parse_http_date(condition).ok();
        date.is_some() && date == self.modified
    }

    fn any(&self, headers: &HeaderMap, name: &HeaderName, matches: fn(&Etag, &str) -> bool) -> bool {
        let lists = headers.get_all(name).into_iter();
        lists.filter_map(|value| value.to_str().ok()).any(|list| {
            // `*` is any representation that exists, and this one does.
            list.trim() == "*" || tags(list).any(|tag| matches(&self.etag, tag))
        })
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    // A value that is not a date is to be ignored (§13.1.3, §13.1.4).
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::coding::Coding;
    use super::super::route::Resource;
    use super::*;

    fn validators() -> Validators {
        let modified = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        Validators::new(Etag::new(7, Resource::Mpd, Coding::Identity), Some(modified))
    }

    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const EXACT: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const AFTER: &str = "Sun, 09 Sep 2001 01:46:41 GMT";

    fn check(conditions: &[(HeaderName, &str)], expected: Verdict) {
        let tag = validators().etag.header().to_str().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        for (name, value) in conditions {
            let value = value.replace("$", &tag);
            headers.append(name.clone(), HeaderValue::from_str(&value).unwrap());
        }
        assert_eq!(validators().weigh(&headers), expected, "{conditions:?}");
    }

    #[test]
    fn a_copy_that_is_good_is_not_sent_again() {
        for value in ["$", "W/$", "\"other\", $", "*", " * "] {
            check(&[(IF_NONE_MATCH, value)], Verdict::NotModified);
        }
        check(
            &[(IF_NONE_MATCH, "\"a\""), (IF_NONE_MATCH, "$")],
            Verdict::NotModified,
        );
        check(&[(IF_MODIFIED_SINCE, EXACT)], Verdict::NotModified);
        check(&[(IF_MODIFIED_SINCE, AFTER)], Verdict::NotModified);
    }

    #[test]
    fn a_copy_that_is_old_is_sent_again() {
        check(&[], Verdict::Proceed);
        check(&[(IF_NONE_MATCH, "\"other\"")], Verdict::Proceed);
        check(&[(IF_MODIFIED_SINCE, BEFORE)], Verdict::Proceed);
        check(&[(IF_MODIFIED_SINCE, "yesterday")], Verdict::Proceed);
    }

    #[test]
    fn tags_outweigh_dates() {
        check(
            &[(IF_NONE_MATCH, "\"other\""), (IF_MODIFIED_SINCE, AFTER)],
            Verdict::Proceed,
        );
        check(
            &[(IF_MATCH, "$"), (IF_UNMODIFIED_SINCE, BEFORE)],
            Verdict::Proceed,
        );
    }

    #[test]
    fn a_client_that_wants_another_version_is_told() {
        check(&[(IF_MATCH, "\"other\"")], Verdict::Failed);
        check(&[(IF_MATCH, "W/$")], Verdict::Failed);
        check(&[(IF_MATCH, "$")], Verdict::Proceed);
        check(&[(IF_MATCH, "*")], Verdict::Proceed);
        check(&[(IF_UNMODIFIED_SINCE, BEFORE)], Verdict::Failed);
        check(&[(IF_UNMODIFIED_SINCE, EXACT)], Verdict::Proceed);
    }

    #[test]
    fn a_range_is_served_of_the_very_version_only() {
        let tag = validators().etag.header().to_str().unwrap().to_owned();
        let weak = format!("W/{tag}");
        let cases = [
            (tag.as_str(), true),
            (weak.as_str(), false),
            ("\"other\"", false),
            (EXACT, true),
            (AFTER, false),
            ("junk", false),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(IF_RANGE, HeaderValue::from_str(value).unwrap());
            assert_eq!(validators().allow_range(&headers), expected, "{value}");
        }
        assert!(validators().allow_range(&HeaderMap::new()));
    }
}
