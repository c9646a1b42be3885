//! `POST /purge`: what it names is asked of the store again.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

/// What is to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One title, by its path: `shows/film.ism`.
    Title(String),
    /// Every title whose path starts so: `shows/`.
    Prefix(String),
    /// Everything.
    All,
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Title(title) => write!(f, "title {title}"),
            Self::Prefix(prefix) => write!(f, "titles under {prefix}"),
            Self::All => f.write_str("everything"),
        }
    }
}

/// Forgets what is selected; done when the next request will not see it.
pub type PurgeHandler = Arc<dyn Fn(Selection) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Who may purge, and how it is done.
#[derive(Clone)]
pub struct Purge {
    /// The secret that allows it. `None`: nobody may.
    pub token: Option<Arc<str>>,
    /// How it is done.
    pub handler: PurgeHandler,
}

impl fmt::Debug for Purge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the token: it would end in a log.
        f.debug_struct("Purge")
            .field("is_allowed", &self.token.is_some())
            .finish_non_exhaustive()
    }
}

impl Purge {
    /// Whether the request shows the token; else with what it is refused.
    pub(super) fn allows(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let Some(token) = &self.token else {
            return Err((
                StatusCode::FORBIDDEN,
                "no token is configured: set admin_token_file\n",
            ));
        };
        let shown = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
        let shown = shown.and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
        });
        if shown.is_some_and(|shown| is_same(shown, token.as_bytes())) {
            Ok(())
        } else {
            Err((StatusCode::UNAUTHORIZED, "the token is missing or another\n"))
        }
    }
}

/// Compares without telling by its time where two secrets differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one
        .iter()
        .zip(other)
        .fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && differences == 0
}

/// What a query selects: exactly one of `title=`, `prefix=` and `all=true`.
pub(super) fn select(query: Option<&str>) -> Result<Selection, &'static str> {
    let wrong = "name one of ?title=shows/film.ism, ?prefix=shows/ and ?all=true\n";
    let mut pairs = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    let (Some(pair), None) = (pairs.next(), pairs.next()) else {
        return Err(wrong);
    };
    let (name, value) = pair.split_once('=').ok_or(wrong)?;
    let value = percent_decode_str(value).decode_utf8().map_err(|_| wrong)?;
    // As titles are named: without a leading slash.
    let path = value.trim_start_matches('/').to_owned();
    match name {
        "title" if !path.is_empty() => Ok(Selection::Title(path)),
        // A prefix of nothing would be everything by accident.
        "prefix" if !path.is_empty() => Ok(Selection::Prefix(path)),
        "all" if value == "true" => Ok(Selection::All),
        _ => Err(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_selects_one_thing_and_nothing_by_accident() {
        let title = Selection::Title("shows/a film.ism".to_owned());
        assert_eq!(select(Some("title=/shows/a%20film.ism")), Ok(title));
        assert_eq!(
            select(Some("prefix=shows/")),
            Ok(Selection::Prefix("shows/".to_owned()))
        );
        assert_eq!(select(Some("all=true")), Ok(Selection::All));
        for query in [
            "",
            "prefix=",
            "title=",
            "all",
            "all=false",
            "title=a&all=true",
            "film=a",
            "title=%ff",
        ] {
            assert!(select(Some(query)).is_err(), "{query}");
        }
        assert!(select(None).is_err());
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(is_same(b"secret", b"secret"));
        for other in ["", "secre", "secret2", "Secret"] {
            assert!(!is_same(other.as_bytes(), b"secret"), "{other}");
        }
    }
}
