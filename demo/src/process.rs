//! One child process: started, killed, asked to stop, never left behind.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use shared_child::SharedChild;
use shared_child::unix::SharedChildExt;
use tokio::signal::unix::SignalKind;
use tokio::task::JoinHandle;

use crate::topology::{Node, Topology};

/// How long a process may take to stop in order before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Variables that would override what a node is told about its store.
const INHERITED_NOT: [&str; 4] = [
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
];

/// A process that runs, or ran.
#[derive(Debug)]
pub(crate) struct Process {
    child: Arc<SharedChild>,
}

impl Process {
    /// Starts a node, its output appended to its log.
    ///
    /// To be called on the thread that lives as long as the demo: with that
    /// thread the kernel ends the child (see [`tied`]).
    ///
    /// # Errors
    ///
    /// The log cannot be opened or the binary not run.
    pub(crate) fn start(topology: &Topology, node: &Node) -> io::Result<Process> {
        let log = OpenOptions::new().create(true).append(true).open(&node.log)?;
        let mut command = tied(&topology.strata);
        for name in INHERITED_NOT {
            command.env_remove(name);
        }
        command
            .args(&node.arguments)
            .envs(topology.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // A group of its own: the terminal's Ctrl-C reaches the demo, and
            // the demo stops its children in order.
            .process_group(0);
        Ok(Process {
            child: Arc::new(SharedChild::spawn(&mut command)?),
        })
    }

    /// The end of the process, to be awaited elsewhere.
    pub(crate) fn ended(&self) -> JoinHandle<io::Result<ExitStatus>> {
        let child = Arc::clone(&self.child);
        tokio::task::spawn_blocking(move || child.wait())
    }

    /// Kills it on the spot, as a crash would.
    pub(crate) fn kill(&self) -> io::Result<()> {
        self.child.kill()
    }

    /// Asks it to stop; kills it when it does not within [`STOP_GRACE`].
    pub(crate) async fn stop(&self) {
        // Fails only when the process is gone already.
        let _ = self.child.send_signal(SignalKind::terminate().as_raw_value());
        if tokio::time::timeout(STOP_GRACE, self.ended()).await.is_err() {
            let _ = self.kill();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A command that the kernel ends with the demo, even when that is killed:
/// `setpriv` (util-linux) sets the parent-death signal, then becomes the
/// command. Without it, children outlive a demo that is killed by SIGKILL.
fn tied(program: &Path) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if setpriv.exists() {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}
