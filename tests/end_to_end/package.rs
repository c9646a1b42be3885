//! What `strata package` writes is what an origin serves, and players read it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::support::node::strata;
use crate::support::{Client, Node, TITLE, sample};

async fn package(output: &Path, arguments: &[&str]) -> Output {
    let mut command = strata();
    command
        .args(["package", TITLE, "--output"])
        .arg(output)
        .args(arguments)
        .current_dir(sample())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.output().await.unwrap()
}

/// All files in `folder`, by their names relative to it.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let (mut folders, mut files) = (vec![folder.to_owned()], BTreeMap::new());
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, path);
            }
        }
    }
    files
}

/// Packages the sample title and compares every file with an origin's answer; `query` is
/// what the names have behind them.
async fn check(format: &str, arguments: &[&str], query: &str, count_min: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut all = vec!["--format", format];
    all.extend(arguments);
    let written = package(&output, &all).await;
    let told = String::from_utf8_lossy(&written.stderr).into_owned();
    assert!(written.status.success(), "{told}");
    let files = files(&output);
    assert!(told.contains(&format!("{0} of {0} files", files.len())), "{told}");
    assert!(count_min <= files.len(), "{} files", files.len());
    let origin = Node::origin_of_folder(&sample()).await;
    let client = Client::new();
    for (name, path) in &files {
        assert!(!name.ends_with(".unfinished"), "{name}");
        let mut query = query.to_owned();
        if name.ends_with(".m3u8") {
            let mark = if query.is_empty() { "?" } else { "&" };
            let is_fragmented = format == "hls";
            // The master says which kind it is for, unless that is the default.
            query = format!("{query}{mark}hls_fmp4={is_fragmented}");
        }
        let answer = client
            .get(origin.address, &format!("/{TITLE}/{name}{query}"))
            .await;
        assert_eq!(answer.status, 200, "{name}");
        let bytes = std::fs::read(path).unwrap();
        if name == "harbour.m3u8" && format == "hls-ts" {
            // The origin's own default is another, which it then says in every name.
            let own = String::from_utf8(bytes).unwrap();
            assert_eq!(answer.text().replace("?hls_fmp4=false", ""), own);
            continue;
        }
        assert!(bytes == answer.body, "{name} differs");
    }
    folder
}

/// Number of pictures that ffmpeg decodes of the first video of `input`.
async fn pictures(input: &Path) -> usize {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-allowed_extensions", "ALL", "-i"])
        .arg(input)
        .args([
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-f",
            "framehash",
            "-",
        ])
        .output()
        .await
        .unwrap();
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && problems.is_empty(), "{problems}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

async fn pictures_of_source() -> usize {
    let source = sample().join("harbour-144.mp4");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(source)
        .args(["-map", "0:v:0", "-c", "copy", "-f", "framehash", "-"])
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count()
}

#[tokio::test]
async fn dash_is_written_as_it_is_served() {
    let folder = check("dash", &[], "", 40).await;
    let path = folder.path().join("out/harbour.mpd");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-nostdin", "-allowed_extensions", "ALL", "-i"])
        .arg(&path);
    let output = command
        .args(["-map", "0:v:0", "-c", "copy", "-f", "null", "-"])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn hls_is_written_as_it_is_served_and_ffmpeg_plays_the_folder() {
    let expected = pictures_of_source().await;
    for format in ["hls", "hls-ts"] {
        let folder = check(format, &[], "", 40).await;
        let found = pictures(&folder.path().join("out/harbour.m3u8")).await;
        assert_eq!(found, expected, "{format}");
    }
}

#[tokio::test]
async fn smooth_streaming_is_written_as_it_is_served() {
    let folder = check("smooth", &[], "", 40).await;
    assert!(
        files(folder.path())
            .keys()
            .any(|name| name.contains("QualityLevels("))
    );
}

#[tokio::test]
async fn a_shape_is_written_as_it_is_served() {
    let filter = [
        "--filter",
        "type=='audio' || MaxHeight<=144",
        "--vbegin",
        "0:05",
        "--vend",
        "13.5",
    ];
    let query = "?filter=type%3D%3D%22audio%22%7C%7CMaxHeight%3C%3D144&vbegin=5&vend=13.5";
    for format in ["dash", "smooth"] {
        check(format, &filter, query, 6).await;
    }
}

#[tokio::test]
async fn nothing_is_replaced_unless_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let small = ["--format", "dash", "--vend", "3", "--filter", "MaxHeight==144"];
    assert!(package(folder.path(), &small).await.status.success());
    let again = package(folder.path(), &small).await;
    assert_eq!(again.status.code(), Some(1));
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("--force"), "{told}");
    assert!(
        package(folder.path(), &[&small[..], &["--force"]].concat())
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn a_failure_says_why_and_leaves_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (
            &["--format", "dash", "--filter", "channels>9"][..],
            "the filter leaves no track",
        ),
        (&["--format", "dash", "--filter", "channels>>9"], "at character 9"),
        (
            &["--format", "dash", "--vbegin", "5x"],
            "--vbegin: at character 1",
        ),
        (&["--format", "dash", "--vbegin", "5", "--vend", "5"], "--vend"),
        (&["--format", "hls", "--vbegin", "100000"], "the title ends after"),
    ] {
        let output = package(folder.path(), arguments).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains(reason), "{told}");
        assert_eq!(files(folder.path()).len(), 0);
    }
}

#[tokio::test]
async fn a_file_of_sound_is_a_title_and_what_a_format_cannot_carry_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tone.m4a");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=d=2", "-c:a", "libopus", "-f", "mp4",
    ]);
    assert!(ffmpeg.arg(&path).status().await.unwrap().success());
    for (format, code) in [("dash", 0), ("hls-ts", 1)] {
        let mut command = strata();
        command.args(["package", "--format", format, "--output"]);
        command.arg(folder.path().join(format)).arg(&path);
        let output = command.stderr(Stdio::piped()).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert_eq!(told.contains("left out: audio="), code == 1, "{told}");
    }
}
