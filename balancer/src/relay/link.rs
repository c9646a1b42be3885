//! A connection to a node: made or kept, asked over, read from.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::Version;
use pingora::{Error, ErrorType, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

use super::head::{self, Head};
use crate::config::Timeouts;

/// How much is read at once while a head is waited for: a small answer whole.
const HEAD_READ_BYTES: usize = 16 << 10;

/// How much is read at once of a body.
const BODY_READ_BYTES: usize = 128 << 10;

/// Time between two probes of an idle connection, and how many fail until it is dead.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBES: u32 = 3;

/// A connection to a node.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: TcpStream,
    /// Read, and not yet passed on.
    pub(super) read: BytesMut,
    /// Whom it is kept for.
    pub(super) key: u64,
    /// Another request has gone over it before.
    pub(super) reused: bool,
}

impl Link {
    /// Connects to `address`.
    ///
    /// # Errors
    ///
    /// As pingora's: refused, not in time, or something else.
    pub(super) async fn connect(address: SocketAddr, key: u64, timeouts: &Timeouts) -> Result<Self> {
        let stream = match timeout(timeouts.connect, connect(address, timeouts)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                    io::ErrorKind::TimedOut => ErrorType::ConnectTimedout,
                    _ => ErrorType::ConnectError,
                };
                return Err(Error::because(kind, "connecting to a node", error).into_up());
            }
            Err(_) => return Err(Error::new_up(ErrorType::ConnectTimedout)),
        };
        Ok(Self {
            stream,
            read: BytesMut::new(),
            key,
            reused: false,
        })
    }

    /// Sends a request's head.
    pub(super) async fn send(&mut self, head: &[u8], limit: Duration) -> Result<()> {
        match within(limit, self.stream.write_all(head)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                Err(Error::because(ErrorType::WriteError, "sending a request", error).into_up())
            }
            Err(_) => Err(Error::new_up(ErrorType::WriteTimedout)),
        }
    }

    /// Reads the head of the next answer; each read may take `limit`.
    pub(super) async fn read_head(&mut self, limit: Duration) -> Result<Head> {
        loop {
            if !self.read.is_empty()
                && let Some(head) = head::read(&mut self.read)?
            {
                return Ok(head);
            }
            self.read_more(HEAD_READ_BYTES, limit).await?;
        }
    }

    /// Reads the first bytes of an answer, and leaves them to be taken for a head.
    pub(super) async fn read_first(&mut self, limit: Duration) -> Result<()> {
        if self.read.is_empty() {
            self.read_more(HEAD_READ_BYTES, limit).await?;
        }
        Ok(())
    }

    /// Reads more of a body.
    pub(super) async fn read_body(&mut self, limit: Duration) -> Result<()> {
        self.read_more(BODY_READ_BYTES, limit).await
    }

    async fn read_more(&mut self, size: usize, limit: Duration) -> Result<()> {
        self.read.reserve(size);
        match within(limit, self.stream.read_buf(&mut self.read)).await {
            Ok(Ok(0)) => Err(closed()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(Error::new_up(ErrorType::ReadTimedout)),
        }
    }

    /// Whether the node neither closed the connection nor sent anything unasked.
    pub(super) fn is_quiet(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.read.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Does `work` within `limit`. Looks at no clock where there is nothing to wait for.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = T>,
) -> std::result::Result<T, Elapsed> {
    let mut work = pin!(work);
    let first = std::future::poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await;
    match first {
        Poll::Ready(done) => Ok(done),
        Poll::Pending => timeout(limit, work).await,
    }
}

/// The node has ended the connection.
pub(super) fn closed() -> Box<Error> {
    Error::new_up(ErrorType::ConnectionClosed)
}

/// Reading from the node failed.
pub(super) fn broken(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::ReadError, "reading an answer", error).into_up()
}

async fn connect(address: SocketAddr, timeouts: &Timeouts) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_nodelay(true)?;
    socket.set_keepalive(true)?;
    let idle = timeouts.idle.max(Duration::from_secs(1));
    rustix::net::sockopt::set_tcp_keepidle(&socket, idle)?;
    rustix::net::sockopt::set_tcp_keepintvl(&socket, PROBE_INTERVAL)?;
    rustix::net::sockopt::set_tcp_keepcnt(&socket, PROBES)?;
    let unacknowledged = u32::try_from(timeouts.unacknowledged.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(&socket, unacknowledged)?;
    socket.connect(address).await
}

/// Whether a message asks for its connection to be kept. RFC 9112 §9.3.
pub(super) fn is_kept(version: Version, headers: &http::HeaderMap) -> bool {
    let says = |word: &str| {
        let values = headers.get_all(http::header::CONNECTION).into_iter();
        let words = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        words.map(str::trim).any(|said| said.eq_ignore_ascii_case(word))
    };
    if says("close") {
        return false;
    }
    version == Version::HTTP_11 || says("keep-alive")
}
