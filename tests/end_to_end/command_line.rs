//! The command line: help, versions, inspection, signals.

use std::process::{Output, Stdio};

use crate::support::node::strata;
use crate::support::{Bucket, Client, Node, TITLE, sample};

async fn run(arguments: &[&str]) -> Output {
    let mut command = strata();
    command
        .args(arguments)
        .current_dir(sample())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn help_has_examples_and_the_version_is_told() {
    for command in ["origin", "balancer", "check", "inspect", "package"] {
        let output = run(&[command, "--help"]).await;
        let help = text(&output.stdout);
        assert!(output.status.success() && help.contains("Examples:"), "{help}");
        assert!(help.contains("Exit status:"), "{help}");
    }
    for version in [run(&["version"]).await, run(&["--version"]).await] {
        assert_eq!(
            text(&version.stdout),
            format!("strata {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
    assert_eq!(run(&["orgin"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn inspect_shows_tracks_codecs_and_the_grid() {
    let output = run(&["inspect", TITLE]).await;
    let report = text(&output.stdout);
    for word in [
        "harbour-720.mp4",
        "avc1.640028",
        "mp4a.40.2",
        "1280x720",
        "25 fps",
        "48000 Hz",
        "fra",
        "Grid of",
        "35 key frames, 2.000 s apart",
        "4 images of 5x2 thumbnails of 128x72, 2.000 s each",
    ] {
        assert!(report.contains(word), "{word} is not in\n{report}");
    }
}

#[tokio::test]
async fn inspect_shows_texts_and_why_one_or_a_rendition_is_left_out() {
    let folder = tempfile::TempDir::new().unwrap();
    for entry in std::fs::read_dir(sample()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    let ism = folder.path().join(TITLE);
    let manifest = std::fs::read_to_string(&ism).unwrap();
    let more = "<textstream src=\"bad.vtt\"/><textstream src=\"missing.srt\"/><textstream src=\"odd.vtt\"/>\
                <video src=\"gone.mp4\" systemBitrate=\"1000\"/></switch>";
    std::fs::write(&ism, manifest.replace("</switch>", more)).unwrap();
    std::fs::write(folder.path().join("bad.vtt"), "<html>").unwrap();
    let odd = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nFine\n\n00:00:05.000 --> 00:00:04.000\nBackwards\n";
    std::fs::write(folder.path().join("odd.vtt"), odd).unwrap();
    let output = run(&["inspect", ism.to_str().unwrap()]).await;
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for words in [
        "textstream_eng=1000",
        "subtitle as wvtt in DASH, 10 cues",
        "textstream_fra=1000",
        "subtitle as stpp in DASH, 6 cues",
        "(text): line 1: the first line is not WEBVTT",
        "text left out:",
        "missing.srt",
        "rendition left out:",
        "gone.mp4",
        "odd.vtt: left out of the text: line 6: it ends before it starts",
    ] {
        assert!(report.contains(words), "{words} is not in\n{report}");
    }
    let token = "textstream_eng=1000";
    let output = run(&["inspect", TITLE, "--track", token, "--segment", "1", "--json"]).await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["tracks"][0]["text"]["cues"], 10);
    assert_eq!(report["tracks"][0]["segments"][2]["cues"], 2);
    assert_eq!(report["tracks"][0]["segments"][7]["cues"], 0);
    let length = report["plans"][0]["length"].as_u64().unwrap();
    let bucket = Bucket::with_sample().await;
    let origin = Node::origin(&bucket).await;
    let segment = format!("/{TITLE}/dash/harbour-{token}-2.m4s");
    let answer = Client::new().get(origin.address, &segment).await;
    assert_eq!(answer.body.len() as u64, length);
}

#[tokio::test]
async fn inspect_shows_a_title_in_its_shape() {
    let output = run(&[
        "inspect",
        TITLE,
        "--vbegin",
        "5.5",
        "--vend",
        "0:12.3",
        "--filter",
        "type=='audio'",
    ])
    .await;
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for words in [
        "6.800 s",
        "Shaped by ?filter=type%3D%3D%22audio%22&vbegin=5.5&vend=12.3",
        "of sound are priming",
    ] {
        assert!(report.contains(words), "{words} is not in\n{report}");
    }
    assert!(!report.contains("video="), "{report}");
    let output = run(&["inspect", TITLE, "--filter", "channels>9"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the filter leaves no track"));
}

#[tokio::test]
async fn inspect_plans_a_segment_to_the_byte_that_an_origin_sends() {
    let output = run(&["inspect", TITLE, "--json", "--segment", "3"]).await;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let origin = Node::origin_of_folder(&sample()).await;
    for (plan, track) in report["plans"]
        .as_array()
        .unwrap()
        .iter()
        .zip(report["tracks"].as_array().unwrap())
    {
        let (token, time) = (track["token"].as_str().unwrap(), &track["segments"][3]["time"]);
        let lengths = plan["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["length"].as_u64().unwrap());
        assert_eq!(plan["length"], lengths.sum::<u64>());
        let segment = Client::new()
            .get(
                origin.address,
                &format!("/{TITLE}/dash/harbour-{token}-{time}.dash"),
            )
            .await;
        assert_eq!(
            segment.body.len() as u64,
            plan["length"].as_u64().unwrap(),
            "{token}"
        );
    }
}

#[tokio::test]
async fn inspect_says_what_is_wrong_with_a_file() {
    let output = run(&["inspect", "none.mp4"]).await;
    assert!(text(&output.stderr).contains("none.mp4"));
    assert_eq!(output.status.code(), Some(1));
    let output = run(&["inspect", TITLE, "--segment", "99"]).await;
    assert!(text(&output.stderr).contains("segments: 0 to "));
    let output = run(&["inspect", TITLE, "--track", "video=1"]).await;
    assert!(text(&output.stderr).contains("there are audio_eng="));
}

#[tokio::test]
async fn both_signals_drain_a_node_which_then_ends_well() {
    let bucket = Bucket::with_sample().await;
    for signal in ["TERM", "INT"] {
        let mut origin = Node::origin(&bucket).await;
        let mut balancer = Node::balancer(&[&origin]).await;
        for node in [&mut balancer, &mut origin] {
            node.signal(signal).await;
            assert_eq!(node.ended().await.code(), Some(0), "{:#?}", node.log());
            node.logged(&["stopped"]).await;
        }
    }
}
