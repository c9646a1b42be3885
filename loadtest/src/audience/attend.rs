//! Viewers, for real: each is a task that asks for what its [`Viewer`] decides.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use super::film::{Film, ManifestError, Segment, Source, Track};
use super::viewer::{Reel, Step};
use super::{Choice, Habits, Popularity, Protocol, Tally, Viewer, catalogue, manifest};
use crate::client::{Ask, Keep, Reply, Target};
use crate::number::seconds;
use crate::record::{Failure, Kind};
use crate::schedule::Arrivals;
use crate::trial::Trial;

/// Manifests whose reading is remembered; titles are read again beyond that.
const READINGS_MAX: usize = 20_000;

/// A pause after a failure, as players make one.
const PAUSE: Duration = Duration::from_secs(1);

/// An audience for some titles.
pub struct Plan {
    /// Who is asked.
    pub target: Arc<Target>,
    /// What comes before each title's path.
    pub prefix: String,
    /// The titles, most popular first.
    pub titles: Vec<String>,
    /// How viewers behave.
    pub habits: Habits,
    /// Whether segments are hashed, to be compared with first copies.
    pub is_checked: bool,
    /// Seed of all choices.
    pub seed: u64,
}

struct Hall {
    trial: Arc<Trial>,
    plan: Plan,
    tally: Arc<Mutex<Tally>>,
    /// What a manifest says, by a hash of its path and text: all viewers read the same few.
    films: Mutex<HashMap<u64, Arc<Film>>>,
    playlists: Mutex<HashMap<u64, Listed>>,
    start: Instant,
}

/// What a viewer has at hand.
struct Seat {
    film: Arc<Film>,
    durations: Vec<f64>,
    bandwidths: Vec<u64>,
    /// Renditions turned to so far.
    tracks: HashMap<usize, Listed>,
    audio: Option<Listed>,
    last: Option<usize>,
}

/// A rendition whose segments are known.
#[derive(Clone)]
struct Listed {
    init: Option<String>,
    segments: Arc<[Segment]>,
}

/// Lets viewers in as they arrive and returns `length` after the start; those still there are sent home.
pub async fn attend(
    trial: &Arc<Trial>,
    plan: Plan,
    arrivals: Arrivals,
    length: Duration,
    tally: &Arc<Mutex<Tally>>,
) {
    let popularity = Popularity::new(plan.titles.len(), plan.habits.alpha);
    let mut rng = Rng::with_seed(plan.seed);
    let hall = Arc::new(Hall {
        trial: Arc::clone(trial),
        tally: Arc::clone(tally),
        films: Mutex::default(),
        playlists: Mutex::default(),
        start: Instant::now() - trial.now(),
        plan,
    });
    for due in arrivals {
        tokio::select! {
            () = tokio::time::sleep_until(hall.start + due) => {}
            () = trial.stop.cancelled() => return,
        }
        let choice = hall.plan.habits.choose(&popularity, &mut rng);
        let hall = Arc::clone(&hall);
        tokio::spawn(async move {
            tokio::select! {
                () = hall.watch(&choice, due) => {}
                () = hall.trial.stop.cancelled() => {}
            }
        });
    }
    tokio::select! {
        () = tokio::time::sleep_until(hall.start + length) => {}
        () = trial.stop.cancelled() => {}
    }
}

impl Hall {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One viewer, from coming to leaving.
    async fn watch(&self, choice: &Choice, came: Duration) {
        self.tally().came(choice.title, choice.protocol, 1);
        self.tell_presence();
        let is_early = self.watch_film(choice, came).await.unwrap_or(true);
        self.tally().left(is_early, 1);
        self.tell_presence();
    }

    fn tell_presence(&self) {
        let present = self.tally().present();
        self.trial.record().timeline.viewers(self.trial.now(), present);
    }

    /// Whether the viewer left before the end; `None` when there was nothing to watch.
    async fn watch_film(&self, choice: &Choice, came: Duration) -> Option<bool> {
        let habits = &self.plan.habits;
        let mut seat = self.seat(choice, came).await?;
        let (durations, bandwidths) = (seat.durations.clone(), seat.bandwidths.clone());
        let reel = Reel {
            segments: &durations,
            bandwidths: &bandwidths,
        };
        self.tally().shaped(reel);
        let mut viewer = Viewer::new(choice, habits, reel, came.as_secs_f64());
        loop {
            let now_s = self.trial.now().as_secs_f64();
            let (due_s, segment, rendition) = match viewer.step(habits, reel, now_s) {
                Step::Leave { at_s, is_early } => {
                    tokio::time::sleep_until(self.start + seconds(at_s)).await;
                    return Some(is_early);
                }
                Step::Fetch {
                    due_s,
                    segment,
                    rendition,
                    is_seek,
                } => {
                    if is_seek {
                        self.tally().sought(1);
                    }
                    (due_s, segment, rendition)
                }
            };
            let track = self.turn_to(&mut seat, rendition).await?;
            tokio::time::sleep_until(self.start + seconds(due_s)).await;
            let due = seconds(due_s.max(now_s));
            let Some(picture) = track.segments.get(segment) else {
                // Renditions of different lengths: this one ends here.
                return Some(false);
            };
            let sound = seat
                .audio
                .as_ref()
                .and_then(|audio| beside(&audio.segments, picture));
            let (reply, ()) =
                tokio::join!(self.ask(&picture.path, Kind::Segment, due), self.hear(sound, due));
            if reply.failure.is_some() {
                viewer.failed(reel);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let took_s = reply.ended.saturating_duration_since(reply.sent).as_secs_f64();
            let watched = viewer.came(reel, reply.bytes, took_s, self.trial.now().as_secs_f64());
            let mut tally = self.tally();
            tally.watched(watched, picture.duration_s, 1);
            tally.weighed(Some(rendition), reply.bytes, picture.duration_s);
        }
    }

    /// Fetches what a player needs before the first segment.
    async fn seat(&self, choice: &Choice, came: Duration) -> Option<Seat> {
        let film = self.film(choice, came).await?;
        let audio = match &film.audio {
            Some(track) => Some(self.listed(track).await?),
            None => None,
        };
        let first = self.listed(film.video.first()?).await?;
        if let Some(init) = audio.as_ref().and_then(|audio| audio.init.as_deref()) {
            self.ask(init, Kind::Init, self.trial.now()).await;
        }
        Some(Seat {
            durations: first.segments.iter().map(|segment| segment.duration_s).collect(),
            bandwidths: film.video.iter().map(|track| track.bandwidth).collect(),
            tracks: HashMap::from([(0, first)]),
            audio,
            last: None,
            film,
        })
    }

    /// The segments of a rendition; its playlist and its init segment are fetched when it is turned to.
    async fn turn_to(&self, seat: &mut Seat, rendition: usize) -> Option<Listed> {
        if let Entry::Vacant(slot) = seat.tracks.entry(rendition) {
            slot.insert(self.listed(seat.film.video.get(rendition)?).await?);
        }
        let track = seat.tracks.get(&rendition)?.clone();
        if seat.last != Some(rendition) {
            if seat.last.replace(rendition).is_some() {
                self.tally().switched(1);
            }
            if let Some(init) = &track.init {
                self.ask(init, Kind::Init, self.trial.now()).await;
            }
        }
        Some(track)
    }

    async fn hear(&self, sound: Option<&Segment>, due: Duration) {
        let Some(sound) = sound else { return };
        let reply = self.ask(&sound.path, Kind::Segment, due).await;
        if reply.failure.is_none() {
            self.tally().weighed(None, reply.bytes, sound.duration_s);
        }
    }

    /// The title's manifest, fetched by every viewer and read once.
    async fn film(&self, choice: &Choice, came: Duration) -> Option<Arc<Film>> {
        let title = self.plan.titles.get(choice.title)?;
        let path = format!(
            "{}/{}/{}",
            self.plan.prefix,
            catalogue::encoded(title),
            choice.protocol.manifest()
        );
        let (ask, reply) = self.fetch(&path, Kind::Manifest, Keep::Body, came).await;
        let body = reply.body.as_ref().filter(|_| reply.failure.is_none())?;
        let name = xxh3_64(path.as_bytes()) ^ xxh3_64(body);
        if let Some(film) = lock(&self.films).get(&name) {
            return Some(Arc::clone(film));
        }
        match manifest::read(choice.protocol, &path, body) {
            Ok(film) => {
                let film = Arc::new(film);
                remember(&self.films, name, Arc::clone(&film));
                Some(film)
            }
            Err(error) => self.is_bad(choice.protocol, &ask, &reply, &error),
        }
    }

    /// A rendition's segments: from the manifest, or from its playlist.
    async fn listed(&self, track: &Track) -> Option<Listed> {
        let path = match &track.segments {
            Source::Listed(segments) => {
                return Some(Listed {
                    init: track.init.clone(),
                    segments: Arc::clone(segments),
                });
            }
            Source::Playlist(path) => path,
        };
        let (ask, reply) = self
            .fetch(path, Kind::Playlist, Keep::Body, self.trial.now())
            .await;
        let body = reply.body.as_ref().filter(|_| reply.failure.is_none())?;
        let name = xxh3_64(path.as_bytes()) ^ xxh3_64(body);
        if let Some(listed) = lock(&self.playlists).get(&name) {
            return Some(listed.clone());
        }
        match manifest::read_playlist(path, body) {
            Ok((init, segments)) => {
                let listed = Listed {
                    init,
                    segments: segments.into(),
                };
                remember(&self.playlists, name, listed.clone());
                Some(listed)
            }
            Err(error) => self.is_bad(Protocol::Hls, &ask, &reply, &error),
        }
    }

    fn is_bad<T>(&self, protocol: Protocol, ask: &Ask, reply: &Reply, error: &ManifestError) -> Option<T> {
        self.tally().manifest_bad();
        let detail = format!("{} manifest: {error}", protocol.label());
        self.trial.note_fault(ask, reply, Failure::Manifest, detail);
        None
    }

    async fn ask(&self, path: &str, kind: Kind, due: Duration) -> Reply {
        let keep = if self.plan.is_checked {
            Keep::Hash
        } else {
            Keep::Nothing
        };
        self.fetch(path, kind, keep, due).await.1
    }

    async fn fetch(&self, path: &str, kind: Kind, keep: Keep, due: Duration) -> (Ask, Reply) {
        let ask = Ask {
            keep,
            ..Ask::get(&self.plan.target, path)
        };
        let entered = self.trial.enter();
        let reply = self.trial.measure(&ask, kind, due).await;
        drop(entered);
        (ask, reply)
    }
}

/// The sound that is heard at the middle of a segment of pictures.
fn beside<'a>(sound: &'a [Segment], picture: &Segment) -> Option<&'a Segment> {
    let middle = picture.at_s + picture.duration_s / 2.0;
    let place = sound.partition_point(|segment| segment.at_s <= middle);
    sound.get(place.checked_sub(1)?)
}

fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember<T>(map: &Mutex<HashMap<u64, T>>, name: u64, value: T) {
    let mut map = lock(map);
    if map.len() < READINGS_MAX {
        map.insert(name, value);
    }
}
