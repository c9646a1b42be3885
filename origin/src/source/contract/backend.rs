//! What is asked: a folder, a bucket, files of a web server, a bucket elsewhere.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use strata_s3_server::Server;
use tempfile::TempDir;

use super::super::web_server::{self, WebServer};
use super::super::*;

pub(super) const BUCKET: &str = "titles";
pub(super) const KEY: &str = "access";
pub(super) const SECRET: &str = "secret";

/// A source, and the means to change what it reads.
pub(super) trait Backend: Sized {
    type Source: Source;

    async fn start() -> Self;
    fn source(&self) -> &Self::Source;
    fn put(&self, object: &str, bytes: &[u8]);
    fn delete(&self, object: &str);
}

/// A backend that can tell its connections apart.
pub(super) trait Connected: Backend {
    /// The connection of each request for `object` so far.
    fn connections(&self, object: &str) -> Vec<u64>;
}

pub(super) struct Folder {
    pub(super) folder: TempDir,
    pub(super) source: FolderSource,
    /// Modification times are set, one second apart, so that a replacement is
    /// never younger than the clock's tick.
    clock: std::cell::Cell<u64>,
}

impl Backend for Folder {
    type Source = FolderSource;

    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let source = FolderSource::open(folder.path()).unwrap();
        Self {
            folder,
            source,
            clock: 1_000_000.into(),
        }
    }

    fn source(&self) -> &FolderSource {
        &self.source
    }

    fn put(&self, object: &str, bytes: &[u8]) {
        let path = self.folder.path().join(object);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self.clock.set(self.clock.get() + 1);
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(self.clock.get());
        std::fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
    }

    fn delete(&self, object: &str) {
        std::fs::remove_file(self.folder.path().join(object)).unwrap();
    }
}

pub(super) struct Bucket {
    pub(super) server: Server,
    pub(super) source: S3Source,
}

pub(super) fn sdk(secret: &str) -> SdkConfig {
    let credentials = Credentials::new(KEY, secret, None, None, "test");
    SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(super) fn config(endpoint: String) -> S3Config {
    S3Config {
        bucket: BUCKET.to_owned(),
        prefix: "vod/".to_owned(),
        endpoint: Some(endpoint),
        region: None,
        path_style: true,
        connect_timeout: Duration::from_secs(1),
        attempt_timeout: Duration::from_secs(1),
    }
}

impl Backend for Bucket {
    type Source = S3Source;

    async fn start() -> Self {
        let server = Server::start("127.0.0.1:0".parse().unwrap(), KEY, SECRET)
            .await
            .unwrap();
        server.store().create_bucket(BUCKET);
        let source = S3Source::with_sdk(&sdk(SECRET), &config(server.endpoint())).unwrap();
        Self { server, source }
    }

    fn source(&self) -> &S3Source {
        &self.source
    }

    fn put(&self, object: &str, bytes: &[u8]) {
        self.server
            .store()
            .put(BUCKET, &format!("vod/{object}"), bytes.to_vec());
    }

    fn delete(&self, object: &str) {
        assert!(self.server.store().delete(BUCKET, &format!("vod/{object}")));
    }
}

impl Connected for Bucket {
    fn connections(&self, object: &str) -> Vec<u64> {
        let entries = self.server.journal().entries().into_iter();
        entries
            .filter(|entry| entry.path == format!("{BUCKET}/vod/{object}"))
            .map(|entry| entry.connection)
            .collect()
    }
}

/// Files of a web server beside a store, named by where they lie on it.
pub(super) struct Web {
    server: WebServer,
    source: WebFiles,
}

#[derive(Debug)]
pub(super) struct WebFiles {
    /// The server's URL of an object.
    url: fn(&str, &str) -> String,
    root: String,
    places: Places,
    _store: TempDir,
}

#[async_trait]
impl Source for WebFiles {
    fn name(&self) -> &str {
        self.places.name()
    }

    async fn head(&self, object: &str) -> Result<ObjectMeta, SourceError> {
        self.places.head(&(self.url)(&self.root, object)).await
    }

    async fn open(&self, object: &str, head_size: u64) -> Result<Opened, SourceError> {
        self.places.open(&(self.url)(&self.root, object), head_size).await
    }

    async fn read(&self, object: &str, version: &str, range: Range<u64>) -> Result<Chunk, SourceError> {
        self.places
            .read(&(self.url)(&self.root, object), version, range)
            .await
    }

    async fn stream(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.places
            .stream(&(self.url)(&self.root, object), version, range)
            .await
    }

    async fn stream_apart(
        &self,
        object: &str,
        version: &str,
        range: Range<u64>,
    ) -> Result<SourceBody, SourceError> {
        self.places
            .stream_apart(&(self.url)(&self.root, object), version, range)
            .await
    }

    async fn probe(&self) -> Result<(), SourceError> {
        self.places.probe().await
    }
}

impl Backend for Web {
    type Source = WebFiles;

    async fn start() -> Self {
        let server = WebServer::start().await;
        let web = HttpSource::new(HttpConfig {
            hosts: vec![server.address().to_string().parse().unwrap()],
            private_addresses: true,
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_secs(1),
            attempts_max: 1,
        });
        let store = TempDir::new().unwrap();
        let folder = FolderSource::open(store.path()).unwrap();
        let source = WebFiles {
            url: web_server::url,
            root: format!("http://{}", server.address()),
            places: Places::new(Arc::new(folder), Some(web.unwrap())),
            _store: store,
        };
        Self { server, source }
    }

    fn source(&self) -> &WebFiles {
        &self.source
    }

    fn put(&self, object: &str, bytes: &[u8]) {
        self.server.put(object, bytes);
    }

    fn delete(&self, object: &str) {
        self.server.delete(object);
    }
}

impl Connected for Web {
    fn connections(&self, object: &str) -> Vec<u64> {
        self.server.connections(object)
    }
}

/// A bucket of an S3 server that somebody else runs, such as Garage: what
/// `STRATA_STORE_ENDPOINT` and `STRATA_STORE_BUCKET` name, with the credentials
/// of `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
pub(super) struct Outer {
    source: S3Source,
    prefix: String,
}

pub(super) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

impl Outer {
    /// Changes the bucket. In a thread of its own: a test has its runtime.
    fn change(&self, object: &str, bytes: Option<&[u8]>) {
        let key = format!("{}/{object}", self.prefix);
        let bytes = bytes.map(<[u8]>::to_vec);
        let changing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let sdk = aws_config::defaults(aws_config::BehaviorVersion::latest())
                    .http_client(s3::http_client())
                    .load()
                    .await;
                let config = aws_sdk_s3::config::Builder::from(&sdk)
                    .endpoint_url(variable("STRATA_STORE_ENDPOINT"))
                    .force_path_style(true)
                    .build();
                let client = aws_sdk_s3::Client::from_conf(config);
                let bucket = variable("STRATA_STORE_BUCKET");
                match bytes {
                    Some(bytes) => {
                        let put = client.put_object().bucket(bucket).key(key).body(bytes.into());
                        put.send().await.unwrap();
                    }
                    None => drop(
                        client
                            .delete_object()
                            .bucket(bucket)
                            .key(key)
                            .send()
                            .await
                            .unwrap(),
                    ),
                }
            });
        });
        changing.join().unwrap();
    }
}

impl Backend for Outer {
    type Source = S3Source;

    async fn start() -> Self {
        static STARTED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = STARTED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        // Each test, and each run, has a place of its own.
        let prefix = format!("contract/{}-{}-{number}", now.as_nanos(), std::process::id());
        let config = S3Config {
            bucket: variable("STRATA_STORE_BUCKET"),
            prefix: prefix.clone(),
            attempt_timeout: Duration::from_secs(30),
            region: std::env::var("AWS_REGION").ok(),
            ..config(variable("STRATA_STORE_ENDPOINT"))
        };
        let source = S3Source::connect(&config).await.unwrap();
        Self { source, prefix }
    }

    fn source(&self) -> &S3Source {
        &self.source
    }

    fn put(&self, object: &str, bytes: &[u8]) {
        self.change(object, Some(bytes));
    }

    fn delete(&self, object: &str) {
        self.change(object, None);
    }
}
