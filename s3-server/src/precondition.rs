//! Conditional requests and byte ranges: which bytes of an object answer.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{ETag, ETagCondition, Range as AskedRange, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::store::Object;

/// What a GET or HEAD asks besides the object's name.
pub(crate) struct Conditions<'a> {
    pub(crate) if_match: Option<&'a ETagCondition>,
    pub(crate) if_unmodified_since: Option<&'a Timestamp>,
    pub(crate) if_none_match: Option<&'a ETagCondition>,
    pub(crate) if_modified_since: Option<&'a Timestamp>,
}

impl Conditions<'_> {
    /// Decides in the order of RFC 9110 §13.2.2.
    ///
    /// # Errors
    ///
    /// 412 PreconditionFailed or 304 NotModified.
    pub(crate) fn check(&self, object: &Object) -> S3Result<()> {
        let etag = ETag::Strong(object.etag.clone());
        if let Some(condition) = self.if_match {
            if condition
                .as_etag()
                .is_some_and(|wanted| !wanted.strong_cmp(&etag))
            {
                return Err(s3_error!(PreconditionFailed, "the ETag is another"));
            }
        } else if self
            .if_unmodified_since
            .is_some_and(|time| *time < whole_seconds(object))
        {
            return Err(s3_error!(PreconditionFailed, "modified since"));
        }
        if let Some(condition) = self.if_none_match {
            if condition.as_etag().is_none_or(|known| known.weak_cmp(&etag)) {
                return Err(not_modified(object));
            }
        } else if self
            .if_modified_since
            .is_some_and(|time| whole_seconds(object) <= *time)
        {
            return Err(not_modified(object));
        }
        Ok(())
    }
}

/// The bytes asked for, as a half-open range, and the Content-Range to answer
/// when it is a part.
///
/// # Errors
///
/// 416 InvalidRange, with `Content-Range: bytes */size`.
pub(crate) fn select(asked: Option<&AskedRange>, size: usize) -> S3Result<(Range<usize>, Option<String>)> {
    let Some(asked) = asked else {
        return Ok((0..size, None));
    };
    let unsatisfiable = || {
        let mut error =
            S3Error::with_message(S3ErrorCode::InvalidRange, "the range is not within the object");
        if let Ok(value) = HeaderValue::try_from(format!("bytes */{size}")) {
            error.set_headers(HeaderMap::from_iter([(header::CONTENT_RANGE, value)]));
        }
        error
    };
    let range = asked.check(size as u64).map_err(|_| unsatisfiable())?;
    // Within the size of a Bytes, therefore within usize.
    let start = usize::try_from(range.start).map_err(|_| unsatisfiable())?;
    let end = usize::try_from(range.end).map_err(|_| unsatisfiable())?;
    if start == end {
        return Err(unsatisfiable());
    }
    Ok((start..end, Some(format!("bytes {start}-{}/{size}", end - 1))))
}

fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", object.etag)) {
        error.set_headers(HeaderMap::from_iter([(header::ETAG, value)]));
    }
    error
}

/// HTTP dates have whole seconds; compared with more, an object would always
/// be newer than its own Last-Modified.
fn whole_seconds(object: &Object) -> Timestamp {
    let since_epoch = object
        .last_modified
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(since_epoch.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, size: usize, expected: Option<(Range<usize>, &str)>) {
        let asked = AskedRange::parse(header).unwrap();
        let selected = select(Some(&asked), size).ok();
        assert_eq!(
            selected,
            expected.map(|(range, text)| (range, Some(text.to_owned()))),
            "{header} of {size}"
        );
    }

    #[test]
    fn ranges_select_from_the_front_the_middle_and_the_end() {
        check("bytes=0-99", 1000, Some((0..100, "bytes 0-99/1000")));
        check("bytes=900-", 1000, Some((900..1000, "bytes 900-999/1000")));
        check("bytes=900-5000", 1000, Some((900..1000, "bytes 900-999/1000")));
        check("bytes=-15", 1000, Some((985..1000, "bytes 985-999/1000")));
        check("bytes=-5000", 1000, Some((0..1000, "bytes 0-999/1000")));
    }

    #[test]
    fn ranges_outside_the_object_cannot_be_satisfied() {
        check("bytes=1000-", 1000, None);
        check("bytes=-0", 1000, None);
        check("bytes=0-", 0, None);
        check("bytes=-1", 0, None);
    }
}
