//! Auto Scaling groups: against moto's server, and against a stub for the
//! states of an instance's life that moto does not show.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use strata_balancer::discovery::autoscaling::{AutoscalingDiscovery, Group};
use strata_balancer::discovery::dns::Alike;
use strata_balancer::discovery::{Discovery, Found};
use strata_node::config::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::stage::PATIENCE;

/// Where scripts/setup.sh puts it.
const MOTO: &str = ".cache/strata/moto-5.2.5/bin/moto_server";

fn sdk() -> SdkConfig {
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn discovery(name: &str, endpoint: SocketAddr, zone: Option<&str>) -> AutoscalingDiscovery {
    let alike = Alike {
        port: 8081,
        check_port: 9081,
        agent_port: None,
        weight: 3,
        zone: zone.map(|zone| Value::from_scalar(zone).unwrap()),
    };
    let group = Group {
        name: name.to_owned(),
        region: None,
        endpoint: Some(format!("http://{endpoint}")),
        alike,
    };
    AutoscalingDiscovery::with_sdk(group, &sdk()).unwrap()
}

fn ids(found: &Found) -> Vec<&str> {
    found.members.iter().map(|member| member.id.as_str()).collect()
}

/// A running moto; killed when dropped.
struct Moto {
    process: Child,
    address: SocketAddr,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    async fn start() -> Self {
        // It takes no port 0: this one was free a moment ago.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let program = std::path::Path::new(&std::env::var("HOME").unwrap()).join(MOTO);
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &address.port().to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto is installed: scripts/setup.sh");
        let moto = Self { process, address };
        let up = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE * 3, up)
            .await
            .expect("moto listens");
        moto
    }

    /// Sends an action, as whoever sets up the groups.
    async fn act(&self, service: &str, form: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {service}.us-east-1.amazonaws.com\r\nconnection: close\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{form}: {answer}");
        answer
    }

    async fn group(&self, name: &str, zone: &str, size: u32) {
        self.act(
            "autoscaling",
            &format!(
                "Action=CreateLaunchConfiguration&Version=2011-01-01&LaunchConfigurationName={name}\
                 &ImageId=ami-12c6146b&InstanceType=t2.micro"
            ),
        )
        .await;
        self.act(
            "autoscaling",
            &format!(
                "Action=CreateAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName={name}\
                 &LaunchConfigurationName={name}&MinSize=0&MaxSize=500&DesiredCapacity={size}\
                 &AvailabilityZones.member.1={zone}"
            ),
        )
        .await;
    }
}

#[tokio::test]
async fn the_instances_of_a_group_are_its_members_and_those_of_others_are_not() {
    let moto = Moto::start().await;
    moto.group("films-a", "us-east-1a", 3).await;
    moto.group("films-b", "us-east-1b", 2).await;
    let (a, b) = (
        discovery("films-a", moto.address, None),
        discovery("films-b", moto.address, Some("mine")),
    );
    let in_a = a.discover().await.unwrap();
    let in_b = b.discover().await.unwrap();
    assert_eq!((in_a.members.len(), in_b.members.len()), (3, 2));
    let zone = in_a.members[0].zone.as_ref().unwrap().as_str();
    assert!(zone.starts_with("use1-az"), "an id, not a name: {zone}");
    assert!(
        in_b.members
            .iter()
            .all(|member| member.zone.as_ref().unwrap().as_str() == "mine")
    );
    for member in &in_a.members {
        assert!(member.id.starts_with("i-"), "{}", member.id);
        assert_eq!((member.address.port(), member.check.port()), (8081, 9081));
        assert_eq!((member.address.ip(), member.weight), (member.check.ip(), 3));
        assert!(!ids(&in_b).contains(&member.id.as_str()));
    }
    let none = discovery("films-c", moto.address, None).discover().await;
    let error = none.unwrap_err().to_string();
    assert!(error.contains("no group called `films-c`"), "{error}");
}

#[tokio::test]
async fn an_instance_in_standby_leaves_and_one_that_is_terminated_is_gone() {
    let moto = Moto::start().await;
    moto.group("films", "us-east-1a", 3).await;
    let discovery = discovery("films", moto.address, None);
    let before = discovery.discover().await.unwrap();
    let [first, second, third] = ids(&before)[..] else {
        panic!("{before:?}")
    };
    moto.act(
        "autoscaling",
        &format!(
            "Action=EnterStandby&Version=2011-01-01&AutoScalingGroupName=films&InstanceIds.member.1={first}\
             &ShouldDecrementDesiredCapacity=true"
        ),
    )
    .await;
    moto.act(
        "autoscaling",
        &format!(
            "Action=TerminateInstanceInAutoScalingGroup&Version=2011-01-01&InstanceId={second}\
             &ShouldDecrementDesiredCapacity=true"
        ),
    )
    .await;
    let after = discovery.discover().await.unwrap();
    assert_eq!(ids(&after), [third]);
    assert_eq!(after.leaving, [first]);
}

#[tokio::test]
async fn a_group_of_many_is_found_whole() {
    let moto = Moto::start().await;
    moto.group("many", "us-east-1a", 130).await;
    let found = discovery("many", moto.address, Some("z"))
        .discover()
        .await
        .unwrap();
    assert_eq!(found.members.len(), 130);
}

/// Answers by what is asked, and keeps the questions.
struct Stub {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    /// `answers`: by action, one after the other; the last one again and again.
    async fn start(answers: &[(&'static str, Vec<(u16, String)>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let mut answers: BTreeMap<&'static str, Vec<(u16, String)>> = answers.iter().cloned().collect();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let form = read_form(&mut stream).await;
                let action = form
                    .split('&')
                    .next()
                    .unwrap()
                    .trim_start_matches("Action=")
                    .to_owned();
                kept.lock().unwrap().push(form);
                let answers = answers.get_mut(action.as_str()).unwrap();
                let (status, xml) = if answers.len() == 1 {
                    answers[0].clone()
                } else {
                    answers.remove(0)
                };
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    xml.len()
                );
                stream.write_all((head + &xml).as_bytes()).await.unwrap();
            }
        });
        Self { address, asked }
    }

    fn asked(&self, action: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let of_action = asked
            .iter()
            .filter(|form| form.starts_with(&format!("Action={action}&")));
        of_action.cloned().collect()
    }
}

async fn read_form(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        bytes.push(stream.read_u8().await.unwrap());
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let signed = head.contains("authorization: aws4-hmac-sha256 credential=akiatest/");
        assert!(signed && head.contains("x-amz-date: "), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        return String::from_utf8(body).unwrap();
    }
}

fn groups(instances: &[(&str, &str)], next: Option<&str>) -> (u16, String) {
    let member = |(id, state): &(&str, &str)| {
        format!("<member><InstanceId>{id}</InstanceId><LifecycleState>{state}</LifecycleState></member>")
    };
    let members: String = instances.iter().map(member).collect();
    let next = next.map_or(String::new(), |next| format!("<NextToken>{next}</NextToken>"));
    let xml = format!(
        "<R><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
         <AutoScalingGroupName>films</AutoScalingGroupName><Instances>{members}</Instances></member>\
         </AutoScalingGroups>{next}</DescribeAutoScalingGroupsResult></R>"
    );
    (200, xml)
}

fn instances(ids: &[&str], next: Option<&str>) -> (u16, String) {
    let item = |(number, id): (usize, &&str)| {
        format!(
            "<item><instanceId>{id}</instanceId><instanceState><name>running</name></instanceState>\
             <privateIpAddress>127.0.1.{number}</privateIpAddress></item>"
        )
    };
    let items: String = ids.iter().enumerate().map(item).collect();
    let next = next.map_or(String::new(), |next| format!("<nextToken>{next}</nextToken>"));
    let xml = format!(
        "<R><reservationSet><item><instancesSet>{items}</instancesSet></item></reservationSet>{next}</R>"
    );
    (200, xml)
}

#[tokio::test]
async fn every_state_of_an_instance_s_life_is_honoured() {
    let states = [
        ("i-1", "InService"),
        ("i-2", "Pending:Wait"),
        ("i-3", "Terminating:Wait"),
        ("i-4", "Detaching"),
        ("i-5", "EnteringStandby"),
        ("i-6", "Terminating:Proceed"),
        ("i-7", "InService"),
    ];
    let stub = Stub::start(&[
        ("DescribeAutoScalingGroups", vec![groups(&states, None)]),
        ("DescribeInstances", vec![instances(&["i-1", "i-7"], None)]),
    ])
    .await;
    let found = discovery("films", stub.address, None).discover().await.unwrap();
    assert_eq!(ids(&found), ["i-1", "i-7"]);
    assert_eq!(found.leaving, ["i-3", "i-4", "i-5", "i-6"]);
    let asked = stub.asked("DescribeInstances").remove(0);
    assert!(asked.contains("=i-1&") && asked.contains("=i-7"), "{asked}");
    assert!(!asked.contains("i-3"), "{asked}");
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let stub = Stub::start(&[
        (
            "DescribeAutoScalingGroups",
            vec![
                groups(&[("i-1", "InService")], Some("p/2=")),
                groups(&[("i-2", "InService")], None),
            ],
        ),
        (
            "DescribeInstances",
            vec![instances(&["i-1"], Some("q2")), instances(&["i-2"], None)],
        ),
    ])
    .await;
    let found = discovery("films", stub.address, None).discover().await.unwrap();
    assert_eq!(ids(&found), ["i-1", "i-2"]);
    let second = stub.asked("DescribeAutoScalingGroups").remove(1);
    assert!(second.ends_with("&NextToken=p%2F2%3D"), "{second}");
    assert!(stub.asked("DescribeInstances")[1].ends_with("&NextToken=q2"));
}

#[tokio::test]
async fn an_empty_group_asks_for_no_instances_at_all() {
    let stub = Stub::start(&[("DescribeAutoScalingGroups", vec![groups(&[], None)])]).await;
    let found = discovery("films", stub.address, None).discover().await.unwrap();
    assert_eq!(found, Found::default());
    assert!(stub.asked("DescribeInstances").is_empty());
}

#[tokio::test]
async fn what_aws_complains_of_is_told() {
    let refusal = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>";
    let stub = Stub::start(&[(
        "DescribeAutoScalingGroups",
        vec![(400, refusal.to_owned()), (200, "<html>".to_owned())],
    )])
    .await;
    let discovery = discovery("films", stub.address, None);
    let refused = discovery.discover().await.unwrap_err().to_string();
    assert_eq!(
        refused,
        "DescribeAutoScalingGroups: 400 Throttling: Rate exceeded"
    );
    let nonsense = discovery.discover().await.unwrap_err().to_string();
    assert!(nonsense.starts_with("DescribeAutoScalingGroups: "), "{nonsense}");
}
