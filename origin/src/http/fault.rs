//! What is answered when something is wrong: the one place where errors become
//! statuses.

use std::borrow::Cow;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use strata_node::headers;
use strata_node::title_path::PathError;

use super::query::QueryError;
use crate::asset::{LoadError, SamplesError, ShapeFault};
use crate::source::{SourceError, SourceFault};

/// Seconds after which a client may ask again when the store is down.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Why a request is not served.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// The method is none of GET, HEAD and OPTIONS.
    #[error("method not allowed")]
    Method,
    /// The path is malformed, or names no title.
    #[error("{0}")]
    Path(#[from] PathError),
    /// A parameter of the query has a value that it cannot have.
    #[error("{0}")]
    Query(#[from] QueryError),
    /// The title cannot be served in the shape asked for.
    #[error("{0}")]
    Shape(ShapeFault),
    /// The title does not offer this.
    #[error("the title does not offer this")]
    Resource,
    /// The title cannot be served.
    #[error("{0}")]
    Title(#[from] LoadError),
    /// A read failed.
    #[error("{0}")]
    Store(#[from] SourceError),
    /// The source's tables or media do not hold together.
    #[error("{object}: {reason}")]
    Corrupt {
        /// The file.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client wanted another version.
    #[error("precondition failed")]
    Precondition,
    /// The client wanted bytes that the representation does not have.
    #[error("range not satisfiable")]
    Range {
        /// Length of the representation.
        length: u64,
    },
    /// A bug: a panic, or work that was lost.
    #[error("internal error: {0}")]
    Bug(&'static str),
}

/// What a fault is to the client and to whoever watches the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) status: StatusCode,
    /// For logs and metrics.
    pub(super) label: &'static str,
    /// For the client. The reason is in the log: it may name what is none of
    /// the client's business.
    pub(super) text: &'static str,
    /// Whether every node would answer the same.
    pub(super) is_source: bool,
}

impl Verdict {
    const fn new(status: StatusCode, label: &'static str, text: &'static str) -> Self {
        Self {
            status,
            label,
            text,
            is_source: false,
        }
    }

    /// The source is at fault, not this node.
    const fn source(label: &'static str, text: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_GATEWAY,
            label,
            text,
            is_source: true,
        }
    }
}

impl Fault {
    /// What this fault is answered with.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Self::Method => Verdict::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "only GET, HEAD and OPTIONS are served",
            ),
            Self::Path(PathError::Malformed(_)) => {
                Verdict::new(StatusCode::BAD_REQUEST, "path", "the path is malformed")
            }
            Self::Path(PathError::NotATitle) => {
                Verdict::new(StatusCode::NOT_FOUND, "no_title", "the path names no title")
            }
            Self::Query(_) => Verdict::new(
                StatusCode::BAD_REQUEST,
                "query",
                "a parameter of the query has a value that it cannot have",
            ),
            Self::Shape(ShapeFault::Nothing(_)) => Verdict::new(
                StatusCode::NOT_FOUND,
                "shaped_away",
                "nothing is left of the title",
            ),
            Self::Resource => Verdict::new(
                StatusCode::NOT_FOUND,
                "no_resource",
                "the title does not offer this",
            ),
            Self::Title(error) => of_load(error),
            Self::Store(error) => of_read(&error.fault),
            Self::Corrupt { .. } => Verdict::source("source_corrupt", "the title's source is damaged"),
            Self::Precondition => Verdict::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition",
                "this is not the version asked for",
            ),
            Self::Range { .. } => Verdict::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range",
                "these bytes do not exist",
            ),
            Self::Bug(_) | Self::Shape(_) => {
                Verdict::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", "internal error")
            }
        }
    }

    /// What the client is told. Of what it asked for itself it is told all there
    /// is to say.
    pub(super) fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Query(error) => error.to_string().into(),
            Self::Shape(ShapeFault::Nothing(error)) => error.to_string().into(),
            _ => self.verdict().text.into(),
        }
    }

    /// The headers of the answer; `absent` is how long a 404 may be kept.
    pub(super) fn headers(&self, absent: &HeaderValue) -> HeaderMap {
        let verdict = self.verdict();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, TEXT);
        let kept = if verdict.status == StatusCode::NOT_FOUND {
            absent.clone()
        } else {
            NO_STORE
        };
        headers.insert(CACHE_CONTROL, kept);
        if verdict.is_source {
            let name = HeaderName::from_static(headers::FAULT);
            headers.insert(name, HeaderValue::from_static(headers::FAULT_SOURCE));
        }
        if verdict.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        match self {
            Self::Method => {
                headers.insert(ALLOW, METHODS);
            }
            Self::Range { length } => {
                if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
                    headers.insert(CONTENT_RANGE, value);
                }
            }
            _ => {}
        }
        headers
    }

    /// Whether the object was replaced or removed since the title was loaded:
    /// loading anew may help.
    pub(super) fn is_change(&self) -> bool {
        let Self::Store(error) = self else { return false };
        matches!(error.fault, SourceFault::Changed | SourceFault::NotFound)
    }
}

impl From<SamplesError> for Fault {
    fn from(error: SamplesError) -> Self {
        match error {
            SamplesError::Corrupt { object, reason } => Self::Corrupt { object, reason },
            SamplesError::Store(error) => Self::Store(error),
        }
    }
}

impl From<ShapeFault> for Fault {
    fn from(fault: ShapeFault) -> Self {
        match fault {
            ShapeFault::Samples(error) => error.into(),
            fault => Self::Shape(fault),
        }
    }
}

fn of_load(error: &LoadError) -> Verdict {
    match error {
        LoadError::Title(error) => match error.fault {
            SourceFault::Denied { .. } => {
                Verdict::new(StatusCode::FORBIDDEN, "title_denied", "the title may not be read")
            }
            _ => Verdict::new(StatusCode::NOT_FOUND, "title_absent", "there is no such title"),
        },
        LoadError::File(_) | LoadError::Location(_) => {
            Verdict::source("source_incomplete", "a file of the title is missing")
        }
        LoadError::Assemble(_) => Verdict::source("source_unservable", "no track of the title can be served"),
        LoadError::Ism { .. } | LoadError::Mp4 { .. } | LoadError::Limit { .. } => {
            Verdict::source("source_corrupt", "the title's source is damaged")
        }
        LoadError::Store(error) => of_read(&error.fault),
        LoadError::Deadline { .. } => slow(),
        LoadError::Lost => Verdict::new(StatusCode::INTERNAL_SERVER_ERROR, "bug", "internal error"),
    }
}

fn of_read(fault: &SourceFault) -> Verdict {
    match fault {
        SourceFault::Unavailable { .. } | SourceFault::Busy { .. } => Verdict::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "the store is unavailable",
        ),
        SourceFault::Slow { .. } => slow(),
        SourceFault::Changed | SourceFault::NotFound => Verdict::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "source_changing",
            "the title is being replaced",
        ),
        SourceFault::Denied { .. } => Verdict::new(
            StatusCode::BAD_GATEWAY,
            "store_denied",
            "the store does not hand the title out",
        ),
        SourceFault::Broken { .. } => Verdict::new(
            StatusCode::BAD_GATEWAY,
            "store_broken",
            "the store's answer was broken",
        ),
    }
}

fn slow() -> Verdict {
    Verdict::new(StatusCode::GATEWAY_TIMEOUT, "store_slow", "the store is too slow")
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
