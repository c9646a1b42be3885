//! Keeps a number of requests on their way: each is followed by another when it has ended.
//!
//! Shows what a server can do. What it says of latency is flattering: a server
//! that stops is asked nothing meanwhile.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Ask;
use crate::record::Kind;
use crate::trial::Trial;

/// Asks in turn, `workers` at a time, for `length`.
pub async fn run(trial: &Arc<Trial>, asks: Vec<(Kind, Ask)>, workers: usize, length: Duration) {
    let asks: Arc<[(Kind, Ask)]> = asks.into();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..workers {
        let (trial, asks) = (Arc::clone(trial), Arc::clone(&asks));
        tasks.spawn(async move {
            for (kind, ask) in asks.iter().cycle().skip(worker) {
                if trial.stop.is_cancelled() || length <= trial.now() {
                    return;
                }
                let entered = trial.enter();
                let due = trial.now();
                let _ = trial.measure(ask, *kind, due).await;
                drop(entered);
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
