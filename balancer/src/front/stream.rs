//! A client's connection: as requests of HTTP/1 are answered over it, and as
//! pingora reads from it and writes to it for HTTP/2.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora::protocols::l4;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::SslDigest;
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::pace::Pace;
use crate::relay::pipe::Pipe;

/// Writes shorter than this wait for the next one: a head goes out with the
/// body behind it.
const SHORT_WRITE_BYTES: usize = 8 << 10;

/// How many bytes short writes may come to.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// Requests that a client sends before it has its answer are kept up to this size.
const PIPELINED_BYTES_MAX: usize = 64 << 10;

/// How much is read at once while a request is waited for: most heads.
const READ_BYTES: usize = 2 << 10;

/// How much is read at once while an answer is under way.
const WATCH_BYTES: usize = 512;

/// The connection below HTTP.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection with a client.
pub(crate) struct ClientStream {
    wire: Wire,
    /// Who is on the other side, whoever connected on its behalf.
    client: SocketAddr,
    /// Read from the client, and not yet taken as a request.
    pub(super) read: BytesMut,
    /// Written, and not yet sent.
    written: BytesMut,
    pace: Pace,
    socket: Arc<SocketDigest>,
    tls: Option<Arc<SslDigest>>,
}

impl ClientStream {
    /// `client`: who is on the other side, whoever connected on its behalf.
    pub(super) fn new(wire: Wire, client: SocketAddr, pace: Pace) -> Self {
        let socket = SocketDigest::from_raw_fd(wire.tcp().as_raw_fd());
        // Nothing has been set in a digest just made.
        let _ = socket.peer_addr.set(Some(l4::socket::SocketAddr::from(client)));
        let tls = match &wire {
            Wire::Plain(_) => None,
            Wire::Tls(stream) => Some(Arc::new(digest(stream))),
        };
        Self {
            wire,
            client,
            read: BytesMut::new(),
            written: BytesMut::new(),
            pace,
            socket: Arc::new(socket),
            tls,
        }
    }

    /// Whether the client chose HTTP/2 when TLS was set up. RFC 7301.
    pub(super) fn chose_http_2(&self) -> bool {
        match &self.wire {
            Wire::Plain(_) => false,
            Wire::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// A new answer begins.
    pub(super) fn restart(&mut self) {
        self.pace.restart();
    }

    /// Reads more of what the client sends. 0: the client has ended.
    pub(super) async fn read_more(&mut self) -> io::Result<usize> {
        self.read.reserve(READ_BYTES);
        tokio::io::AsyncReadExt::read_buf(&mut self.wire, &mut self.read).await
    }

    /// Who is on the other side.
    pub(crate) fn address(&self) -> SocketAddr {
        self.client
    }

    /// As `TLSv1_3`; `None` without TLS.
    pub(crate) fn tls_version(&self) -> Option<Cow<'static, str>> {
        self.tls.as_ref().map(|tls| tls.version.clone())
    }

    /// Whether what is sent is what goes over the socket.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.wire, Wire::Plain(_))
    }

    /// Sends all of `bytes`; the last of them may wait for more, or for a flush.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes).await
    }

    /// Sends what waits.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        tokio::io::AsyncWriteExt::flush(self).await
    }

    /// Sends some of what is in `pipe`, which is not empty, past everything that waits.
    pub(crate) async fn send_from(&mut self, pipe: &mut Pipe) -> io::Result<usize> {
        std::future::poll_fn(|cx| {
            let Wire::Plain(stream) = &self.wire else {
                return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
            };
            let sent = loop {
                match stream.poll_write_ready(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                    Poll::Pending => break Poll::Pending,
                }
                match stream.try_io(Interest::WRITABLE, || pipe.empty(stream)) {
                    Ok(0) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    sent => break Poll::Ready(sent),
                }
            };
            self.pace.watch(sent)
        })
        .await
    }

    /// Resolves when the client has ended, or cannot be sent to; to be awaited while an
    /// answer is under way. Nothing more is to be sent at the moment, so what waits for a
    /// next write goes; what the client sends is kept.
    pub(crate) async fn left(&mut self) -> io::Error {
        std::future::poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = self.poll_send_waiting(cx) {
                return Poll::Ready(error);
            }
            self.poll_watch(cx).map(|ended| match ended {
                Ok(()) => io::ErrorKind::UnexpectedEof.into(),
                Err(error) => error,
            })
        })
        .await
    }

    /// Sends what short writes have left.
    fn poll_send_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.written.is_empty() {
            let sent = Pin::new(&mut self.wire).poll_write(cx, &self.written);
            let sent = ready!(self.pace.watch(sent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads ahead while an answer is under way. Ready: the client has ended, or cannot be read from.
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.read.len() < PIPELINED_BYTES_MAX {
            let mut space = [0; WATCH_BYTES];
            let mut space = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut space))?;
            if space.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.read.extend_from_slice(space.filled());
        }
        // Whoever sends so much is not missed when he leaves.
        Poll::Pending
    }
}

fn digest(stream: &TlsStream<TcpStream>) -> SslDigest {
    let session = stream.get_ref().1;
    let cipher = session
        .negotiated_cipher_suite()
        .and_then(|suite| suite.suite().as_str())
        .unwrap_or("");
    let version = session
        .protocol_version()
        .and_then(|version| version.as_str())
        .unwrap_or("");
    SslDigest::new(cipher, version, None, None, Vec::new())
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl fmt::Debug for ClientStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientStream")
            .field("client", &self.socket.peer_addr())
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, space),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, space),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read.is_empty() {
            return Pin::new(&mut this.wire).poll_read(cx, space);
        }
        let size = this.read.len().min(space.remaining());
        space.put_slice(&this.read.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let size: usize = slices.iter().map(|slice| slice.len()).sum();
        if size < SHORT_WRITE_BYTES && this.written.len() + size <= WAITING_BYTES_MAX {
            for slice in slices {
                this.written.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(size));
        }
        let waiting = this.written.len();
        let sent = match slices {
            [only] if waiting != 0 => {
                let both = [io::IoSlice::new(&this.written), io::IoSlice::new(only)];
                Pin::new(&mut this.wire).poll_write_vectored(cx, &both)
            }
            _ => {
                ready!(this.poll_send_waiting(cx))?;
                let sent = Pin::new(&mut this.wire).poll_write_vectored(cx, slices);
                return this.pace.watch(sent);
            }
        };
        let sent = ready!(this.pace.watch(sent))?;
        if waiting < sent {
            this.written.clear();
            return Poll::Ready(Ok(sent - waiting));
        }
        this.written.advance(sent);
        ready!(this.poll_send_waiting(cx))?;
        let sent = Pin::new(&mut this.wire).poll_write_vectored(cx, slices);
        this.pace.watch(sent)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send_waiting(cx))?;
        Pin::new(&mut this.wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send_waiting(cx))?;
        Pin::new(&mut this.wire).poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for ClientStream {
    async fn shutdown(&mut self) {
        // Fails when the client has gone, which is what it is for.
        let _ = tokio::io::AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for ClientStream {
    fn id(&self) -> i32 {
        self.wire.tcp().as_raw_fd()
    }
}

impl Ssl for ClientStream {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }

    /// Tells pingora to speak HTTP/2, with TLS or without.
    fn selected_alpn_proto(&self) -> Option<ALPN> {
        Some(ALPN::H2)
    }
}

impl GetTimingDigest for ClientStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for ClientStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for ClientStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(Arc::clone(&self.socket))
    }
}

impl Peek for ClientStream {}
