//! Who there is: two zones of two origins and a balancer, and how each is run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::ports::{NodePorts, Ports};
use crate::store::{ACCESS_KEY, BUCKET, Bucket, SECRET_KEY};

/// Two zones of two.
pub(crate) const ORIGIN_COUNT: usize = 4;

/// Zone and name of each origin.
const ORIGINS: [(&str, &str); ORIGIN_COUNT] = [("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")];

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Balancer,
    Origin { zone: &'static str },
}

/// One process: what it is and how it is started.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// `a1`, `balancer`; the id that answers carry.
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) ports: NodePorts,
    pub(crate) arguments: Vec<String>,
    pub(crate) log: PathBuf,
}

/// All processes and what they have in common.
#[derive(Debug)]
pub(crate) struct Topology {
    /// The balancer first, then the origins in the order of their names.
    pub(crate) nodes: Vec<Node>,
    /// The strata binary.
    pub(crate) strata: PathBuf,
    /// What the environment of every process says besides.
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Topology {
    /// Lays the nodes out and writes their configurations beside the logs.
    pub(crate) fn new(
        ports: &Ports,
        bucket: &Bucket,
        strata: PathBuf,
        logs: &Path,
    ) -> anyhow::Result<Topology> {
        let write = |name: &str, text: String| -> anyhow::Result<String> {
            let path = logs.join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
            Ok(path.display().to_string())
        };
        let balancer_config = write("balancer.yaml", balancer_config(ports))?;
        let origin_config = write("origin.yaml", origin_config(&bucket.server.endpoint()))?;
        let log = |name: &str| logs.join(format!("{name}.log"));
        let mut nodes = vec![Node {
            name: "balancer",
            role: Role::Balancer,
            ports: ports.balancer,
            arguments: vec!["balancer".to_owned(), "--config".to_owned(), balancer_config],
            log: log("balancer"),
        }];
        for ((zone, name), ports) in ORIGINS.into_iter().zip(ports.origins) {
            let (listen, admin) = (ports.listen.to_string(), ports.admin.to_string());
            let arguments = [
                "origin",
                "--config",
                &origin_config,
                "--listen",
                &listen,
                "--admin",
                &admin,
            ];
            nodes.push(Node {
                name,
                role: Role::Origin { zone },
                ports,
                arguments: arguments.map(str::to_owned).to_vec(),
                log: log(name),
            });
        }
        let environment = vec![
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ];
        Ok(Topology {
            nodes,
            strata,
            environment,
        })
    }

    /// Where titles are played from.
    pub(crate) fn balancer_url(&self) -> String {
        let listen = self
            .nodes
            .iter()
            .find(|node| node.role == Role::Balancer)
            .map(|node| node.ports.listen);
        listen
            .map(|listen| format!("http://{listen}"))
            .unwrap_or_default()
    }

    /// The place of the node with this name.
    pub(crate) fn index_of(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }
}

/// What all origins share; each is told its own addresses by flags. Answers are
/// not to be kept by the browser: the demo is about where they come from.
fn origin_config(endpoint: &str) -> String {
    format!(
        "store:\n  url: s3://{BUCKET}\n  endpoint: {endpoint}\n\
         http:\n  cache_control:\n    manifests: no-store\n    segments: no-store\n"
    )
}

/// With this configuration origins have names that outlive their ports.
fn balancer_config(ports: &Ports) -> String {
    let NodePorts { listen, admin } = ports.balancer;
    let mut yaml = format!(
        "listen: {listen}\nadmin: {admin}\nbalance:\n  factor: 140\nhealth:\n  interval: 500ms\norigins:\n"
    );
    for ((_, name), NodePorts { listen, admin }) in ORIGINS.iter().zip(ports.origins) {
        // Checked where operators ask: there an origin says whether its store
        // answers too. Writing to a String cannot fail.
        let _ = write!(
            yaml,
            "  - id: {name}\n    address: {listen}\n    check: {admin}\n"
        );
    }
    yaml
}
