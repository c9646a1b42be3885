//! Whether answers are right: as long as announced, and the same as the first time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::{Method, StatusCode, header};

use crate::client::{Ask, Reply};
use crate::record::Failure;

/// Most URLs whose first copy is remembered; later ones are compared with nothing.
pub const COPIES_MAX: usize = 1 << 20;

/// What the first answer to a URL was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Copy {
    etag: Option<Box<str>>,
    hash: u64,
}

/// The first copies. Shared by all requests of a test.
#[derive(Debug, Default)]
pub struct Copies {
    first: Mutex<HashMap<Box<str>, Copy>>,
}

/// Something is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of wrong.
    pub failure: Failure,
    /// What exactly.
    pub detail: String,
}

impl Copies {
    /// How many URLs have a first copy.
    #[must_use]
    pub fn count(&self) -> usize {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Compares a whole answer with what it announces and with the first copy
    /// of the same URL, which the first such answer becomes.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, ask: &Ask, reply: &Reply) -> Result<(), Fault> {
        let text = |name| reply.headers.get(name).and_then(|value| value.to_str().ok());
        let announced = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if let Some(announced) = announced
            && ask.method == Method::GET
            && announced != reply.bytes
        {
            let detail = format!("{} bytes came where {announced} were announced", reply.bytes);
            return Err(Fault {
                failure: Failure::Length,
                detail,
            });
        }
        let (Some(hash), Some(StatusCode::OK)) = (reply.hash, reply.status) else {
            return Ok(());
        };
        let copy = Copy {
            etag: text(header::ETAG).map(Into::into),
            hash,
        };
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let url = format!("{}{}", ask.target.authority(), ask.path);
        match first.get(url.as_str()) {
            Some(known) => same(known, &copy),
            None if first.len() < COPIES_MAX => {
                first.insert(url.into(), copy);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

fn same(first: &Copy, now: &Copy) -> Result<(), Fault> {
    if first.hash != now.hash {
        return Err(Fault {
            failure: Failure::Content,
            detail: format!(
                "the content's hash is {:016x}, the first copy's {:016x}",
                now.hash, first.hash
            ),
        });
    }
    if first.etag != now.etag {
        let shown = |etag: &Option<Box<str>>| etag.as_deref().unwrap_or("none").to_owned();
        return Err(Fault {
            failure: Failure::ETag,
            detail: format!(
                "the ETag is {}, the first copy's {}",
                shown(&now.etag),
                shown(&first.etag)
            ),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::client::Target;

    fn reply(body: &str, length: &str, etag: &'static str) -> Reply {
        let now = Instant::now();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_str(length).unwrap());
        headers.insert(header::ETAG, HeaderValue::from_static(etag));
        Reply {
            sent: now,
            first_byte: Some(now),
            ended: now,
            status: Some(StatusCode::OK),
            headers,
            bytes: body.len() as u64,
            hash: Some(xxhash_rust::xxh3::xxh3_64(body.as_bytes())),
            body: None,
            failure: None,
            detail: None,
        }
    }

    #[tokio::test]
    async fn an_answer_has_to_be_whole_and_the_same_as_the_first() {
        let (target, _) = Target::of("http://127.0.0.1:1").await.unwrap();
        let ask = |path: &str| Ask::get(&Arc::new(target.clone()), path);
        let copies = Copies::default();
        let check =
            |path: &str, reply: &Reply| copies.check(&ask(path), reply).map_err(|fault| fault.failure);
        assert_eq!(check("/a", &reply("one", "3", "\"1\"")), Ok(()));
        assert_eq!(check("/a", &reply("one", "3", "\"1\"")), Ok(()));
        assert_eq!(check("/a", &reply("two", "3", "\"1\"")), Err(Failure::Content));
        assert_eq!(check("/a", &reply("one", "3", "\"2\"")), Err(Failure::ETag));
        assert_eq!(check("/b", &reply("two", "3", "\"1\"")), Ok(()));
        assert_eq!(check("/c", &reply("two", "4", "\"1\"")), Err(Failure::Length));
        assert_eq!(copies.count(), 2);
    }
}
