//! Why a request counts as failed.

use std::fmt;

use http::StatusCode;

/// A reason. Ordered as in reports: from not getting there to getting something wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// It is not a request that can be sent.
    Unsendable,
    /// More requests were waiting than are allowed to.
    Overrun,
    /// No connection.
    Connect,
    /// No TLS.
    Tls,
    /// The connection broke before an answer.
    Reset,
    /// No whole answer in time.
    Timeout,
    /// The answer is not HTTP.
    Malformed,
    /// The body ended before its end.
    Truncated,
    /// The body is longer than what is kept.
    TooLong,
    /// A status of 400 to 499.
    ClientError,
    /// A status of 500 and more.
    ServerError,
    /// The body is not as long as announced.
    Length,
    /// The ETag is another than before.
    ETag,
    /// The body is another than before.
    Content,
    /// A manifest that cannot be played.
    Manifest,
}

impl Failure {
    /// The failure that a status is.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Option<Self> {
        if status.is_client_error() {
            Some(Self::ClientError)
        } else {
            (!status.is_success() && !status.is_redirection() && !status.is_informational())
                .then_some(Self::ServerError)
        }
    }

    /// Whether an answer came and something is wrong with what it says.
    #[must_use]
    pub fn is_check(self) -> bool {
        matches!(self, Self::Length | Self::ETag | Self::Content | Self::Manifest)
    }

    /// The name in reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Unsendable => "unsendable",
            Self::Overrun => "overrun",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::TooLong => "too_long",
            Self::ClientError => "client_error",
            Self::ServerError => "server_error",
            Self::Length => "length",
            Self::ETag => "etag",
            Self::Content => "content",
            Self::Manifest => "manifest",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
