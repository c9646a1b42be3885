//! A request as it was asked, whichever way it came.

use std::net::SocketAddr;

use pingora::http::RequestHeader;

/// Its head, and who asks how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a RequestHeader,
    pub(crate) client: Option<SocketAddr>,
    /// As `TLSv1_3`; `None` without TLS.
    pub(crate) tls: Option<&'a str>,
}
