//! The front: connections of clients, dealt out to threads.
//!
//! One listener, and threads that each run their own scheduler and keep their
//! own connections to origins: a client's connection stays on the thread it was
//! given to, so no two threads ever wait for each other. It is given to the one
//! that has fewest, which is why pingora's own accept loop, which deals at
//! random, is not used; it is here, too, that a connection's first bytes can be
//! looked at before they are taken for HTTP.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pingora::apps::HttpServerApp;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use pingora::proxy::HttpProxy;
use strata_node::shutdown::{Drain, InFlight};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::config::ClientLimits;
use crate::proxy::Proxy;

/// After a failed accept (such as: out of file descriptors), how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

tokio::task_local! {
    /// Whether the head of the request that a connection waits for has arrived.
    static HEAD_ARRIVED: Cell<bool>;
}

/// Tells the connection that serves this request that its head has arrived.
pub(crate) fn head_arrived() {
    // Outside of a connection, as in a test, nobody waits to know.
    let _ = HEAD_ARRIVED.try_with(|arrived| arrived.set(true));
}

/// The threads, and the way to them.
pub(crate) struct Front {
    threads: Vec<Thread>,
    room: Arc<Semaphore>,
    /// True once no more requests are to be read.
    closing: watch::Sender<bool>,
}

struct Thread {
    app: Arc<HttpProxy<Proxy>>,
    queue: mpsc::UnboundedSender<Connection>,
    connections: Drain,
    handle: JoinHandle<()>,
}

/// An accepted connection on its way to its thread.
struct Connection {
    stream: std::net::TcpStream,
    remote: SocketAddr,
    held: Held,
}

/// What a connection holds while it lives.
struct Held {
    _permit: OwnedSemaphorePermit,
    _on_thread: InFlight,
    _in_all: InFlight,
}

/// What a connection needs to be served. Clones are the same.
#[derive(Clone)]
struct Service {
    app: Arc<HttpProxy<Proxy>>,
    limits: ClientLimits,
    closing: watch::Receiver<bool>,
}

impl Front {
    /// Starts `count` threads, each with an app that `app` makes.
    ///
    /// # Errors
    ///
    /// When the system gives no thread or no event queue.
    pub(crate) fn start(
        count: usize,
        limits: ClientLimits,
        app: impl Fn() -> HttpProxy<Proxy>,
    ) -> io::Result<Self> {
        let (closing, receiver) = watch::channel(false);
        let service = || Service {
            app: Arc::new(app()),
            limits,
            closing: receiver.clone(),
        };
        let threads = (0..count).map(|number| Thread::start(number, service()));
        let room = Arc::new(Semaphore::new(
            limits.connections.get().min(Semaphore::MAX_PERMITS),
        ));
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
            room,
            closing,
        })
    }

    /// Takes connections until dropped; each counts in `open` while it lives.
    pub(crate) async fn accept(&self, listener: &TcpListener, open: &Drain) {
        loop {
            // Never closed, so this only waits.
            let Ok(permit) = Arc::clone(&self.room).acquire_owned().await else {
                return;
            };
            let accepted = listener
                .accept()
                .await
                .and_then(|(stream, remote)| Ok((stream.into_std()?, remote)));
            let handed_over =
                accepted.and_then(|(stream, remote)| self.hand_over(stream, remote, permit, open));
            if let Err(error) = handed_over {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Takes the connections that wait in the system's queue, and closes the
    /// listener: closed with connections in its queue, it would reset them.
    pub(crate) fn accept_last(&self, listener: TcpListener, open: &Drain) -> io::Result<()> {
        // Stays non-blocking, so an empty queue is an error and the end.
        let listener = listener.into_std()?;
        while let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            match listener.accept() {
                Ok((stream, remote)) => {
                    stream.set_nonblocking(true)?;
                    self.hand_over(stream, remote, permit, open)?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hand_over(
        &self,
        stream: std::net::TcpStream,
        remote: SocketAddr,
        permit: OwnedSemaphorePermit,
        open: &Drain,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if let Some(thread) = self
            .threads
            .iter()
            .min_by_key(|thread| thread.connections.in_flight())
        {
            let held = Held {
                _permit: permit,
                _on_thread: thread.connections.enter(),
                _in_all: open.enter(),
            };
            // A thread ends only when this sender is gone.
            let _ = thread.queue.send(Connection { stream, remote, held });
        }
        Ok(())
    }

    /// Closes idle connections, and the others once their answers have been sent.
    pub(crate) async fn close(&self) {
        self.closing.send_replace(true);
        for thread in &self.threads {
            thread.app.http_cleanup().await;
        }
    }

    /// Ends the threads, and with them whatever connections are left. Blocks for a moment.
    pub(crate) fn stop(self) {
        for Thread { queue, handle, .. } in self.threads {
            drop(queue);
            if handle.join().is_err() {
                tracing::error!("a serving thread has panicked");
            }
        }
    }
}

impl Thread {
    fn start(number: usize, service: Service) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let app = Arc::clone(&service.app);
        let (queue, mut connections) = mpsc::unbounded_channel::<Connection>();
        let handle = std::thread::Builder::new()
            .name(format!("serve-{number}"))
            .spawn(move || {
                runtime.block_on(async {
                    while let Some(connection) = connections.recv().await {
                        tokio::spawn(serve(connection, service.clone()));
                    }
                });
            })?;
        Ok(Self {
            app,
            queue,
            connections: Drain::new(),
            handle,
        })
    }
}

/// Serves a connection to its end.
async fn serve(connection: Connection, service: Service) {
    let Connection { stream, remote, held } = connection;
    let _held = held;
    // Fails when the client has gone in the meantime.
    let Ok(stream) = TcpStream::from_std(stream) else {
        return;
    };
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // Nothing has been set in a digest just made.
    let _ = digest.peer_addr.set(Some(remote.into()));
    let mut stream = Stream::from(stream);
    stream.set_socket_digest(digest);
    let mut session = ServerSession::new_http1(Box::new(stream));
    session.set_keepalive(Some(service.limits.idle.as_secs().max(1)));
    let mut head_limit = service.limits.head;
    loop {
        let request = service.app.process_new_http(session, &service.closing);
        let Some(reused) = within_head_limit(head_limit, request).await.flatten() else {
            return;
        };
        let (stream, settings) = reused.consume();
        session = ServerSession::new_http1(stream);
        if let Some(settings) = settings {
            settings.apply_to_session(&mut session);
        }
        // pingora bounds the wait for each read; this bounds the head as a whole.
        head_limit = service.limits.idle + service.limits.head;
    }
}

/// Runs `request`, but drops it when its head has not arrived within `limit`.
async fn within_head_limit<T>(limit: Duration, request: impl Future<Output = T>) -> Option<T> {
    HEAD_ARRIVED
        .scope(Cell::new(false), async {
            tokio::pin!(request);
            tokio::select! {
                biased;
                result = &mut request => return Some(result),
                () = tokio::time::sleep(limit) => {}
            }
            if HEAD_ARRIVED.with(Cell::get) {
                Some(request.await)
            } else {
                None
            }
        })
        .await
}
