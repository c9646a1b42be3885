//! `strata ism create` writes what an origin and `strata inspect` read back.

use std::path::Path;
use std::process::{Command as BlockingCommand, Output, Stdio};

use bytes::Bytes;
use strata_media::read::mp4::{Reader, Step};

use crate::film::MadeTrack;
use crate::progressive::{self, Progressive};
use crate::support::node::strata;
use crate::support::{Client, Node, sample};

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = strata();
    command
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn ffmpeg(folder: &Path, arguments: &str) {
    let output = BlockingCommand::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[tokio::test]
async fn a_title_is_made_of_the_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "harbour-720.mp4",
        "harbour-144.mp4",
        "harbour-eng.mp4",
        "harbour-fra.mp4",
    ] {
        std::fs::copy(sample().join(name), folder.path().join(name)).unwrap();
    }
    std::fs::write(
        folder.path().join("harbour_sv.srt"),
        "1\n00:00:01,000 --> 00:00:02,000\nHej\n",
    )
    .unwrap();
    // The same pictures again: two tracks of one bitrate.
    std::fs::copy(
        sample().join("harbour-144.mp4"),
        folder.path().join("again 144.mp4"),
    )
    .unwrap();
    let files = [
        "harbour-720.mp4",
        "harbour-144.mp4",
        "again 144.mp4",
        "harbour-eng.mp4",
        "harbour-fra.mp4",
        "harbour_sv.srt",
    ];
    let create = [&["ism", "create", "-o", "film.ism"][..], &files].concat();
    let output = run(folder.path(), &create).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let manifest = std::fs::read_to_string(folder.path().join("film.ism")).unwrap();
    for word in [
        "src=\"again%20144.mp4\"",
        "systemLanguage=\"fra\"",
        "name=\"trackName\" value=\"audio_eng\"",
        "name=\"FourCC\" value=\"AVC1\"",
        "name=\"CodecPrivateData\" value=\"00000001",
        "name=\"trackName\" value=\"textstream_swe\"",
    ] {
        assert!(manifest.contains(word), "{word} is not in\n{manifest}");
    }
    // An origin offers every track of it, each under a name of its own.
    let origin = Node::origin_of_folder(folder.path()).await;
    let client = Client::new();
    let smooth = client.get(origin.address, "/film.ism/Manifest").await;
    assert_eq!(smooth.status, 200, "{}", smooth.text());
    let mut bitrates: Vec<&str> = smooth.text().split(" Bitrate=\"").skip(1).collect();
    bitrates
        .iter_mut()
        .for_each(|rest| *rest = rest.split('"').next().unwrap());
    let count = bitrates.len();
    bitrates.sort_unstable();
    bitrates.dedup();
    assert!(5 <= count && bitrates.len() == count, "{bitrates:?}");
    let mpd = client.get(origin.address, "/film.ism/.mpd").await;
    let ids = mpd.text().split("<Representation id=\"video=").skip(1);
    let ids = ids.filter_map(|rest| rest.split('"').next());
    assert_eq!(ids.filter(|id| !id.ends_with("-keyframes")).count(), 3);
    // It is not replaced unasked.
    let again = run(folder.path(), &create).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("--force"));
    let forced = run(folder.path(), &[&create[..], &["--force"]].concat()).await;
    assert!(forced.status.success());
    assert_eq!(
        std::fs::read_to_string(folder.path().join("film.ism")).unwrap(),
        manifest
    );
}

#[tokio::test]
async fn what_will_hurt_is_told_with_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let video = "-f lavfi -i testsrc2=s=192x108:r=25:d=12 -c:v libx264 -preset veryfast -sc_threshold 0";
    ffmpeg(
        folder.path(),
        &format!("{video} -g 50 -movflags +faststart even.mp4"),
    );
    ffmpeg(
        folder.path(),
        &format!("{video} -g 70 -movflags +faststart odd.mp4"),
    );
    ffmpeg(
        folder.path(),
        &format!("{video} -bf 3 -x264-params open-gop=1:keyint=50:min-keyint=50 open.mp4"),
    );
    ffmpeg(
        folder.path(),
        "-f lavfi -i sine=440:d=12:sample_rate=48000 -c:a aac -movflags +faststart sound.mp4",
    );
    let create = [
        "ism",
        "create",
        "-o",
        "film.ism",
        "even.mp4",
        "odd.mp4",
        "open.mp4",
        "sound.mp4",
    ];
    let output = run(folder.path(), &create).await;
    let told = text(&output.stderr);
    assert!(output.status.success(), "{told}");
    for words in [
        "open.mp4: its index (moov, ",
        "open.mp4: track 1: ",
        " groups of pictures are open",
        "no shared grid: of the ",
        "sound.mp4: track 1: the first 21.3 ms of sound are priming",
    ] {
        assert!(told.contains(words), "{words} is not in\n{told}");
    }
    assert!(!told.contains("even.mp4: its index"), "{told}");
}

/// The first track of a file of the sample, as track `id` of a file to be made.
fn track(name: &str, id: u32) -> MadeTrack {
    let file = Bytes::from(std::fs::read(sample().join(name)).unwrap());
    let mut reader = Reader::new(file.len() as u64);
    let mut step = reader.step(None).unwrap();
    while let Step::Need(range) = step {
        let wanted = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        step = reader.step(Some(file.slice(wanted))).unwrap();
    }
    let Step::Done(movie) = step else {
        panic!("{step:?}")
    };
    MadeTrack::copied(&movie.tracks[0], &file, id)
}

#[tokio::test]
async fn tracks_of_a_file_that_lie_apart_are_told_with_numbers() {
    let tracks = [track("harbour-144.mp4", 1), track("harbour-eng.mp4", 2)];
    for is_apart in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let form = Progressive {
            is_apart,
            ..Progressive::default()
        };
        std::fs::write(folder.path().join("film.mp4"), progressive::write(&tracks, &form)).unwrap();
        for arguments in [
            &["ism", "create", "-o", "film.ism", "film.mp4"][..],
            &["inspect", "film.mp4"],
        ] {
            let output = run(folder.path(), arguments).await;
            let told = text(&output.stdout) + &text(&output.stderr);
            assert!(output.status.success(), "{told}");
            let line = told
                .lines()
                .find(|line| line.contains("what plays together lies apart"));
            assert_eq!(line.is_some(), is_apart, "{told}");
            let Some(line) = line else { continue };
            // Each segment spans almost the whole file, of some eight of them.
            let (_, ratio) = line.split_once("bytes of media, ").unwrap();
            let ratio: f64 = ratio.split(' ').next().unwrap().parse().unwrap();
            assert!((3.0..9.0).contains(&ratio), "{line}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_a_title_is_said() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("bad.mp4"), b"no movie").unwrap();
    std::fs::copy(sample().join("harbour-144.mp4"), folder.path().join("a.mp4")).unwrap();
    std::fs::write(folder.path().join("a.vtt"), "WEBVTT\n").unwrap();
    for (arguments, reason) in [
        (&["-o", "film.ism", "none.mp4"][..], "none.mp4"),
        (&["-o", "film.ism", "bad.mp4"], "bad.mp4"),
        (&["-o", "film.xml", "a.mp4"], "ends with .ism"),
        (&["-o", "film.ism", "a.mp4", "./a.mp4"], "named twice"),
        (&["-o", "below/film.ism", "a.mp4"], "outside of below"),
        (&["-o", "film.ism", "a.vtt"], "no MP4 file"),
    ] {
        let output = run(folder.path(), &[&["ism", "create"][..], arguments].concat()).await;
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(reason), "{told}");
    }
    assert!(!folder.path().join("film.ism").exists());
}
