//! What a kind of node has to say on its admin listener besides what all say.

use std::fmt;

use http::{HeaderValue, Method, StatusCode};

use crate::agent::Load;

/// Pages of one kind of node, made from what is in memory: answering does not wait.
pub trait Pages: fmt::Debug + Send + Sync {
    /// The answer to a request. `None`: there is no such page.
    fn answer(&self, question: &Question<'_>) -> Option<Page>;

    /// The paths there are, for whoever asks for one that is not: `/status`.
    fn paths(&self) -> &'static [&'static str];

    /// What the node says of its load, for whoever asks whether it is ready.
    fn load(&self) -> Option<Load> {
        None
    }
}

/// A request, without its body: nothing here reads one.
#[derive(Clone, Copy, Debug)]
pub struct Question<'r> {
    /// Whether something is to be read or done.
    pub method: &'r Method,
    /// As sent, without its query.
    pub path: &'r str,
    /// What follows `?`, as sent.
    pub query: &'r str,
    /// The value of `Authorization`.
    pub authorization: Option<&'r HeaderValue>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: StatusCode,
    /// Of the body.
    pub content_type: &'static str,
    /// All of it.
    pub body: String,
}

/// Nothing besides.
#[derive(Clone, Copy, Debug)]
pub struct NoPages;

impl Pages for NoPages {
    fn answer(&self, _: &Question<'_>) -> Option<Page> {
        None
    }

    fn paths(&self) -> &'static [&'static str] {
        &[]
    }
}
