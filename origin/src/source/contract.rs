//! What every source promises, asked of each of them.

use std::path::Path;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use strata_s3_server::{Effect, Ending, Fault, Operation, Server};
use tempfile::TempDir;

use super::web_server::WebServer;
use super::*;

const BUCKET: &str = "titles";
const KEY: &str = "access";
const SECRET: &str = "secret";

/// A source, and the means to change what it reads.
trait Backend: Sized {
    type Source: Source;

    async fn start() -> Self;
    fn source(&self) -> &Self::Source;
    fn put(&self, object: &str, bytes: &[u8]);
    fn delete(&self, object: &str);
}

/// A backend that can tell its connections apart.
trait Connected: Backend {
    /// The connection of each request for `object` so far.
    fn connections(&self, object: &str) -> Vec<u64>;
}

struct Folder {
    folder: TempDir,
    source: FolderSource,
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

struct Bucket {
    server: Server,
    source: S3Source,
}

fn sdk(secret: &str) -> SdkConfig {
    let credentials = Credentials::new(KEY, secret, None, None, "test");
    SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn config(endpoint: String) -> S3Config {
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
struct Web {
    server: WebServer,
    source: WebFiles,
}

#[derive(Debug)]
struct WebFiles {
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
struct Outer {
    source: S3Source,
    prefix: String,
}

fn variable(name: &str) -> String {
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

fn slice<'b>(bytes: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

impl Bucket {
    fn inject(&self, effect: Effect) {
        self.server
            .faults()
            .inject(Fault::new(effect).on(Operation::GetObject));
    }

    async fn fault_of_a_read(&self) -> SourceFault {
        self.put("film.mp4", &[7; 100_000]);
        let meta = self.source.head("film.mp4").await.unwrap();
        self.source
            .read("film.mp4", &meta.version, 0..100_000)
            .await
            .unwrap_err()
            .fault
    }
}

async fn an_object_is_opened_with_its_size_version_and_first_bytes<B: Backend>() {
    let backend = B::start().await;
    backend.put("shows/film.mp4", b"0123456789");
    let opened = backend.source().open("shows/film.mp4", 4).await.unwrap();
    assert_eq!(opened.head.bytes().as_ref(), b"0123");
    assert_eq!(opened.meta.size, 10);
    assert!(opened.meta.modified.is_some());
    assert_eq!(
        backend.source().head("shows/film.mp4").await.unwrap(),
        opened.meta
    );
}

async fn an_object_smaller_than_the_head_is_read_whole<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.ism", b"<smil/>");
    let opened = backend.source().open("film.ism", 65_536).await.unwrap();
    assert_eq!(opened.head.bytes().as_ref(), b"<smil/>");
}

async fn an_empty_object_is_opened<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.ism", b"");
    let opened = backend.source().open("film.ism", 65_536).await.unwrap();
    assert_eq!((opened.meta.size, opened.head.len()), (0, 0));
}

async fn a_range_is_read_exactly<B: Backend>() {
    let backend = B::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    backend.put("film.mp4", &bytes);
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [0..1, 1..300_000, 65_535..65_537, 299_999..300_000, 5..5] {
        let chunk = backend
            .source()
            .read("film.mp4", &meta.version, range.clone())
            .await
            .unwrap();
        assert_eq!(chunk.bytes().as_ref(), slice(&bytes, &range));
    }
}

async fn a_range_is_streamed_exactly<B: Backend>() {
    let backend = B::start().await;
    let bytes: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    backend.put("film.mp4", &bytes);
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [0..1, 1..3_000_000, 1_048_575..1_048_577, 5..5] {
        let body = backend
            .source()
            .stream("film.mp4", &meta.version, range.clone())
            .await;
        let pieces: Vec<Bytes> = body.unwrap().map(Result::unwrap).collect().await;
        assert!(pieces.concat() == slice(&bytes, &range), "{range:?}");
    }
}

async fn a_stream_apart_comes_over_a_connection_that_nothing_else_came_over<B: Connected>() {
    let backend = B::start().await;
    backend.put("film.mp4", &[7; 1000]);
    let source = backend.source();
    let version = source.head("film.mp4").await.unwrap().version;
    let read = async |body: Result<SourceBody, SourceError>| {
        let pieces: Vec<Bytes> = body.unwrap().map(Result::unwrap).collect().await;
        assert_eq!(pieces.concat(), [7; 500]);
    };
    // One by one, over the connection that is kept.
    for _ in 0..3 {
        read(source.stream("film.mp4", &version, 100..600).await).await;
    }
    for _ in 0..2 {
        read(source.stream_apart("film.mp4", &version, 100..600).await).await;
    }
    read(source.stream("film.mp4", &version, 100..600).await).await;
    let connections = backend.connections("film.mp4");
    let kept = connections[0];
    let [.., first, second, last] = connections.as_slice() else {
        panic!("{connections:?}")
    };
    assert!(connections[..4].iter().all(|connection| *connection == kept));
    assert_eq!(*last, kept);
    assert!(
        *first != kept && *second != kept && first != second,
        "{connections:?}"
    );
}

#[tokio::test]
async fn a_second_request_at_a_bucket_has_a_connection_of_its_own() {
    a_stream_apart_comes_over_a_connection_that_nothing_else_came_over::<Bucket>().await;
}

#[tokio::test]
async fn a_second_request_at_a_web_server_has_a_connection_of_its_own() {
    a_stream_apart_comes_over_a_connection_that_nothing_else_came_over::<Web>().await;
}

async fn a_replaced_object_is_not_streamed<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"old bytes");
    let old = backend.source().head("film.mp4").await.unwrap();
    backend.put("film.mp4", b"new bytes");
    let Err(error) = backend.source().stream("film.mp4", &old.version, 0..4).await else {
        panic!("the body of another version")
    };
    assert_eq!(error.fault, SourceFault::Changed);
}

async fn a_range_beyond_the_end_is_an_error<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"0123456789");
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [5..11, 10..11, 20..30] {
        let error = backend
            .source()
            .read("film.mp4", &meta.version, range)
            .await
            .unwrap_err();
        assert!(matches!(error.fault, SourceFault::Broken { .. }), "{error}");
    }
}

async fn an_absent_object_is_not_found<B: Backend>() {
    let backend = B::start().await;
    backend.put("shows/film.mp4", b"0123456789");
    for object in ["other.mp4", "shows", "shows/film.mp4/inner.mp4", &"x".repeat(300)] {
        let head = backend.source().head(object).await.unwrap_err();
        let open = backend.source().open(object, 4).await.unwrap_err();
        let read = backend.source().read(object, "\"v\"", 0..4).await.unwrap_err();
        for error in [head, open, read] {
            assert_eq!(error.fault, SourceFault::NotFound, "{error}");
        }
    }
}

async fn a_replaced_object_is_changed_and_never_read_as_the_old_one<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"old bytes");
    let old = backend.source().head("film.mp4").await.unwrap();
    assert_eq!(
        backend.source().head("film.mp4").await.unwrap().version,
        old.version
    );
    backend.put("film.mp4", b"new bytes");
    let error = backend
        .source()
        .read("film.mp4", &old.version, 0..4)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::Changed);
    assert_ne!(
        backend.source().head("film.mp4").await.unwrap().version,
        old.version
    );
    backend.delete("film.mp4");
    let error = backend
        .source()
        .read("film.mp4", &old.version, 0..4)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::NotFound);
}

async fn names_are_taken_literally<B: Backend>() {
    let backend = B::start().await;
    for object in ["a b/ü+%41=&;.mp4", "film-video=401000?x#y.mp4", "日本語.mp4"] {
        backend.put(object, object.as_bytes());
        let opened = backend.source().open(object, 100).await.unwrap();
        assert_eq!(opened.head.bytes().as_ref(), object.as_bytes());
    }
}

async fn a_store_that_is_there_answers_the_probe<B: Backend>() {
    let backend = B::start().await;
    backend.source().probe().await.unwrap();
}

macro_rules! contract {
    ($($case:ident,)*) => {
        mod folder {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Folder>().await;
            })*
        }

        mod web {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Web>().await;
            })*
        }

        mod bucket {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Bucket>().await;
            })*
        }

        mod outer {
            $(#[tokio::test]
            #[ignore = "wants an S3 server: make test-stores"]
            async fn $case() {
                super::$case::<super::Outer>().await;
            })*
        }
    };
}

contract! {
    an_object_is_opened_with_its_size_version_and_first_bytes,
    an_object_smaller_than_the_head_is_read_whole,
    an_empty_object_is_opened,
    a_range_is_read_exactly,
    a_range_is_streamed_exactly,
    a_replaced_object_is_not_streamed,
    a_range_beyond_the_end_is_an_error,
    an_absent_object_is_not_found,
    a_replaced_object_is_changed_and_never_read_as_the_old_one,
    names_are_taken_literally,
    a_store_that_is_there_answers_the_probe,
}

#[tokio::test]
async fn opening_an_object_of_a_bucket_costs_one_request() {
    let bucket = Bucket::start().await;
    bucket.put("film.mp4", &[7; 100_000]);
    bucket.server.journal().reset();
    bucket.source.open("film.mp4", 65_536).await.unwrap();
    assert_eq!(bucket.server.journal().entries().len(), 1);
    assert_eq!(bucket.server.journal().count(Operation::GetObject).requests, 1);
}

#[tokio::test]
async fn a_bucket_that_asks_for_fewer_requests_is_busy() {
    let bucket = Bucket::start().await;
    bucket.inject(Effect::slow_down());
    let fault = bucket.fault_of_a_read().await;
    assert!(matches!(fault, SourceFault::Busy { .. }), "{fault}");
}

#[tokio::test]
async fn a_bucket_that_fails_is_unavailable() {
    for effect in [Effect::internal_error(), Effect::Reset] {
        let bucket = Bucket::start().await;
        bucket.inject(effect);
        let fault = bucket.fault_of_a_read().await;
        assert!(matches!(fault, SourceFault::Unavailable { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_in_time_is_slow() {
    let bucket = Bucket::start().await;
    bucket.inject(Effect::Delay(Duration::from_secs(60)));
    let fault = bucket.fault_of_a_read().await;
    assert!(
        matches!(
            fault,
            SourceFault::Slow {
                limit: "store.attempt_timeout",
                ..
            }
        ),
        "{fault}"
    );
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    for ending in [Ending::Close, Ending::Reset] {
        let bucket = Bucket::start().await;
        bucket.inject(Effect::Cut {
            after_bytes: 50_000,
            ending,
        });
        let fault = bucket.fault_of_a_read().await;
        assert!(matches!(fault, SourceFault::Broken { .. }), "{fault}");
    }
}

#[tokio::test]
async fn an_etag_that_flips_between_two_reads_is_a_change() {
    let bucket = Bucket::start().await;
    bucket.put("film.mp4", b"0123456789");
    let meta = bucket.source.head("film.mp4").await.unwrap();
    bucket.source.read("film.mp4", &meta.version, 0..5).await.unwrap();
    assert!(bucket.server.store().flip_etag(BUCKET, "vod/film.mp4"));
    let error = bucket
        .source
        .read("film.mp4", &meta.version, 5..10)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::Changed);
}

#[tokio::test]
async fn a_bucket_that_is_absent_or_refuses_the_key_fails_the_probe() {
    let bucket = Bucket::start().await;
    let endpoint = bucket.server.endpoint();
    let absent = S3Config {
        bucket: "other".to_owned(),
        ..config(endpoint.clone())
    };
    let absent = S3Source::with_sdk(&sdk(SECRET), &absent).unwrap();
    let refused = S3Source::with_sdk(&sdk("wrong"), &config(endpoint.clone())).unwrap();
    for source in [absent, refused] {
        let error = source.probe().await.unwrap_err();
        assert!(matches!(error.fault, SourceFault::Unavailable { .. }), "{error}");
    }
    bucket.server.shutdown().await;
    let gone = S3Source::with_sdk(&sdk(SECRET), &config(endpoint)).unwrap();
    assert!(matches!(
        gone.probe().await.unwrap_err().fault,
        SourceFault::Unavailable { .. }
    ));
}

#[tokio::test]
async fn a_folder_that_is_moved_away_fails_the_probe() {
    let folder = Folder::start().await;
    let path: &Path = folder.folder.path();
    std::fs::remove_dir_all(path).unwrap();
    let error = folder.source.probe().await.unwrap_err();
    assert!(matches!(error.fault, SourceFault::Unavailable { .. }), "{error}");
}
