//! Sources that are replaced while they are being served.

use std::path::Path;
use std::time::{Duration, SystemTime};

use http::Method;

use crate::answers::a_segment;
use crate::rig::{Rig, copy_of_sample};

/// Puts `from` in the place of `to`, as of `seconds`.
fn replace(folder: &Path, from: &str, to: &str, seconds: u64) {
    // Through a new file, as a packager does it.
    let staged = folder.join("staged");
    std::fs::copy(folder.join(from), &staged).unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    std::fs::File::options()
        .write(true)
        .open(&staged)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    std::fs::rename(&staged, folder.join(to)).unwrap();
}

#[tokio::test]
async fn a_replaced_title_is_picked_up_when_its_lifetime_has_passed() {
    let folder = copy_of_sample();
    let rig = Rig::over_folder(folder.path(), "titles:\n  ttl: 0\n").await;
    let old = rig.get("/harbour-144.mp4/.mpd").await;
    replace(folder.path(), "harbour-240.mp4", "harbour-144.mp4", 1_000_000);
    let new = rig.get("/harbour-144.mp4/.mpd").await;
    assert_ne!(old.header("etag"), new.header("etag"));
    assert_ne!(old.body, new.body);
    std::fs::remove_file(folder.path().join("harbour-144.mp4")).unwrap();
    assert_eq!(rig.get("/harbour-144.mp4/.mpd").await.status, 404);
}

#[tokio::test]
async fn a_title_that_is_the_same_is_not_loaded_again() {
    let folder = copy_of_sample();
    let rig = Rig::over_folder(folder.path(), "titles:\n  ttl: 0\n").await;
    for _ in 0..5 {
        assert_eq!(rig.get("/harbour.ism/.mpd").await.status, 200);
    }
    assert_eq!(
        rig.metric("strata_origin_title_loads_total{outcome=\"loaded\"}")
            .await,
        1.0
    );
    assert_eq!(
        rig.metric("strata_origin_title_checks_total{outcome=\"unchanged\"}")
            .await,
        4.0
    );
}

#[tokio::test]
async fn a_file_replaced_under_a_title_is_never_spliced() {
    let folder = copy_of_sample();
    // The title stays in memory as it was; only reads can notice.
    let more = "titles:\n  ttl: 1h\ncache:\n  chunk_size: 64KiB\n";
    let rig = Rig::over_folder(folder.path(), more).await;
    let segments = async |rig: &Rig| {
        let mut bodies = Vec::new();
        let master = rig.playlist("/harbour-144.mp4/.m3u8").await;
        for part in rig.playlist(&format!("/harbour-144.mp4/{}", master[0])).await {
            bodies.push(rig.get(&format!("/harbour-144.mp4/{part}")).await.body);
        }
        bodies
    };
    let path = a_segment(&rig).await;
    let before = rig.get(&path).await;
    // The same bytes with another time are another version.
    replace(folder.path(), "harbour-144.mp4", "harbour-144.mp4", 1_000_000);
    let last = path.replace("-1.m4s", "-9.m4s");
    let after = rig.get(&last).await;
    assert_eq!(after.status, 200);
    let again = rig.get(&path).await;
    assert_ne!(again.header("etag"), before.header("etag"));
    assert_eq!(again.body, before.body);
    // Now other bytes.
    replace(folder.path(), "harbour-240.mp4", "harbour-144.mp4", 2_000_000);
    let fresh = Rig::over_folder(folder.path(), "").await;
    let expected = segments(&fresh).await;
    let _ = rig
        .try_ask(&rig.base, Method::GET, &path.replace("-1.m4s", "-5.m4s"), &[])
        .await;
    assert_eq!(segments(&rig).await, expected);
}
