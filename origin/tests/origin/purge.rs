//! What the operator has forgotten is asked of the store again.

use http::Method;
use strata_s3_server::Operation;
use tempfile::NamedTempFile;

use crate::bucket::{BucketRig, start};

const TOKEN: &str = "a token of more than sixteen bytes";

async fn with_token(more: &str) -> (BucketRig, NamedTempFile) {
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), format!("{TOKEN}\n")).unwrap();
    let more = format!(
        "admin_token_file: {}\ntitles:\n  ttl: 1h\n{more}",
        token.path().display()
    );
    (start(&more).await, token)
}

async fn purge(bucket: &BucketRig, query: &str, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let answer = bucket
        .rig
        .try_ask(
            &bucket.rig.admin,
            Method::POST,
            &format!("/purge{query}"),
            &headers,
        )
        .await;
    answer.unwrap().status.as_u16()
}

/// How often the store was asked for `object` on behalf of one request.
async fn asked(bucket: &BucketRig, title: &str) -> usize {
    bucket.server.journal().reset();
    assert_eq!(bucket.rig.get(&format!("/{title}/.mpd")).await.status, 200);
    bucket
        .server
        .journal()
        .count_of(Operation::GetObject, &format!("titles/{title}"))
}

#[tokio::test]
async fn a_title_a_prefix_or_everything_is_forgotten_and_nothing_else() {
    let (bucket, _token) = with_token("").await;
    let titles = ["harbour-144.mp4", "harbour-240.mp4"];
    for title in titles {
        asked(&bucket, title).await;
    }
    let cases = [
        ("?title=/harbour-144.mp4", [true, false]),
        ("?title=harbour-1", [false, false]),
        ("?prefix=harbour-2", [false, true]),
        ("?prefix=harbour-", [true, true]),
        ("?all=true", [true, true]),
    ];
    for (query, forgotten) in cases {
        assert_eq!(purge(&bucket, query, TOKEN).await, 200);
        for (title, is_forgotten) in titles.into_iter().zip(forgotten) {
            assert_eq!(
                0 < asked(&bucket, title).await,
                is_forgotten,
                "{title} after {query}"
            );
            // Once.
            assert_eq!(asked(&bucket, title).await, 0, "{title} after {query}");
        }
    }
}

#[tokio::test]
async fn a_title_that_was_absent_is_found_after_a_purge() {
    let token = NamedTempFile::new().unwrap();
    std::fs::write(token.path(), TOKEN).unwrap();
    let more = format!(
        "admin_token_file: {}\ntitles:\n  absent_ttl: 1h\n",
        token.path().display()
    );
    let bucket = start(&more).await;
    assert_eq!(bucket.rig.get("/new.mp4/.mpd").await.status, 404);
    let film = bucket.server.store().get("titles", "harbour-144.mp4").unwrap();
    bucket.server.store().put("titles", "new.mp4", film.bytes.clone());
    assert_eq!(bucket.rig.get("/new.mp4/.mpd").await.status, 404);
    assert_eq!(purge(&bucket, "?title=new.mp4", TOKEN).await, 200);
    assert_eq!(bucket.rig.get("/new.mp4/.mpd").await.status, 200);
}

#[tokio::test]
async fn nobody_purges_without_the_token() {
    let (bucket, _token) = with_token("").await;
    assert_eq!(
        purge(&bucket, "?all=true", "another token of that length..").await,
        401
    );
    let none = start("").await;
    assert_eq!(purge(&none, "?all=true", TOKEN).await, 403);
}
