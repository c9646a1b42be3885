//! A server to measure the load tester with: `/1k` and `/1m` at once, `/wait` after 10 to 50 ms, and all of it
//! not at all for a while.
//!
//! `server ADDRESS [STALL_AT_SECONDS STALL_FOR_SECONDS]`; one thread, beside those that wait.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::RwLock;

/// The shortest wait of `/wait`, and how much longer the longest is, in seconds. Every wait between is as
/// likely, so quantiles lie on no edge. None is twice as long as the mean: where one is, wrk takes it for a
/// stall and adds requests that it supposes were held up, and its quantiles are of other requests than were asked.
const WAIT_LEAST_S: f64 = 0.010;
const WAIT_RANGE_S: f64 = 0.040;

/// The golden ratio's part behind the point: multiples of it, modulo 1, fill the range evenly, however many they are.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

struct Stock {
    small: Bytes,
    large: Bytes,
    turn: AtomicU32,
    /// Held while the server stands still.
    gate: RwLock<()>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .ok_or("usage: server ADDRESS [STALL_AT STALL_FOR]")?;
    let seconds = |text: Option<String>| text.map(|text| text.parse::<f64>()).transpose();
    let (at, length) = (seconds(arguments.next())?, seconds(arguments.next())?);
    let stock = Arc::new(Stock {
        small: Bytes::from(vec![b'x'; 1024]),
        large: Bytes::from(vec![b'x'; 1 << 20]),
        turn: AtomicU32::new(0),
        gate: RwLock::new(()),
    });
    if let (Some(at), Some(length)) = (at, length) {
        let stock = Arc::clone(&stock);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(at)).await;
            let closed = stock.gate.write().await;
            tokio::time::sleep(Duration::from_secs_f64(length)).await;
            drop(closed);
        });
    }
    let listener = TcpListener::bind(&address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stock = Arc::clone(&stock);
        let service = service_fn(move |request| answer(Arc::clone(&stock), request));
        tokio::spawn(async move {
            // Clients leave as they like.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(stock: Arc<Stock>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let _open = stock.gate.read().await;
    let body = match request.uri().path() {
        "/1m" => stock.large.clone(),
        "/wait" => {
            let wait = wait(stock.turn.fetch_add(1, Ordering::Relaxed));
            // The runtime's timers count in whole milliseconds, which would be steps again.
            let _ = tokio::task::spawn_blocking(move || sleep(wait)).await;
            stock.small.clone()
        }
        _ => stock.small.clone(),
    };
    Ok(Response::new(Full::new(body)))
}

/// How long the request of this turn waits.
fn wait(turn: u32) -> Duration {
    let part = (f64::from(turn) * GOLDEN).fract();
    Duration::from_secs_f64(WAIT_LEAST_S + part * WAIT_RANGE_S)
}

#[expect(
    clippy::disallowed_methods,
    reason = "on a thread that has nothing else to do"
)]
fn sleep(wait: Duration) {
    std::thread::sleep(wait);
}
