//! The agent: whoever connects gets one line, and the end of the connection.
//!
//! HAProxy asks so: `agent-check agent-port 9181 agent-inter 1s`.

use std::sync::Arc;
use std::time::Duration;

use strata_node::admin::Readiness;
use strata_node::shutdown::Shutdown;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::LoadState;

/// How many are answered at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 64;

/// Longest time for an answer to be taken.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// After a failed accept (such as: out of file descriptors), how long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers until [`Shutdown::stop`], through the drain, which it tells of.
pub(crate) async fn serve(listener: TcpListener, state: LoadState, readiness: Readiness, shutdown: Shutdown) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut answers = JoinSet::new();
    loop {
        let accept = async {
            // Never closed, so this only waits.
            let permit = Arc::clone(&room).acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accept => accepted,
            Some(_) = answers.join_next() => continue,
            () = shutdown.stopped() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let line = super::line(&state, &readiness, &shutdown).to_string();
                answers.spawn(async move {
                    let _permit = permit;
                    // Whoever does not take it does not want it.
                    let _ = timeout(ANSWER_TIME_MAX, answer(stream, line)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "agent cannot accept");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: TcpStream, line: String) -> std::io::Result<()> {
    stream.write_all(line.as_bytes()).await?;
    stream.shutdown().await
}
