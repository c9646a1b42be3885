//! Finding the members: where they are told, and what is made of it.
//!
//! A [`Discovery`] says what it finds; everything else is the same for all of
//! them and is here: how often it is asked, that a failure or an empty answer
//! changes nothing, that the last good answer is kept on disk for the next
//! start, that only so many members go at a time, and that no connection is
//! dropped for a change.

pub mod autoscaling;
mod config;
pub mod dns;
pub mod file;
mod metrics;
mod removal;
mod state;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use strata_node::config::Mistakes;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

pub use self::config::{DiscoveryConfig, SourceConfig};
pub(crate) use self::metrics::DiscoveryMetrics;
use self::metrics::SourceMetrics;
use self::state::StateFile;
use crate::config::OriginConfig;
use crate::pool::Pool;

/// A place that knows members: a file, a name, a cloud's API.
#[async_trait]
pub trait Discovery: fmt::Debug + Send + Sync {
    /// What it is called in logs, metrics and the name of its file on disk: the
    /// same at every start, and no other one's.
    fn name(&self) -> &str;

    /// The members as they are now.
    ///
    /// Dropping the future must be harmless: it is dropped when it takes too long.
    ///
    /// # Errors
    ///
    /// [`DiscoveryError`]: the last good answer stays in force. Say that nothing
    /// is there by an empty list; it is treated as a failure too.
    async fn discover(&self) -> Result<Found, DiscoveryError>;
}

/// What a discovery found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Members that want requests, each id once.
    pub members: Vec<OriginConfig>,
    /// Ids of those that are known to leave. They go at once: the limit of
    /// removals is for members that are merely not there any more.
    pub leaving: Vec<String>,
}

/// Why a discovery found nothing out.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The list has mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
    /// A name could not be resolved.
    #[error("{name}: {source}")]
    Resolve {
        /// The name.
        name: String,
        /// What the resolver said.
        source: std::io::Error,
    },
    /// A cloud's API did not answer as it should.
    #[error("{call}: {reason}")]
    Api {
        /// What was asked.
        call: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// There was an answer, and no member in it.
    #[error("no member is there")]
    Empty,
    /// There was no answer in time.
    #[error("no answer in time")]
    TimedOut,
}

/// A discovery with all that is kept about it.
pub(crate) struct Source {
    discovery: Box<dyn Discovery>,
    interval: Duration,
    timeout: Duration,
    remove_percent_max: u32,
    state: Option<StateFile>,
    metrics: SourceMetrics,
    /// What is in force.
    good: Vec<OriginConfig>,
    /// The same, for the assembly.
    told: Told,
}

/// What a source tells an assembly. A source that the assembly has let go of may
/// go on telling: nobody listens.
type Told = Arc<Mutex<Vec<OriginConfig>>>;

/// All sources and what they found, on the way to the pool.
pub(crate) struct Assembly {
    fixed: Mutex<Vec<OriginConfig>>,
    /// What each source has in force, by its name.
    found: Mutex<Vec<(String, Told)>>,
    /// Held while the pool is given its members, so that an older set never comes after a newer one.
    applying: Mutex<()>,
}

impl Source {
    /// A source with what it last found, if that is on disk.
    pub(crate) fn new(
        discovery: Box<dyn Discovery>,
        interval: Duration,
        config: &DiscoveryConfig,
        metrics: &DiscoveryMetrics,
    ) -> Self {
        let state = config.state.as_ref();
        let state = state.map(|folder: &PathBuf| StateFile::new(folder, discovery.name()));
        let good = state.as_ref().map(StateFile::load).unwrap_or_default();
        let metrics = metrics.source(discovery.name());
        metrics.holds(good.len(), 0);
        Self {
            discovery,
            interval,
            timeout: config.timeout,
            remove_percent_max: config.remove_percent_max,
            state,
            metrics,
            told: Arc::new(Mutex::new(good.clone())),
            good,
        }
    }

    fn named(&self) -> (String, Told) {
        (self.discovery.name().to_owned(), Arc::clone(&self.told))
    }

    /// Lets the assembly know what is in force.
    fn tell(&self) {
        self.good.clone_into(&mut locked(&self.told));
    }

    /// Asks once. `Ok(true)`: what is in force has changed.
    async fn ask(&mut self) -> Result<bool, DiscoveryError> {
        let found = tokio::time::timeout(self.timeout, self.discovery.discover())
            .await
            .unwrap_or(Err(DiscoveryError::TimedOut))?;
        if found.members.is_empty() {
            return Err(DiscoveryError::Empty);
        }
        let kept = removal::cap(&self.good, found, self.remove_percent_max);
        self.metrics.holds(kept.members.len(), kept.held_back);
        if kept.held_back != 0 {
            let (source, count) = (self.discovery.name(), kept.held_back);
            tracing::warn!(source, count, "members are gone, more than may go at a time");
        }
        if kept.members == self.good {
            return Ok(false);
        }
        self.good = kept.members;
        if let Some(state) = &self.state
            && let Err(error) = state.save(&self.good)
        {
            tracing::warn!(source = self.discovery.name(), %error, "what was found is not kept on disk");
        }
        Ok(true)
    }
}

impl Assembly {
    /// Members that are always there, and what `sources` have in force.
    pub(crate) fn new(fixed: Vec<OriginConfig>, sources: &[Source]) -> Self {
        Self {
            fixed: Mutex::new(fixed),
            found: Mutex::new(sources.iter().map(Source::named).collect()),
            applying: Mutex::default(),
        }
    }

    /// Takes over other sources, with what they have in force.
    fn set_sources(&self, sources: &[Source]) {
        *locked(&self.found) = sources.iter().map(Source::named).collect();
    }

    /// Names of the sources.
    pub(crate) fn names(&self) -> Vec<String> {
        let found = locked(&self.found);
        found.iter().map(|(name, _)| name.clone()).collect()
    }

    /// What the source of this name has in force.
    fn of(&self, name: &str) -> Vec<OriginConfig> {
        let found = locked(&self.found);
        let of = found.iter().find(|(source, _)| source == name);
        of.map(|(_, told)| locked(told).clone()).unwrap_or_default()
    }

    /// All members; of those with one id, the first.
    pub(crate) fn members(&self) -> Vec<OriginConfig> {
        let mut all = locked(&self.fixed).clone();
        for (_, told) in locked(&self.found).iter() {
            all.extend_from_slice(&locked(told));
        }
        let mut ids = HashSet::new();
        all.retain(|origin| ids.insert(origin.id.clone()));
        all
    }

    /// Takes over the origins that the configuration names.
    fn set_fixed(&self, origins: Vec<OriginConfig>) {
        *locked(&self.fixed) = origins;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks all sources for as long as it is polled, and applies what they find.
pub(crate) async fn run(sources: Vec<Source>, assembly: Arc<Assembly>, pool: Arc<Pool>) {
    let mut tasks = JoinSet::new();
    for source in sources {
        tasks.spawn(follow(source, Arc::clone(&assembly), Arc::clone(&pool)));
    }
    // None ends by itself.
    while tasks.join_next().await.is_some() {}
}

async fn follow(mut source: Source, assembly: Arc<Assembly>, pool: Arc<Pool>) {
    let mut ticks = tokio::time::interval(source.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_good = true;
    loop {
        ticks.tick().await;
        let asked = source.ask().await;
        source.metrics.asked(asked.is_ok());
        let name = source.discovery.name();
        match &asked {
            Ok(true) => {
                source.tell();
                apply(name, &assembly, &pool).await;
            }
            Ok(false) => {}
            Err(error) if was_good => {
                let members = source.good.len();
                tracing::warn!(source = name, %error, members, "discovery failed; the last good answer stays");
            }
            Err(error) => tracing::debug!(source = name, %error, "discovery failed"),
        }
        if asked.is_ok() && !was_good {
            tracing::info!(source = name, "discovery works again");
        }
        was_good = asked.is_ok();
    }
}

/// Puts `sources` in the place of those before, once each of them has been
/// asked: what one of the same name had in force it begins with.
pub(crate) async fn replace(
    mut sources: Vec<Source>,
    assembly: &Arc<Assembly>,
    pool: &Arc<Pool>,
) -> Vec<Source> {
    let mut asked = JoinSet::new();
    for (index, mut source) in sources.drain(..).enumerate() {
        if source.good.is_empty() {
            source.good = assembly.of(source.discovery.name());
        }
        asked.spawn(async move {
            if let Err(error) = source.ask().await {
                let members = source.good.len();
                tracing::warn!(source = source.discovery.name(), %error, members, "discovery failed");
            }
            source.tell();
            (index, source)
        });
    }
    let mut asked = asked.join_all().await;
    asked.sort_by_key(|(index, _)| *index);
    let sources: Vec<Source> = asked.into_iter().map(|(_, source)| source).collect();
    assembly.set_sources(&sources);
    apply("configuration", assembly, pool).await;
    sources
}

/// Takes over the origins that a new configuration names.
pub(crate) async fn fix(origins: Vec<OriginConfig>, assembly: &Arc<Assembly>, pool: &Arc<Pool>) {
    assembly.set_fixed(origins);
    apply("configuration", assembly, pool).await;
}

/// Gives the pool its members. A ring of many nodes takes milliseconds: not on a thread that others wait for.
async fn apply(source: &str, assembly: &Arc<Assembly>, pool: &Arc<Pool>) {
    let (gathering, pool) = (Arc::clone(assembly), Arc::clone(pool));
    let applied = tokio::task::spawn_blocking(move || {
        let _in_turn = locked(&gathering.applying);
        let members = gathering.members();
        (!members.is_empty()).then(|| pool.set_members(&members))
    })
    .await;
    match applied {
        Ok(None) => tracing::error!(source, "no members are left; those there were stay"),
        Ok(Some(Ok(change))) if change.is_empty() => {}
        Ok(Some(Ok(change))) => {
            let (added, removed) = (change.added.join(" "), change.removed.join(" "));
            tracing::info!(source, added, removed, "members changed");
        }
        Ok(Some(Err(error))) => {
            tracing::error!(source, %error, "members that were found make no ring; those there were stay");
        }
        // The runtime is going, or a bug has been told by its panic.
        Err(_) => {}
    }
}

#[cfg(test)]
#[path = "discovery/tests.rs"]
mod tests;
