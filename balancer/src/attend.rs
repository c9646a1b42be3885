//! A task for each node, for as long as it is a member.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use crate::node::Node;
use crate::pool::Pool;

/// Runs `task` for every member of `pool`, and ends it when the node goes.
/// Dropping the future, or aborting what polls it, ends them all.
pub(crate) async fn attend<F>(pool: Arc<Pool>, task: impl Fn(Arc<Node>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut versions = pool.versions();
    let mut tasks = JoinSet::new();
    // By address, as a node may be replaced under its id; each task holds its node, so addresses are its own.
    let mut attended: HashMap<usize, Attended> = HashMap::new();
    loop {
        versions.mark_unchanged();
        let nodes = pool.nodes();
        let mut before = std::mem::take(&mut attended);
        for node in nodes {
            let key = Arc::as_ptr(&node).addr();
            let handle = before.remove(&key).unwrap_or_else(|| Attended {
                task: tasks.spawn(task(Arc::clone(&node))),
                _node: node,
            });
            attended.insert(key, handle);
        }
        for gone in before.into_values() {
            gone.task.abort();
        }
        // Those that have ended leave their results behind.
        while tasks.try_join_next().is_some() {}
        if versions.changed().await.is_err() {
            return;
        }
    }
}

struct Attended {
    task: AbortHandle,
    _node: Arc<Node>,
}
