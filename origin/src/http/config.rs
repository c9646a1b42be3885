//! How the front serves.

use std::time::Duration;

use http::HeaderValue;

use super::cors::AllowOrigin;

/// How the front serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Longest time for a request's head to arrive. An idle connection may
    /// stay as long.
    pub head_timeout: Duration,
    /// Longest head of a request, in bytes.
    pub head_bytes_max: usize,
    /// Longest time for sent bytes to be acknowledged by the client's TCP.
    pub send_timeout: Duration,
    /// Connections served at the same time; more wait to be accepted.
    pub connections_max: usize,
    /// How many chunks are read from the store ahead of what is sent.
    pub read_ahead: usize,
    /// How long caches may keep answers.
    pub cache_control: CacheControl,
    /// Which pages may read answers.
    pub allow_origin: AllowOrigin,
    /// Bytes of memory that rendered manifests may take together.
    pub manifest_bytes: usize,
    /// From the signal to the last accepted connection.
    pub drain_notice: Duration,
    /// Longest time for what is in flight to end.
    pub drain_limit: Duration,
}

/// `Cache-Control` of what is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheControl {
    /// Of manifests and playlists.
    pub manifests: HeaderValue,
    /// Of initialization and media segments.
    pub segments: HeaderValue,
    /// Of 404.
    pub absent: HeaderValue,
}
