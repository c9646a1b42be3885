//! Files of web servers, which server manifests may name by their URLs.
//!
//! Whoever writes a server manifest chooses what is asked for, so little is asked: only
//! of hosts that the configuration names, by `GET` and `HEAD`, at public addresses
//! unless private ones are allowed, and no redirect is followed.

mod address;
mod host;

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use strata_cache::{Chunk, ChunkBuilder};
use tokio::time::{sleep, timeout};

use self::address::{PrivateAddress, Resolver, is_public};
pub use self::host::Host;
use super::{ObjectMeta, Opened, Source, SourceBody, SourceError, SourceFault};

/// Pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Which web servers are asked, and with how much patience.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// The hosts that may be asked, at least one.
    pub hosts: Vec<Host>,
    /// Whether they may be at private addresses: of this machine, of its network.
    pub private_addresses: bool,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Longest time until an attempt has been answered; the body comes after.
    pub attempt_timeout: Duration,
    /// How often a request is tried until it has been answered.
    pub attempts_max: u32,
}

/// The client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("http_sources: the certificates of this system cannot be read: {0}")]
pub struct HttpClientError(#[from] std::io::Error);

/// Files of web servers; objects are named by their URLs.
///
/// A file's version is its `ETag`; of a server that sends none, when the file was last
/// modified, with its size. Reads carry `If-Match`, and what comes back is compared.
#[derive(Debug)]
pub struct HttpSource {
    client: WebClient,
    /// Opens a connection for each request.
    apart: WebClient,
    config: HttpConfig,
}

type WebClient = Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>;

impl HttpSource {
    /// Prepares a client. Sends nothing yet.
    ///
    /// # Errors
    /// [`HttpClientError`].
    pub fn new(config: HttpConfig) -> Result<Self, HttpClientError> {
        let mut connector = HttpConnector::new_with_resolver(Resolver {
            private_addresses: config.private_addresses,
        });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(config.connect_timeout));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector.clone()),
            apart: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
            config,
        })
    }

    /// The URL of an object, if it may be asked for.
    fn uri(&self, object: &str) -> Result<Uri, SourceFault> {
        let uri: Uri = object
            .parse()
            .map_err(|_| SourceFault::denied("not a URL that can be asked for"))?;
        if !self.config.hosts.iter().any(|host| host.allows(&uri)) {
            let host = uri.authority().map_or("", |authority| authority.as_str());
            let reason = format!("{host} is none of the hosts in http_sources.hosts");
            return Err(SourceFault::denied(reason));
        }
        // Names are checked when they are resolved; addresses are not resolved.
        let host = uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse();
        if let Ok(address) = address
            && !self.config.private_addresses
            && !is_public(address)
        {
            return Err(SourceFault::denied(PrivateAddress.to_string()));
        }
        Ok(uri)
    }

    /// Sends a request, again when the server cannot be reached or says that it cannot
    /// serve.
    async fn send(
        &self,
        client: &WebClient,
        object: &str,
        method: Method,
        headers: &[(http::HeaderName, String)],
    ) -> Result<Response<Incoming>, SourceFault> {
        let uri = self.uri(object)?;
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let mut request = Request::builder()
                .method(method.clone())
                .uri(uri.clone())
                .header(ACCEPT_ENCODING, "identity");
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let request = request
                .body(Empty::new())
                .map_err(|error| SourceFault::broken(error.to_string()))?;
            let fault = match self.attempt(client, request).await {
                Ok(response) => return Ok(response),
                Err(fault) => fault,
            };
            let is_passing = matches!(fault, SourceFault::Unavailable { .. } | SourceFault::Slow { .. });
            if !is_passing || self.config.attempts_max <= attempt {
                return Err(fault);
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(SourceFault::unavailable("no attempt was made"))
    }

    /// One attempt; the answer is one that has what was asked for.
    async fn attempt(
        &self,
        client: &WebClient,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, SourceFault> {
        let limit = self.config.attempt_timeout;
        let answered = timeout(limit, client.request(request)).await;
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if is_caused_by::<PrivateAddress>(&error) => {
                return Err(SourceFault::denied(PrivateAddress.to_string()));
            }
            Ok(Err(error)) => return Err(SourceFault::unavailable(super::s3::chain(&error))),
            Err(_) => {
                return Err(SourceFault::Slow {
                    limit: "http_sources.attempt_timeout",
                    after: limit,
                });
            }
        };
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(SourceFault::NotFound),
            StatusCode::PRECONDITION_FAILED => Err(SourceFault::Changed),
            status if status.is_redirection() => Err(SourceFault::denied(format!(
                "{status}: redirects are not followed"
            ))),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(SourceFault::denied(status.to_string()))
            }
            status => Err(SourceFault::unavailable(format!("status {status}"))),
        }
    }

    async fn look_up(&self, object: &str) -> Result<ObjectMeta, SourceFault> {
        let response = self.send(&self.client, object, Method::HEAD, &[]).await?;
        let size = text(response.headers(), CONTENT_LENGTH).and_then(|size| size.parse().ok());
        meta(response.headers(), size)
    }

    async fn open_at(&self, object: &str, head_size: u64) -> Result<Opened, SourceFault> {
        let head_size = head_size.max(1);
        let range = (RANGE, format!("bytes=0-{}", head_size - 1));
        let response = self.send(&self.client, object, Method::GET, &[range]).await?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // Only an empty file lacks a first byte.
            let meta = self.look_up(object).await?;
            let head = Chunk::from_vec(Vec::new());
            return Ok(Opened { meta, head });
        }
        let size = match response.status() {
            StatusCode::PARTIAL_CONTENT => content_range(response.headers())?.complete,
            _ => text(response.headers(), CONTENT_LENGTH)
                .and_then(|size| size.parse().ok())
                .unwrap_or(u64::MAX),
        };
        if response.status() == StatusCode::OK && head_size < size {
            return Err(SourceFault::broken("the server does not answer with ranges"));
        }
        let meta = meta(response.headers(), Some(size))?;
        let head = collect(response, head_size.min(size)).await?;
        Ok(Opened { meta, head })
    }

    /// The answer whose body is exactly `range`, which is not empty, if it is of
    /// `version`.
    async fn answer_at(
        &self,
        client: &WebClient,
        object: &str,
        version: &str,
        range: &Range<u64>,
    ) -> Result<Response<Incoming>, SourceFault> {
        let last = range.end.saturating_sub(1);
        let mut headers = vec![(RANGE, format!("bytes={}-{last}", range.start))];
        // Weak ones never match (`RFC 9110 §13.1.1`).
        if version.starts_with('"') {
            headers.push((IF_MATCH, version.to_owned()));
        }
        let response = self.send(client, object, Method::GET, &headers).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(SourceFault::broken("the answer is not the range asked for"));
        }
        let answered = content_range(response.headers())?;
        // A server that ignores If-Match must not slip other bytes in.
        if *meta(response.headers(), Some(answered.complete))?.version != *version {
            return Err(SourceFault::Changed);
        }
        if answered.first != range.start {
            return Err(SourceFault::broken("the answer is not the range asked for"));
        }
        Ok(response)
    }

    async fn read_at(&self, object: &str, version: &str, range: &Range<u64>) -> Result<Chunk, SourceFault> {
        if range.is_empty() {
            return Ok(Chunk::from_vec(Vec::new()));
        }
        let response = self.answer_at(&self.client, object, version, range).await?;
        collect(response, range.end - range.start).await
    }

    async fn stream_by(
        &self,
        client: &WebClient,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let response = self.answer_at(client, object, version, &range).await;
        let response = response.map_err(|fault| SourceError::new(object, fault))?;
        let object: Arc<str> = object.into();
        let pieces = response.into_body().into_data_stream();
        let pieces = pieces.map(move |piece| {
            piece.map_err(|error| SourceError {
                object: Arc::clone(&object),
                fault: SourceFault::broken(super::s3::chain(&error)),
            })
        });
        Ok(pieces.boxed())
    }
}

#[async_trait]
impl Source for HttpSource {
    fn name(&self) -> &str {
        "http"
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        let result = self.look_up(object).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        let result = self.open_at(object, head_size).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        let result = self.read_at(object, version, &range).await;
        result.map_err(|fault| SourceError::new(object, fault))
    }

    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.stream_by(&self.client, object, version, range).await
    }

    async fn stream_apart(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.stream_by(&self.apart, object, version, range).await
    }

    /// There is no server that all titles need.
    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }
}

/// What a `Content-Range` says (`RFC 9110 §14.4`).
struct ContentRange {
    first: u64,
    /// Size of the whole file.
    complete: u64,
}

fn content_range(headers: &HeaderMap) -> Result<ContentRange, SourceFault> {
    let read = || {
        let (range, complete) = text(headers, CONTENT_RANGE)?
            .strip_prefix("bytes ")?
            .rsplit_once('/')?;
        let (first, _) = range.split_once('-')?;
        Some(ContentRange {
            first: first.trim().parse().ok()?,
            complete: complete.trim().parse().ok()?,
        })
    };
    read().ok_or_else(|| SourceFault::broken("the answer does not tell which range it is"))
}

fn meta(headers: &HeaderMap, size: Option<u64>) -> Result<ObjectMeta, SourceFault> {
    if text(headers, CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(SourceFault::broken(
            "the answer is encoded, which was not asked for",
        ));
    }
    let size = size.ok_or_else(|| SourceFault::broken("the answer does not tell the file's size"))?;
    let modified = text(headers, LAST_MODIFIED);
    let version = match (text(headers, ETAG), modified) {
        (Some(etag), _) => etag.to_owned(),
        (None, Some(modified)) => format!("{modified}, {size} bytes"),
        (None, None) => {
            return Err(SourceFault::broken(
                "the answer has neither ETag nor Last-Modified",
            ));
        }
    };
    Ok(ObjectMeta {
        size,
        version: version.into(),
        modified: modified.and_then(|modified| httpdate::parse_http_date(modified).ok()),
    })
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Gathers a body of exactly `size` bytes.
async fn collect(response: Response<Incoming>, size: u64) -> Result<Chunk, SourceFault> {
    let size = usize::try_from(size).map_err(|_| SourceFault::broken("range exceeds memory"))?;
    let mut chunk = ChunkBuilder::new(size);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| SourceFault::broken(super::s3::chain(&error)))?;
        if let Some(data) = frame.data_ref() {
            chunk
                .push(data)
                .map_err(|error| SourceFault::broken(error.to_string()))?;
        }
    }
    chunk
        .finish()
        .map_err(|error| SourceFault::broken(error.to_string()))
}

fn is_caused_by<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
