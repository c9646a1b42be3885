//! An origin that serves [`content`](crate::content) with ranges, and falls ill when it is told to.

use std::io::BufRead as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Mutex, watch};

use crate::content;

/// How much is written at once.
const PIECE_BYTES: usize = 16 << 10;

/// What a starved origin writes in a hundredth of a second: 1 Mb/s in all.
const STARVED_PIECE_BYTES: usize = 1250;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    /// Neither reads nor writes nor accepts: packets go nowhere.
    BlackHole,
    /// Has 1 Mb/s for everything.
    Starved,
    /// Answers 500 to everything but checks.
    Failing,
}

/// Serves until killed. Each line on standard input is its new state.
pub(crate) fn run(port: u16) {
    let (set, state) = watch::channel(State::Well);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            set.send_replace(match line.unwrap().as_str() {
                "black-hole" => State::BlackHole,
                "starved" => State::Starved,
                "failing" => State::Failing,
                _ => State::Well,
            });
        }
        // Whoever started this process has gone.
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(listen(port, state));
}

async fn listen(port: u16, mut state: watch::Receiver<State>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(([127, 0, 0, 1], port).into()).unwrap();
    // A short queue, so that a black hole's is soon full and connections are not made.
    let listener = socket.listen(16).unwrap();
    println!("{}", listener.local_addr().unwrap());
    let starved = Arc::new(Mutex::new(()));
    loop {
        reachable(&mut state).await;
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(serve(stream, state.clone(), Arc::clone(&starved)));
    }
}

/// Waits while nothing gets through.
async fn reachable(state: &mut watch::Receiver<State>) -> State {
    *state.wait_for(|state| *state != State::BlackHole).await.unwrap()
}

async fn serve(
    mut stream: TcpStream,
    mut state: watch::Receiver<State>,
    starved: Arc<Mutex<()>>,
) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break String::from_utf8(read.drain(..end + 4).collect()).ok()?;
            }
            let mut space = [0; 4096];
            let size = stream.read(&mut space).await.ok().filter(|size| *size != 0)?;
            reachable(&mut state).await;
            read.extend_from_slice(&space[..size]);
        };
        let path = head.split(' ').nth(1)?;
        if path == "/readyz" {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                .await
                .ok()?;
            continue;
        }
        if reachable(&mut state).await == State::Failing {
            stream
                .write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
                .await
                .ok()?;
            continue;
        }
        let size = content::size(path);
        let lower = head.to_ascii_lowercase();
        let range = lower.lines().find_map(|line| line.strip_prefix("range: bytes="));
        let range = range.and_then(|range| range.split_once('-'));
        let (first, last) = match range {
            Some((first, last)) => (first.parse::<usize>().ok()?, last.parse().unwrap_or(size - 1)),
            None => (0, size - 1),
        };
        let length = last + 1 - first;
        let head = match range {
            Some(_) => format!(
                "HTTP/1.1 206 Partial Content\r\ncontent-length: {length}\r\netag: \"e{size}\"\r\n\
                 content-range: bytes {first}-{last}/{size}\r\n\r\n"
            ),
            None => format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\netag: \"e{size}\"\r\n\r\n"),
        };
        stream.write_all(head.as_bytes()).await.ok()?;
        let mut at = first;
        while at <= last {
            let is_starved = reachable(&mut state).await == State::Starved;
            let most = if is_starved {
                STARVED_PIECE_BYTES
            } else {
                PIECE_BYTES
            };
            let mut piece = vec![0; most.min(last + 1 - at)];
            content::fill(path, at, &mut piece);
            if is_starved {
                let _turn = starved.lock().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stream.write_all(&piece).await.ok()?;
            at += piece.len();
        }
    }
}
