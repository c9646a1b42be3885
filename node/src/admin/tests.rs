use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;

use super::*;

/// A page that says what it was asked.
#[derive(Debug)]
struct Echo;

impl Pages for Echo {
    fn answer(&self, question: &Question<'_>) -> Option<Page> {
        (question.path == "/echo").then(|| Page {
            status: http::StatusCode::ACCEPTED,
            content_type: "text/plain",
            body: format!(
                "{} {} {:?}",
                question.method, question.query, question.authorization
            ),
        })
    }

    fn paths(&self) -> &'static [&'static str] {
        &["/echo"]
    }

    fn load(&self) -> Option<crate::agent::Load> {
        Some(crate::agent::Load {
            in_flight: 3,
            weight_percent: 70,
            draining: false,
        })
    }
}

struct Running {
    address: SocketAddr,
    admin: Admin,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

async fn start() -> Running {
    start_within(HEADER_TIMEOUT).await
}

async fn start_within(header_timeout: Duration) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let admin = Admin {
        registry: Registry::new(),
        readiness: Readiness::new(),
        purge: Some(Purge {
            token: Some("secret".into()),
            handler: Arc::new(|_| Box::pin(async {})),
        }),
        pages: Arc::new(Echo),
    };
    let shutdown = Shutdown::new();
    let task = tokio::spawn(serve_within(
        header_timeout,
        listener,
        admin.clone(),
        shutdown.clone(),
    ));
    Running {
        address,
        admin,
        shutdown,
        task,
    }
}

impl Running {
    /// Sends one request and reads until the server closes.
    async fn ask(&self, head: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        ))
        .await
    }
}

#[tokio::test]
async fn a_node_is_alive_and_ready_until_a_part_says_otherwise() {
    let node = start().await;
    assert!(node.get("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(node.get("/readyz").await.starts_with("HTTP/1.1 200"));
    node.admin.readiness.unready("store", "no answer from the bucket");
    let answer = node.get("/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("store: no answer from the bucket\n"),
        "{answer}"
    );
    node.admin.readiness.ready("store");
    assert!(node.get("/readyz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_draining_node_is_alive_and_not_ready_and_a_stopped_one_gone() {
    let node = start().await;
    node.shutdown.drain();
    assert!(node.get("/readyz").await.starts_with("HTTP/1.1 503"));
    assert!(node.get("/healthz").await.starts_with("HTTP/1.1 200"));
    node.shutdown.stop();
    node.task.await.unwrap();
    assert!(TcpStream::connect(node.address).await.is_err());
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let node = start().await;
    let counter = prometheus::IntCounter::new("strata_test_total", "A test").unwrap();
    node.admin.registry.register(Box::new(counter.clone())).unwrap();
    counter.inc_by(3);
    let answer = node.get("/metrics").await;
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4"),
        "{answer}"
    );
    assert!(answer.contains("\nstrata_test_total 3\n"), "{answer}");
}

#[tokio::test]
async fn a_node_has_pages_of_its_own_and_says_its_load_with_its_readiness() {
    let node = start().await;
    let echo = node
        .ask("POST /echo?a=1 HTTP/1.1\r\nhost: a\r\nauthorization: x\r\nconnection: close\r\n\r\n")
        .await;
    assert!(
        echo.starts_with("HTTP/1.1 202") && echo.ends_with("POST a=1 Some(\"x\")"),
        "{echo}"
    );
    assert!(node.get("/other").await.ends_with("/metrics, /echo\n"));
    let ready = node.get("/readyz").await;
    assert!(
        ready.contains("x-strata-load: in-flight=3, weight=70\r\n"),
        "{ready}"
    );
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let node = start().await;
    assert!(node.get("/").await.starts_with("HTTP/1.1 404"));
    let post = node
        .ask("POST /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert!(
        post.starts_with("HTTP/1.1 405") && post.contains("allow: GET, HEAD"),
        "{post}"
    );
    let head = node
        .ask("HEAD /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let node = start().await;
    let long = format!(
        "GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(HEAD_BYTES_MAX)
    );
    assert!(node.ask(&long).await.starts_with("HTTP/1.1 431"));
    let many = format!(
        "GET /healthz HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: y\r\n".repeat(HEADERS_MAX)
    );
    assert!(node.ask(&many).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_let_go() {
    let node = start_within(Duration::from_millis(20)).await;
    assert_eq!(node.ask("GET /healthz HT").await, "");
}

#[tokio::test]
async fn only_who_knows_the_token_may_purge() {
    let node = start().await;
    let post = async |query: &str, token: &str| {
        let head = format!("POST /purge{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{token}\r\n");
        node.ask(&head).await
    };
    let known = "authorization: Bearer secret\r\n";
    let answer = post("?title=a.ism", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Bearer"),
        "{answer}"
    );
    let other = post("?title=a.ism", "authorization: Bearer secre7\r\n").await;
    assert!(other.starts_with("HTTP/1.1 401"), "{other}");
    let answer = post("?title=a.ism", known).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("purged title a.ism\n"),
        "{answer}"
    );
    assert!(post("", known).await.starts_with("HTTP/1.1 400"));
    assert!(node.get("/purge?all=true").await.starts_with("HTTP/1.1 405"));
}
