//! The front: connections of clients, dealt out to threads.
//!
//! One listener, and threads that each run their own scheduler and keep their
//! own connections to origins: a client's connection stays on the thread it was
//! given to, so no two threads ever wait for each other. It is given to the one
//! that has fewest, which is why pingora's own accept loop, which deals at
//! random, is not used; it is here, too, that a connection's first bytes can be
//! looked at before they are taken for HTTP.

mod connection;
pub(crate) mod head;
mod limits;
mod pace;
mod proxy_protocol;
pub(crate) mod stream;
pub(crate) mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use pingora::proxy::HttpProxy;
use strata_node::shutdown::{Drain, InFlight};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};

use self::connection::Service;
use self::limits::Addresses;
pub(crate) use self::limits::Room;
use self::tls::Tls;
use crate::config::ClientLimits;
use crate::proxy::Proxy;
use crate::relay::Relay;

/// After a failed accept (such as: out of file descriptors), how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The threads, and the way to them.
pub(crate) struct Front {
    threads: Vec<Thread>,
    room: Room,
    /// True once no more requests are to be read.
    closing: watch::Sender<bool>,
}

struct Thread {
    queue: mpsc::UnboundedSender<Connection>,
    connections: Drain,
    handle: JoinHandle<()>,
}

/// An accepted connection on its way to its thread.
struct Connection {
    stream: std::net::TcpStream,
    remote: SocketAddr,
    is_tls: bool,
    held: Held,
}

/// What a connection holds while it lives.
struct Held {
    _permit: OwnedSemaphorePermit,
    _on_thread: InFlight,
    _in_all: InFlight,
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
        tls: Option<Tls>,
        proxy: &Proxy,
        app: impl Fn() -> HttpProxy<Proxy>,
    ) -> io::Result<Self> {
        let (closing, receiver) = watch::channel(false);
        let addresses = Addresses::default();
        let service = || Service {
            app: Arc::new(app()),
            relay: Relay::new(proxy.clone()),
            proxy: proxy.clone(),
            addresses: addresses.clone(),
            tls: tls.clone(),
            closing: receiver.clone(),
        };
        let threads = (0..count).map(|number| Thread::start(number, service()));
        Ok(Self {
            threads: threads.collect::<io::Result<_>>()?,
            room: Room::new(limits.connections.get()),
            closing,
        })
    }

    /// How many connections there may be.
    pub(crate) fn room(&self) -> Room {
        self.room.clone()
    }

    /// Takes connections until dropped; each counts in `open` while it lives.
    /// `is_tls`: they begin with TLS.
    pub(crate) async fn accept(&self, listener: &TcpListener, is_tls: bool, open: &Drain) {
        loop {
            // Never closed, so this only waits.
            let Ok(permit) = Arc::clone(self.room.places()).acquire_owned().await else {
                return;
            };
            let accepted = listener
                .accept()
                .await
                .and_then(|(stream, remote)| Ok((stream.into_std()?, remote)));
            let handed_over =
                accepted.and_then(|(stream, remote)| self.hand_over(stream, remote, is_tls, permit, open));
            if let Err(error) = handed_over {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Takes the connections that wait in the system's queue, and closes the
    /// listener: closed with connections in its queue, it would reset them.
    pub(crate) fn accept_last(&self, listener: TcpListener, is_tls: bool, open: &Drain) -> io::Result<()> {
        // Stays non-blocking, so an empty queue is an error and the end.
        let listener = listener.into_std()?;
        while let Ok(permit) = Arc::clone(self.room.places()).try_acquire_owned() {
            match listener.accept() {
                Ok((stream, remote)) => {
                    stream.set_nonblocking(true)?;
                    self.hand_over(stream, remote, is_tls, permit, open)?;
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
        is_tls: bool,
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
            let _ = thread.queue.send(Connection {
                stream,
                remote,
                is_tls,
                held,
            });
        }
        Ok(())
    }

    /// Closes idle connections, and the others once their answers have been sent.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
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
        let (queue, mut connections) = mpsc::unbounded_channel::<Connection>();
        let handle = std::thread::Builder::new()
            .name(format!("serve-{number}"))
            .spawn(move || {
                runtime.block_on(async {
                    tokio::spawn(service.relay.clone().sweep());
                    while let Some(connection) = connections.recv().await {
                        tokio::spawn(serve(connection, service.clone()));
                    }
                });
            })?;
        Ok(Self {
            queue,
            connections: Drain::new(),
            handle,
        })
    }
}

/// Serves a connection to its end, and gives back its places.
async fn serve(connection: Connection, service: Service) {
    // Held until the end.
    let Connection {
        stream,
        remote,
        is_tls,
        held: _held,
    } = connection;
    // Fails when the client has gone in the meantime.
    if let Ok(stream) = TcpStream::from_std(stream) {
        connection::serve(stream, remote, is_tls, service).await;
    }
}
