//! Answers before they are responses.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LAST_MODIFIED, VARY,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::body::{Body, Content};
use super::coding::Coding;
use super::conditional::Validators;
use super::config::CacheControl;
use super::exchange::Exchange;
use super::route::Resource;
use strata_media::codec::MediaKind;
use strata_media::smooth::{Fragment, Noun};

use crate::asset::Title;

/// A status, headers and what follows them.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Content,
    /// What `Content-Length` says; `None` leaves the header out.
    pub(super) length: Option<u64>,
    /// Whether the content is sent: not to a HEAD.
    pub(super) has_body: bool,
}

impl Answer {
    /// An answer without content.
    pub(super) fn empty(status: StatusCode, headers: HeaderMap) -> Self {
        Self {
            status,
            headers,
            content: Content::Empty,
            length: None,
            has_body: false,
        }
    }

    /// The response; `exchange` ends with its body.
    pub(super) fn into_response(self, mut exchange: Exchange) -> Response<Body> {
        let mut headers = self.headers;
        if let Some(length) = self.length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let (content, length) = if self.has_body {
            (self.content, self.length.unwrap_or(0))
        } else {
            (Content::Empty, 0)
        };
        exchange.answered(self.status, &mut headers, length);
        let mut response = Response::new(Body::new(content, length, exchange));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// The headers of a representation, whatever is sent of it: 200, 206 and 304
/// have them all.
pub(super) fn representation_headers(
    resource: Resource,
    title: &Title,
    coding: Coding,
    validators: &Validators,
    cache_control: &CacheControl,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(16);
    headers.insert(CONTENT_TYPE, content_type(resource, title));
    headers.insert(ETAG, validators.etag.header());
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(modified) = validators.last_modified() {
        headers.insert(LAST_MODIFIED, modified);
    }
    // With a file that it lacks, the title may be cut elsewhere.
    let kept = if resource.is_manifest() || title.is_incomplete() {
        &cache_control.manifests
    } else {
        &cache_control.segments
    };
    headers.insert(CACHE_CONTROL, kept.clone());
    if resource.is_characters() {
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    }
    headers
}

/// `Content-Type`: ISO/IEC 23009-1 annex C, RFC 8216 §4, RFC 4337; what IANA has
/// for `[MS-SSTR]`.
fn content_type(resource: Resource, title: &Title) -> HeaderValue {
    HeaderValue::from_static(match resource {
        Resource::Mpd | Resource::NumberedMpd => "application/dash+xml",
        Resource::Master { .. } | Resource::MediaPlaylist { .. } | Resource::TsPlaylist { .. } => {
            "application/vnd.apple.mpegurl"
        }
        Resource::TsSegment { .. } => "video/mp2t",
        Resource::Text(text) => text.content_type(),
        Resource::TrickPlay(wanted) => wanted.content_type(),
        Resource::Thumbnail(wanted) => wanted.content_type(),
        Resource::ClientManifest => "application/vnd.ms-sstr+xml",
        // No boxes, so no file format.
        Resource::Fragment {
            noun: Noun::RawFragments,
            ..
        } => "application/octet-stream",
        Resource::Init { track }
        | Resource::Segment { track, .. }
        | Resource::Fragment {
            fragment: Fragment { track, .. },
            ..
        } => match title.presentation().tracks.get(track).map(|track| track.kind) {
            Some(MediaKind::Video) => "video/mp4",
            Some(MediaKind::Audio) => "audio/mp4",
            Some(MediaKind::Text) | None => "application/mp4",
        },
    })
}
