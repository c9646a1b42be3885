//! What every source promises, asked of each of them.

mod backend;

use std::path::Path;
use std::time::Duration;

use strata_s3_server::{Effect, Ending, Fault, Operation};

use self::backend::{BUCKET, Backend, Bucket, Connected, Folder, Outer, SECRET, Web, config, sdk};
use super::*;

fn slice<'b>(bytes: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

impl Bucket {
    fn inject(&self, effect: Effect) {
        self.server
            .faults()
            .inject(Fault::new(effect).on(Operation::GetObject));
    }

    async fn fault_of_a_read(&self) -> SourceFault {
        self.put("film.mp4", &[7; 100_000]);
        let meta = self.source.head("film.mp4").await.unwrap();
        self.source
            .read("film.mp4", &meta.version, 0..100_000)
            .await
            .unwrap_err()
            .fault
    }
}

async fn an_object_is_opened_with_its_size_version_and_first_bytes<B: Backend>() {
    let backend = B::start().await;
    backend.put("shows/film.mp4", b"0123456789");
    let opened = backend.source().open("shows/film.mp4", 4).await.unwrap();
    assert_eq!(opened.head.bytes().as_ref(), b"0123");
    assert_eq!(opened.meta.size, 10);
    assert!(opened.meta.modified.is_some());
    assert_eq!(
        backend.source().head("shows/film.mp4").await.unwrap(),
        opened.meta
    );
}

async fn an_object_smaller_than_the_head_is_read_whole<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.ism", b"<smil/>");
    let opened = backend.source().open("film.ism", 65_536).await.unwrap();
    assert_eq!(opened.head.bytes().as_ref(), b"<smil/>");
}

async fn an_empty_object_is_opened<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.ism", b"");
    let opened = backend.source().open("film.ism", 65_536).await.unwrap();
    assert_eq!((opened.meta.size, opened.head.len()), (0, 0));
}

async fn a_range_is_read_exactly<B: Backend>() {
    let backend = B::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    backend.put("film.mp4", &bytes);
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [0..1, 1..300_000, 65_535..65_537, 299_999..300_000, 5..5] {
        let chunk = backend
            .source()
            .read("film.mp4", &meta.version, range.clone())
            .await
            .unwrap();
        assert_eq!(chunk.bytes().as_ref(), slice(&bytes, &range));
    }
}

async fn a_range_is_streamed_exactly<B: Backend>() {
    let backend = B::start().await;
    let bytes: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    backend.put("film.mp4", &bytes);
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [0..1, 1..3_000_000, 1_048_575..1_048_577, 5..5] {
        let body = backend
            .source()
            .stream("film.mp4", &meta.version, range.clone())
            .await;
        let pieces: Vec<Bytes> = body.unwrap().map(Result::unwrap).collect().await;
        assert!(pieces.concat() == slice(&bytes, &range), "{range:?}");
    }
}

async fn a_stream_apart_comes_over_a_connection_that_nothing_else_came_over<B: Connected>() {
    let backend = B::start().await;
    backend.put("film.mp4", &[7; 1000]);
    let source = backend.source();
    let version = source.head("film.mp4").await.unwrap().version;
    let read = async |body: Result<SourceBody, SourceError>| {
        let pieces: Vec<Bytes> = body.unwrap().map(Result::unwrap).collect().await;
        assert_eq!(pieces.concat(), [7; 500]);
    };
    // One by one, over the connection that is kept.
    for _ in 0..3 {
        read(source.stream("film.mp4", &version, 100..600).await).await;
    }
    for _ in 0..2 {
        read(source.stream_apart("film.mp4", &version, 100..600).await).await;
    }
    read(source.stream("film.mp4", &version, 100..600).await).await;
    let connections = backend.connections("film.mp4");
    let kept = connections[0];
    let [.., first, second, last] = connections.as_slice() else {
        panic!("{connections:?}")
    };
    assert!(connections[..4].iter().all(|connection| *connection == kept));
    assert_eq!(*last, kept);
    assert!(
        *first != kept && *second != kept && first != second,
        "{connections:?}"
    );
}

#[tokio::test]
async fn a_second_request_at_a_bucket_has_a_connection_of_its_own() {
    a_stream_apart_comes_over_a_connection_that_nothing_else_came_over::<Bucket>().await;
}

#[tokio::test]
async fn a_second_request_at_a_web_server_has_a_connection_of_its_own() {
    a_stream_apart_comes_over_a_connection_that_nothing_else_came_over::<Web>().await;
}

async fn a_replaced_object_is_not_streamed<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"old bytes");
    let old = backend.source().head("film.mp4").await.unwrap();
    backend.put("film.mp4", b"new bytes");
    let Err(error) = backend.source().stream("film.mp4", &old.version, 0..4).await else {
        panic!("the body of another version")
    };
    assert_eq!(error.fault, SourceFault::Changed);
}

async fn a_range_beyond_the_end_is_an_error<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"0123456789");
    let meta = backend.source().head("film.mp4").await.unwrap();
    for range in [5..11, 10..11, 20..30] {
        let error = backend
            .source()
            .read("film.mp4", &meta.version, range)
            .await
            .unwrap_err();
        assert!(matches!(error.fault, SourceFault::Broken { .. }), "{error}");
    }
}

async fn an_absent_object_is_not_found<B: Backend>() {
    let backend = B::start().await;
    backend.put("shows/film.mp4", b"0123456789");
    for object in ["other.mp4", "shows", "shows/film.mp4/inner.mp4", &"x".repeat(300)] {
        let head = backend.source().head(object).await.unwrap_err();
        let open = backend.source().open(object, 4).await.unwrap_err();
        let read = backend.source().read(object, "\"v\"", 0..4).await.unwrap_err();
        for error in [head, open, read] {
            assert_eq!(error.fault, SourceFault::NotFound, "{error}");
        }
    }
}

async fn a_replaced_object_is_changed_and_never_read_as_the_old_one<B: Backend>() {
    let backend = B::start().await;
    backend.put("film.mp4", b"old bytes");
    let old = backend.source().head("film.mp4").await.unwrap();
    assert_eq!(
        backend.source().head("film.mp4").await.unwrap().version,
        old.version
    );
    backend.put("film.mp4", b"new bytes");
    let error = backend
        .source()
        .read("film.mp4", &old.version, 0..4)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::Changed);
    assert_ne!(
        backend.source().head("film.mp4").await.unwrap().version,
        old.version
    );
    backend.delete("film.mp4");
    let error = backend
        .source()
        .read("film.mp4", &old.version, 0..4)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::NotFound);
}

async fn names_are_taken_literally<B: Backend>() {
    let backend = B::start().await;
    for object in ["a b/ü+%41=&;.mp4", "film-video=401000?x#y.mp4", "日本語.mp4"] {
        backend.put(object, object.as_bytes());
        let opened = backend.source().open(object, 100).await.unwrap();
        assert_eq!(opened.head.bytes().as_ref(), object.as_bytes());
    }
}

async fn a_store_that_is_there_answers_the_probe<B: Backend>() {
    let backend = B::start().await;
    backend.source().probe().await.unwrap();
}

macro_rules! contract {
    ($($case:ident,)*) => {
        mod folder {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Folder>().await;
            })*
        }

        mod web {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Web>().await;
            })*
        }

        mod bucket {
            $(#[tokio::test]
            async fn $case() {
                super::$case::<super::Bucket>().await;
            })*
        }

        mod outer {
            $(#[tokio::test]
            #[ignore = "wants an S3 server: make test-stores"]
            async fn $case() {
                super::$case::<super::Outer>().await;
            })*
        }
    };
}

contract! {
    an_object_is_opened_with_its_size_version_and_first_bytes,
    an_object_smaller_than_the_head_is_read_whole,
    an_empty_object_is_opened,
    a_range_is_read_exactly,
    a_range_is_streamed_exactly,
    a_replaced_object_is_not_streamed,
    a_range_beyond_the_end_is_an_error,
    an_absent_object_is_not_found,
    a_replaced_object_is_changed_and_never_read_as_the_old_one,
    names_are_taken_literally,
    a_store_that_is_there_answers_the_probe,
}

#[tokio::test]
async fn opening_an_object_of_a_bucket_costs_one_request() {
    let bucket = Bucket::start().await;
    bucket.put("film.mp4", &[7; 100_000]);
    bucket.server.journal().reset();
    bucket.source.open("film.mp4", 65_536).await.unwrap();
    assert_eq!(bucket.server.journal().entries().len(), 1);
    assert_eq!(bucket.server.journal().count(Operation::GetObject).requests, 1);
}

#[tokio::test]
async fn a_bucket_that_asks_for_fewer_requests_is_busy() {
    let bucket = Bucket::start().await;
    bucket.inject(Effect::slow_down());
    let fault = bucket.fault_of_a_read().await;
    assert!(matches!(fault, SourceFault::Busy { .. }), "{fault}");
}

#[tokio::test]
async fn a_bucket_that_fails_is_unavailable() {
    for effect in [Effect::internal_error(), Effect::Reset] {
        let bucket = Bucket::start().await;
        bucket.inject(effect);
        let fault = bucket.fault_of_a_read().await;
        assert!(matches!(fault, SourceFault::Unavailable { .. }), "{fault}");
    }
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_in_time_is_slow() {
    let bucket = Bucket::start().await;
    bucket.inject(Effect::Delay(Duration::from_secs(60)));
    let fault = bucket.fault_of_a_read().await;
    assert!(
        matches!(
            fault,
            SourceFault::Slow {
                limit: "store.attempt_timeout",
                ..
            }
        ),
        "{fault}"
    );
}

#[tokio::test]
async fn a_body_cut_short_is_an_error() {
    for ending in [Ending::Close, Ending::Reset] {
        let bucket = Bucket::start().await;
        bucket.inject(Effect::Cut {
            after_bytes: 50_000,
            ending,
        });
        let fault = bucket.fault_of_a_read().await;
        assert!(matches!(fault, SourceFault::Broken { .. }), "{fault}");
    }
}

#[tokio::test]
async fn an_etag_that_flips_between_two_reads_is_a_change() {
    let bucket = Bucket::start().await;
    bucket.put("film.mp4", b"0123456789");
    let meta = bucket.source.head("film.mp4").await.unwrap();
    bucket.source.read("film.mp4", &meta.version, 0..5).await.unwrap();
    assert!(bucket.server.store().flip_etag(BUCKET, "vod/film.mp4"));
    let error = bucket
        .source
        .read("film.mp4", &meta.version, 5..10)
        .await
        .unwrap_err();
    assert_eq!(error.fault, SourceFault::Changed);
}

#[tokio::test]
async fn a_bucket_that_is_absent_or_refuses_the_key_fails_the_probe() {
    let bucket = Bucket::start().await;
    let endpoint = bucket.server.endpoint();
    let absent = S3Config {
        bucket: "other".to_owned(),
        ..config(endpoint.clone())
    };
    let absent = S3Source::with_sdk(&sdk(SECRET), &absent).unwrap();
    let refused = S3Source::with_sdk(&sdk("wrong"), &config(endpoint.clone())).unwrap();
    for source in [absent, refused] {
        let error = source.probe().await.unwrap_err();
        assert!(matches!(error.fault, SourceFault::Unavailable { .. }), "{error}");
    }
    bucket.server.shutdown().await;
    let gone = S3Source::with_sdk(&sdk(SECRET), &config(endpoint)).unwrap();
    assert!(matches!(
        gone.probe().await.unwrap_err().fault,
        SourceFault::Unavailable { .. }
    ));
}

#[tokio::test]
async fn a_folder_that_is_moved_away_fails_the_probe() {
    let folder = Folder::start().await;
    let path: &Path = folder.folder.path();
    std::fs::remove_dir_all(path).unwrap();
    let error = folder.source.probe().await.unwrap_err();
    assert!(matches!(error.fault, SourceFault::Unavailable { .. }), "{error}");
}
