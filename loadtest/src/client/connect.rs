//! From a target to a connection that speaks HTTP.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::sips::Sips;
use super::target::Target;

/// Largest head of an answer and, over TLS, largest read.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// Flow control windows of HTTP/2: wide enough that loopback, not the window, is the limit.
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// TCP did not get there.
    #[error("{authority}: {reason}")]
    Tcp {
        /// Who was to be reached.
        authority: String,
        /// What the system said.
        reason: io::Error,
    },
    /// TLS was refused, by the server or by us.
    #[error("{authority}: TLS: {reason}")]
    Tls {
        /// Who was to be reached.
        authority: String,
        /// What is wrong.
        reason: io::Error,
    },
    /// HTTP could not be begun.
    #[error("{authority}: HTTP: {reason}")]
    Http {
        /// Who was to be reached.
        authority: String,
        /// What is wrong.
        reason: hyper::Error,
    },
    /// It took too long.
    #[error("{authority}: no connection within {seconds} s")]
    Slow {
        /// Who was to be reached.
        authority: String,
        /// The limit.
        seconds: f64,
    },
}

pub(super) type Sender1 = http1::SendRequest<Empty<Bytes>>;
pub(super) type Sender2 = http2::SendRequest<Empty<Bytes>>;

pub(super) async fn http1(target: &Target, tls: &Arc<ClientConfig>) -> Result<Sender1, ConnectError> {
    let stream = tcp(target).await?;
    if target.is_tls() {
        begin1(target, TokioIo::new(secure(target, tls, stream).await?)).await
    } else {
        begin1(target, TokioIo::new(Sips::new(stream))).await
    }
}

pub(super) async fn http2(target: &Target, tls: &Arc<ClientConfig>) -> Result<Sender2, ConnectError> {
    let stream = tcp(target).await?;
    if target.is_tls() {
        begin2(target, TokioIo::new(secure(target, tls, stream).await?)).await
    } else {
        begin2(target, TokioIo::new(stream)).await
    }
}

async fn tcp(target: &Target) -> Result<TcpStream, ConnectError> {
    let fault = |reason| ConnectError::Tcp {
        authority: target.authority().to_owned(),
        reason,
    };
    let stream = TcpStream::connect(target.address()).await.map_err(fault)?;
    stream.set_nodelay(true).map_err(fault)?;
    Ok(stream)
}

async fn secure(
    target: &Target,
    tls: &Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, ConnectError> {
    let fault = |reason| ConnectError::Tls {
        authority: target.authority().to_owned(),
        reason,
    };
    let name =
        ServerName::try_from(target.host().to_owned()).map_err(|error| fault(io::Error::other(error)))?;
    TlsConnector::from(Arc::clone(tls))
        .connect(name, stream)
        .await
        .map_err(fault)
}

/// The connection runs until its sender is dropped or its peer is gone; how it
/// ends, the request on it learns too.
async fn begin1<Io>(target: &Target, io: Io) -> Result<Sender1, ConnectError>
where
    Io: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BUFFER_BYTES)
        .handshake(io)
        .await
        .map_err(|reason| http_fault(target, reason))?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

async fn begin2<Io>(target: &Target, io: Io) -> Result<Sender2, ConnectError>
where
    Io: Read + Write + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(io)
        .await
        .map_err(|reason| http_fault(target, reason))?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

fn http_fault(target: &Target, reason: hyper::Error) -> ConnectError {
    ConnectError::Http {
        authority: target.authority().to_owned(),
        reason,
    }
}
