//! Answers that the balancer gives itself: what it refuses, and when no origin answers.

use http::{StatusCode, header};
use pingora::http::ResponseHeader;
use strata_node::headers;

use crate::exchange::Exchange;
use strata_node::request_id;

/// A short text with a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) text: &'static str,
}

/// Seconds after which a client may try again when no origin could be reached.
const RETRY_AFTER_SECONDS: &str = "1";

impl Reply {
    pub(crate) const METHOD: Self = Self {
        status: StatusCode::METHOD_NOT_ALLOWED,
        text: "only GET, HEAD and OPTIONS are served\n",
    };
    pub(crate) const BODY: Self = Self {
        status: StatusCode::BAD_REQUEST,
        text: "a request with a body is not served\n",
    };
    pub(crate) const PATH: Self = Self {
        status: StatusCode::BAD_REQUEST,
        text: "malformed path\n",
    };

    /// For a request that no origin answered, or whose last answer is gone because another origin was asked after it.
    pub(crate) fn exhausted(status: u16) -> Self {
        match status {
            502 => Self {
                status: StatusCode::BAD_GATEWAY,
                text: "no origin gave a usable answer\n",
            },
            504 => Self {
                status: StatusCode::GATEWAY_TIMEOUT,
                text: "no origin answered in time\n",
            },
            503 => Self {
                status: StatusCode::SERVICE_UNAVAILABLE,
                text: "no origin is available\n",
            },
            _ => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                text: "no origin could answer this\n",
            },
        }
    }

    /// The head that the reply is sent with.
    pub(crate) fn head(self, exchange: &Exchange) -> pingora::Result<ResponseHeader> {
        let mut head = ResponseHeader::build_no_case(self.status, Some(8))?;
        head.insert_header(header::CONTENT_TYPE, "text/plain; charset=utf-8")?;
        head.insert_header(header::CONTENT_LENGTH, self.text.len())?;
        head.insert_header(header::CACHE_CONTROL, "no-store")?;
        head.insert_header(request_id::HEADER, exchange.request_id.clone())?;
        match self.status {
            StatusCode::METHOD_NOT_ALLOWED => head.insert_header(header::ALLOW, "GET, HEAD, OPTIONS")?,
            StatusCode::SERVICE_UNAVAILABLE => {
                head.insert_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS)?;
            }
            _ => {}
        }
        if exchange.settings.identify {
            identify(&mut head, exchange)?;
        }
        Ok(head)
    }
}

/// Says in an answer which origin was asked last, and how many were.
pub(crate) fn identify(head: &mut ResponseHeader, exchange: &Exchange) -> pingora::Result<()> {
    if let Some(node) = exchange.node() {
        head.insert_header(headers::ORIGIN, node.id_header())?;
        head.insert_header(headers::ATTEMPTS, exchange.attempts())?;
    }
    Ok(())
}
