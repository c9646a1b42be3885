//! Stopping a node: signals, the drain, and work that is still in flight.
//!
//! A node runs, then drains (it takes no new connection, `/readyz` says so, and
//! what is in flight goes on), then stops. The first SIGTERM or SIGINT starts
//! the drain; a second one, or the end of the drain, stops.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far a node is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Stopped,
}

/// A handle on the node's end, shared by all its tasks. Clones are the same handle.
#[derive(Clone, Debug)]
pub struct Shutdown {
    phase: Arc<watch::Sender<Phase>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A handle that only [`Shutdown::drain`] and [`Shutdown::stop`] move: for tests and for nodes inside another process.
    pub fn new() -> Self {
        Self {
            phase: Arc::new(watch::Sender::new(Phase::Running)),
        }
    }

    /// A handle that SIGTERM and SIGINT move: the first drains, the second stops.
    ///
    /// Must be called within a Tokio runtime, which then owns the task that waits for signals.
    ///
    /// # Errors
    /// The signal handlers cannot be installed.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let handle = shutdown.clone();
        tokio::spawn(async move {
            loop {
                let name = tokio::select! {
                    Some(()) = terminate.recv() => "SIGTERM",
                    Some(()) = interrupt.recv() => "SIGINT",
                    else => return,
                };
                if handle.is_draining() {
                    tracing::warn!(signal = name, "stopping at once");
                    handle.stop();
                } else {
                    tracing::info!(signal = name, "draining");
                    handle.drain();
                }
            }
        });
        Ok(shutdown)
    }

    /// Starts the drain. Does nothing when it has begun.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Ends the drain, finished or not.
    pub fn stop(&self) {
        self.advance(Phase::Stopped);
    }

    /// Whether the drain has begun (or is over).
    pub fn is_draining(&self) -> bool {
        Phase::Draining <= *self.phase.borrow()
    }

    /// Resolves once the drain has begun.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Resolves once the node is to be gone.
    pub async fn stopped(&self) {
        self.reached(Phase::Stopped).await;
    }

    fn advance(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let forward = *current < phase;
            if forward {
                *current = phase;
            }
            forward
        });
    }

    async fn reached(&self, phase: Phase) {
        // Cannot fail: `self` holds the sender.
        let _ = self.phase.subscribe().wait_for(|current| phase <= *current).await;
    }
}

/// Counts work in flight, so that a drain can wait for it. Clones count together.
#[derive(Clone, Debug)]
pub struct Drain {
    in_flight: Arc<watch::Sender<usize>>,
}

/// One piece of work in flight; dropping it is its end.
#[derive(Debug)]
pub struct InFlight {
    in_flight: Arc<watch::Sender<usize>>,
}

/// A drain ran into its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} still in flight after {limit:?}")]
pub struct StillInFlight {
    /// How much work was left.
    pub count: usize,
    /// How long it was waited for.
    pub limit: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Nothing in flight.
    pub fn new() -> Self {
        Self {
            in_flight: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Counts one more piece of work until the guard is dropped.
    pub fn enter(&self) -> InFlight {
        self.in_flight
            .send_modify(|count| *count = count.saturating_add(1));
        InFlight {
            in_flight: Arc::clone(&self.in_flight),
        }
    }

    /// How much work is in flight now.
    pub fn in_flight(&self) -> usize {
        *self.in_flight.borrow()
    }

    /// Waits until nothing is in flight, but at most `limit`.
    ///
    /// # Errors
    /// [`StillInFlight`] when the limit passes first.
    pub async fn wait(&self, limit: Duration) -> Result<(), StillInFlight> {
        let mut watch = self.in_flight.subscribe();
        let empty = watch.wait_for(|count| *count == 0);
        match tokio::time::timeout(limit, empty).await {
            Ok(_) => Ok(()),
            Err(_) => Err(StillInFlight {
                count: self.in_flight(),
                limit,
            }),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.in_flight
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_hears_of_the_drain_whenever_they_ask() {
        let shutdown = Shutdown::new();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.draining().await }
        });
        assert!(!shutdown.is_draining());
        shutdown.drain();
        early.await.unwrap();
        shutdown.draining().await;
        assert!(shutdown.is_draining());
    }

    #[tokio::test]
    async fn a_stop_is_a_drain_too_and_never_goes_back() {
        let shutdown = Shutdown::new();
        shutdown.stop();
        shutdown.drain();
        shutdown.draining().await;
        shutdown.stopped().await;
    }

    #[tokio::test]
    async fn a_drain_waits_for_the_last_guard() {
        let drain = Drain::new();
        let (first, second) = (drain.enter(), drain.enter());
        assert_eq!(drain.in_flight(), 2);
        drop(first);
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.wait(Duration::from_secs(60)).await }
        });
        drop(second);
        waiting.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_drain_gives_up_at_its_limit_and_says_what_is_left() {
        let drain = Drain::new();
        let _stuck = drain.enter();
        let limit = Duration::from_millis(5);
        assert_eq!(drain.wait(limit).await, Err(StillInFlight { count: 1, limit }));
    }
}
