//! How connections begin: TLS, HTTP/2, the PROXY protocol.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::raw;
use crate::origin::{Act, Film};
use crate::stage::{PATIENCE, Stage};

/// Writes a new certificate for `name` into the folder, and returns it.
fn certificate(folder: &Path, name: &str) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(
        folder.join(format!("{name}.key")),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), made.cert.pem()).unwrap();
    made.cert.der().clone()
}

async fn connect(
    address: SocketAddr,
    name: &'static str,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name).unwrap(), stream)
        .await
}

/// Sends a request without HTTP/2 and reads to the end.
async fn http_1(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    let request = b"GET /film.ism HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Sends requests for these paths at once over one connection of HTTP/2. Returns the bodies.
async fn http_2(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, paths: &[&str]) -> Vec<Bytes> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut asked = Vec::new();
    for path in paths {
        let request = Request::get(format!("http://test{path}"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        let mut sender = sender.clone();
        asked.push(tokio::spawn(async move {
            sender.send_request(request).await.unwrap()
        }));
    }
    let mut bodies = Vec::new();
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (200, Version::HTTP_2)
        );
        assert!(answer.headers().get("connection").is_none());
        bodies.push(answer.into_body().collect().await.unwrap().to_bytes());
    }
    bodies
}

fn film(body: &str, dies_after: Option<usize>) -> Act {
    Act::Film(Film {
        body: body.into(),
        etag: "\"x\"",
        dies_after,
        stalls: false,
        headers: "",
    })
}

#[tokio::test]
async fn http_2_is_spoken_without_tls_to_those_who_begin_so() {
    let stage = Stage::new(3).await;
    let body = "0123456789".repeat(30_000);
    let path = stage.path_to("a").await;
    stage.all(film(&body, None));
    stage.origin("a").act(film(&body, Some(100_000)));
    let stream = TcpStream::connect(stage.address).await.unwrap();
    // Also gone on with in mid-body.
    let bodies = http_2(stream, &[&path, "/one.ism", "/two.ism", &path]).await;
    assert!(bodies.iter().all(|got| got == body.as_bytes()));
    stage.comes_to_rest().await;
    let log = stage.finish().await;
    let of_2 = log.iter().filter(|line| line["protocol"] == "HTTP/2").count();
    assert_eq!(of_2, 4);
}

#[tokio::test]
async fn http_2_refuses_bodies_and_path_tricks() {
    let stage = Stage::new(1).await;
    let stream = TcpStream::connect(stage.address).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for (path, ends) in [("/film.ism", false), ("/../film.ism", true)] {
        sender = sender.ready().await.unwrap();
        let request = Request::get(format!("http://test{path}")).body(()).unwrap();
        let (answer, mut body) = sender.send_request(request, ends).unwrap();
        if !ends {
            let _ = body.send_data(Bytes::from_static(b"x"), true);
        }
        assert_eq!(answer.await.unwrap().status().as_u16(), 400, "{path}");
    }
    assert!(stage.origins[0].requests().is_empty());
}

#[tokio::test]
async fn tls_is_spoken_with_the_protocol_that_the_client_likes() {
    let folder = tempfile::tempdir().unwrap();
    let trusted = certificate(folder.path(), "one.test");
    let stage = Stage::with_files(
        1,
        "tls: { listen: 127.0.0.1:0, certificates: [{ certificate: FOLDER/one.test.pem, key: FOLDER/one.test.key }] }\n",
        folder,
    )
    .await;
    let address = stage.tls.unwrap();
    let stream = connect(address, "one.test", &trusted, &["http/1.1"])
        .await
        .unwrap();
    assert!(http_1(stream).await.starts_with("HTTP/1.1 200 "));
    let stream = connect(address, "one.test", &trusted, &[]).await.unwrap();
    assert!(http_1(stream).await.starts_with("HTTP/1.1 200 "));
    let stream = connect(address, "one.test", &trusted, &["h2", "http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(http_2(stream, &["/film.ism"]).await, [Bytes::from_static(b"a")]);
    // Not TLS: turned away.
    raw(address, "GET / HTTP/1.1\r\nhost: t\r\n\r\n").await;
    stage
        .counts("strata_balancer_turned_away_total", &[("reason", "tls")], 1.0)
        .await;
    let log = stage.finish().await;
    assert!(log.iter().all(|line| line["tls"] == "TLSv1_3"), "{log:?}");
}

#[tokio::test]
async fn the_certificate_is_the_one_for_the_name_and_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let one = certificate(folder.path(), "one.test");
    let two = certificate(folder.path(), "two.test");
    let stage = Stage::with_files(
        1,
        "tls:
  listen: 127.0.0.1:0
  certificates:
    - { certificate: FOLDER/one.test.pem, key: FOLDER/one.test.key }
    - { certificate: FOLDER/two.test.pem, key: FOLDER/two.test.key }
",
        folder,
    )
    .await;
    let address = stage.tls.unwrap();
    connect(address, "one.test", &one, &[]).await.unwrap();
    connect(address, "two.test", &two, &[]).await.unwrap();
    assert!(connect(address, "two.test", &one, &[]).await.is_err());
    // Half a change is refused, and the old certificate stays.
    std::fs::write(stage.folder.path().join("two.test.key"), "nonsense").unwrap();
    let refused = [("what", "certificates"), ("result", "refused")];
    stage
        .until("refused", |stage| {
            1.0 <= stage.sum("strata_balancer_reloads_total", &refused)
        })
        .await;
    connect(address, "two.test", &two, &[]).await.unwrap();
    let newer = certificate(stage.folder.path(), "two.test");
    let changed = async { while connect(address, "two.test", &newer, &[]).await.is_err() {} };
    tokio::time::timeout(PATIENCE, changed).await.unwrap();
}

/// What an NLB begins a connection with. `command`: 1 for a client's, 0 for a health check's.
fn version_2(command: u8) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([0x20 | command, 0x11, 0, 12]);
    header.extend([192, 0, 2, 7, 10, 0, 0, 1, 0x04, 0xd2, 0, 80]);
    header
}

async fn after_header(address: SocketAddr, header: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // In two pieces, as a network may cut it.
    let (first, rest) = header.split_at(header.len() / 2);
    stream.write_all(first).await.unwrap();
    tokio::task::yield_now().await;
    stream.write_all(rest).await.unwrap();
    http_1(stream).await
}

#[tokio::test]
async fn the_proxy_protocol_tells_who_the_client_is() {
    let stage = Stage::with(1, "proxy_protocol: { from: [127.0.0.0/8] }\n").await;
    for header in [
        version_2(1),
        version_2(0),
        b"PROXY TCP4 192.0.2.8 10.0.0.1 4321 80\r\n".to_vec(),
    ] {
        assert!(
            after_header(stage.address, &header)
                .await
                .starts_with("HTTP/1.1 200 ")
        );
    }
    // Whoever is to send a header and does not is not believed to be himself.
    assert_eq!(
        raw(stage.address, "GET /film.ism HTTP/1.1\r\nhost: t\r\n\r\n").await,
        ""
    );
    stage
        .counts(
            "strata_balancer_turned_away_total",
            &[("reason", "proxy_protocol")],
            1.0,
        )
        .await;
    let log = stage.finish().await;
    let mut remotes: Vec<&str> = log.iter().map(|line| line["remote"].as_str().unwrap()).collect();
    // In the order in which the connections were over, which need not be theirs.
    remotes.sort_unstable();
    assert!(remotes[0].starts_with("127.0.0.1:"), "{remotes:?}");
    assert_eq!(remotes[1..], ["192.0.2.7:1234", "192.0.2.8:4321"]);
}

#[tokio::test]
async fn nobody_else_may_say_who_the_client_is() {
    let stage = Stage::with(1, "proxy_protocol: { from: [10.0.0.0/8] }\n").await;
    let answer = after_header(stage.address, b"PROXY TCP4 192.0.2.8 10.0.0.1 4321 80\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
