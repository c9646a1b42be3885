//! A bucket on an S3 server in this process, filled through the S3 API.

use std::collections::HashMap;
use std::net::SocketAddr;

use aws_config::BehaviorVersion;
use aws_sdk_s3::config::{Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use strata_s3_server::{Server, Store};

use super::sample;

const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "test-secret";
const REGION: &str = "eu-west-3";
const BUCKET: &str = "titles";

/// What stands before every key: a store is rarely a bucket's root.
const PREFIX: &str = "vod";

/// One bucket and its server.
pub(crate) struct Bucket {
    pub(crate) server: Server,
    client: aws_sdk_s3::Client,
}

impl Bucket {
    /// An empty bucket.
    pub(crate) async fn empty() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(any, ACCESS_KEY, SECRET_KEY).await.unwrap();
        let client = client(&server);
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        Self { server, client }
    }

    /// A bucket with the sample title.
    pub(crate) async fn with_sample() -> Self {
        let bucket = Self::empty().await;
        for entry in std::fs::read_dir(sample()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            bucket.upload(&name, std::fs::read(path).unwrap()).await;
        }
        bucket
    }

    /// Uploads one object through the API.
    pub(crate) async fn upload(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        let body = ByteStream::from(bytes.into());
        let put = self
            .client
            .put_object()
            .bucket(BUCKET)
            .key(format!("{PREFIX}/{name}"))
            .body(body);
        put.send().await.unwrap();
    }

    /// Uploads an object beside the prefix, which no origin may reach.
    pub(crate) async fn upload_outside(&self, key: &str, bytes: &'static [u8]) {
        let put = self
            .client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(ByteStream::from_static(bytes));
        put.send().await.unwrap();
    }

    /// For `--store`.
    pub(crate) fn url(&self) -> String {
        format!("s3://{BUCKET}/{PREFIX}")
    }

    /// For `--s3-endpoint`.
    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The environment in which the AWS SDK finds its credentials.
    pub(crate) fn credentials(&self) -> HashMap<&'static str, &'static str> {
        HashMap::from([
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_REGION", REGION),
        ])
    }

    /// Stops the server; the objects stay for [`Bucket::up_again`].
    pub(crate) async fn down(self) -> (SocketAddr, Store) {
        let (address, store) = (self.server.addr(), self.server.store().clone());
        self.server.shutdown().await;
        (address, store)
    }

    /// Starts the server again, where it was and with what it had.
    pub(crate) async fn up_again((address, store): (SocketAddr, Store)) -> Self {
        let server = Server::start_with_store(address, ACCESS_KEY, SECRET_KEY, store)
            .await
            .unwrap();
        let client = client(&server);
        Self { server, client }
    }
}

fn client(server: &Server) -> aws_sdk_s3::Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new(REGION))
        .endpoint_url(server.endpoint())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
