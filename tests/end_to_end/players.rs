//! Players that are no browsers, through the whole chain.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::packets::packets;
use crate::support::{Bucket, Node, TITLE, sample};

/// How long playing all of the sample title may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Plays what `uri` names to its end, as fast as it goes, and keeps the decoded
/// pictures and sound in the file `out`.
async fn play(uri: &str, out: &Path) {
    // Pictures of all renditions in one size: the file has no room for changes.
    let pipeline = format!(
        "uridecodebin uri={uri} name=title matroskamux name=mux ! filesink location={} \
         title. ! queue ! videoconvert ! videoscale ! video/x-raw,format=I420,width=96,height=54 ! mux. \
         title. ! queue ! audioconvert ! audio/x-raw,format=S16LE,channels=1 ! mux.",
        out.display()
    );
    let playing = Command::new("gst-launch-1.0")
        .args(pipeline.split_whitespace())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, playing).await.expect("stuck");
    let output = output.expect("gst-launch-1.0 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{uri}: {errors}");
}

/// Number of packets of the one track of a file of the sample title.
async fn count_of(file: &str) -> usize {
    packets(sample().join(file).to_str().unwrap(), "0").await[&0].len()
}

#[tokio::test]
async fn gstreamer_plays_smooth_streaming_to_its_end() {
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let balancer = Node::balancer(&[&origin]).await;
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("played.mkv");
    play(&format!("http://{}/{TITLE}/Manifest", balancer.address), &out).await;
    let streams = packets(out.to_str().unwrap(), "0").await;
    let counts: Vec<usize> = streams.values().map(Vec::len).collect();
    assert_eq!(
        counts,
        [
            count_of("harbour-144.mp4").await,
            count_of("harbour-eng.mp4").await
        ]
    );
}
