//! The operator's listener: is it alive, is it ready, what does it measure.
//!
//! `GET /healthz` says `ok` while the process lives; `GET /readyz` says `ready`
//! or 503 with one reason a line; `GET /metrics` is Prometheus text. A node that
//! caches takes `POST /purge` from whoever knows its token, and a node may have
//! more to say: [`Pages`]. The listener stands
//! apart from the viewers' listener, goes on through the drain, and has its own
//! limits, so that neither can starve the other.

mod pages;
mod purge;
mod readiness;
mod respond;

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

pub use self::pages::{NoPages, Page, Pages, Question};
pub use self::purge::{Purge, PurgeHandler, Selection};
pub use self::readiness::Readiness;
use crate::process;
use crate::shutdown::Shutdown;

/// How many connections are served at once; more wait in the system's queue.
pub const CONNECTIONS_MAX: usize = 64;

/// How long a client may take to send its request head, and an idle connection may stay.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest request head, in bytes.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Most request headers.
pub const HEADERS_MAX: usize = 64;

/// Longest life of a connection: a client that reads nothing is let go then.
pub const CONNECTION_LIFE_MAX: Duration = Duration::from_secs(300);

/// After a failed accept (such as: out of file descriptors), how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the listener tells of.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Everything that this node measures.
    pub registry: Registry,
    /// Whether this node wants requests.
    pub readiness: Readiness,
    /// What is done on `POST /purge`; `None` where nothing is cached.
    pub purge: Option<Purge>,
    /// What this kind of node has to say besides.
    pub pages: Arc<dyn Pages>,
}

/// Serves until [`Shutdown::stop`], through the drain; then closes its connections.
///
/// Dropping or aborting the future closes them too.
pub async fn serve(listener: TcpListener, admin: Admin, shutdown: Shutdown) {
    serve_within(HEADER_TIMEOUT, listener, admin, shutdown).await;
}

async fn serve_within(header_timeout: Duration, listener: TcpListener, admin: Admin, shutdown: Shutdown) {
    process::register(&admin.registry);
    let admin = Arc::new(admin);
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let stopped = shutdown.stopped();
    tokio::pin!(stopped);
    loop {
        let accept = async {
            // Never closed, so this only waits.
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accept => accepted,
            Some(_) = connections.join_next() => continue,
            () = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = serve_connection(header_timeout, stream, Arc::clone(&admin), shutdown.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    // A client that breaks off or stalls is its own affair.
                    let _ = tokio::time::timeout(CONNECTION_LIFE_MAX, served).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "admin listener cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(
    header_timeout: Duration,
    stream: TcpStream,
    admin: Arc<Admin>,
    shutdown: Shutdown,
) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let request = request.into_parts().0;
        let (admin, shutdown) = (Arc::clone(&admin), shutdown.clone());
        async move { Ok::<_, std::convert::Infallible>(respond::answer(&request, &admin, &shutdown).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

#[cfg(test)]
mod tests;
