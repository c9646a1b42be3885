//! All processes: starts them, takes orders, notices who dies.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;

use anyhow::Context;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

use crate::process::Process;
use crate::topology::{Node, Role, Topology};

/// How a process is, as far as the system knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "reason")]
pub(crate) enum State {
    /// Never started.
    #[default]
    Absent,
    /// Its process lives.
    Running,
    /// It was killed from the page.
    Killed,
    /// It ended by itself; why.
    Died(String),
}

/// What the page may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Kill,
    Start,
}

/// An order for one node, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) index: usize,
    pub(crate) action: Action,
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

/// The processes of the demo. Lives on the main thread (see [`Process::start`]).
pub(crate) struct Fleet {
    topology: Arc<Topology>,
    processes: Vec<Option<Process>>,
    states: watch::Sender<Vec<State>>,
    orders: mpsc::Receiver<Order>,
    ends: (mpsc::UnboundedSender<End>, mpsc::UnboundedReceiver<End>),
    someone_died: bool,
}

struct End {
    index: usize,
    status: std::io::Result<ExitStatus>,
}

impl Fleet {
    pub(crate) fn new(topology: Arc<Topology>, orders: mpsc::Receiver<Order>) -> Fleet {
        let count = topology.nodes.len();
        Fleet {
            topology,
            processes: (0..count).map(|_| None).collect(),
            states: watch::Sender::new(vec![State::Absent; count]),
            orders,
            ends: mpsc::unbounded_channel(),
            someone_died: false,
        }
    }

    /// How each process is, in the order of the topology.
    pub(crate) fn states(&self) -> watch::Receiver<Vec<State>> {
        self.states.subscribe()
    }

    /// Whether a process ended without being told to.
    pub(crate) fn someone_died(&self) -> bool {
        self.someone_died
    }

    /// Starts every node.
    pub(crate) fn start_all(&mut self) -> anyhow::Result<()> {
        for index in 0..self.topology.nodes.len() {
            self.start(index)?;
        }
        Ok(())
    }

    /// Takes orders until there is nobody left to give any; says on the
    /// terminal who died.
    pub(crate) async fn run(&mut self) {
        while let Some(died) = self.step().await {
            if let Some(died) = died {
                eprintln!("strata-demo: {died:#}");
            }
        }
    }

    /// Runs until a process dies, and tells which and why.
    pub(crate) async fn run_until_a_death(&mut self) -> anyhow::Error {
        loop {
            match self.step().await {
                Some(Some(died)) => return died,
                Some(None) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Asks every process to stop, the first one before the others, and waits
    /// for all: the balancer is the first, and its requests end well.
    pub(crate) async fn stop_all(&mut self) {
        let mut running = self.processes.iter_mut().filter_map(Option::take);
        if let Some(balancer) = running.next() {
            balancer.stop().await;
        }
        let origins: Vec<Process> = running.collect();
        futures_util::future::join_all(origins.iter().map(Process::stop)).await;
    }

    /// One order or one end. `None` when nobody can give orders any more.
    async fn step(&mut self) -> Option<Option<anyhow::Error>> {
        tokio::select! {
            order = self.orders.recv() => {
                let Order { index, action, done } = order?;
                // The one who asked may be gone; the order stands.
                let _ = done.send(self.obey(index, action).map_err(|error| format!("{error:#}")));
                Some(None)
            }
            Some(end) = self.ends.1.recv() => Some(self.note_end(end)),
        }
    }

    fn obey(&mut self, index: usize, action: Action) -> anyhow::Result<()> {
        let process = self.processes.get_mut(index).context("there is no such node")?;
        match (action, process) {
            (Action::Kill, Some(process)) => {
                process.kill()?;
                self.set_state(index, State::Killed);
                Ok(())
            }
            (Action::Kill, None) => anyhow::bail!("it does not run"),
            (Action::Start, Some(_)) => anyhow::bail!("it runs already"),
            (Action::Start, None) => self.start(index),
        }
    }

    fn start(&mut self, index: usize) -> anyhow::Result<()> {
        let node = self.topology.nodes.get(index).context("there is no such node")?;
        let process = Process::start(&self.topology, node)
            .with_context(|| format!("{} could not be started", describe(node)))?;
        let (ended, ends) = (process.ended(), self.ends.0.clone());
        tokio::spawn(async move {
            let status = ended
                .await
                .unwrap_or_else(|error| Err(std::io::Error::other(error)));
            // Nobody listens once the demo stops.
            let _ = ends.send(End { index, status });
        });
        if let Some(slot) = self.processes.get_mut(index) {
            *slot = Some(process);
        }
        self.set_state(index, State::Running);
        Ok(())
    }

    fn note_end(&mut self, End { index, status }: End) -> Option<anyhow::Error> {
        self.processes.get_mut(index).and_then(Option::take);
        if self.states.borrow().get(index) == Some(&State::Killed) {
            return None;
        }
        self.someone_died = true;
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        self.set_state(index, State::Died(how.clone()));
        let node = self.topology.nodes.get(index)?;
        let last_words = last_lines(&node.log);
        Some(anyhow::anyhow!(
            "{} ended by itself ({how}), its log {} ends with:\n{last_words}",
            describe(node),
            node.log.display()
        ))
    }

    fn set_state(&self, index: usize, state: State) {
        self.states.send_modify(|states| {
            if let Some(slot) = states.get_mut(index) {
                *slot = state;
            }
        });
    }
}

fn describe(node: &Node) -> String {
    match node.role {
        Role::Balancer => "the balancer".to_owned(),
        Role::Origin { .. } => format!("origin {}", node.name),
    }
}

/// The end of a log: enough to see why a process went.
fn last_lines(log: &Path) -> String {
    const BYTES_MAX: u64 = 4 << 10;
    const LINES_MAX: usize = 8;
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LINES_MAX);
    lines
        .iter()
        .skip(first)
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
