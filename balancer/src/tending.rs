//! The tasks that tend to the pool: checks, agents, discoveries. Each kind is
//! started anew when its configuration changes; what is known of nodes is theirs
//! and stays.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::agent::{self, AgentConfig};
use crate::attend;
use crate::check;
use crate::config::HealthConfig;
use crate::discovery::{self, Assembly, Source};
use crate::pool::Pool;

/// The tasks. Clones are the same.
#[derive(Clone)]
pub(crate) struct Tending {
    pool: Arc<Pool>,
    /// Told of each check that decides something.
    news: mpsc::Sender<()>,
    tasks: Arc<Mutex<Tasks>>,
}

#[derive(Default)]
struct Tasks {
    checks: Option<AbortHandle>,
    agents: Option<AbortHandle>,
    discoveries: Option<AbortHandle>,
}

impl Tending {
    pub(crate) fn new(pool: Arc<Pool>, news: mpsc::Sender<()>) -> Self {
        Self {
            pool,
            news,
            tasks: Arc::default(),
        }
    }

    /// Checks all members so, and no longer as before.
    pub(crate) fn check(&self, health: HealthConfig) {
        let (pool, news) = (Arc::clone(&self.pool), self.news.clone());
        let checks = attend::attend(Arc::clone(&self.pool), move |node| {
            check::watch(node, Arc::clone(&pool), health.clone(), news.clone())
        });
        self.start(|tasks| &mut tasks.checks, checks);
    }

    /// Asks the members' agents so, and no longer as before.
    pub(crate) fn ask_agents(&self, config: AgentConfig) {
        let pool = Arc::clone(&self.pool);
        let agents = attend::attend(Arc::clone(&self.pool), move |node| {
            agent::watch(node, Arc::clone(&pool), config)
        });
        self.start(|tasks| &mut tasks.agents, agents);
    }

    /// Has members found by these sources, and no longer by those before.
    pub(crate) fn discover(&self, sources: Vec<Source>, assembly: Arc<Assembly>) {
        let discoveries = discovery::run(sources, assembly, Arc::clone(&self.pool));
        self.start(|tasks| &mut tasks.discoveries, discoveries);
    }

    /// Ends them all.
    pub(crate) fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in [tasks.checks, tasks.agents, tasks.discoveries]
            .into_iter()
            .flatten()
        {
            task.abort();
        }
    }

    fn start(
        &self,
        place: impl FnOnce(&mut Tasks) -> &mut Option<AbortHandle>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let place = place(&mut tasks);
        if let Some(before) = place.take() {
            before.abort();
        }
        *place = Some(tokio::spawn(task).abort_handle());
    }
}
