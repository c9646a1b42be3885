//! The HTTP side: listener, connections, faults, journal, shutdown.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, s3_error};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::body::{Cut, ServedBody};
use crate::connection::{Connection, ResetSwitch};
use crate::fault::{Effect, Faults};
use crate::journal::{Entry, Journal};
use crate::operation::{Operation, Target};
use crate::store::Store;

/// How long a shutdown waits for responses under way before it breaks them.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// How much a connection buffers before it writes: several slices of a body
/// leave in one vectored write.
const CONNECTION_BUFFER_BYTES: usize = 2 << 20;

/// The pause after a failed accept (no file descriptors left, say), so that
/// the loop does not spin.
const ACCEPT_ERROR_PAUSE: Duration = Duration::from_millis(50);

/// A running S3 server. Dropping it without [`Server::shutdown`] breaks its
/// connections at once.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or not ours.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Shared {
    store: Store,
    faults: Faults,
    journal: Journal,
    service: S3Service,
}

impl Server {
    /// Listens on `addr` (port 0: one the system chooses) with an empty store.
    /// Only requests signed with this key pair are served.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(addr: SocketAddr, access_key: &str, secret_key: &str) -> Result<Server, StartError> {
        Server::start_with_store(addr, access_key, secret_key, Store::default()).await
    }

    /// Like [`Server::start`], over a store that outlived another server: an
    /// outage is a shutdown and a start on the same address.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start_with_store(
        addr: SocketAddr,
        access_key: &str,
        secret_key: &str,
        store: Store,
    ) -> Result<Server, StartError> {
        let listen_error = |source| StartError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(listen_error)?;
        let addr = listener.local_addr().map_err(listen_error)?;
        let mut builder = S3ServiceBuilder::new(Api::new(store.clone()));
        builder.set_auth(KeyPair {
            access_key: access_key.to_owned(),
            secret_key: secret_key.into(),
        });
        let service = builder.build();
        let shared = Arc::new(Shared {
            store,
            faults: Faults::default(),
            journal: Journal::default(),
            service,
        });
        let server = Server {
            addr,
            shared,
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        server.tasks.spawn(accept(
            listener,
            Arc::clone(&server.shared),
            server.tasks.clone(),
            server.drain.clone(),
            server.abort.clone(),
        ));
        Ok(server)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://host:port`, to be used path-style.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The objects, to be read and changed behind the API's back.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The faults that are on.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What was asked so far.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// Stops accepting, lets responses under way end for up to two seconds,
    /// then breaks what is left. The port is free when this returns.
    pub async fn shutdown(self) {
        self.drain.cancel();
        self.tasks.close();
        if tokio::time::timeout(SHUTDOWN_GRACE, self.tasks.wait())
            .await
            .is_err()
        {
            self.abort.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain.cancel();
        self.abort.cancel();
    }
}

/// The one key pair that signs requests.
struct KeyPair {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for KeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            Ok(self.secret_key.clone())
        } else {
            Err(s3_error!(InvalidAccessKeyId, "no such access key"))
        }
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    drain: CancellationToken,
    abort: CancellationToken,
) {
    let mut connection = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.cancelled() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                connection += 1;
                let serve = serve_connection(stream, connection, Arc::clone(&shared), drain.clone());
                let abort = abort.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = serve => {}
                        () = abort.cancelled() => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_ERROR_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, number: u64, shared: Arc<Shared>, drain: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's algorithm");
    }
    let connection = Connection::new(stream);
    let reset = connection.reset_switch();
    let service = service_fn(move |request| answer(Arc::clone(&shared), number, reset.clone(), request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_buf_size(CONNECTION_BUFFER_BYTES)
        .serve_connection(TokioIo::new(connection), service);
    tokio::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = drain.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The connection is to be reset instead of answered.
#[derive(Debug, thiserror::Error)]
#[error("the connection was reset by a fault")]
struct ResetByFault;

async fn answer(
    shared: Arc<Shared>,
    connection: u64,
    reset: ResetSwitch,
    request: Request<Incoming>,
) -> Result<Response<ServedBody>, StdError> {
    let target = Target::of_path(request.uri().path());
    let operation = Operation::of(
        request.method(),
        &target,
        request.uri().query().unwrap_or_default(),
    );
    let range = request
        .headers()
        .get(http::header::RANGE)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let path = target.path();
    let mut cut = None;
    let mut refusal = None;
    for effect in shared.faults.take(operation, &path, Instant::now()) {
        match effect {
            Effect::Delay(duration) => tokio::time::sleep(duration).await,
            Effect::FlipEtag => {
                shared.store.flip_etag(&target.bucket, &target.key);
            }
            Effect::Replace(bytes) => {
                shared.store.put(&target.bucket, &target.key, bytes);
            }
            Effect::Cut { after_bytes, ending } => cut = Some(Cut::new(after_bytes, ending, reset.clone())),
            Effect::Status(status) => refusal = Some(status),
            Effect::Reset => {
                shared.journal.record(Entry {
                    operation,
                    path,
                    range,
                    connection,
                    status: None,
                });
                reset.arm();
                return Err(ResetByFault.into());
            }
        }
    }
    let response = match refusal {
        Some(status) => refused(status)?,
        None => shared
            .service
            .call(request.map(s3s::Body::from))
            .await
            .map_err(StdError::from)?,
    };
    shared.journal.record(Entry {
        operation,
        path,
        range,
        connection,
        status: Some(response.status()),
    });
    let bytes_sent = shared.journal.bytes_sent(operation);
    Ok(response.map(|body| ServedBody::new(body, bytes_sent, cut)))
}

/// The answer of a fault: the status with S3's code for it in the XML body.
fn refused(status: StatusCode) -> Result<s3s::HttpResponse, StdError> {
    let code = match status {
        StatusCode::SERVICE_UNAVAILABLE => S3ErrorCode::SlowDown,
        StatusCode::INTERNAL_SERVER_ERROR => S3ErrorCode::InternalError,
        StatusCode::FORBIDDEN => S3ErrorCode::AccessDenied,
        StatusCode::NOT_FOUND => S3ErrorCode::NoSuchKey,
        StatusCode::PRECONDITION_FAILED => S3ErrorCode::PreconditionFailed,
        StatusCode::REQUEST_TIMEOUT => S3ErrorCode::RequestTimeout,
        _ => S3ErrorCode::Custom("InjectedFault".into()),
    };
    let mut error = S3Error::with_message(code, "injected fault");
    error.set_status_code(status);
    Ok(error.to_http_response()?)
}
