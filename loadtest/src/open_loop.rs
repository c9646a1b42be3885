//! Sends what is due when it is due, whatever became of what was sent before.
//!
//! A thread of its own keeps the time: the runtime's timers count in
//! milliseconds, and a runtime that is busy with answers would be late.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::client::Ask;
use crate::record::{Failure, Kind};
use crate::trial::Trial;

/// How long the thread sleeps at most before it looks whether the test was stopped.
const SLEEP_MAX: Duration = Duration::from_millis(50);

/// A request and when it is due, counted from the start of the test.
#[derive(Debug, Clone)]
pub struct Job {
    /// When.
    pub due: Duration,
    /// What it is for.
    pub kind: Kind,
    /// What is asked.
    pub ask: Ask,
}

/// Sends every job when it is due, in order, and returns when the last one was
/// sent. Past `trial.waiting_max` requests on their way, jobs fail as
/// [`Failure::Overrun`] without being sent.
///
/// # Errors
/// When the thread cannot be started.
pub async fn run(
    trial: &Arc<Trial>,
    jobs: impl Iterator<Item = Job> + Send + 'static,
) -> std::io::Result<()> {
    let (done, sent_all) = oneshot::channel();
    let (trial, runtime) = (Arc::clone(trial), tokio::runtime::Handle::current());
    let keep_time = move || {
        for job in jobs {
            if !wait(&trial, job.due) {
                break;
            }
            if trial.waiting_max <= trial.in_flight.load(Ordering::Relaxed) {
                trial.fail_unsent(&job.ask, job.kind, job.due, Failure::Overrun);
                continue;
            }
            let token = trial.enter();
            let trial = Arc::clone(&trial);
            runtime.spawn(async move {
                let _ = trial.measure(&job.ask, job.kind, job.due).await;
                drop(token);
            });
        }
        // Nobody waits any more once the test was interrupted.
        let _ = done.send(());
    };
    thread::Builder::new()
        .name("schedule".to_owned())
        .spawn(keep_time)?;
    let _ = sent_all.await;
    Ok(())
}

/// Sleeps until `due`; false when the test was stopped before.
fn wait(trial: &Trial, due: Duration) -> bool {
    loop {
        if trial.stop.is_cancelled() {
            return false;
        }
        let Some(left) = due.checked_sub(trial.now()).filter(|left| !left.is_zero()) else {
            return true;
        };
        thread::park_timeout(left.min(SLEEP_MAX));
    }
}
