//! An origin as an agent: read by HAProxy itself, and by a balancer; and what it
//! says when its instance will be taken away.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::support::node::PATIENCE;
use crate::support::{Bucket, Client, Node, TITLE};

#[path = "../../node/tests/imds/server.rs"]
#[allow(dead_code, reason = "shared with the tests of the metadata client")]
mod imds;

const HAPROXY: &str = "/usr/sbin/haproxy";

/// An origin with an agent, which asks `imds` for notices.
async fn origin(bucket: &Bucket, imds: &imds::ImdsServer, folder: &Path) -> (Node, SocketAddr) {
    let config = folder.join("origin.yaml");
    let text = format!(
        "listen: 127.0.0.1:0\nagent: 127.0.0.1:0\nload: {{ interval: 50ms }}\nnotice: {{ imds: '{}', interval: 20ms }}\n",
        imds.url()
    );
    std::fs::write(&config, text).unwrap();
    let origin = Node::origin_with(bucket, &["--config", config.to_str().unwrap()]).await;
    let agent = origin.listening("agent");
    (origin, agent)
}

async fn line(agent: SocketAddr) -> String {
    let mut stream = TcpStream::connect(agent).await.unwrap();
    let mut line = String::new();
    stream.read_to_string(&mut line).await.unwrap();
    line
}

async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, wait).await.is_ok(),
        "never: {what}"
    );
}

/// A running HAProxy; killed when dropped.
struct Haproxy(Child);

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What HAProxy's statistics say of the server: its status and its weight.
async fn status(socket: &Path) -> Option<(String, String)> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    stream.write_all(b"show stat\n").await.ok()?;
    let mut csv = String::new();
    stream.read_to_string(&mut csv).await.ok()?;
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next()?.split(',').collect();
    let row: Vec<&str> = lines
        .find(|line| line.starts_with("b,origin,"))?
        .split(',')
        .collect();
    let field = |name: &str| {
        let index = names.iter().position(|known| *known == name)?;
        row.get(index).map(|value| (*value).to_owned())
    };
    Some((field("status")?, field("weight")?))
}

#[tokio::test]
async fn haproxy_reads_an_origin_s_agent_and_drains_it_on_a_spot_notice() {
    let bucket = Bucket::with_sample().await;
    let imds = imds::ImdsServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (origin, agent) = origin(&bucket, &imds, folder.path()).await;
    assert!(line(agent).await.starts_with("up ready "));
    let (file, socket) = (folder.path().join("haproxy.cfg"), folder.path().join("stats"));
    let text = format!(
        "global\n  stats socket {}\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 9s\n  timeout server 9s\n\
         backend b\n  server origin {} weight 100 check inter 50ms agent-check agent-addr 127.0.0.1 agent-port {} agent-inter 20ms\n",
        socket.display(),
        origin.address,
        agent.port()
    );
    std::fs::write(&file, text).unwrap();
    let child = Command::new(HAPROXY)
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("haproxy is installed");
    let _haproxy = Haproxy(child);
    let is = |wanted: &'static str| {
        let socket = socket.clone();
        move || {
            let socket = socket.clone();
            async move {
                status(&socket)
                    .await
                    .is_some_and(|(status, _)| status.starts_with(wanted))
            }
        }
    };
    until("HAProxy calls it up", is("UP")).await;
    let weight: u32 = status(&socket).await.unwrap().1.parse().unwrap();
    assert!((10..=100).contains(&weight), "a percentage of 100: {weight}");
    let notice = r#"{"action": "terminate", "time": "2030-01-01T00:00:00Z"}"#;
    imds.set("spot/instance-action", notice);
    until("HAProxy drains it", is("DRAIN")).await;
    let told = line(agent).await;
    assert!(
        told.contains(" drain ") && told.contains("# spot interruption: "),
        "{told}"
    );
    // It goes on serving what comes, and says why it wants no more.
    let client = Client::new();
    let answer = client.get(origin.address, &format!("/{TITLE}/.mpd")).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.header("x-strata-load").ends_with(", drain"),
        "{:?}",
        answer.headers
    );
    let ready = client.get(origin.admin, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(
        ready.text().starts_with("instance: spot interruption: "),
        "{}",
        ready.text()
    );
    imds.clear("spot/instance-action");
    until("HAProxy calls it up again", is("UP")).await;
}

#[tokio::test]
async fn every_notice_drains_and_other_states_do_not() {
    let bucket = Bucket::with_sample().await;
    let imds = imds::ImdsServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    imds.set("autoscaling/target-lifecycle-state", "InService");
    let (_origin, agent) = origin(&bucket, &imds, folder.path()).await;
    let says = |word: &'static str| move || async move { line(agent).await.contains(word) };
    assert!(line(agent).await.contains(" ready "));
    for (path, value) in [
        (
            "events/recommendations/rebalance",
            r#"{"noticeTime": "2030-01-01T00:00:00Z"}"#,
        ),
        ("autoscaling/target-lifecycle-state", "Terminated"),
    ] {
        imds.set(path, value);
        until("drains", says(" drain ")).await;
        imds.clear(path);
        until("ready again", says(" ready ")).await;
    }
}

#[tokio::test]
async fn a_balancer_learns_its_zone_and_keeps_to_it() {
    let bucket = Bucket::with_sample().await;
    let imds = imds::ImdsServer::start().await;
    imds.set("placement/availability-zone-id", "euw1-az2");
    let (mut near, far) = (Node::origin(&bucket).await, Node::origin(&bucket).await);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("balancer.yaml");
    let mut text = format!(
        "zone: {{ own: imds, imds: '{}' }}\nhealth: {{ interval: 50ms }}\norigins:\n",
        imds.url()
    );
    for (node, zone) in [(&near, "euw1-az2"), (&far, "euw1-az1")] {
        text += &format!(
            "  - {{ address: '{}', check: '{}', zone: {zone} }}\n",
            node.address, node.admin
        );
    }
    std::fs::write(&config, text).unwrap();
    let balancer = Node::balancer_with(&[], &["--config", config.to_str().unwrap()]).await;
    let client = Client::new();
    let path = format!("/{TITLE}/.mpd");
    for number in 0..20 {
        let path = format!("/none-{number}.ism/.mpd");
        let origin = client.get(balancer.address, &path).await;
        assert_eq!(origin.header("x-strata-origin"), near.address.to_string());
    }
    let crossed = "strata_balancer_other_zone_body_bytes_total";
    assert_eq!(balancer.metric(crossed, "").await, 0.0);
    near.kill().await;
    let answer = client.get(balancer.address, &path).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("x-strata-origin")),
        (200, far.address.to_string().as_str())
    );
    let bytes = answer.body.len() as f64;
    until("the bytes that crossed are counted", || async {
        balancer.metric(crossed, "zone=\"euw1-az1\"").await == bytes
    })
    .await;
}
