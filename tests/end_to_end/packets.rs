//! What comes out is what went in: ffmpeg's hash, size and times of every packet
//! of every track, in the source files and through the whole chain.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use tokio::process::Command;

use crate::support::manifest::{self, Track};
use crate::support::{Client, TITLE, chain, sample};

/// A fraction in its lowest terms, the denominator above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ratio(i128, i128);

impl Ratio {
    fn new(numerator: i128, denominator: i128) -> Self {
        let (mut a, mut b) = (numerator.abs(), denominator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self(numerator / a, denominator / a)
    }

    fn minus(self, other: Self) -> Self {
        Self::new(self.0 * other.1 - other.0 * self.1, self.1 * other.1)
    }
}

/// One packet as ffmpeg sees it, times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Packet {
    dts: Ratio,
    pts: Ratio,
    size: u64,
    hash: String,
}

/// The packets of each stream of an input that `map` chooses, by the stream's place among these.
pub(crate) async fn packets(input: &str, map: &str) -> BTreeMap<usize, Vec<Packet>> {
    frames(input, map, &["-c", "copy", "-copytb", "1"]).await
}

/// What comes of the streams of an input that `map` chooses, processed as `how` says.
async fn frames(input: &str, map: &str, how: &[&str]) -> BTreeMap<usize, Vec<Packet>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-copyts", "-i", input])
        .args(["-map", map])
        .args(how)
        .args(["-f", "framehash", "-hash", "md5", "-"])
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{input}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut clocks = BTreeMap::new();
    let mut streams: BTreeMap<usize, Vec<Packet>> = BTreeMap::new();
    for line in text.lines() {
        if let Some(clock) = line.strip_prefix("#tb ") {
            let (stream, clock) = clock.split_once(": ").unwrap();
            let (numerator, denominator) = clock.split_once('/').unwrap();
            let clock: (i128, i128) = (numerator.parse().unwrap(), denominator.parse().unwrap());
            clocks.insert(stream.parse::<usize>().unwrap(), clock);
        } else if !line.starts_with('#') {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let stream: usize = fields[0].parse().unwrap();
            let (numerator, denominator) = clocks[&stream];
            let seconds = |ticks: &str| Ratio::new(ticks.parse::<i128>().unwrap() * numerator, denominator);
            streams.entry(stream).or_default().push(Packet {
                dts: seconds(fields[1]),
                pts: seconds(fields[2]),
                size: fields[4].parse().unwrap(),
                hash: fields[5].to_owned(),
            });
        }
    }
    streams
}

/// The one source file of each track, by the bitrate in its token.
async fn sources() -> BTreeMap<String, Vec<Packet>> {
    let ism = std::fs::read_to_string(sample().join(TITLE)).unwrap();
    let mut sources = BTreeMap::new();
    let is_media =
        |line: &&str| line.contains("src=") && !line.contains("<textstream") && !line.contains("<img");
    for line in ism.lines().filter(is_media) {
        let value = |name: &str| line.split_once(name).unwrap().1.split('"').nth(1).unwrap();
        let file = sample().join(value("src="));
        let mut streams = packets(file.to_str().unwrap(), "0").await;
        assert_eq!(streams.len(), 1);
        sources.insert(value("systemBitrate=").to_owned(), streams.remove(&0).unwrap());
    }
    sources
}

/// By how much every packet of `output` is later than its `source`: the set has one member.
fn shifts(token: &str, source: &[Packet], output: &[Packet]) -> BTreeSet<Ratio> {
    assert_eq!(output.len(), source.len(), "{token}: number of packets");
    let pairs = || source.iter().zip(output);
    for (index, (source, output)) in pairs().enumerate() {
        assert_eq!(
            (output.size, &output.hash),
            (source.size, &source.hash),
            "{token}: packet {index}"
        );
    }
    pairs()
        .flat_map(|(source, output)| [output.dts.minus(source.dts), output.pts.minus(source.pts)])
        .collect()
}

/// Checks that all of a title is moved by the same time, but for `rounding` seconds.
fn assert_one_shift(told: &BTreeSet<Ratio>, rounding: f64) {
    let seconds = |shift: &Ratio| shift.0 as f64 / shift.1 as f64;
    let [least, most] = [f64::min, f64::max].map(|choose| told.iter().map(seconds).reduce(choose).unwrap());
    assert!(most - least < rounding, "one shift but for rounding: {told:?}");
}

/// The file of the track with this bitrate.
fn source_file(bitrate: &str) -> String {
    let ism = std::fs::read_to_string(sample().join(TITLE)).unwrap();
    let stated = format!("systemBitrate=\"{bitrate}\"");
    let line = ism.lines().find(|line| line.contains(&stated)).unwrap();
    let name = line.split_once("src=\"").unwrap().1.split('"').next().unwrap();
    sample().join(name).to_str().unwrap().to_owned()
}

/// `tracks` without texts, whose packets are made.
fn media(mut tracks: Vec<Track>) -> Vec<Track> {
    tracks.retain(|track| !track.is_text());
    tracks
}

fn bitrate(token: &str) -> &str {
    token.split_once('=').unwrap().1
}

#[tokio::test]
async fn dash_carries_every_packet_of_every_track_in_time() {
    check_dash(".mpd").await;
}

#[tokio::test]
async fn dash_by_numbers_carries_every_packet_of_every_track_in_time() {
    check_dash(".mpd?mpd_segment_template=number").await;
}

async fn check_dash(manifest: &str) {
    let (_bucket, _origin, balancer) = chain().await;
    let sources = sources().await;
    let tracks = media(manifest::dash(&Client::new(), balancer.address).await);
    assert_eq!(tracks.len(), sources.len());
    let path = format!("/{TITLE}/{manifest}");
    let answer = Client::new().get(balancer.address, &path).await;
    let key_frames = answer.text().matches("-keyframes\"").count();
    let mpd = format!("http://{}{path}", balancer.address);
    let mut told = BTreeSet::new();
    let mut rest = sources.clone();
    let mut others = 0;
    for stream in 0..tracks.len() + key_frames {
        // One at a time: ffmpeg stops reading an MPD when its first stream ends, with the others' last packets unread.
        let output = packets(&mpd, &format!("0:{stream}")).await.remove(&0).unwrap();
        // And it lists pictures before sound, whatever order they stand in: streams are told by their packets.
        let same = |source: &Vec<Packet>| source[0].hash == output[0].hash;
        let token = rest
            .iter()
            .find(|(_, source)| same(source))
            .map(|(token, _)| token.clone());
        // Behind the pictures come their key frames once more.
        let Some(token) = token else {
            others += 1;
            continue;
        };
        told.extend(shifts(&token, &rest.remove(&token).unwrap(), &output));
    }
    assert_eq!((rest.len(), others), (0, key_frames));
    assert_eq!(
        told.len(),
        1,
        "one shift for the whole title, in seconds: {told:?}"
    );
}

#[tokio::test]
async fn hls_carries_every_packet_of_every_track_in_time() {
    let (_bucket, _origin, balancer) = chain().await;
    let sources = sources().await;
    let tracks = media(manifest::hls(&Client::new(), balancer.address).await);
    assert_eq!(tracks.len(), sources.len());
    let mut told = BTreeSet::new();
    for track in tracks {
        let playlist = track.playlist.unwrap();
        let streams = packets(&format!("http://{}{playlist}", balancer.address), "0").await;
        assert_eq!(streams.len(), 1, "{playlist}: one track each");
        told.extend(shifts(
            &track.token,
            &sources[bitrate(&track.token)],
            &streams[&0],
        ));
    }
    assert_eq!(
        told.len(),
        1,
        "one shift for the whole title, in seconds: {told:?}"
    );
}

/// An initialization segment for what counts in ticks of 100 ns.
fn on_smooth_clock(init: &[u8]) -> Vec<u8> {
    let mut init = init.to_vec();
    let header = init.windows(4).position(|name| name == b"mdhd").unwrap();
    assert_eq!(init[header + 4], 0, "version");
    init[header + 16..header + 20].copy_from_slice(&10_000_000_u32.to_be_bytes());
    init
}

#[tokio::test]
async fn smooth_streaming_carries_every_packet_of_every_track_in_time() {
    let (_bucket, _origin, balancer) = chain().await;
    let (client, sources) = (Client::new(), sources().await);
    let tracks = media(manifest::smooth(&client, balancer.address).await);
    assert_eq!(tracks.len(), sources.len());
    let folder = tempfile::TempDir::new().unwrap();
    let mut told = BTreeSet::new();
    for track in tracks {
        // ffmpeg reads fragments behind the initialization that players make up from the manifest.
        let init = format!("/{TITLE}/dash/harbour-{}.dash", track.token);
        let mut file = on_smooth_clock(&client.get(balancer.address, &init).await.body);
        for segment in &track.segments {
            let answer = client.get(balancer.address, segment).await;
            assert_eq!(answer.status, 200, "{segment}");
            file.extend_from_slice(&answer.body);
        }
        let path = folder.path().join(&track.token);
        std::fs::write(&path, file).unwrap();
        let streams = packets(path.to_str().unwrap(), "0").await;
        // It counts from 0 whatever the first fragment is called.
        let first = track.segments[0].rsplit_once('=').unwrap().1;
        let start = Ratio::new(first.trim_end_matches(')').parse().unwrap(), 10_000_000);
        let shifts = shifts(&track.token, &sources[bitrate(&track.token)], &streams[&0]);
        let from_start = |shift: Ratio| shift.minus(Ratio::new(-start.0, start.1));
        told.extend(shifts.into_iter().map(from_start));
    }
    assert_one_shift(&told, 2.5e-7);
}

#[tokio::test]
async fn transport_streams_carry_every_picture_and_every_sound_in_time() {
    let (_bucket, _origin, balancer) = chain().await;
    let client = Client::new();
    let master = format!("/{TITLE}/.m3u8?hls_fmp4=false");
    let master = client.get(balancer.address, &master).await;
    let lines = master.text().lines();
    let names: Vec<&str> = lines
        .filter(|line| line.contains("m3u8") && !line.starts_with('#'))
        .collect();
    assert_eq!(names.len(), 4, "one for each picture size: {}", master.text());
    let (mut told, sources) = (BTreeSet::new(), sources().await);
    let decode = ["-fps_mode", "passthrough"];
    for name in names {
        let playlist = format!("http://{}/{TITLE}/{name}", balancer.address);
        let (sound, video) = name.split_once("-video=").unwrap();
        let video = video.split('.').next().unwrap();
        let [video, sound] = [video, sound.rsplit_once('=').unwrap().1].map(|bitrate| &sources[bitrate]);
        // NAL units are framed otherwise, so pictures are compared decoded; their order, and so their times, are not.
        let file = source_file(name.split_once("-video=").unwrap().1.split('.').next().unwrap());
        let source = frames(&file, "0:v", &decode).await.remove(&0).unwrap();
        let output = frames(&playlist, "0:v", &decode).await.remove(&0).unwrap();
        let hashes = |pictures: &[Packet]| pictures.iter().map(|one| one.hash.clone()).collect::<Vec<_>>();
        assert_eq!(hashes(&output), hashes(&source), "{name}");
        let output = packets(&playlist, "0:v").await.remove(&0).unwrap();
        assert_eq!(output.len(), video.len(), "{name}");
        let times = video.iter().zip(&output);
        told.extend(times.flat_map(|(a, b)| [b.dts.minus(a.dts), b.pts.minus(a.pts)]));
        let unframed = ["-c", "copy", "-bsf:a", "aac_adtstoasc"];
        let output = frames(&playlist, "0:a", &unframed).await.remove(&0).unwrap();
        told.extend(shifts(name, sound, &output));
    }
    assert_one_shift(&told, 5e-5);
}

#[tokio::test]
async fn a_master_playlist_offers_every_rendition_with_every_language() {
    let (_bucket, _origin, balancer) = chain().await;
    let streams = packets(&format!("http://{}/{TITLE}/.m3u8", balancer.address), "0").await;
    let sources = sources().await;
    for (token, source) in sources {
        let count = streams
            .values()
            .filter(|stream| stream.len() == source.len() && stream[0].hash == source[0].hash)
            .count();
        assert!(0 < count, "{token} is not offered");
    }
}
