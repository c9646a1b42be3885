//! The viewers' listener.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::SockRef;
use strata_node::shutdown::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::service::Front;

/// Bytes that a connection may hold for writing. Chunks are larger: they are
/// handed on uncopied, one at a time.
const WRITE_BYTES_MAX: usize = 512 << 10;

/// Most request headers.
const HEADERS_MAX: usize = 100;

/// After a failed accept (such as: out of file descriptors), how long until
/// the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until the drain begins and its notice has passed; then lets what is
/// in flight end, within the drain's limit. Dropping the future, or
/// [`Shutdown::stop`], closes all connections.
pub async fn serve(listener: TcpListener, front: Arc<Front>, shutdown: Shutdown) {
    let (closing, close) = watch::channel(false);
    let mut connections = JoinSet::new();
    let room = Arc::new(Semaphore::new(
        front.config().connections_max.clamp(1, Semaphore::MAX_PERMITS),
    ));
    let notice = front.config().drain_notice;
    let noticed = async {
        shutdown.draining().await;
        sleep(notice).await;
    };
    tokio::pin!(noticed);
    loop {
        let accept = async {
            // Never closed, so this only waits.
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accept => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut noticed => break,
            () = shutdown.stopped() => return,
        };
        match accepted {
            Ok((stream, remote)) => {
                let connection = connection(stream, remote, Arc::clone(&front), close.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    connection.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // New connections are refused from here on.
    drop(listener);
    closing.send_replace(true);
    let deadline = Instant::now() + front.config().drain_limit;
    let drained = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        drained = timeout_at(deadline, drained) => {
            if drained.is_err() {
                let count = connections.len();
                tracing::warn!(count, "connections still busy at the end of the drain");
            }
        }
        () = shutdown.stopped() => {}
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    front: Arc<Front>,
    mut close: watch::Receiver<bool>,
) {
    let config = front.config();
    // Both are improvements only: a socket that refuses them serves as well.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(config.send_timeout));
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_header_size(config.head_bytes_max)
        .max_headers(HEADERS_MAX)
        .max_buf_size(WRITE_BYTES_MAX)
        .writev(true);
    let open = OpenConnection::new(Arc::clone(&front));
    let service = service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, Infallible>(front.respond(&request, remote).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let closing = async { close.wait_for(|closing| *closing).await.is_ok() };
    tokio::pin!(connection);
    // A client that breaks off, stalls or talks nonsense is its own affair,
    // and a source that fails in mid-body has been logged.
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = closing => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, %error, "connection ended");
    }
    drop(open);
}

/// Counts a connection while it is open.
struct OpenConnection(Arc<Front>);

impl OpenConnection {
    fn new(front: Arc<Front>) -> Self {
        front.metrics().connections.inc();
        Self(front)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.metrics().connections.dec();
    }
}
