//! A web server for tests: files in memory, ranges, preconditions, and bad habits.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::task::JoinHandle;

/// What the server does otherwise than it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habits {
    /// Answers with the whole file.
    pub(crate) ignores_ranges: bool,
    /// Serves any version.
    pub(crate) ignores_preconditions: bool,
    /// Tells when a file was modified instead.
    pub(crate) has_no_etags: bool,
    /// Answers everything with this status.
    pub(crate) status: Option<StatusCode>,
    /// Answers so many requests with 503 first.
    pub(crate) failures: u32,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes and number of the version.
    files: HashMap<String, (Bytes, u64)>,
    versions: u64,
    habits: Habits,
    requests: u32,
    /// The connection that each request came over, with the file's name.
    connections: Vec<(String, u64)>,
}

/// A server that goes with the test.
pub(crate) struct WebServer {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl WebServer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                connection += 1;
                let answer = service_fn(move |request: Request<Incoming>| {
                    let answer = state.lock().unwrap().answer(&request, connection);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { state, address, task }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        url(&format!("http://{}", self.address), name)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state.lock().unwrap();
        state.versions += 1;
        let version = state.versions;
        state
            .files
            .insert(name.to_owned(), (Bytes::copy_from_slice(bytes), version));
    }

    pub(crate) fn delete(&self, name: &str) {
        assert!(self.state.lock().unwrap().files.remove(name).is_some());
    }

    pub(crate) fn behave(&self, habits: Habits) {
        self.state.lock().unwrap().habits = habits;
    }

    /// The connection that each request for a file came over.
    pub(crate) fn connections(&self, name: &str) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        let of_file = state.connections.iter().filter(|(file, _)| file == name);
        of_file.map(|(_, connection)| *connection).collect()
    }

    /// Number of requests so far.
    pub(crate) fn requests(&self) -> u32 {
        self.state.lock().unwrap().requests
    }
}

impl State {
    fn answer(&mut self, request: &Request<Incoming>, connection: u64) -> Response<Full<Bytes>> {
        self.requests += 1;
        if self.habits.failures > 0 {
            self.habits.failures -= 1;
            return status(StatusCode::SERVICE_UNAVAILABLE);
        }
        if let Some(refused) = self.habits.status {
            return status(refused);
        }
        let name = percent_decode_str(request.uri().path().trim_start_matches('/')).decode_utf8_lossy();
        self.connections.push((name.clone().into_owned(), connection));
        let Some((bytes, version)) = self.files.get(name.as_ref()) else {
            return status(StatusCode::NOT_FOUND);
        };
        let etag = format!("\"{version}\"");
        let wanted = |header: &str| text(request.headers(), header);
        if wanted("if-match").is_some_and(|wanted| wanted != etag) && !self.habits.ignores_preconditions {
            return status(StatusCode::PRECONDITION_FAILED);
        }
        let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + version);
        let mut answer = Response::builder().header("last-modified", httpdate::fmt_http_date(modified));
        if !self.habits.has_no_etags {
            answer = answer.header("etag", etag);
        }
        let size = bytes.len();
        if request.method() == Method::HEAD {
            return answer
                .header("content-length", size)
                .body(Full::default())
                .unwrap();
        }
        let range = wanted("range").filter(|_| !self.habits.ignores_ranges);
        let Some(range) = range.and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .split_once('-')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
        }) else {
            return answer.body(Full::new(bytes.clone())).unwrap();
        };
        let (first, last): (usize, usize) = (range.0.parse().unwrap(), range.1.parse().unwrap());
        if size <= first {
            return status(StatusCode::RANGE_NOT_SATISFIABLE);
        }
        let last = last.min(size - 1);
        answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header("content-range", format!("bytes {first}-{last}/{size}"))
            .body(Full::new(bytes.slice(first..=last)))
            .unwrap()
    }
}

/// The URL of a file below the URL of its server.
pub(crate) fn url(root: &str, name: &str) -> String {
    let segments = name
        .split('/')
        .map(|segment| utf8_percent_encode(segment, NON_ALPHANUMERIC).to_string());
    format!("{root}/{}", segments.collect::<Vec<_>>().join("/"))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let answer = Response::builder()
        .status(status)
        .header("location", "http://127.0.0.1:1/elsewhere");
    answer.body(Full::default()).unwrap()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
