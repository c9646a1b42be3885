//! What the SDK's errors mean to the origin.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::source::SourceFault;

/// The limits that the SDK watches over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect_timeout: Duration,
    pub(super) attempt_timeout: Duration,
}

/// Error codes of a 403 that concern this node's credentials rather than the
/// object: another node may do better.
const CREDENTIAL_CODES: [&str; 7] = [
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

const UNSATISFIABLE: &str = "InvalidRange";

/// Classifies a failed request.
pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, limits: &Limits) -> SourceFault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => attempt_timeout(limits),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => SourceFault::Slow {
            limit: "store.connect_timeout",
            after: limits.connect_timeout,
        },
        SdkError::ServiceError(context) => {
            let status = context.raw().status().as_u16();
            of_status(status, error.code(), error.message())
        }
        _ => SourceFault::unavailable(chain(error)),
    }
}

fn attempt_timeout(limits: &Limits) -> SourceFault {
    SourceFault::Slow {
        limit: "store.attempt_timeout",
        after: limits.attempt_timeout,
    }
}

fn of_status(status: u16, code: Option<&str>, message: Option<&str>) -> SourceFault {
    let code = code.unwrap_or_default();
    let reason = || format!("status {status} {code} {}", message.unwrap_or_default());
    match (status, code) {
        // The bucket is a matter of configuration, not of a title's absence.
        (404, "NoSuchBucket") => SourceFault::unavailable(reason()),
        (404, _) => SourceFault::NotFound,
        (409 | 412, _) => SourceFault::Changed,
        (400 | 401 | 403, code) if CREDENTIAL_CODES.contains(&code) => SourceFault::unavailable(reason()),
        (401 | 403, _) => SourceFault::denied(reason()),
        (429 | 503, _) => SourceFault::Busy {
            reason: reason().into(),
        },
        (416, _) => SourceFault::broken(UNSATISFIABLE),
        _ => SourceFault::unavailable(reason()),
    }
}

/// Whether the store said that the object does not reach up to the range.
pub(super) fn is_unsatisfiable_range(fault: &SourceFault) -> bool {
    matches!(fault, SourceFault::Broken { reason } if &**reason == UNSATISFIABLE)
}

/// What a failed request for an object that does not exist says of the store.
pub(super) fn of_probe(fault: SourceFault) -> Result<(), SourceFault> {
    match fault {
        // Without the right to list, an absent object is "denied".
        SourceFault::NotFound | SourceFault::Changed | SourceFault::Denied { .. } => Ok(()),
        fault if is_unsatisfiable_range(&fault) => Ok(()),
        fault => Err(fault),
    }
}

/// An error with all its causes, which the SDK keeps out of its `Display`.
pub(in crate::source) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_by_what_it_means_for_the_object() {
        assert_eq!(of_status(404, Some("NoSuchKey"), None), SourceFault::NotFound);
        assert_eq!(
            of_status(412, Some("PreconditionFailed"), None),
            SourceFault::Changed
        );
        assert!(matches!(
            of_status(403, Some("AccessDenied"), None),
            SourceFault::Denied { .. }
        ));
        assert!(matches!(of_status(403, None, None), SourceFault::Denied { .. }));
    }

    #[test]
    fn a_store_that_asks_for_fewer_requests_is_busy() {
        for (status, code) in [(503, "SlowDown"), (503, "ServiceUnavailable"), (429, "")] {
            let fault = of_status(status, Some(code), None);
            assert!(matches!(fault, SourceFault::Busy { .. }), "{code}: {fault}");
        }
    }

    #[test]
    fn a_fault_of_this_node_or_of_the_store_is_not_the_objects() {
        for (status, code) in [
            (403, "ExpiredToken"),
            (404, "NoSuchBucket"),
            (500, "InternalError"),
        ] {
            let fault = of_status(status, Some(code), None);
            assert!(
                matches!(fault, SourceFault::Unavailable { .. }),
                "{code}: {fault}"
            );
        }
    }
}
