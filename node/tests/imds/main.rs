//! The metadata client against a small IMDS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails may panic")]

mod server;

use server::ImdsServer;
use strata_node::config::Value;
use strata_node::imds::{Client, Endpoint, ImdsError};

async fn client(server: &ImdsServer) -> Client {
    Client::new(Endpoint::from_scalar(&server.url()).unwrap())
}

#[tokio::test]
async fn values_are_read_with_a_token_and_absent_ones_are_none() {
    let server = ImdsServer::start().await;
    server.set("placement/availability-zone-id", "euw1-az2");
    let mut client = client(&server).await;
    let zone = client.get("placement/availability-zone-id").await.unwrap();
    assert_eq!(zone.as_deref(), Some("euw1-az2"));
    assert_eq!(client.get("spot/instance-action").await.unwrap(), None);
    server.clear("placement/availability-zone-id");
    assert_eq!(client.get("placement/availability-zone-id").await.unwrap(), None);
}

#[tokio::test]
async fn a_token_that_is_too_old_is_renewed() {
    let server = ImdsServer::start().await;
    server.set("x", "1");
    let mut client = client(&server).await;
    assert_eq!(client.get("x").await.unwrap().as_deref(), Some("1"));
    server.forget_tokens();
    assert_eq!(client.get("x").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn where_there_are_no_metadata_the_address_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut client = Client::new(Endpoint::from_scalar(&url).unwrap());
    let error = client.get("x").await.unwrap_err();
    assert!(matches!(error, ImdsError::Broken { .. }));
    assert!(
        error
            .to_string()
            .starts_with(&format!("{url}/latest/api/token: ")),
        "{error}"
    );
}

#[test]
fn endpoints_are_plain_urls() {
    for good in [
        "http://169.254.169.254",
        "http://[fd00:ec2::254]:80/",
        "http://localhost:1338",
    ] {
        assert!(Endpoint::from_scalar(good).is_ok(), "{good}");
    }
    for bad in ["169.254.169.254", "https://a", "http://", "http://a/latest", "on"] {
        assert!(Endpoint::from_scalar(bad).is_err(), "{bad}");
    }
    assert_eq!(Endpoint::default().to_string(), "http://169.254.169.254:80");
}
