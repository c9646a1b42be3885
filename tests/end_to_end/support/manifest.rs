//! What players would fetch: the paths that manifests name.

use std::net::SocketAddr;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Client, TITLE};

/// A track and the paths of its segments, the initialization first.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    /// Such as `video=401000`.
    pub(crate) token: String,
    /// Its own playlist; DASH has none.
    pub(crate) playlist: Option<String>,
    pub(crate) segments: Vec<String>,
}

impl Track {
    /// Whether it is a text, which is in an origin's memory with the title.
    pub(crate) fn is_text(&self) -> bool {
        self.token.starts_with("textstream")
    }
}

/// What stands behind the token of a track in the names of its key frames.
const KEY_FRAMES: &str = "-keyframes";

/// The tracks of the sample title by its MPD.
pub(crate) async fn dash(client: &Client, address: SocketAddr) -> Vec<Track> {
    let mut tracks = dash_with_key_frames(client, address).await;
    tracks.retain(|track| !track.token.ends_with(KEY_FRAMES));
    tracks
}

/// The same, and those of key frames alone.
async fn dash_with_key_frames(client: &Client, address: SocketAddr) -> Vec<Track> {
    let answer = client.get(address, &format!("/{TITLE}/.mpd")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    tracks_of_mpd(answer.text())
}

/// The tracks of the sample title by its playlists.
pub(crate) async fn hls(client: &Client, address: SocketAddr) -> Vec<Track> {
    let mut tracks = hls_with_trick_play(client, address).await;
    let is_beside = |path: &String| path.matches('/').count() == 2;
    tracks.retain(|track| track.playlist.as_ref().is_some_and(is_beside));
    tracks
}

/// The same, and key frames and thumbnails, whose playlists are in folders of their own.
async fn hls_with_trick_play(client: &Client, address: SocketAddr) -> Vec<Track> {
    let answer = client.get(address, &format!("/{TITLE}/.m3u8")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut tracks = Vec::new();
    for name in uris(answer.text()) {
        let playlist = format!("/{TITLE}/{name}");
        let media = client.get(address, &playlist).await;
        assert_eq!(media.status, 200, "{}", media.text());
        let (folder, file) = playlist.rsplit_once('/').unwrap();
        // What stands above a folder is initialized as the track itself is.
        let segments = uris(media.text()).filter(|uri| !uri.starts_with("../"));
        let segments = segments.map(|uri| format!("{folder}/{uri}")).collect();
        let stem = file.trim_end_matches(".m3u8");
        let token = stem.split_once('-').unwrap().1.to_owned();
        tracks.push(Track {
            token,
            playlist: Some(playlist),
            segments,
        });
    }
    tracks
}

/// The tracks of the sample title by its Smooth Streaming manifest; there are no
/// initializations.
pub(crate) async fn smooth(client: &Client, address: SocketAddr) -> Vec<Track> {
    let answer = client.get(address, &format!("/{TITLE}/Manifest")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    tracks_of_client_manifest(answer.text())
}

/// Every path that players of the sample title may ask for, manifests included.
pub(crate) async fn everything(client: &Client, address: SocketAddr) -> Vec<String> {
    let manifests = [".mpd", ".m3u8", "Manifest"];
    let mut paths: Vec<String> = manifests.iter().map(|name| format!("/{TITLE}/{name}")).collect();
    let tracks = [
        dash_with_key_frames(client, address).await,
        hls_with_trick_play(client, address).await,
        smooth(client, address).await,
    ];
    for track in tracks.into_iter().flatten() {
        paths.extend(track.playlist);
        paths.extend(track.segments);
    }
    paths
}

/// The URIs of a playlist: its lines, and the `URI` of its tags.
fn uris(playlist: &str) -> impl Iterator<Item = &str> {
    playlist.lines().filter_map(|line| {
        if line.starts_with('#') {
            line.split_once("URI=\"")
                .and_then(|(_, rest)| rest.split('"').next())
        } else {
            (!line.is_empty()).then_some(line)
        }
    })
}

/// The template of the adaptation set that is being read.
#[derive(Default)]
struct Template {
    initialization: String,
    media: String,
    times: Vec<u64>,
    /// Where the next segment starts, unless it says so itself.
    next: u64,
}

fn tracks_of_mpd(mpd: &str) -> Vec<Track> {
    let mut reader = Reader::from_str(mpd);
    let (mut template, mut tracks) = (Template::default(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "SegmentTemplate" => {
                    template = Template {
                        initialization: attribute(&element, "initialization").unwrap_or_default(),
                        media: attribute(&element, "media").unwrap(),
                        ..Template::default()
                    };
                }
                "S" => template.extend(&element),
                // Thumbnails have none; the playlists name them too.
                "Representation" if template.initialization.is_empty() => {}
                "Representation" => tracks.push(template.track(attribute(&element, "id").unwrap())),
                _ => {}
            },
            Event::Eof => return tracks,
            _ => {}
        }
    }
}

impl Template {
    /// One `S` of a segment timeline, `ISO/IEC 23009-1 §5.3.9.6`.
    fn extend(&mut self, element: &BytesStart<'_>) {
        let number = |name| attribute(element, name).map(|value| value.parse::<u64>().unwrap());
        self.next = number("t").unwrap_or(self.next);
        for _ in 0..=number("r").unwrap_or(0) {
            self.times.push(self.next);
            self.next += number("d").unwrap();
        }
    }

    fn track(&self, token: String) -> Track {
        let path = |name: &str| format!("/{TITLE}/dash/{}", name.replace("$RepresentationID$", &token));
        let media = self
            .times
            .iter()
            .map(|time| path(&self.media.replace("$Time$", &time.to_string())));
        let segments = [path(&self.initialization)].into_iter().chain(media).collect();
        Track {
            token,
            playlist: None,
            segments,
        }
    }
}

fn tracks_of_client_manifest(manifest: &str) -> Vec<Track> {
    let mut reader = Reader::from_str(manifest);
    let (mut stream, mut tracks) = (FragmentList::default(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => match element.name().as_ref() {
                "StreamIndex" => {
                    stream = FragmentList {
                        name: attribute(&element, "Name").unwrap(),
                        url: attribute(&element, "Url").unwrap(),
                        ..FragmentList::default()
                    };
                }
                "QualityLevel" => stream.bitrates.push(attribute(&element, "Bitrate").unwrap()),
                "c" => stream.extend(&element),
                _ => {}
            },
            Event::End(element) if element.name().as_ref() == "StreamIndex" => tracks.extend(stream.tracks()),
            Event::Eof => return tracks,
            _ => {}
        }
    }
}

/// The stream of a client manifest that is being read.
#[derive(Default)]
struct FragmentList {
    name: String,
    url: String,
    bitrates: Vec<String>,
    times: Vec<u64>,
    /// Where the next fragment starts, unless it says so itself.
    next: u64,
}

impl FragmentList {
    /// One `c` of a stream, `[MS-SSTR] §2.2.2.6`.
    fn extend(&mut self, element: &BytesStart<'_>) {
        let number = |name| attribute(element, name).map(|value| value.parse::<u64>().unwrap());
        self.next = number("t").unwrap_or(self.next);
        for _ in 0..number("r").unwrap_or(1) {
            self.times.push(self.next);
            self.next += number("d").unwrap();
        }
    }

    fn tracks(&self) -> Vec<Track> {
        let track = |bitrate: &String| Track {
            token: format!("{}={bitrate}", self.name),
            playlist: None,
            segments: self.times.iter().map(|time| self.path(bitrate, *time)).collect(),
        };
        self.bitrates.iter().map(track).collect()
    }

    fn path(&self, bitrate: &str, time: u64) -> String {
        let url = self.url.replace("{bitrate}", bitrate);
        format!("/{TITLE}/{}", url.replace("{start time}", &time.to_string()))
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).unwrap()?;
    Some(
        attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .unwrap()
            .into_owned(),
    )
}
