//! A client that tells what it got, whole or not.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Err`: the connection ended before the body did.
    pub(crate) body: Result<String, hyper::Error>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The node that answered.
    pub(crate) fn origin(&self) -> &str {
        self.header("x-strata-origin").unwrap()
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.header("x-strata-attempts").unwrap().parse().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        self.body.as_deref().unwrap()
    }
}

/// GET over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    ask(address, Request::get(path)).await
}

/// Any request without a body, over a connection of its own.
pub(crate) async fn ask(address: SocketAddr, request: http::request::Builder) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = request
        .header("host", "test")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap());
    drop(sender);
    let _ = connection.await;
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

/// Sends bytes as they are and reads until the balancer closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}
