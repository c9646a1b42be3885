use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::*;

/// A store beside a secret, with links from the one to the other.
fn store_with_ways_out() -> (TempDir, FolderSource) {
    let outer = TempDir::new().unwrap();
    let root = outer.path().join("store");
    std::fs::create_dir_all(root.join("shows")).unwrap();
    std::fs::create_dir(outer.path().join("vault")).unwrap();
    std::fs::write(outer.path().join("secret.mp4"), "secret").unwrap();
    std::fs::write(outer.path().join("vault/secret.mp4"), "secret").unwrap();
    std::fs::write(root.join("shows/film.mp4"), "film").unwrap();
    symlink(outer.path().join("secret.mp4"), root.join("absolute.mp4")).unwrap();
    symlink("../secret.mp4", root.join("relative.mp4")).unwrap();
    symlink("../vault", root.join("vault")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("shows/film.mp4", root.join("inside.mp4")).unwrap();
    symlink("loop.mp4", root.join("loop.mp4")).unwrap();
    let source = FolderSource::open(&root).unwrap();
    (outer, source)
}

#[tokio::test]
async fn nothing_outside_the_folder_is_read() {
    let (outer, source) = store_with_ways_out();
    let secret = outer.path().join("secret.mp4");
    let ways = [
        "absolute.mp4",
        "relative.mp4",
        "vault/secret.mp4",
        "up/secret.mp4",
        "../secret.mp4",
        "shows/../../secret.mp4",
        secret.to_str().unwrap(),
        "loop.mp4",
        "",
        ".",
        "nul\0.mp4",
    ];
    for way in ways {
        let error = source.open(way, 100).await.unwrap_err();
        let refused = matches!(error.fault, SourceFault::Denied { .. } | SourceFault::NotFound)
            || (way == "loop.mp4" && matches!(error.fault, SourceFault::Unavailable { .. }));
        assert!(refused, "{way}: {error}");
    }
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed() {
    let (_outer, source) = store_with_ways_out();
    assert_eq!(
        source
            .open("inside.mp4", 100)
            .await
            .unwrap()
            .head
            .bytes()
            .as_ref(),
        b"film"
    );
}

#[tokio::test]
async fn only_regular_files_are_objects() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("folder.mp4")).unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket.mp4")).unwrap();
    let source = FolderSource::open(folder.path()).unwrap();
    for name in ["folder.mp4", "socket.mp4"] {
        assert_eq!(source.head(name).await.unwrap_err().fault, SourceFault::NotFound);
        assert_eq!(
            source.open(name, 1).await.unwrap_err().fault,
            SourceFault::NotFound
        );
    }
}

#[tokio::test]
async fn a_file_that_shrinks_is_changed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, [7; 100]).unwrap();
    let source = FolderSource::open(folder.path()).unwrap();
    let meta = source.head("film.mp4").await.unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(50)
        .unwrap();
    let error = source.read("film.mp4", &meta.version, 0..100).await.unwrap_err();
    assert_eq!(error.fault, SourceFault::Changed);
}
