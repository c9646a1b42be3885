//! An EC2 instance's metadata, by IMDSv2: a token first, then questions with it.
//!
//! Only an instance itself can ask; what is told here reaches others through it.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::config::Value;

/// Longest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Longest time for an answer.
pub const TIME_MAX: Duration = Duration::from_secs(2);

/// For how long a token is asked; the longest that there is.
const TOKEN_LIFE_SECONDS: &str = "21600";

const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_LIFE: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Where the metadata are: `http://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    authority: String,
}

impl Default for Endpoint {
    /// The address that every instance has.
    fn default() -> Self {
        Self {
            authority: "169.254.169.254:80".to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

impl Value for Endpoint {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let parse = || {
            let uri: Uri = text.parse().ok()?;
            let is_plain = uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/");
            let port = uri.port_u16().unwrap_or(80);
            let host = uri.host().filter(|host| is_plain && !host.is_empty())?;
            Some(format!("{host}:{port}"))
        };
        let authority = parse();
        authority
            .map(|authority| Self { authority })
            .ok_or_else(|| format!("`{text}` is not a URL such as http://169.254.169.254"))
    }
}

/// Why the metadata could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ImdsError {
    /// There was no answer in time.
    #[error("{endpoint}{path}: no answer in time")]
    TimedOut {
        /// Whom was asked.
        endpoint: Endpoint,
        /// What.
        path: String,
    },
    /// There was no answer.
    #[error("{endpoint}{path}: {reason}")]
    Broken {
        /// Whom was asked.
        endpoint: Endpoint,
        /// What.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The answer was a refusal.
    #[error("{endpoint}{path}: answered {status}")]
    Refused {
        /// Whom was asked.
        endpoint: Endpoint,
        /// What.
        path: String,
        /// The answer.
        status: StatusCode,
    },
}

/// Asks, and keeps its token for as long as it is good.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    token: Option<String>,
}

impl Client {
    /// Asks nothing yet.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            token: None,
        }
    }

    /// The value at `path` below `/latest/meta-data/`. `None`: there is none.
    ///
    /// # Errors
    ///
    /// [`ImdsError`].
    pub async fn get(&mut self, path: &str) -> Result<Option<String>, ImdsError> {
        let path = format!("/latest/meta-data/{path}");
        for last in [false, true] {
            let token = match &self.token {
                Some(token) => token.clone(),
                None => self.renew().await?,
            };
            let (status, text) = self.send(Method::GET, &path, TOKEN, &token).await?;
            match status {
                StatusCode::OK => return Ok(Some(text)),
                StatusCode::NOT_FOUND => return Ok(None),
                // The token is too old.
                StatusCode::UNAUTHORIZED if !last => self.token = None,
                status => return Err(self.refused(path, status)),
            }
        }
        Ok(None)
    }

    async fn renew(&mut self) -> Result<String, ImdsError> {
        let path = "/latest/api/token";
        let (status, token) = self
            .send(Method::PUT, path, TOKEN_LIFE, TOKEN_LIFE_SECONDS)
            .await?;
        if status != StatusCode::OK {
            return Err(self.refused(path.to_owned(), status));
        }
        self.token = Some(token.clone());
        Ok(token)
    }

    fn refused(&self, path: String, status: StatusCode) -> ImdsError {
        ImdsError::Refused {
            endpoint: self.endpoint.clone(),
            path,
            status,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        header: &str,
        value: &str,
    ) -> Result<(StatusCode, String), ImdsError> {
        let exchange = exchange(&self.endpoint.authority, method, path, header, value);
        match tokio::time::timeout(TIME_MAX, exchange).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ImdsError::Broken {
                endpoint: self.endpoint.clone(),
                path: path.to_owned(),
                reason: error.to_string(),
            }),
            Err(_) => Err(ImdsError::TimedOut {
                endpoint: self.endpoint.clone(),
                path: path.to_owned(),
            }),
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(
    authority: &str,
    method: Method,
    path: &str,
    header: &str,
    value: &str,
) -> Result<(StatusCode, String), BoxError> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::HOST, authority)
        .header(header, value)
        .body(Empty::<Bytes>::new())?;
    let asked = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok((status, text))
    };
    tokio::pin!(asked);
    // The connection's end is no news beside what it brought.
    tokio::select! {
        answer = &mut asked => answer,
        _ = connection => asked.await,
    }
}
