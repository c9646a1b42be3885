use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::BodyExt;
use strata_node::config::Document;

use super::*;
use crate::source::FolderSource;

/// The sample title's folder.
pub(super) fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/title")
}

/// An origin over `source`, with `more` lines of configuration.
pub(super) fn over(source: Arc<dyn Source>, more: &str) -> InProcess {
    let text =
        format!("listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\naccess_log: off\nstore:\n  url: unused\n{more}");
    let config = OriginConfig::from_document(Document::parse("test.yaml", &text, Vec::new()).unwrap());
    InProcess::new(&config.unwrap(), source).unwrap()
}

/// What comes of an answer's body, piece by piece.
async fn pieces(front: &Arc<Front>, path: &str) -> Vec<Bytes> {
    let (head, mut body) = front.get(path.parse().unwrap()).await.into_parts();
    assert_eq!(head.status, 200, "{path}");
    let mut pieces = Vec::new();
    while let Some(frame) = body.frame().await {
        pieces.extend(frame.unwrap().into_data().ok());
    }
    pieces
}

/// The paths that the first playlist of a title names; `title` ends with a slash.
pub(super) async fn named(front: &Arc<Front>, title: &str) -> Vec<String> {
    let names = async |path: String| {
        let text = String::from_utf8(pieces(front, &path).await.concat()).unwrap();
        let names = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        names.map(|name| format!("{title}{name}")).collect::<Vec<_>>()
    };
    let playlists = names(format!("{title}.m3u8")).await;
    names(playlists[0].clone()).await
}

#[tokio::test]
async fn a_hit_in_memory_is_sent_from_where_it_lies() {
    let more = "cache:\n  chunk_size: 64KiB\n";
    let origin = over(Arc::new(FolderSource::open(&sample()).unwrap()), more);
    let front = origin.front();
    for path in named(&front, "/harbour-720.mp4/").await {
        pieces(&front, &path).await;
        // Both are alive: what is not shared is at another place.
        let (one, another) = (pieces(&front, &path).await, pieces(&front, &path).await);
        assert_eq!(one, another);
        let copied = one.iter().zip(&another);
        let copied = copied.filter(|(one, another)| one.as_ptr() != another.as_ptr());
        let copied: usize = copied.map(|(one, _)| one.len()).sum();
        let all: usize = one.iter().map(Bytes::len).sum();
        // The boxes before the media are made for each answer.
        assert!(copied < 4096 && 10 * copied < all, "{copied} bytes of {all}");
    }
}
