//! A server for tests, and a test run against it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use strata_loadtest::client::{Ask, Client, ClientOptions, Target, Trust, Version};
use strata_loadtest::conduct::Conduct;
use strata_loadtest::progress::Progress;
use strata_loadtest::report::{Heading, Test};
use strata_loadtest::trial::Trial;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Serves what `answer` says, HTTP/1.1 and 2, until the runtime ends.
pub(crate) async fn serve<F, Fut>(answer: F) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    serve_over(answer, |stream| async move { Ok(stream) }).await
}

/// As [`serve`], over TLS.
pub(crate) async fn serve_tls<F, Fut>(answer: F, tls: rustls::ServerConfig) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    serve_over(answer, move |stream| acceptor.accept(stream)).await
}

async fn serve_over<F, Fut, Over, Opening, Io>(answer: F, over: Over) -> SocketAddr
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<Full<Bytes>>> + Send + 'static,
    Over: Fn(TcpStream) -> Opening + Send + 'static,
    Opening: Future<Output = std::io::Result<Io>> + Send + 'static,
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer.clone();
                async move { Ok::<_, Infallible>(answer(request).await) }
            });
            let opening = over(stream);
            tokio::spawn(async move {
                // A client that does not like the certificate leaves.
                let Ok(io) = opening.await else { return };
                let connection = auto::Builder::new(TokioExecutor::new());
                let _ = connection.serve_connection(TokioIo::new(io), service).await;
            });
        }
    });
    address
}

pub(crate) fn body(text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(text.into()))
}

pub(crate) fn client(version: Version) -> Client {
    client_that_trusts(Trust::Anyone, version)
}

pub(crate) fn client_that_trusts(trust: Trust, version: Version) -> Client {
    let options = ClientOptions {
        version,
        connections: 64,
        timeout: Duration::from_secs(5),
        trust,
    };
    Client::new(&options).unwrap()
}

pub(crate) async fn ask(address: SocketAddr, path: &str) -> Ask {
    let (target, _) = Target::of(&format!("http://{address}")).await.unwrap();
    Ask::get(&Arc::new(target), path)
}

pub(crate) fn trial(client: Client, is_checked: bool) -> Arc<Trial> {
    Trial::start(
        client,
        is_checked.then(Default::default),
        Duration::from_millis(500),
        100_000,
    )
}

pub(crate) fn conduct() -> Conduct {
    Conduct {
        heading: Heading {
            test: Test::Fetch,
            title: "a test".to_owned(),
            strata: "0".to_owned(),
            settings: Default::default(),
        },
        nodes: Vec::new(),
        scraper: client(Version::Http1),
        thresholds: Vec::new(),
        output: None,
        progress: Progress::new(None, true),
        silence_max: Duration::from_secs(60),
        drain: Duration::from_secs(10),
    }
}
