//! Parsers of other people read every initialization and media segment and every
//! manifest: mp4-atom, dash-mpd and m3u8-rs here, mp4box.js, mpd-parser and m3u8-parser
//! in `tests/parsers`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use dash_mpd_core::parse as parse_mpd;
use mp4_atom::{Any, DecodeMaybe as _};
use strata_media::manifest::hls::ts::Streams;
use strata_media::manifest::{dash, hls};
use strata_media::multiplex::Multiplex;
use strata_media::shape::Suffix;
use strata_media::track::Track;
use strata_media::write::fmp4;

use crate::support;
use crate::title::Title;

/// Writes the title out and lets all of them read it.
pub fn check(title: &Title) {
    let folder = title.folder().path("parsed");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    let tracks: Vec<String> = (0..title.presentation.tracks.len())
        .map(|index| write_track(title, index, &folder))
        .collect();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let mpd = dash::mpd(&title.presentation);
    parse_mpd(&mpd).unwrap_or_else(|error| panic!("dash-mpd: {error}\n{mpd}"));
    write("title.mpd", &mpd);
    validate(&folder.join("title.mpd"));
    let master = hls::master(&title.presentation);
    let variants = check_master(&master);
    write("master.m3u8", &master);
    let ts = write_transport_stream(title, &folder);
    let expected = format!(
        "{{\"tracks\":[{}],\"variants\":{variants},\"ts\":{ts}}}",
        tracks.join(",")
    );
    write("expected.json", &expected);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parsers/parse.mjs");
    let output = Command::new("node").arg(script).arg(&folder).output();
    let output = output.expect("node is installed");
    assert!(
        output.status.success(),
        "{}\n{expected}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// xmllint, by what the standard says of the elements that are written.
fn validate(mpd: &Path) {
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parsers/mpd.xsd");
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(&schema)
        .arg(mpd)
        .output()
        .expect("xmllint is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Number of variants, those of key frames apart.
fn check_master(text: &str) -> usize {
    match m3u8_rs::parse_playlist_res(text.as_bytes()) {
        Ok(m3u8_rs::Playlist::MasterPlaylist(master)) => master
            .variants
            .iter()
            .filter(|variant| !variant.is_i_frame)
            .count(),
        other => panic!("{other:?}\n{text}"),
    }
}

fn check_media(text: &str, segments: usize) {
    match m3u8_rs::parse_playlist_res(text.as_bytes()) {
        Ok(m3u8_rs::Playlist::MediaPlaylist(media)) => assert_eq!(media.segments.len(), segments, "{text}"),
        other => panic!("{other:?}\n{text}"),
    }
}

/// Writes the track's segments and playlist; what the other parsers shall find.
fn write_track(title: &Title, index: usize, folder: &Path) -> String {
    let track = &title.presentation.tracks[index];
    let folder = folder.join(index.to_string());
    std::fs::create_dir(&folder).unwrap();
    let init = fmp4::init(track);
    check_init(&init, track);
    std::fs::write(folder.join("init.mp4"), &init).unwrap();
    let file = &title.files()[track.file.0 as usize];
    let (mut samples, mut media) = (Vec::new(), Vec::new());
    for segment in 0..track.segments.len() {
        let bytes = support::media_segment(track, segment, title.files());
        let read = support::read_samples(track, segment, file).unwrap().0.0;
        samples.push(read.len());
        media.push(read.iter().map(|sample| u64::from(sample.size)).sum::<u64>());
        check_segment(&bytes, read.len());
        std::fs::write(folder.join(format!("{segment}.m4s")), bytes).unwrap();
    }
    let playlist = hls::media(&title.presentation, index);
    check_media(&playlist, track.segments.len());
    std::fs::write(folder.join("media.m3u8"), playlist).unwrap();
    let codec = track.codec().unwrap();
    let seconds = |ticks: u64| ticks as f64 / f64::from(track.timescale.get());
    let durations: Vec<f64> = track
        .segments
        .iter()
        .map(|segment| seconds(segment.duration))
        .collect();
    let entries: Vec<String> = track
        .codecs
        .iter()
        .map(|codec| codec.four_cc().to_string())
        .collect();
    let mut told = String::new();
    let (in_dash, in_hls) = (dash::allows(codec.codec), hls::allows(codec.codec));
    let scale = track.timescale.get();
    // Debug writes lists and strings of ASCII as JSON does.
    write!(
        told,
        "{{\"id\":{:?},\"codecs\":{:?},\"timescale\":{scale},\"entries\":{entries:?},\"samples\":{samples:?},\
         \"media\":{media:?},\"durations\":{durations:?},\"dash\":{in_dash},\"hls\":{in_hls}}}",
        track.token,
        track.rfc6381()
    )
    .unwrap();
    told
}

fn write_transport_stream(title: &Title, folder: &Path) -> String {
    let allowed = |index: &usize| hls::ts::allows(&title.presentation.tracks[*index]);
    let indexes: Vec<usize> = (0..title.presentation.tracks.len()).filter(allowed).collect();
    let tracks: Vec<&Track> = indexes
        .iter()
        .map(|index| &title.presentation.tracks[*index])
        .collect();
    let Some(multiplex) = Multiplex::new(tracks) else {
        return "null".to_owned();
    };
    let master = hls::ts::master(&title.presentation, Streams::Muxed, &Suffix::default());
    let variants = check_master(&master);
    std::fs::write(folder.join("master-ts.m3u8"), master).unwrap();
    let media = hls::ts::media(&title.presentation, &indexes);
    check_media(&media, multiplex.segment_count());
    std::fs::write(folder.join("media-ts.m3u8"), media).unwrap();
    let micros = multiplex.durations_us();
    let durations: Vec<f64> = micros.iter().map(|micros| *micros as f64 / 1e6).collect();
    format!("{{\"variants\":{variants},\"durations\":{durations:?}}}")
}

/// All boxes of a file, by mp4-atom.
fn boxes(mut bytes: &[u8]) -> Vec<Any> {
    let mut boxes = Vec::new();
    while let Some(found) = Any::decode_maybe(&mut bytes).unwrap() {
        boxes.push(found);
    }
    assert!(bytes.is_empty(), "{} bytes behind the last box", bytes.len());
    boxes
}

fn check_init(init: &[u8], track: &Track) {
    match boxes(init).as_slice() {
        [Any::Ftyp(_), Any::Moov(moov)] => {
            let [trak] = moov.trak.as_slice() else {
                panic!("one track")
            };
            assert_eq!(trak.mdia.mdhd.timescale, track.timescale.get());
            assert_eq!(trak.mdia.minf.stbl.stsd.codecs.len(), track.codecs.len());
            assert_eq!(moov.mvex.as_ref().unwrap().trex.len(), 1);
        }
        other => panic!("{other:?}"),
    }
}

fn check_segment(bytes: &[u8], samples: usize) {
    let boxes = boxes(bytes);
    assert!(matches!(boxes.first(), Some(Any::Styp(_))));
    let mut count = 0;
    for pair in boxes[1..].chunks(2) {
        let [Any::Moof(moof), Any::Mdat(mdat)] = pair else {
            panic!("{pair:?}");
        };
        let [traf] = moof.traf.as_slice() else {
            panic!("one track")
        };
        let [trun] = traf.trun.as_slice() else {
            panic!("one run")
        };
        assert!(traf.tfdt.is_some());
        let mut total = 0;
        for entry in trun.samples.iter() {
            total += entry.size.or(traf.tfhd.default_sample_size).unwrap() as usize;
            count += 1;
        }
        assert_eq!(total, mdat.data.len());
    }
    assert_eq!(count, samples);
}
