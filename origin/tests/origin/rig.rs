//! An origin that runs for one test, and a client to ask it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use strata_node::config::{Document, Override};
use strata_node::shutdown::Shutdown;
use strata_origin::source::{FolderSource, Source};
use strata_origin::{Origin, OriginConfig};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The sample title's folder.
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title")
}

/// A copy of the sample title that a test may change.
pub fn copy_of_sample() -> TempDir {
    let folder = TempDir::new().unwrap();
    for entry in std::fs::read_dir(sample()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// A configuration with `more` lines on top of what every test needs.
pub fn config(more: &str) -> OriginConfig {
    let text = format!("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\n{more}");
    let flag = |key, value: &str| Override {
        key,
        value: value.to_owned(),
        flag: "--test",
    };
    let mut flags = vec![flag("store.url", "unused")];
    if !more.contains("access_log") {
        flags.push(flag("access_log", "off"));
    }
    OriginConfig::from_document(Document::parse("test.yaml", &text, flags).unwrap()).unwrap()
}

/// A running origin.
pub struct Rig {
    pub base: String,
    pub admin: String,
    pub shutdown: Shutdown,
    pub task: JoinHandle<()>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Rig {
    /// Over the sample title.
    pub async fn start() -> Self {
        Self::over_folder(&sample(), "").await
    }

    pub async fn over_folder(folder: &Path, more: &str) -> Self {
        Self::over(Arc::new(FolderSource::open(folder).unwrap()), more).await
    }

    pub async fn over(source: Arc<dyn Source>, more: &str) -> Self {
        let origin = Origin::bind(config(more), source).await.unwrap();
        let shutdown = Shutdown::new();
        Self {
            base: format!("http://{}", origin.address()),
            admin: format!("http://{}", origin.admin_address()),
            task: tokio::spawn(origin.serve(shutdown.clone())),
            shutdown,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// Asks `path` and reads the whole answer.
    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_ask(&self.base, method, path, headers).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers).await
    }

    /// Asks the operator's listener.
    pub async fn operator(&self, path: &str) -> Answer {
        self.try_ask(&self.admin, Method::GET, path, &[]).await.unwrap()
    }

    /// The value of a metric, by its name with labels as it is exposed.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.operator("/metrics").await;
        let line = text
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Like [`Rig::ask`]; an error when the connection breaks before the end.
    pub async fn try_ask(
        &self,
        base: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::builder().method(method).uri(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let exchange = async {
            let response = self.client.request(request.body(Empty::new())?).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body,
            })
        };
        tokio::time::timeout(Duration::from_secs(30), exchange).await?
    }

    /// The playlists of tracks that a master playlist lists: not those of key frames
    /// and thumbnails, which are in folders of their own.
    pub async fn tracks(&self, master: &str) -> Vec<String> {
        let mut names = self.playlist(master).await;
        names.retain(|name| !name.contains('/'));
        names
    }

    /// The names that a playlist lists, relative to its folder.
    pub async fn playlist(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let lines = answer.text().lines();
        let named = lines.filter_map(|line| {
            let quoted = line
                .split_once("URI=\"")
                .and_then(|(_, rest)| rest.split('"').next());
            quoted.or_else(|| (!line.starts_with('#') && !line.is_empty()).then_some(line))
        });
        named.map(str::to_owned).collect()
    }
}
