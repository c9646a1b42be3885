use std::sync::Arc;
use std::time::Duration;

use strata_media::presentation::AssembleError;
use strata_media::read::mp4::ReadError;
use strata_node::title_path;

use super::*;
use crate::asset;

fn read(fault: SourceFault) -> SourceError {
    SourceError::new("film.mp4", fault)
}

fn slow() -> SourceFault {
    SourceFault::Slow {
        limit: "store.timeout",
        after: Duration::from_secs(1),
    }
}

fn check(fault: impl Into<Fault>, status: u16, is_source: bool) {
    let fault = fault.into();
    let verdict = fault.verdict();
    assert_eq!(
        (verdict.status.as_u16(), verdict.is_source),
        (status, is_source),
        "{fault}"
    );
    let headers = fault.headers(&HeaderValue::from_static("public, max-age=1"));
    assert_eq!(headers.get("x-strata-fault").is_some(), is_source, "{fault}");
    assert_eq!(headers.get("retry-after").is_some(), status == 503, "{fault}");
    let kept = if status == 404 {
        "public, max-age=1"
    } else {
        "no-store"
    };
    assert_eq!(headers["cache-control"], kept, "{fault}");
}

#[test]
fn what_the_client_did_wrong() {
    check(title_path::parse("/../film.mp4/.mpd").unwrap_err(), 400, false);
    check(
        title_path::parse(&format!("/{}.mp4/.mpd", "x".repeat(5000))).unwrap_err(),
        400,
        false,
    );
    check(title_path::parse("/favicon.ico").unwrap_err(), 404, false);
    check(Fault::Resource, 404, false);
    check(Fault::Method, 405, false);
    check(Fault::Precondition, 412, false);
    check(Fault::Range { length: 10 }, 416, false);
    assert_eq!(
        Fault::Range { length: 10 }.headers(&NO_STORE)["content-range"],
        "bytes */10"
    );
    assert_eq!(Fault::Method.headers(&NO_STORE)["allow"], "GET, HEAD, OPTIONS");
}

#[test]
fn what_is_wrong_with_the_title() {
    check(LoadError::Title(read(SourceFault::NotFound)), 404, false);
    check(LoadError::Title(read(SourceFault::denied("no"))), 403, false);
    check(LoadError::File(read(SourceFault::NotFound)), 502, true);
    check(
        LoadError::Location(asset::resolve("film.ism", "../x").unwrap_err()),
        502,
        true,
    );
    check(
        LoadError::Mp4 {
            object: "film.mp4".into(),
            error: Arc::new(ReadError::Empty),
        },
        502,
        true,
    );
    check(
        LoadError::Assemble(Arc::new(AssembleError::Nothing { skipped: vec![] })),
        502,
        true,
    );
    check(
        LoadError::Limit {
            what: "files",
            limit: 1,
        },
        502,
        true,
    );
    check(
        Fault::Corrupt {
            object: "film.mp4".to_owned(),
            reason: "…".to_owned(),
        },
        502,
        true,
    );
}

#[test]
fn what_is_wrong_with_the_store_or_with_us() {
    for of in [
        |fault| Fault::Store(read(fault)),
        |fault| Fault::Title(LoadError::Store(read(fault))),
    ] {
        check(of(SourceFault::unavailable("down")), 503, false);
        check(of(slow()), 504, false);
        check(of(SourceFault::Changed), 503, false);
        check(of(SourceFault::broken("short")), 502, false);
        check(of(SourceFault::denied("no")), 502, false);
    }
    check(
        LoadError::Deadline {
            after: Duration::from_secs(1),
        },
        504,
        false,
    );
    check(LoadError::Lost, 500, false);
    check(Fault::Bug("panic"), 500, false);
}
