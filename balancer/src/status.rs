//! The operator's view of the balancer, and what an operator may change while it runs.
//!
//! `GET /status` is a page that keeps itself up to date from `GET /status.json`;
//! `POST` with a token changes a node or the factor, until the next start.

mod actions;
mod view;

use std::sync::Arc;

use http::{Method, StatusCode};
use strata_node::admin::{Page, Pages, Question};

pub use self::actions::{Token, TokenError};
use self::view::View;
use crate::metrics::Metrics;
use crate::pool::Pool;

/// Everything in one file: it works without any other server.
const PAGE: &str = include_str!("status/page.html");

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// The balancer's pages on its admin listener.
#[derive(Debug)]
pub(crate) struct Status {
    pool: Arc<Pool>,
    metrics: Metrics,
    token: Option<Token>,
}

impl Status {
    /// Pages over `pool`. Without a token nothing can be changed.
    pub(crate) fn new(pool: Arc<Pool>, metrics: Metrics, token: Option<Token>) -> Self {
        Self { pool, metrics, token }
    }

    fn view(&self) -> Page {
        match serde_json::to_string(&View::of(&self.pool, &self.metrics)) {
            Ok(body) => page(StatusCode::OK, JSON, body),
            Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, format!("{error}\n")),
        }
    }
}

impl Pages for Status {
    fn answer(&self, question: &Question<'_>) -> Option<Page> {
        let is_read = matches!(*question.method, Method::GET | Method::HEAD);
        match question.path {
            "/" | "/status" if is_read => Some(page(StatusCode::OK, HTML, PAGE.to_owned())),
            "/status.json" if is_read => Some(self.view()),
            "/" | "/status" | "/status.json" => {
                Some(text(StatusCode::METHOD_NOT_ALLOWED, "this is read with GET"))
            }
            path => {
                let action = actions::Action::of(path)?;
                Some(action.run(question, &self.pool, self.token.as_ref()))
            }
        }
    }

    fn paths(&self) -> &'static [&'static str] {
        &[
            "/status",
            "/status.json",
            "POST /nodes/ID/drain",
            "POST /nodes/ID/ready",
            "POST /nodes/ID/weight?percent=50",
            "POST /factor?percent=140",
        ]
    }
}

fn page(status: StatusCode, content_type: &'static str, body: String) -> Page {
    Page {
        status,
        content_type,
        body,
    }
}

fn text(status: StatusCode, text: impl Into<String>) -> Page {
    page(status, TEXT, text.into() + "\n")
}

#[cfg(test)]
#[path = "status/tests.rs"]
mod tests;
