//! Servers that speak TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use strata_loadtest::client::{Ask, Target, Trust, TrustError, Version};
use strata_loadtest::record::Failure;

use crate::server::{body, client_that_trusts, serve_tls};

/// A server whose certificate nobody signed, and the file that says to believe it.
async fn server(folder: &tempfile::TempDir, protocols: &[&str]) -> (String, Trust) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let answer = |request: http::Request<_>| async move { body(format!("{:?}", request.version())) };
    let address = serve_tls(answer, tls).await;
    (format!("https://localhost:{}", address.port()), Trust::File(path))
}

async fn asked(url: &str, trust: Trust, version: Version) -> (Option<Failure>, u64, Option<String>) {
    let (target, _) = Target::of(url).await.unwrap();
    let target = Arc::new(target);
    let client = client_that_trusts(trust, version);
    let probed = client.probe(&target).await.err().map(|error| error.to_string());
    let reply = client.ask(&Ask::get(&target, "/")).await;
    (reply.failure, reply.bytes, probed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_to_be_believed_is_and_another_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for version in [Version::Http1, Version::Http2] {
        let (url, trust) = server(&folder, &["h2", "http/1.1"]).await;
        let length = "HTTP/1.1".len() as u64;
        let (failure, bytes, error) = asked(&url, trust, version).await;
        assert_eq!((failure, bytes <= length, error), (None, true, None));
        let (failure, _, error) = asked(&url, Trust::Anyone, version).await;
        assert_eq!((failure, error), (None, None));
        let (failure, _, error) = asked(&url, Trust::System, version).await;
        assert_eq!(failure, Some(Failure::Tls));
        let error = error.unwrap();
        assert!(
            error.contains("localhost") && error.contains("certificate"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_http_2_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (url, trust) = server(&folder, &["http/1.1"]).await;
    let (failure, _, error) = asked(&url, trust, Version::Http2).await;
    assert_eq!(failure, Some(Failure::Tls));
    assert!(error.is_some_and(|error| error.contains("localhost")));
}

#[test]
fn a_file_without_certificates_is_told_by_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let options = strata_loadtest::client::ClientOptions {
        version: Version::Http1,
        connections: 1,
        timeout: std::time::Duration::from_secs(1),
        trust: Trust::File(file.path().to_owned()),
    };
    let Err(error) = strata_loadtest::client::Client::new(&options) else {
        panic!("an empty file is believed");
    };
    assert!(matches!(error, TrustError::File { .. }));
    assert!(error.to_string().contains(&file.path().display().to_string()));
}
