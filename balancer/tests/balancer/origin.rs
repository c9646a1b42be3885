//! An origin that does as it is told, down to the bytes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// What an origin does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Answers 200 with its id as the body.
    Serve,
    /// The same, and closes the connection, having said so.
    ServeAndClose,
    /// Serves this film, ranges of it too.
    Film(Film),
    /// Sends these bytes and keeps the connection.
    Send(String),
    /// Sends these bytes and closes the connection.
    SendAndClose(String),
    /// Sends these bytes and resets the connection.
    SendAndReset(String),
    /// Answers nothing and keeps the connection.
    Hang,
    /// Answers as `Serve` once [`Origin::let_go`] lets it.
    Wait,
    /// Serves the first request of a connection, closes at the second: as an
    /// origin whose idle limit has passed.
    CloseAtSecond,
}

/// A body under a strong ETag, as origins have them.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    pub(crate) body: Arc<str>,
    pub(crate) etag: &'static str,
    /// Bytes of an answer's body after which the origin dies: the connection closes.
    pub(crate) dies_after: Option<usize>,
    /// It goes silent instead, with its connection open: a process that is stopped.
    pub(crate) stalls: bool,
    /// Header lines of its own.
    pub(crate) headers: &'static str,
}

impl Film {
    /// Answers a request. False: the origin has died over it.
    async fn serve(&self, stream: &mut TcpStream, head: &str) -> bool {
        let head = head.to_ascii_lowercase();
        let range = head
            .lines()
            .find_map(|line| line.strip_prefix("range: bytes=")?.split_once('-'));
        let last = self.body.len() - 1;
        let (first, last, status) = match range {
            Some((first, end)) => (
                first.parse().unwrap(),
                end.parse().unwrap_or(last),
                "206 Partial Content",
            ),
            None => (0, last, "200 OK"),
        };
        let (part, etag) = (&self.body[first..=last], self.etag);
        let range = format!("content-range: bytes {first}-{last}/{}\r\n", self.body.len());
        let range = if status.starts_with("206") {
            range
        } else {
            String::new()
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\netag: {etag}\r\n{}{range}\r\n",
            part.len(),
            self.headers
        );
        send(stream, &head).await;
        send(
            stream,
            &part[..self.dies_after.unwrap_or(part.len()).min(part.len())],
        )
        .await;
        if self.stalls {
            let _ = stream.read(&mut [0]).await;
        }
        self.dies_after.is_none()
    }
}

/// An answer of `status` with these header lines and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A listening origin. Closed when dropped.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    open: watch::Sender<bool>,
}

struct Shared {
    id: String,
    act: Mutex<Act>,
    /// Acts for the next requests, before `act` rules again.
    next: Mutex<VecDeque<Act>>,
    /// Heads of the requests that came in, health checks apart.
    requests: Mutex<Vec<String>>,
    waiting: Semaphore,
    /// What it says of its load beside its readiness: a value of `x-strata-load`.
    load: Mutex<Option<String>>,
}

impl Origin {
    pub(crate) async fn start(id: &str, act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            id: id.to_owned(),
            act: Mutex::new(act),
            next: Mutex::default(),
            requests: Mutex::default(),
            waiting: Semaphore::new(0),
            load: Mutex::default(),
        });
        let (open, closed) = watch::channel(true);
        tokio::spawn(listen(listener, Arc::clone(&shared), closed));
        Self {
            address,
            shared,
            open,
        }
    }

    /// What the origin does from now on.
    pub(crate) fn act(&self, act: Act) {
        *self.shared.act.lock().unwrap() = act;
    }

    /// What it does with the next request only.
    pub(crate) fn next(&self, act: Act) {
        self.shared.next.lock().unwrap().push_back(act);
    }

    /// Heads of the requests that came in.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// Forgets the requests that came in.
    pub(crate) fn forget(&self) {
        *self.shared.requests.lock().unwrap() = Vec::new();
    }

    /// What it says of its load from now on, when it is checked and on answers of [`Act::Serve`].
    pub(crate) fn says(&self, load: &str) {
        *self.shared.load.lock().unwrap() = Some(load.to_owned());
    }

    /// Lets `count` requests that wait be served.
    pub(crate) fn let_go(&self, count: usize) {
        self.shared.waiting.add_permits(count);
    }

    /// Stops listening and resets all connections, as a process that is killed.
    pub(crate) async fn kill(&self) {
        self.open.send_replace(false);
        // The listener's task holds the last receiver that is not a connection's.
        self.open.closed().await;
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>, mut closed: watch::Receiver<bool>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.unwrap();
                connections.spawn(connection(stream, Arc::clone(&shared)));
                // Those that have ended leave their results behind.
                while connections.try_join_next().is_some() {}
            }
            _ = closed.wait_for(|open| !open) => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn connection(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut served = 0;
    while let Some(head) = read_head(&mut stream).await {
        let load = shared.load.lock().unwrap().clone();
        let load = load.map_or(String::new(), |load| format!("x-strata-load: {load}\r\n"));
        if head.starts_with("GET /readyz ") {
            send(&mut stream, &answer("200 OK", &load, "ready")).await;
            continue;
        }
        shared.requests.lock().unwrap().push(head.clone());
        let next = shared.next.lock().unwrap().pop_front();
        let act = next.unwrap_or_else(|| shared.act.lock().unwrap().clone());
        let own = answer("200 OK", &load, &shared.id);
        match act {
            Act::Serve => send(&mut stream, &own).await,
            Act::ServeAndClose => {
                send(
                    &mut stream,
                    &answer("200 OK", "connection: close\r\n", &shared.id),
                )
                .await;
                return;
            }
            Act::Film(film) => {
                if !film.serve(&mut stream, &head).await {
                    return;
                }
            }
            Act::Send(text) => send(&mut stream, &text).await,
            Act::SendAndClose(text) => {
                send(&mut stream, &text).await;
                return;
            }
            Act::SendAndReset(text) => {
                send(&mut stream, &text).await;
                stream.set_zero_linger().unwrap();
                return;
            }
            Act::Hang => {
                let _ = stream.read(&mut [0]).await;
                return;
            }
            Act::Wait => {
                shared.waiting.acquire().await.unwrap().forget();
                send(&mut stream, &own).await;
            }
            Act::CloseAtSecond if served == 0 => send(&mut stream, &own).await,
            Act::CloseAtSecond => return,
        }
        served += 1;
    }
}

/// The head of the next request. `None`: the connection has ended.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn send(stream: &mut TcpStream, text: &str) {
    // Fails when the balancer has gone, which is its right.
    let _ = stream.write_all(text.as_bytes()).await;
}
