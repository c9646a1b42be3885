//! Viewers without screens: they pull segments at the pace of playback, so
//! that the nodes have something to do and a killed one is missed.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::task::{AbortHandle, JoinSet};

/// The most viewers at once.
pub(crate) const VIEWERS_MAX: usize = 500;

/// The largest answer a viewer takes.
const BODY_BYTES_MAX: usize = 64 << 20;

/// How long a viewer waits for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

const GOLDEN_RATIO: f64 = 1.618_033_988_749_895;

/// The time over which viewers arrive: a segment's, so that their requests do
/// not come in waves.
const ARRIVALS: Duration = Duration::from_secs(6);

/// The pause after a failure, as players make one.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Who is there and how they fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Attendance {
    pub(crate) viewers: usize,
    pub(crate) requests: u64,
    pub(crate) failures: u64,
}

/// The viewers, all watching through the balancer.
pub(crate) struct Audience {
    shared: Arc<Shared>,
    seats: Mutex<Seats>,
}

#[derive(Default)]
struct Seats {
    tasks: JoinSet<()>,
    taken: Vec<AbortHandle>,
}

struct Shared {
    client: Client<HttpConnector, Empty<Bytes>>,
    playlists: Vec<Uri>,
    requests: AtomicU64,
    failures: AtomicU64,
}

impl Audience {
    /// An empty audience for these titles.
    pub(crate) fn new(balancer_url: &str, titles: &[String]) -> anyhow::Result<Audience> {
        let playlists = titles
            .iter()
            .map(|title| Ok(hls_url(balancer_url, title).parse()?));
        let shared = Shared {
            client: Client::builder(TokioExecutor::new()).build_http(),
            playlists: playlists.collect::<anyhow::Result<_>>()?,
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        Ok(Audience {
            shared: Arc::new(shared),
            seats: Mutex::default(),
        })
    }

    /// Makes it so many viewers, [`VIEWERS_MAX`] at most.
    pub(crate) fn invite(&self, viewers: usize) {
        let viewers = viewers.min(VIEWERS_MAX);
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(seat) = (viewers < seats.taken.len()).then(|| seats.taken.pop()).flatten() {
            seat.abort();
        }
        while seats.tasks.try_join_next().is_some() {}
        for seat in seats.taken.len()..viewers {
            let task = seats.tasks.spawn(watch(Arc::clone(&self.shared), seat));
            seats.taken.push(task);
        }
    }

    /// Who is there and how they fared so far.
    pub(crate) fn attendance(&self) -> Attendance {
        Attendance {
            viewers: self
                .seats
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .taken
                .len(),
            requests: self.shared.requests.load(Ordering::Relaxed),
            failures: self.shared.failures.load(Ordering::Relaxed),
        }
    }
}

/// Where a title's HLS playlist is.
pub(crate) fn hls_url(balancer_url: &str, title: &str) -> String {
    format!("{balancer_url}/{}/.m3u8", encode(title))
}

/// Where a title's DASH manifest is.
pub(crate) fn dash_url(balancer_url: &str, title: &str) -> String {
    format!("{balancer_url}/{}/.mpd", encode(title))
}

/// Percent-encodes what may not stand in a path, keeping the slashes.
fn encode(path: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/=".contains(&byte);
    path.bytes()
        .map(|byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// One viewer: chooses by its seat what to watch and where to begin, then
/// watches for ever.
async fn watch(shared: Arc<Shared>, seat: usize) {
    tokio::time::sleep(delay(seat)).await;
    loop {
        if let Err(error) = watch_once(&shared, seat).await {
            shared.failures.fetch_add(1, Ordering::Relaxed);
            tracing::debug!("viewer {seat}: {error:#}");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// How long a viewer waits before it begins: spread over [`ARRIVALS`] by the
/// golden ratio, which keeps any number of seats apart.
fn delay(seat: usize) -> Duration {
    let seat = f64::from(u32::try_from(seat).unwrap_or(u32::MAX));
    ARRIVALS.mul_f64((seat * GOLDEN_RATIO).fract())
}

async fn watch_once(shared: &Shared, seat: usize) -> anyhow::Result<()> {
    let master = shared
        .playlists
        .get(seat % shared.playlists.len().max(1))
        .context("there is no title")?;
    let variants = Playlist::parse(&shared.text(master).await?);
    let choice = seat / shared.playlists.len().max(1);
    let variant = pick(&variants.uris, choice).context("the playlist has no variant")?;
    let mut tracks = vec![resolve(master, variant)?];
    if let Some(audio) = pick(&variants.media, choice) {
        tracks.push(resolve(master, audio)?);
    }
    let mut schedules = Vec::new();
    for track in tracks {
        schedules.push((Playlist::parse(&shared.text(&track).await?), track));
    }
    let longest = schedules
        .iter()
        .map(|(playlist, _)| playlist.uris.len())
        .max()
        .unwrap_or(0);
    ensure!(longest > 0, "the playlist has no segment");
    // Seats start apart, as viewers of the same title do.
    for index in (0..longest).cycle().skip(seat % longest).take(longest) {
        let mut duration = Duration::ZERO;
        for (playlist, url) in &schedules {
            if let Some(uri) = playlist.uris.get(index) {
                shared.get(&resolve(url, uri)?).await?;
            }
            duration = duration.max(playlist.durations.get(index).copied().unwrap_or_default());
        }
        tokio::time::sleep(duration).await;
    }
    Ok(())
}

fn pick(from: &[String], choice: usize) -> Option<&String> {
    from.get(choice.checked_rem(from.len())?)
}

impl Shared {
    async fn get(&self, url: &Uri) -> anyhow::Result<Bytes> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = async {
            let response = self.client.get(url.clone()).await?;
            ensure!(
                response.status().is_success(),
                "{url} was answered {}",
                response.status()
            );
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            anyhow::Ok(body.map_err(|error| anyhow::anyhow!(error))?.to_bytes())
        };
        tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .with_context(|| format!("{url} timed out"))?
    }

    async fn text(&self, url: &Uri) -> anyhow::Result<String> {
        Ok(String::from_utf8_lossy(&self.get(url).await?).into_owned())
    }
}

/// What a viewer needs of an HLS playlist (RFC 8216).
#[derive(Debug, Default, PartialEq)]
struct Playlist {
    /// Variants of a master playlist, segments of a media playlist.
    uris: Vec<String>,
    /// The segments' durations.
    durations: Vec<Duration>,
    /// URIs of EXT-X-MEDIA of sound: the audio languages.
    media: Vec<String>,
}

impl Playlist {
    fn parse(text: &str) -> Playlist {
        let mut playlist = Playlist::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("#EXTINF:") {
                let seconds = rest.split(',').next().and_then(|text| text.parse().ok());
                let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                playlist.durations.push(duration.unwrap_or_default());
            } else if let Some(rest) = line.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,") {
                let uri = rest
                    .split_once("URI=\"")
                    .and_then(|(_, rest)| rest.split_once('"'));
                playlist.media.extend(uri.map(|(uri, _)| uri.to_owned()));
            } else if !line.starts_with('#') {
                playlist.uris.push(line.to_owned());
            }
        }
        playlist
    }
}

/// Resolves a URI of a playlist: relative to its folder, to its host, or absolute.
fn resolve(base: &Uri, uri: &str) -> anyhow::Result<Uri> {
    if uri.contains("://") {
        return Ok(uri.parse()?);
    }
    let authority = base.authority().context("the playlist's URL has no host")?;
    let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if uri.starts_with('/') {
        uri.to_owned()
    } else {
        format!("{folder}/{uri}")
    };
    Ok(Uri::builder()
        .scheme("http")
        .authority(authority.clone())
        .path_and_query(path)
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_playlist_gives_variants_and_audio() {
        let playlist = Playlist::parse(
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"eng\",URI=\"film-audio_eng=64000.m3u8\"\n\
             #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"eng\",URI=\"film-textstream_eng=1000.m3u8\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=1000\nfilm-video=401000.m3u8\n",
        );
        assert_eq!(playlist.uris, ["film-video=401000.m3u8"]);
        assert_eq!(playlist.media, ["film-audio_eng=64000.m3u8"]);
    }

    #[test]
    fn a_media_playlist_gives_segments_and_their_durations() {
        let playlist =
            Playlist::parse("#EXTM3U\n#EXT-X-MAP:URI=\"init\"\n#EXTINF:6,\n1.m4s\n#EXTINF:3.5,\n2.m4s\n");
        assert_eq!(playlist.uris, ["1.m4s", "2.m4s"]);
        assert_eq!(
            playlist.durations,
            [Duration::from_secs(6), Duration::from_millis(3500)]
        );
    }

    #[test]
    fn uris_are_resolved_against_the_playlist() {
        let base: Uri = "http://h:1/shows/film.ism/.m3u8".parse().unwrap();
        let check =
            |uri: &str, expected: &str| assert_eq!(resolve(&base, uri).unwrap().to_string(), expected);
        check("hls/1.m4s", "http://h:1/shows/film.ism/hls/1.m4s");
        check("/other/1.m4s", "http://h:1/other/1.m4s");
        check("http://h:2/1.m4s", "http://h:2/1.m4s");
    }

    #[test]
    fn a_title_with_odd_characters_has_a_url() {
        assert_eq!(
            hls_url("http://h", "my shows/ü?.ism"),
            "http://h/my%20shows/%C3%BC%3F.ism/.m3u8"
        );
    }
}
