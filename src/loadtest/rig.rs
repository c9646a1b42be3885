//! A rig on this machine: a balancer and its origins, each a process of its own, as in production.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// How long all nodes may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(20);
/// Time between two looks whether they are.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long nodes may take to stop in order before they are killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Flags about the store of a rig's origins.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub(crate) struct StoreOptions {
    /// Try it on real nodes on this machine, whose titles are here: a folder, s3://bucket or s3://bucket/prefix.
    /// Without it everything is simulated.
    #[arg(long, value_name = "FOLDER|s3://BUCKET")]
    pub(crate) store: Option<String>,
    /// Another S3 than AWS, for the rig's origins.
    #[arg(long, value_name = "URL", requires = "store")]
    s3_endpoint: Option<String>,
    /// The bucket's region, for the rig's origins.
    #[arg(long, value_name = "REGION", requires = "store")]
    s3_region: Option<String>,
}

/// What a rig consists of; texts as configurations have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RigSpec {
    pub(crate) store: StoreOptions,
    pub(crate) origins: usize,
    pub(crate) cache: String,
    pub(crate) chunk_size: String,
    pub(crate) factor: String,
    pub(crate) floor: String,
    pub(crate) hash_key: String,
}

/// Running nodes. Dropping it kills what still runs.
pub(crate) struct Rig {
    balancer: SocketAddr,
    admins: Vec<(String, SocketAddr)>,
    children: Vec<Child>,
    folder: tempfile::TempDir,
}

impl Rig {
    /// Starts every node and waits until all are ready.
    pub(crate) async fn start(spec: &RigSpec) -> anyhow::Result<Self> {
        ensure!(spec.origins > 0, "--nodes must be above 0");
        let folder = tempfile::Builder::new().prefix("strata-rig-").tempdir()?;
        let mut ports = Ports::default();
        let (balancer, balancer_admin) = (ports.next()?, ports.next()?);
        let mut origins = Vec::new();
        for number in 1..=spec.origins {
            origins.push((format!("origin-{number}"), ports.next()?, ports.next()?));
        }
        drop(ports);
        let origin_file = write(folder.path(), "origin.yaml", &origin_config(spec)?)?;
        let balancer_text = balancer_config(spec, balancer, balancer_admin, &origins);
        let balancer_file = write(folder.path(), "balancer.yaml", &balancer_text)?;
        let mut rig = Self {
            balancer,
            admins: Vec::new(),
            children: Vec::new(),
            folder,
        };
        for (name, listen, admin) in origins {
            let (listen, address) = (listen.to_string(), admin.to_string());
            rig.spawn(
                "origin",
                &origin_file,
                &["--listen", &listen, "--admin", &address],
            )?;
            rig.admins.push((name, admin));
        }
        // A balancer that finds a node down gives it its titles back over half a minute: none is to see one that is
        // still starting.
        rig.ready(&rig.admins.clone()).await?;
        rig.spawn("balancer", &balancer_file, &[])?;
        let balancer = ("balancer".to_owned(), balancer_admin);
        rig.ready(std::slice::from_ref(&balancer)).await?;
        rig.admins.insert(0, balancer);
        Ok(rig)
    }

    /// What viewers ask.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.balancer)
    }

    /// Every node, as `--node` names them.
    pub(crate) fn nodes(&self) -> Vec<String> {
        self.admins
            .iter()
            .map(|(name, admin)| format!("{name}={admin}"))
            .collect()
    }

    /// Asks every node to stop, and waits until all have.
    pub(crate) async fn stop(mut self) {
        for child in &self.children {
            // The shell's kill: a signal needs no unsafe code there.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
        }
        let ended = async {
            for child in &mut self.children {
                while matches!(child.try_wait(), Ok(None)) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            }
        };
        let _ = tokio::time::timeout(STOP_LIMIT, ended).await;
    }

    fn spawn(&mut self, role: &str, config: &Path, flags: &[&str]) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("this program cannot be found")?;
        let log = std::fs::File::create(
            self.folder
                .path()
                .join(format!("{role}-{}.log", self.children.len())),
        )?;
        let child = Command::new(program)
            .args([role, "--log", "warn", "--config"])
            .arg(config)
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("the rig's {role} cannot be started"))?;
        self.children.push(child);
        Ok(())
    }

    async fn ready(&mut self, nodes: &[(String, SocketAddr)]) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + READY_LIMIT;
        for (name, admin) in nodes {
            while !is_ready(*admin).await {
                for child in &mut self.children {
                    if let Some(status) = child.try_wait()? {
                        anyhow::bail!("a node of the rig ended with {status}: {}", self.last_words());
                    }
                }
                ensure!(
                    tokio::time::Instant::now() < deadline,
                    "the rig's {name} was not ready within {READY_LIMIT:?}: {}",
                    self.last_words()
                );
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
        Ok(())
    }

    /// What nodes have logged, cut short.
    fn last_words(&self) -> String {
        let files = std::fs::read_dir(self.folder.path())
            .into_iter()
            .flatten()
            .flatten();
        let logs = files.filter(|file| file.path().extension().is_some_and(|end| end == "log"));
        let text: Vec<String> = logs
            .filter_map(|file| std::fs::read_to_string(file.path()).ok())
            .filter(|text| !text.is_empty())
            .map(|text| last_lines(&text).join("; "))
            .collect();
        text.join("; ")
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for child in &mut self.children {
            if matches!(child.try_wait(), Ok(None)) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// Ports that the system chooses, held until all have been had.
#[derive(Default)]
struct Ports {
    held: Vec<TcpListener>,
}

impl Ports {
    fn next(&mut self) -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        self.held.push(listener);
        Ok(address)
    }
}

/// The end of a log, which says why its node ended.
fn last_lines(text: &str) -> Vec<&str> {
    const LINES: usize = 5;
    let mut lines: Vec<&str> = text.lines().rev().take(LINES).collect();
    lines.reverse();
    lines
}

async fn is_ready(admin: SocketAddr) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(admin).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: rig\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer.ends_with(b" 200"))
    };
    matches!(
        tokio::time::timeout(Duration::from_secs(1), ask).await,
        Ok(Ok(true))
    )
}

fn write(folder: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    Ok(path)
}

fn origin_config(spec: &RigSpec) -> anyhow::Result<String> {
    let store = spec.store.store.as_ref().context("a rig needs --store")?;
    // Nodes share this machine with whoever asks them: how busy it is says nothing about one of them, and would move
    // titles between them.
    let mut yaml = format!(
        "access_log: off\nload:\n  interval: 1h\nstore:\n  url: {}\n",
        quoted(&absolute(store)?)
    );
    // Writing to a String cannot fail.
    for (key, value) in [
        ("endpoint", &spec.store.s3_endpoint),
        ("region", &spec.store.s3_region),
    ] {
        if let Some(value) = value {
            let _ = writeln!(yaml, "  {key}: {}", quoted(value));
        }
    }
    let _ = write!(
        yaml,
        "cache:\n  chunks: {}\n  chunk_size: {}\n",
        quoted(&spec.cache),
        quoted(&spec.chunk_size)
    );
    Ok(yaml)
}

/// Nodes run in the folder of their configuration.
fn absolute(store: &str) -> anyhow::Result<String> {
    if store.contains("://") {
        return Ok(store.to_owned());
    }
    let path = Path::new(store)
        .canonicalize()
        .with_context(|| format!("--store {store}"))?;
    Ok(path.display().to_string())
}

fn balancer_config(
    spec: &RigSpec,
    listen: SocketAddr,
    admin: SocketAddr,
    origins: &[(String, SocketAddr, SocketAddr)],
) -> String {
    let mut yaml = format!(
        "listen: {listen}\nadmin: {admin}\naccess_log: off\nbalance:\n  factor: {}\n  floor: {}\nhash:\n  key: {}\norigins:\n",
        quoted(&spec.factor),
        quoted(&spec.floor),
        quoted(&spec.hash_key)
    );
    for (name, listen, admin) in origins {
        let _ = write!(
            yaml,
            "  - id: {name}\n    address: {listen}\n    check: {admin}\n"
        );
    }
    yaml
}

/// A text in YAML's single quotes, in which only those have to be doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
