//! An HTTP client that reports what came, and follows nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Keeps its connections; clones share them.
#[derive(Clone)]
pub(crate) struct Client(HyperClient<HttpConnector, Empty<Bytes>>);

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A header's value; empty when it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self(HyperClient::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request and reads all of the answer; an error is one of the connection.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::new()).unwrap();
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| format!("{path}: {error:?}"))?;
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|error| format!("{path}: body: {error:?}"))?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_send(method, address, path, headers).await.unwrap()
    }

    pub(crate) async fn get(&self, address: SocketAddr, path: &str) -> Answer {
        self.send(Method::GET, address, path, &[]).await
    }

    pub(crate) async fn get_with(&self, address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, address, path, headers).await
    }

    pub(crate) async fn head(&self, address: SocketAddr, path: &str) -> Answer {
        self.send(Method::HEAD, address, path, &[]).await
    }
}
