//! What a request asks for, told from its method, path and query.

use http::Method;
use percent_encoding::percent_decode_str;

/// How many [`Operation`]s there are.
pub const OPERATION_COUNT: usize = 14;

/// An S3 operation, as Amazon's API reference names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum Operation {
    /// `GET /bucket/key`, whole or by range.
    GetObject,
    /// `HEAD /bucket/key`.
    HeadObject,
    /// `PUT /bucket/key`.
    PutObject,
    /// `DELETE /bucket/key`.
    DeleteObject,
    /// `GET /bucket`, version 2 of the listing.
    ListObjectsV2,
    /// `GET /`.
    ListBuckets,
    /// `PUT /bucket`.
    CreateBucket,
    /// `HEAD /bucket`.
    HeadBucket,
    /// `DELETE /bucket`.
    DeleteBucket,
    /// `POST /bucket/key?uploads`.
    CreateMultipartUpload,
    /// `PUT /bucket/key?partNumber=…&uploadId=…`.
    UploadPart,
    /// `POST /bucket/key?uploadId=…`.
    CompleteMultipartUpload,
    /// `DELETE /bucket/key?uploadId=…`.
    AbortMultipartUpload,
    /// Anything else; answered 501.
    Other,
}

impl Operation {
    /// Amazon's name of the operation, `GetObject`.
    pub fn name(self) -> &'static str {
        match self {
            Operation::GetObject => "GetObject",
            Operation::HeadObject => "HeadObject",
            Operation::PutObject => "PutObject",
            Operation::DeleteObject => "DeleteObject",
            Operation::ListObjectsV2 => "ListObjectsV2",
            Operation::ListBuckets => "ListBuckets",
            Operation::CreateBucket => "CreateBucket",
            Operation::HeadBucket => "HeadBucket",
            Operation::DeleteBucket => "DeleteBucket",
            Operation::CreateMultipartUpload => "CreateMultipartUpload",
            Operation::UploadPart => "UploadPart",
            Operation::CompleteMultipartUpload => "CompleteMultipartUpload",
            Operation::AbortMultipartUpload => "AbortMultipartUpload",
            Operation::Other => "Other",
        }
    }

    /// The operation of a path-style request.
    pub(crate) fn of(method: &Method, target: &Target, query: &str) -> Operation {
        let has = |name: &str| {
            query
                .split('&')
                .any(|pair| pair.split_once('=').map_or(pair, |(key, _)| key) == name)
        };
        match (target.bucket.is_empty(), target.key.is_empty()) {
            (true, _) if method == Method::GET => Operation::ListBuckets,
            (true, _) => Operation::Other,
            (false, true) => match *method {
                Method::GET if has("list-type") => Operation::ListObjectsV2,
                Method::PUT => Operation::CreateBucket,
                Method::HEAD => Operation::HeadBucket,
                Method::DELETE => Operation::DeleteBucket,
                _ => Operation::Other,
            },
            (false, false) => match *method {
                Method::GET => Operation::GetObject,
                Method::HEAD => Operation::HeadObject,
                Method::PUT if has("uploadId") => Operation::UploadPart,
                Method::PUT => Operation::PutObject,
                Method::POST if has("uploads") => Operation::CreateMultipartUpload,
                Method::POST if has("uploadId") => Operation::CompleteMultipartUpload,
                Method::DELETE if has("uploadId") => Operation::AbortMultipartUpload,
                Method::DELETE => Operation::DeleteObject,
                _ => Operation::Other,
            },
        }
    }
}

/// The bucket and key a path-style URL names; either may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl Target {
    /// Splits and percent-decodes `/bucket/key/with/slashes`.
    pub(crate) fn of_path(path: &str) -> Target {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Target {
            bucket: decode(bucket),
            key: decode(key),
        }
    }

    /// `bucket/key`, the form in which faults and the journal name objects.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, path_and_query: &str, expected: Operation) {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        assert_eq!(
            Operation::of(&method, &Target::of_path(path), query),
            expected,
            "{method} {path_and_query}"
        );
    }

    #[test]
    fn an_operation_is_told_from_method_path_and_query() {
        check(Method::GET, "/", Operation::ListBuckets);
        check(Method::GET, "/b/?list-type=2&prefix=x", Operation::ListObjectsV2);
        check(Method::PUT, "/b", Operation::CreateBucket);
        check(
            Method::GET,
            "/b/k/with/slashes?x-id=GetObject",
            Operation::GetObject,
        );
        check(Method::PUT, "/b/k?x-id=PutObject", Operation::PutObject);
        check(Method::POST, "/b/k?uploads", Operation::CreateMultipartUpload);
        check(Method::PUT, "/b/k?partNumber=1&uploadId=u", Operation::UploadPart);
        check(
            Method::POST,
            "/b/k?uploadId=u",
            Operation::CompleteMultipartUpload,
        );
        check(Method::DELETE, "/b/k?uploadId=u", Operation::AbortMultipartUpload);
        check(Method::PATCH, "/b/k", Operation::Other);
    }

    #[test]
    fn a_key_is_percent_decoded_and_keeps_its_slashes() {
        let target = Target::of_path("/titles/harbour.ism/dash/harbour-video%3D401.dash");
        assert_eq!(target.path(), "titles/harbour.ism/dash/harbour-video=401.dash");
    }
}
