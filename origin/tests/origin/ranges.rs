//! Ranges of media and of manifests.

use crate::answers::a_segment;
use crate::rig::Rig;

#[tokio::test]
async fn any_range_is_those_bytes_of_the_whole() {
    // Small chunks, so that ranges cross many of them.
    let rig = Rig::over_folder(&crate::rig::sample(), "cache:\n  chunk_size: 64KiB\n").await;
    for path in ["/harbour.ism/.mpd".to_owned(), a_segment(&rig).await] {
        let whole = rig.get(&path).await.body;
        let size = whole.len();
        for (first, last) in [
            (0, 0),
            (0, size - 1),
            (1, 100),
            (size / 2, size - 1),
            (size - 1, size - 1),
            (500, 70_000),
        ] {
            let range = format!("bytes={first}-{last}");
            let part = rig.get_with(&path, &[("range", &range)]).await;
            let last = last.min(size - 1);
            assert_eq!(part.status, 206, "{range}");
            assert_eq!(
                part.header("content-range"),
                format!("bytes {first}-{last}/{size}")
            );
            assert_eq!(part.header("content-length"), (last - first + 1).to_string());
            assert_eq!(part.body, whole[first..=last], "{range}");
        }
        let tail = rig.get_with(&path, &[("range", "bytes=-10")]).await;
        assert_eq!(tail.body, whole[size - 10..]);
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_is_refused_with_the_size() {
    let rig = Rig::start().await;
    let path = a_segment(&rig).await;
    let size = rig.get(&path).await.body.len();
    for range in [
        format!("bytes={size}-"),
        "bytes=9-5".to_owned(),
        "bytes=x".to_owned(),
        "bytes=-0".to_owned(),
    ] {
        let answer = rig.get_with(&path, &[("range", &range)]).await;
        assert_eq!(answer.status, 416, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn several_ranges_and_other_units_get_the_whole() {
    let rig = Rig::start().await;
    let path = a_segment(&rig).await;
    let whole = rig.get(&path).await.body;
    for range in ["bytes=0-1,5-6", "items=0-1"] {
        let answer = rig.get_with(&path, &[("range", range)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body),
            (200, whole.clone()),
            "{range}"
        );
    }
}

#[tokio::test]
async fn a_range_of_another_version_gets_the_whole() {
    let rig = Rig::start().await;
    let path = a_segment(&rig).await;
    let whole = rig.get(&path).await;
    let ask = async |condition: &str| {
        let headers = [("range", "bytes=0-9"), ("if-range", condition)];
        rig.get_with(&path, &headers).await.status.as_u16()
    };
    assert_eq!(ask(whole.header("etag")).await, 206);
    assert_eq!(ask(whole.header("last-modified")).await, 206);
    assert_eq!(ask("\"other\"").await, 200);
    assert_eq!(ask("Sun, 09 Sep 2001 01:46:40 GMT").await, 200);
}
