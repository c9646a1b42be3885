//! What an operator may change while the balancer runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use strata_node::admin::{Page, Question};

use super::text;
use crate::choice::NO_FACTOR;
use crate::pool::Pool;
use crate::standing::Order;

/// Shortest token, in bytes: shorter ones can be guessed.
const TOKEN_BYTES_MIN: usize = 16;

/// What an operator shows to be allowed to.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is too short.
    #[error("{}: the token is shorter than {TOKEN_BYTES_MIN} bytes", path.display())]
    TooShort {
        /// As configured.
        path: PathBuf,
    },
}

impl Token {
    /// The first line of a file.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = std::fs::read_to_string(path).map_err(|source| TokenError::Read {
            path: path.to_owned(),
            source,
        })?;
        let line = text.lines().next().unwrap_or_default().trim();
        if line.len() < TOKEN_BYTES_MIN {
            return Err(TokenError::TooShort {
                path: path.to_owned(),
            });
        }
        Ok(Self(line.as_bytes().to_owned()))
    }

    /// Whether this is it, in a time that does not tell how much of it is right.
    fn is(&self, given: &[u8]) -> bool {
        let differs = self
            .0
            .iter()
            .zip(given)
            .fold(0, |differs, (a, b)| differs | (a ^ b));
        self.0.len() == given.len() && differs == 0
    }
}

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// No new requests for the node with this id.
    Drain(String),
    /// The contrary, whatever was held against it.
    Ready(String),
    /// Part of its weight.
    Weight(String),
    /// How far a node's load may exceed the average.
    Factor,
}

impl Action {
    /// The action at a path. `None`: there is none.
    pub(super) fn of(path: &str) -> Option<Self> {
        if path == "/factor" {
            return Some(Self::Factor);
        }
        let (id, verb) = path.strip_prefix("/nodes/")?.rsplit_once('/')?;
        let id = percent_decode_str(id).decode_utf8().ok()?.into_owned();
        match verb {
            "drain" => Some(Self::Drain(id)),
            "ready" => Some(Self::Ready(id)),
            "weight" => Some(Self::Weight(id)),
            _ => None,
        }
    }

    pub(super) fn run(self, question: &Question<'_>, pool: &Arc<Pool>, token: Option<&Token>) -> Page {
        if *question.method != Method::POST {
            return text(StatusCode::METHOD_NOT_ALLOWED, "this is done with POST");
        }
        let Some(token) = token else {
            return text(
                StatusCode::FORBIDDEN,
                "nothing can be changed: set `admin_token_file` to a file with a token",
            );
        };
        let given = question
            .authorization
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if !given.is_some_and(|given| token.is(given)) {
            return text(
                StatusCode::UNAUTHORIZED,
                "send `Authorization: Bearer` and the token",
            );
        }
        match self {
            Self::Factor => match percent(question.query) {
                Some(percent) if pool.set_factor(percent) => {
                    tracing::info!(percent, "an operator sets the factor");
                    text(StatusCode::OK, format!("the factor is {percent}"))
                }
                _ => text(StatusCode::BAD_REQUEST, format!("?percent= {NO_FACTOR}")),
            },
            Self::Drain(id) => order(pool, &id, |order| Order { drain: true, ..order }),
            Self::Ready(id) => order(pool, &id, |_| Order::default()),
            Self::Weight(id) => match percent(question.query) {
                Some(weight_percent @ 0..=100) => order(pool, &id, |order| Order {
                    weight_percent,
                    ..order
                }),
                _ => text(
                    StatusCode::BAD_REQUEST,
                    "?percent= must be from 0 to 100, of the node's weight",
                ),
            },
        }
    }
}

fn order(pool: &Arc<Pool>, id: &str, change: impl FnOnce(Order) -> Order) -> Page {
    let nodes = pool.nodes();
    let Some(node) = nodes.iter().find(|node| node.id() == id) else {
        return text(StatusCode::NOT_FOUND, format!("there is no node `{id}`"));
    };
    let order = change(node.order());
    pool.order(node, order);
    tracing::info!(node = id, ?order, "an operator orders");
    let wish = if order.drain { "drained" } else { "in service" };
    text(
        StatusCode::OK,
        format!("{id} is {wish}, with {} % of its weight", order.weight_percent),
    )
}

/// The number in `percent=140`.
fn percent(query: &str) -> Option<u32> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("percent="))?
        .parse()
        .ok()
}
