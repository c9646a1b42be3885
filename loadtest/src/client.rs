//! Asks servers, over HTTP/1.1 or 2, in the clear or over TLS, and tells how it went.
//!
//! Connections are kept and counted here rather than in a general client: what
//! is opened when is part of what is measured.

mod connect;
mod pool;
mod sips;
mod target;
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use xxhash_rust::xxh3::Xxh3;

pub use self::connect::ConnectError;
pub use self::target::{Target, TargetError};
pub use self::tls::{Trust, TrustError};

use self::pool::Pools;
use crate::record::Failure;

/// Largest body that is kept for reading, in bytes. Manifests of long titles have a few MiB.
pub const KEPT_BYTES_MAX: usize = 32 << 20;

/// Which HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1, one request at a time on a connection.
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge in the clear.
    Http2,
}

/// How servers are asked.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Which HTTP is spoken.
    pub version: Version,
    /// Most connections to a server at once with HTTP/1.1 (further requests
    /// wait, and the wait is part of their latency); connections opened with
    /// HTTP/2, over which requests are dealt out.
    pub connections: usize,
    /// Longest time from sending a request to the last byte of its answer.
    pub timeout: Duration,
    /// Whose certificates are believed.
    pub trust: Trust,
}

/// What is done with a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Counted.
    Nothing,
    /// Counted and hashed.
    Hash,
    /// Kept, up to [`KEPT_BYTES_MAX`], and hashed.
    Body,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Whom to ask.
    pub target: Arc<Target>,
    /// `GET` or `HEAD`, or whatever a log holds.
    pub method: Method,
    /// Path and query, as sent.
    pub path: String,
    /// The value of `Range`, if any.
    pub range: Option<String>,
    /// The value of `Host`, where it is another than the target's.
    pub host: Option<String>,
    /// What is done with the body.
    pub keep: Keep,
}

impl Ask {
    /// A GET of `path` whose body is only counted.
    #[must_use]
    pub fn get(target: &Arc<Target>, path: &str) -> Self {
        Self {
            target: Arc::clone(target),
            method: Method::GET,
            path: path.to_owned(),
            range: None,
            host: None,
            keep: Keep::Nothing,
        }
    }
}

/// What became of a request.
#[derive(Debug, Clone)]
pub struct Reply {
    /// When it was sent, on a connection that was ready.
    pub sent: Instant,
    /// When the head of the answer was there.
    pub first_byte: Option<Instant>,
    /// When the last byte was there, or the failure.
    pub ended: Instant,
    /// The answer's status; `None` when there was none.
    pub status: Option<StatusCode>,
    /// The answer's fields.
    pub headers: HeaderMap,
    /// Bytes of body received.
    pub bytes: u64,
    /// Hash of the body, when asked for and whole.
    pub hash: Option<u64>,
    /// The body, when asked for and whole.
    pub body: Option<Bytes>,
    /// Why there is no whole answer, or why its status is a failure.
    pub failure: Option<Failure>,
    /// What the system or the other side said of it, where they said something.
    pub detail: Option<String>,
}

/// Why an exchange has no end.
struct Broken {
    failure: Failure,
    detail: Option<String>,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            detail: None,
        }
    }
}

impl From<ConnectError> for Broken {
    fn from(error: ConnectError) -> Self {
        let failure = match error {
            ConnectError::Tls { .. } => Failure::Tls,
            _ => Failure::Connect,
        };
        Self {
            failure,
            detail: Some(error.to_string()),
        }
    }
}

impl Broken {
    fn told(failure: Failure, error: &hyper::Error) -> Self {
        use std::error::Error as _;
        let detail = match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        Self {
            failure,
            detail: Some(detail),
        }
    }
}

/// A client for any number of servers. Clones share connections.
#[derive(Clone)]
pub struct Client {
    pools: Arc<Pools>,
    permits: Arc<Semaphore>,
    timeout: Duration,
    version: Version,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    /// When the certificates to believe cannot be read.
    pub fn new(options: &ClientOptions) -> Result<Self, TrustError> {
        let permits = match options.version {
            Version::Http1 => options.connections,
            // Streams are bounded by the server's settings; hyper waits for room.
            Version::Http2 => Semaphore::MAX_PERMITS,
        };
        Ok(Self {
            pools: Arc::new(Pools::new(options)?),
            permits: Arc::new(Semaphore::new(permits.clamp(1, Semaphore::MAX_PERMITS))),
            timeout: options.timeout,
            version: options.version,
        })
    }

    /// Connections opened so far.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.pools.opened()
    }

    /// Opens a connection to `target`, to find out whether that can be done at all.
    ///
    /// # Errors
    /// Why not.
    pub async fn probe(&self, target: &Target) -> Result<(), ConnectError> {
        self.pools.probe(target, self.timeout).await
    }

    /// Asks, and waits until the answer is there or has failed.
    pub async fn ask(&self, ask: &Ask) -> Reply {
        let due = Instant::now();
        let mut reply = Reply {
            sent: due,
            first_byte: None,
            ended: due,
            status: None,
            headers: HeaderMap::new(),
            bytes: 0,
            hash: None,
            body: None,
            failure: None,
            detail: None,
        };
        let exchange = self.exchange(ask, &mut reply);
        let outcome = tokio::time::timeout(self.timeout, exchange).await;
        reply.ended = Instant::now();
        reply.failure = match outcome {
            Err(_) => Some(Failure::Timeout),
            Ok(Err(broken)) => {
                reply.detail = broken.detail;
                Some(broken.failure)
            }
            Ok(Ok(())) => reply.status.and_then(Failure::of_status),
        };
        reply
    }

    async fn exchange(&self, ask: &Ask, reply: &mut Reply) -> Result<(), Broken> {
        // Closed never: it lives as long as the client.
        let _permit = self.permits.acquire().await.map_err(|_| Failure::Connect)?;
        let request = self.request(ask).ok_or(Failure::Unsendable)?;
        match self.version {
            Version::Http1 => {
                // A kept connection may have been closed by its server at the very moment it
                // is used. Nothing was answered then, and the request is sent once more.
                for is_last in [false, true] {
                    let mut lent = self.pools.http1(&ask.target, is_last).await?;
                    reply.sent = Instant::now();
                    match lent.sender.send_request(request.clone()).await {
                        Ok(response) => {
                            let body = head(reply, response);
                            self.body(ask, body, reply).await?;
                            self.pools.give_back(&ask.target, lent);
                            return Ok(());
                        }
                        Err(error) if lent.is_reused && !is_last && is_stale(&error) => {}
                        Err(error) => return Err(unanswered(&error)),
                    }
                }
                Err(Failure::Reset.into())
            }
            Version::Http2 => {
                let mut sender = self.pools.http2(&ask.target).await?;
                reply.sent = Instant::now();
                let response = sender.send_request(request).await;
                let response = response.map_err(|error| unanswered(&error))?;
                let body = head(reply, response);
                self.body(ask, body, reply).await
            }
        }
    }

    fn request(&self, ask: &Ask) -> Option<Request<Empty<Bytes>>> {
        let authority = ask.host.as_deref().unwrap_or_else(|| ask.target.authority());
        let builder = Request::builder().method(ask.method.clone());
        let builder = match self.version {
            Version::Http1 => builder.uri(&ask.path).header(header::HOST, authority),
            Version::Http2 => builder.uri(
                Uri::builder()
                    .scheme(ask.target.scheme())
                    .authority(authority)
                    .path_and_query(&*ask.path)
                    .build()
                    .ok()?,
            ),
        };
        let builder = match &ask.range {
            Some(range) => builder.header(header::RANGE, range),
            None => builder,
        };
        builder.body(Empty::new()).ok()
    }

    async fn body(&self, ask: &Ask, mut body: Incoming, reply: &mut Reply) -> Result<(), Broken> {
        let mut hasher = (ask.keep != Keep::Nothing).then(Xxh3::new);
        let mut kept = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Broken::told(Failure::Truncated, &error))?;
            let Some(data) = frame.data_ref() else { continue };
            reply.bytes += data.len() as u64;
            if let Some(hasher) = &mut hasher {
                hasher.update(data);
            }
            if ask.keep == Keep::Body {
                if KEPT_BYTES_MAX < kept.len() + data.len() {
                    return Err(Failure::TooLong.into());
                }
                kept.extend_from_slice(data);
            }
        }
        reply.hash = hasher.map(|hasher| hasher.digest());
        reply.body = (ask.keep == Keep::Body).then(|| kept.freeze());
        Ok(())
    }
}

fn head(reply: &mut Reply, response: http::Response<Incoming>) -> Incoming {
    reply.first_byte = Some(Instant::now());
    let (parts, body) = response.into_parts();
    reply.status = Some(parts.status);
    reply.headers = parts.headers;
    body
}

/// Whether a request on a kept connection found it closed before anything was answered.
fn is_stale(error: &hyper::Error) -> bool {
    error.is_canceled() || error.is_closed() || error.is_incomplete_message() || is_broken_pipe(error)
}

fn is_broken_pipe(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset
        )
    })
}

fn unanswered(error: &hyper::Error) -> Broken {
    let failure = if error.is_parse() {
        Failure::Malformed
    } else {
        Failure::Reset
    };
    Broken::told(failure, error)
}
