//! One client's connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf as _, BytesMut};
use pingora::apps::ServerApp as _;
use pingora::proxy::HttpProxy;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::head::{self, Refusal};
use super::limits::Addresses;
use super::pace::{Pace, PaceLimits};
use super::proxy_protocol;
use super::stream::{ClientStream, Wire};
use super::tls::Tls;
use crate::config::ClientLimits;
use crate::metrics::TurnedAway;
use crate::proxy::Proxy;
use crate::relay::{Relay, head as heads};

/// How much of what a refused client goes on sending is read, and for how long,
/// before the connection is closed: closed at once, it would be reset, and the
/// client might never see why.
const LINGER_BYTES_MAX: usize = 64 << 10;
const LINGER_TIME: Duration = Duration::from_secs(1);

/// What a connection needs to be served. Clones are the same.
#[derive(Clone)]
pub(super) struct Service {
    /// For clients of HTTP/2.
    pub(super) app: Arc<HttpProxy<Proxy>>,
    /// For those of HTTP/1.
    pub(super) relay: Relay,
    pub(super) proxy: Proxy,
    pub(super) addresses: Addresses,
    pub(super) tls: Option<Tls>,
    pub(super) closing: watch::Receiver<bool>,
}

impl Service {
    /// What clients may do at this moment.
    fn limits(&self) -> ClientLimits {
        self.proxy.settings.load().clients
    }
}

/// How long a request is waited for.
#[derive(Debug, Clone, Copy)]
struct Wait {
    until: Instant,
    /// Only for its first byte.
    is_idle: bool,
}

/// What the wait for a request ends with.
enum Next {
    /// So many bytes of what has been read.
    Head(usize),
    /// The client goes on in HTTP/2.
    Http2,
    /// Nothing more comes, or is to come.
    End,
    Refused(Refusal),
}

/// Serves a connection to its end.
pub(super) async fn serve(stream: TcpStream, remote: SocketAddr, is_tls: bool, service: Service) {
    let limits = service.limits();
    let started = Instant::now();
    let metrics = service.proxy.metrics.clone();
    let set_up = set_up(stream, remote, is_tls, &service);
    let (wire, client) = match tokio::time::timeout(limits.head, set_up).await {
        Ok(Ok(set_up)) => set_up,
        Ok(Err(reason)) => return metrics.turned_away(reason),
        Err(_) => return metrics.turned_away(TurnedAway::TimedOut),
    };
    let Ok(_place) = service.addresses.enter(client.ip(), limits.per_address) else {
        return metrics.turned_away(TurnedAway::Address);
    };
    let pace = Pace::new(PaceLimits {
        rate: limits.rate,
        window: limits.send,
    });
    let mut stream = Box::new(ClientStream::new(wire, client, pace));
    if stream.chose_http_2() {
        service.app.process_new(stream, &service.closing).await;
        return;
    }
    let mut wait = Wait {
        until: started + limits.head,
        is_idle: false,
    };
    // Both are the connection's and not a request's: to set a timer anew, or to be told of the
    // end anew, costs more than most else that a small answer takes.
    let mut timer = pin!(tokio::time::sleep_until(wait.until.into()));
    let mut closing = service.closing.clone();
    let mut closed = pin!(async move {
        // Fails when the front has gone, which is an end too.
        let _ = closing.wait_for(|closing| *closing).await;
    });
    loop {
        let next = next(&mut stream, wait, &service, timer.as_mut(), closed.as_mut());
        let size = match next.await {
            Next::Head(size) => size,
            Next::Http2 => {
                service.app.process_new(stream, &service.closing).await;
                return;
            }
            Next::End => return,
            Next::Refused(refusal) => return refuse(*stream, client, refusal, &service).await,
        };
        // The buffer is used again once the request has ended.
        let head = stream.read.split_to(size).freeze();
        stream.restart();
        let Some(request) = heads::request(head.clone()) else {
            stream.read = BytesMut::from(&*head);
            return refuse(*stream, client, Refusal::RequestLine, &service).await;
        };
        drop(head);
        if !service.relay.answer(&mut stream, &request).await {
            // What has been sent is on its way; one that has gone does not hear of the end.
            let _ = tokio::time::timeout(LINGER_TIME, stream.shutdown()).await;
            return;
        }
        wait = Wait {
            until: Instant::now() + limits.idle,
            is_idle: true,
        };
    }
}

/// Finds out who the client is, and sets up TLS.
async fn set_up(
    mut stream: TcpStream,
    remote: SocketAddr,
    is_tls: bool,
    service: &Service,
) -> Result<(Wire, SocketAddr), TurnedAway> {
    let mut client = remote;
    if proxy_protocol::is_trusted(&service.proxy.settings.load().proxy_protocol, remote.ip()) {
        let named = proxy_protocol::read(&mut stream).await;
        let named = named.inspect_err(|error| tracing::debug!(%remote, %error, "connection turned away"));
        client = named.map_err(|_| TurnedAway::ProxyProtocol)?.unwrap_or(remote);
    }
    match &service.tls {
        Some(tls) if is_tls => {
            let stream = tls.acceptor().accept(stream).await;
            let stream = stream.inspect_err(|error| tracing::debug!(%client, %error, "no TLS"));
            let stream = stream.map_err(|_| TurnedAway::Tls)?;
            Ok((Wire::Tls(Box::new(stream)), client))
        }
        _ => Ok((Wire::Plain(stream), client)),
    }
}

/// Waits for the next request's head: an idle connection for its first byte,
/// and from then on for as long as a head may take.
async fn next(
    stream: &mut ClientStream,
    mut wait: Wait,
    service: &Service,
    mut timer: Pin<&mut Sleep>,
    mut closed: Pin<&mut impl Future<Output = ()>>,
) -> Next {
    let ClientLimits {
        head: limit, heads, ..
    } = service.limits();
    let mut looked_at = 0;
    loop {
        // Empty lines before a request line are not minded. RFC 9112 §2.2.
        while stream.read.starts_with(b"\r\n") {
            stream.read.advance(2);
        }
        if let Some(size) = head::end(&stream.read, looked_at) {
            let head = stream.read.get(..size).unwrap_or_default();
            if head == head::HTTP_2 {
                return Next::Http2;
            }
            return match head::check(head, heads) {
                Ok(()) => Next::Head(size),
                Err(refusal) => Next::Refused(refusal),
            };
        }
        if heads.bytes <= stream.read.len() {
            return Next::Refused(head::too_large(&stream.read, heads));
        }
        if wait.is_idle && !stream.read.is_empty() {
            wait = Wait {
                until: Instant::now() + limit,
                is_idle: false,
            };
        }
        looked_at = stream.read.len().saturating_sub(2);
        let idle = stream.read.is_empty();
        timer.as_mut().reset(wait.until.into());
        tokio::select! {
            biased;
            read = stream.read_more() => {
                if !matches!(read, Ok(1..)) {
                    return Next::End;
                }
            }
            // A request that has begun to arrive is still served.
            () = closed.as_mut(), if idle => return Next::End,
            () = timer.as_mut() => {
                return if idle { Next::End } else { Next::Refused(Refusal::TimedOut) };
            }
        }
    }
}

/// Tells a client why its request is not taken, and the access log that it was not.
async fn refuse(mut stream: ClientStream, client: SocketAddr, refusal: Refusal, service: &Service) {
    let (method, target) = head::shown(&stream.read);
    let answer = service.proxy.refuse(client, &method, &target, refusal);
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        stream.read.clear();
        let mut left = LINGER_BYTES_MAX;
        while left != 0 {
            let size = stream.read_more().await?;
            stream.read.clear();
            if size == 0 {
                break;
            }
            left = left.saturating_sub(size);
        }
        io::Result::Ok(())
    };
    // A client that has gone, or never ends, has been told as well as may be.
    let _ = tokio::time::timeout(LINGER_TIME, told).await;
}
