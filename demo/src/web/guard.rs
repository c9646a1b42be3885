//! Keeps other web pages out: a browser on this machine also shows pages of
//! others, and those must neither read nor kill.

use std::net::SocketAddr;

use http::{HeaderMap, Method, Request, header};

/// Lets a request through that comes from this page, or from no page at all
/// when it only reads.
pub(super) fn check<B>(request: &Request<B>, address: SocketAddr) -> Result<(), &'static str> {
    let ours = [
        format!("127.0.0.1:{}", address.port()),
        format!("localhost:{}", address.port()),
    ];
    let host = text_of(request.headers(), header::HOST);
    // A name of somebody else's that resolves to us (DNS rebinding) shows here.
    if !host.is_some_and(|host| ours.iter().any(|ours| ours == host)) {
        return Err("this address is not the demo's");
    }
    let origin = text_of(request.headers(), header::ORIGIN);
    let is_ours = |origin: &str| {
        origin
            .strip_prefix("http://")
            .is_some_and(|origin| ours.iter().any(|ours| ours == origin))
    };
    match origin {
        Some(origin) if is_ours(origin) => Ok(()),
        None if request.method() == Method::GET => Ok(()),
        _ => Err("only the demo's own page may do this"),
    }
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: Method, host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().method(method).header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        check(&request.body(()).unwrap(), "127.0.0.1:8000".parse().unwrap()).is_ok()
    }

    #[test]
    fn the_page_itself_may_read_and_act() {
        assert!(allowed(Method::GET, "127.0.0.1:8000", None));
        assert!(allowed(
            Method::POST,
            "127.0.0.1:8000",
            Some("http://127.0.0.1:8000")
        ));
        assert!(allowed(
            Method::POST,
            "localhost:8000",
            Some("http://localhost:8000")
        ));
    }

    #[test]
    fn another_page_may_do_neither() {
        assert!(!allowed(
            Method::POST,
            "127.0.0.1:8000",
            Some("http://evil.example")
        ));
        assert!(!allowed(
            Method::POST,
            "127.0.0.1:8000",
            Some("http://127.0.0.1:9999")
        ));
        assert!(!allowed(Method::POST, "127.0.0.1:8000", Some("null")));
        assert!(!allowed(
            Method::GET,
            "127.0.0.1:8000",
            Some("http://evil.example")
        ));
    }

    #[test]
    fn a_post_from_nowhere_is_refused() {
        assert!(!allowed(Method::POST, "127.0.0.1:8000", None));
    }

    #[test]
    fn a_foreign_name_that_resolves_to_us_is_refused() {
        assert!(!allowed(Method::GET, "rebound.example:8000", None));
    }
}
