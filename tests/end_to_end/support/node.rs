//! Origins and balancers as processes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::{Bucket, Client};

/// How long a node may take to listen, to be ready, or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How often a node that is not ready is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Runs a command where a small volume is mounted, which is gone when it ends: of
/// arguments place, bytes, bytes taken, command.
const ON_VOLUME: &str = r#"
    place=$1; shift
    if [ "$(id -u)" = 0 ]; then map=; else map=--map-root-user; fi
    exec unshare $map --mount sh -c '
        mount -t tmpfs -o size="$1" tmpfs "$0" ||
            { echo "this test mounts a tmpfs: it has to be root, or to be allowed namespaces" >&2; exit 1; }
        fallocate -l "$2" "$0/taken" || exit 1
        shift 2
        exec "$@"' "$place" "$@"
"#;

/// The binary under test.
pub(crate) fn strata() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strata"));
    command
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .env_remove("STRATA_LOG");
    command
}

/// A running node; killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Node {
    /// An origin over a bucket.
    pub(crate) async fn origin(bucket: &Bucket) -> Self {
        Self::origin_with(bucket, &[]).await
    }

    /// An origin over a bucket, with more flags.
    pub(crate) async fn origin_with(bucket: &Bucket, flags: &[&str]) -> Self {
        let (url, endpoint) = (bucket.url(), bucket.endpoint());
        let mut command = strata();
        command.args(["origin", "--store", &url, "--s3-endpoint", &endpoint]);
        command.args(flags).envs(bucket.credentials());
        Self::start("origin", command).await
    }

    /// An origin over a bucket that sees a small volume at `place`, as nobody else
    /// does: [`Node::within`] is the way in. Of its `bytes`, `taken` are in use, by
    /// a file named `taken`.
    pub(crate) async fn origin_on_volume(
        bucket: &Bucket,
        place: &Path,
        bytes: u64,
        taken: u64,
        flags: &[&str],
    ) -> Self {
        let (url, endpoint) = (bucket.url(), bucket.endpoint());
        let mut command = Command::new("sh");
        command.args(["-c", ON_VOLUME, "sh"]).arg(place);
        command.args([bytes.to_string(), taken.to_string()]);
        command.args([env!("CARGO_BIN_EXE_strata"), "origin", "--store", &url]);
        command.args(["--s3-endpoint", &endpoint]);
        command.args(flags).envs(bucket.credentials());
        command
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .env_remove("STRATA_LOG");
        Self::start("origin", command).await
    }

    /// Where `path` is as the process sees it.
    pub(crate) fn within(&self, path: &Path) -> PathBuf {
        let root = format!("/proc/{}/root", self.child.id().unwrap());
        Path::new(&root).join(path.strip_prefix("/").unwrap())
    }

    /// An origin over a folder.
    pub(crate) async fn origin_of_folder(folder: &Path) -> Self {
        let mut command = strata();
        command.arg("origin").arg("--store").arg(folder);
        Self::start("origin", command).await
    }

    /// A balancer in front of origins.
    pub(crate) async fn balancer(origins: &[&Node]) -> Self {
        Self::balancer_with(origins, &[]).await
    }

    /// A balancer in front of origins, with more flags.
    pub(crate) async fn balancer_with(origins: &[&Node], flags: &[&str]) -> Self {
        let mut command = strata();
        command.arg("balancer").args(flags);
        for origin in origins {
            command.args(["--origin", &origin.address.to_string()]);
        }
        Self::start("balancer", command).await
    }

    /// Starts a node on ports of the system's choice and waits until it is ready.
    async fn start(role: &'static str, mut command: Command) -> Self {
        let any = "127.0.0.1:0";
        command.args(["--listen", any, "--admin", any, "--access-log", "off"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut listening = follow(&mut child, Arc::clone(&log));
        let (mut address, mut admin) = (None, None);
        while address.is_none() || admin.is_none() {
            let line = tokio::time::timeout(PATIENCE, listening.recv()).await;
            match line.ok().flatten() {
                Some((told, at)) if told == role => address = Some(at),
                Some((told, at)) if told == "admin" => admin = Some(at),
                Some(_) => {}
                None => panic!("the {role} does not listen: {:#?}", log.lock().unwrap()),
            }
        }
        let node = Self {
            child,
            address: address.unwrap(),
            admin: admin.unwrap(),
            log,
        };
        node.until_ready().await;
        node
    }

    async fn until_ready(&self) {
        let client = Client::new();
        let ready = async {
            while client.get(self.admin, "/readyz").await.status != http::StatusCode::OK {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let ready = tokio::time::timeout(PATIENCE, ready).await;
        assert!(ready.is_ok(), "not ready: {:#?}", self.log());
    }

    /// Where the node listens in this role.
    pub(crate) fn listening(&self, role: &str) -> SocketAddr {
        let said = self.log().into_iter().find_map(|line| {
            let event: serde_json::Value = serde_json::from_str(&line).ok()?;
            let is_it = event["message"] == "listening" && event["role"] == role;
            is_it.then(|| event["address"].as_str().unwrap().parse().unwrap())
        });
        said.unwrap_or_else(|| panic!("nothing listens as {role}: {:#?}", self.log()))
    }

    /// Everything that the node has logged.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line of the log that contains all of `words`.
    pub(crate) async fn logged(&self, words: &[&str]) {
        let found = async {
            while !self
                .log()
                .iter()
                .any(|line| words.iter().all(|word| line.contains(word)))
            {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        assert!(found.is_ok(), "no line with {words:?}: {:#?}", self.log());
    }

    /// The sum of a metric over its labels, those with `label` in them only.
    pub(crate) async fn metric(&self, name: &str, label: &str) -> f64 {
        let answer = Client::new().get(self.admin, "/metrics").await;
        let lines = answer.text().lines();
        let values = lines.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let is_named = series == name || series.starts_with(&format!("{name}{{"));
            (is_named && series.contains(label)).then(|| value.parse::<f64>().unwrap())
        });
        values.sum()
    }

    /// The most memory that the process has had, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    /// What the process holds now: bytes of memory, file descriptors, threads.
    pub(crate) fn sample(&self) -> [u64; 3] {
        let process = format!("/proc/{}", self.child.id().unwrap());
        let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        let descriptors = std::fs::read_dir(format!("{process}/fd")).unwrap().count() as u64;
        [number("VmRSS:") << 10, descriptors, number("Threads:")]
    }

    /// Kills the process at once (SIGKILL).
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &id])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("the node ends").unwrap()
    }
}

/// Collects the log, and reports the lines that say where the node listens.
fn follow(child: &mut Child, log: Arc<Mutex<Vec<String>>>) -> mpsc::UnboundedReceiver<(String, SocketAddr)> {
    let (report, reports) = mpsc::unbounded_channel();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(event) = serde_json::from_str::<serde_json::Value>(&line)
                && event["message"] == "listening"
            {
                let role = event["role"].as_str().unwrap().to_owned();
                let address = event["address"].as_str().unwrap().parse().unwrap();
                // Nobody may be waiting any more.
                let _ = report.send((role, address));
            }
            log.lock().unwrap().push(line);
        }
    });
    reports
}
