//! The server as the AWS SDK sees it, over HTTP with signatures.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on should stop there"
)]

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, Region};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use strata_s3_server::Server;

mod conditions;
mod faults;
mod listings;
mod signatures;
mod uploads;

const ACCESS_KEY: &str = "access";
const SECRET_KEY: &str = "secret";
const BUCKET: &str = "titles";

/// A server on a port of the system's choice with one empty bucket.
async fn server() -> Server {
    let server = Server::start("127.0.0.1:0".parse().unwrap(), ACCESS_KEY, SECRET_KEY)
        .await
        .unwrap();
    server.store().create_bucket(BUCKET);
    server
}

/// A client that never retries, so that each call is one request.
fn client(server: &Server) -> Client {
    client_signing_with(server, ACCESS_KEY, SECRET_KEY)
}

fn client_signing_with(server: &Server, access_key: &str, secret_key: &str) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// The HTTP status of a call that failed with one.
fn status_of<T, E>(result: Result<T, aws_sdk_s3::error::SdkError<E>>) -> u16 {
    match result {
        Ok(_) => panic!("the call succeeded"),
        Err(error) => error
            .raw_response()
            .map_or(0, |response| response.status().as_u16()),
    }
}
