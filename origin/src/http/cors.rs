//! Cross-origin requests, as players in browsers make them (the Fetch
//! standard, §3.3).

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
};
use http::{HeaderMap, HeaderValue};
use strata_node::config::Value;

/// What players may read beyond what they always may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Length, Content-Range, Date, ETag, Server-Timing, X-Request-Id, X-Strata-Attempts, \
     X-Strata-Origin",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Headers that players send when they do not say which.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Range, If-None-Match, If-Modified-Since, If-Range, X-Request-Id");

/// A day, which is more than browsers keep it.
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// Which pages may read answers. Written as `*`, `off`, or one origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowOrigin {
    /// These: `*` or one such as `https://play.example`.
    Value(HeaderValue),
    /// None but those of the same origin.
    Off,
}

impl Value for AllowOrigin {
    fn from_scalar(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let is_origin = text == "*"
            || text
                .split_once("://")
                .is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && is_host(host));
        let value = HeaderValue::from_str(text).ok().filter(|_| is_origin);
        value
            .map(Self::Value)
            .ok_or_else(|| format!("`{text}` is none of: *, off, an origin such as https://play.example"))
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.contains(['/', ' ', ',', '?', '#', '@'])
}

impl AllowOrigin {
    /// Adds what every answer has.
    pub(super) fn allow(&self, headers: &mut HeaderMap) {
        if let Self::Value(origin) = self {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    /// Adds what the answer to a preflight has.
    pub(super) fn preflight(&self, request: &HeaderMap, headers: &mut HeaderMap) {
        if let Self::Value(_) = self {
            let wanted = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.unwrap_or(REQUEST_HEADERS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_told_from_junk() {
        for good in ["*", "https://play.example", "http://127.0.0.1:8080"] {
            assert_eq!(
                AllowOrigin::from_scalar(good),
                Ok(AllowOrigin::Value(good.parse().unwrap()))
            );
        }
        assert_eq!(AllowOrigin::from_scalar("off"), Ok(AllowOrigin::Off));
        for bad in [
            "play.example",
            "https://",
            "https://a/b",
            "https://a, https://b",
            "ftp://a",
        ] {
            assert!(AllowOrigin::from_scalar(bad).is_err(), "{bad}");
        }
    }
}
