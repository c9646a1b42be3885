//! Processes: started, signalled, and never left behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strata_balancer::{BalancerConfig, ConfigSource};
use strata_node::config::Document;
use strata_node::shutdown::Shutdown;

/// Longest wait for what must happen: only a failing test waits it out.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A process; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "SIG{name} to {pid}");
}

/// An origin, which comes back at the same address after it was killed.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    process: Process,
}

impl Origin {
    pub(crate) fn start() -> Self {
        let (process, address) = start_origin(0);
        Self { address, process }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) fn start_again(&mut self) {
        (self.process, _) = start_origin(self.address.port());
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    pub(crate) fn tell(&mut self, state: &str) {
        writeln!(self.process.child.stdin.as_mut().unwrap(), "{state}").unwrap();
    }
}

fn start_origin(port: u16) -> (Process, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["origin", &port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().parse().unwrap();
    (Process { child }, address)
}

/// A balancer with its configuration in `folder`.
pub(crate) fn start_balancer(folder: &Path, origins: &[Origin], more: &str) -> (Process, SocketAddr) {
    let address = free_address();
    let admin = free_address();
    let mut text = format!("listen: {address}\nadmin: {admin}\naccess_log: off\n{more}origins:\n");
    for (number, origin) in origins.iter().enumerate() {
        text.push_str(&format!(
            "  - {{ address: '{}', id: o{number} }}\n",
            origin.address
        ));
    }
    let config = folder.join("balancer.yaml");
    std::fs::write(&config, text).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .arg("balancer")
        .arg(config)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let process = Process { child };
    until_listening(address);
    (process, address)
}

/// Processes that have been started with this configuration, the oldest first; each writes itself down.
pub(crate) fn balancers(config: &Path) -> Vec<u32> {
    let list = std::fs::read_to_string(config.with_extension("pids")).unwrap_or_default();
    // The last line may be half there.
    let whole = list.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| line.trim().parse().unwrap()).collect()
}

/// This process as a balancer.
pub(crate) fn run_balancer(path: &Path) {
    let mut list = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path.with_extension("pids"))
        .unwrap();
    writeln!(list, "{}", std::process::id()).unwrap();
    let owned = path.to_owned();
    let read = move || Document::read(Some(&owned), Vec::new()).and_then(BalancerConfig::from_document);
    let config = read().unwrap();
    let source = ConfigSource {
        path: Some(path.to_owned()),
        read: Box::new(read),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { strata_balancer::run(config, source, Shutdown::on_signals().unwrap()).await })
        .unwrap();
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

pub(crate) fn until_listening(address: SocketAddr) {
    let started = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        assert!(started.elapsed() < PATIENCE, "nobody listens on {address}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
