//! Time goes by: viewers come, ask, are answered and leave; nodes die and join.

use std::time::Duration;

use fastrand::Rng;
use strata_balancer::ring::RingError;

use super::caches::Indexed;
use super::crowd::{Bundle, Film, Next, Slab, Stretch};
use super::fleet::{Chosen, Fleet, Placed};
use super::outcome::{Outcome, PATIENCE_S};
use super::reads::Reads;
use super::stay::Stay;
use super::wheel::Wheel;
use super::{Change, Scenario};
use crate::audience::{Popularity, Protocol, Step, Tally, Viewer};
use crate::number::{float, seconds, whole};
use crate::record::Kind;
use crate::report::{Heading, Report};
use crate::schedule::{Arrivals, Spacing};
use crate::trial::Ending;

/// A scenario that cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// There is nothing to watch, or nobody to serve it.
    #[error("a simulation needs {0}")]
    Missing(&'static str),
    /// The nodes do not fit on a ring.
    #[error(transparent)]
    Ring(#[from] RingError),
}

/// Ranges of tables that are read to plan a segment, where no run has counted them: six of a picture, four of a sound.
const TABLE_LOOKS: f64 = 5.0;

/// Times that the store is asked one after the other to load a title, where no run has measured how long that
/// takes: its manifest, the heads of its files, their tables.
const LOAD_ROUNDS: f64 = 3.0;

/// A pause after a failure, as real viewers make one, in seconds.
const PAUSE_S: f64 = 1.0;

enum Event {
    /// A bundle asks for its next segment.
    Ask(u32),
    /// A bundle leaves; true: early.
    Leave(u32, bool),
    /// Requests on a node have ended.
    Release { node: u32, life: u32, requests: u64 },
}

struct World<'a> {
    scenario: &'a Scenario,
    films: Vec<Film>,
    fleet: Fleet,
    wheel: Wheel<Event>,
    slab: Slab,
    tally: Tally,
    outcome: Outcome,
    /// Looks at tables that are owed, as they are no whole number a segment.
    table_looks: f64,
    bundle: u64,
}

/// How far a simulation is.
#[derive(Debug, Clone, Copy)]
pub struct Passed {
    /// The part of its time that has passed.
    pub part: f64,
    /// Viewers that are there.
    pub viewers: u64,
    /// Requests that have been made.
    pub requests: u64,
}

/// Runs a scenario. `names` are the titles' names where they are known, `progress` is told after each second of it.
///
/// # Errors
/// [`SimulationError`].
pub fn run(
    scenario: &Scenario,
    names: &[String],
    heading: &Heading,
    started: String,
    mut progress: impl FnMut(&Passed),
) -> Result<Report, SimulationError> {
    if scenario.titles.is_empty() {
        return Err(SimulationError::Missing("a title"));
    }
    if scenario.nodes.is_empty() {
        return Err(SimulationError::Missing("a node"));
    }
    let length_s = scenario.length.as_secs_f64();
    let mut world = World {
        films: Film::all(&scenario.titles, names),
        fleet: Fleet::new(
            &scenario.nodes,
            &scenario.cache,
            scenario.bound,
            scenario.bundle(),
        )?,
        wheel: Wheel::new(),
        slab: Slab::new(),
        tally: Tally::default(),
        outcome: Outcome::new(length_s),
        table_looks: 0.0,
        bundle: scenario.bundle(),
        scenario,
    };
    world.pass(length_s, &mut progress)?;
    let mut report = Report::new(
        heading,
        started,
        length_s,
        Ending::Complete,
        &world.outcome.record,
    );
    report.fleet = Some(world.outcome.fleet(&world.fleet));
    report.audience = Some(world.tally.figures());
    // What ends later is part of the counts, not of what was seen.
    report.timeline.truncate(crate::number::place(length_s.ceil()));
    if world.bundle > 1 {
        report.notes.push(format!(
            "Viewers walk in bundles of {}: {} are told apart. What one of a bundle brings into a cache is there \
             for the others, so that the hit ratio is at most this, and requests at the store are at least these.",
            world.bundle,
            crate::report::grouped(scenario.viewers / float(world.bundle))
        ));
    }
    Ok(report)
}

impl World<'_> {
    fn pass(&mut self, length_s: f64, progress: &mut impl FnMut(&Passed)) -> Result<(), SimulationError> {
        let scenario = self.scenario;
        let rate = scenario.viewers / float(self.bundle) / scenario.arriving.as_secs_f64().max(1e-3);
        let mut arrivals = Arrivals::new(
            scenario.shape,
            Spacing::Random,
            rate,
            scenario.arriving,
            scenario.seed,
        )
        .peekable();
        let popularity = Popularity::new(self.films.len(), scenario.habits.alpha);
        let mut rng = Rng::with_seed(scenario.seed);
        let mut events = scenario.events.iter().peekable();
        let (mut due, mut second) = (Vec::new(), 0);
        while self.wheel.now_s() < length_s {
            self.wheel.advance(&mut due);
            let now_s = self.wheel.now_s();
            while let Some(event) = events.next_if(|event| event.at_s <= now_s) {
                self.change(&event.change)?;
            }
            while let Some(at) = arrivals.next_if(|at| at.as_secs_f64() <= now_s) {
                self.come(&popularity, &mut rng, at);
            }
            for event in due.drain(..) {
                self.happen(event, now_s);
            }
            self.outcome.look(&self.fleet, now_s);
            if second < whole(now_s.floor()) {
                second = whole(now_s.floor());
                let timeline = &mut self.outcome.record.timeline;
                timeline.viewers(seconds(now_s - 1.0), self.tally.present());
                timeline.settle(seconds(now_s - 1.0));
                progress(&Passed {
                    part: now_s / length_s,
                    viewers: self.tally.present(),
                    requests: self.outcome.record.ended,
                });
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event, now_s: f64) {
        match event {
            Event::Release { node, life, requests } => self.fleet.release(node as usize, life, requests),
            Event::Leave(place, is_early) => {
                self.slab.take(place);
                self.slab.gone(place);
                self.tally.left(is_early, self.bundle);
            }
            Event::Ask(place) => {
                if let Some(bundle) = self.slab.take(place) {
                    self.ask(place, bundle, now_s);
                }
            }
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), SimulationError> {
        let cache = self.scenario.cache;
        match change {
            Change::Kill(place) => self.outcome.retries += self.fleet.kill(*place, &cache),
            Change::KillZone(zone) => {
                for place in self.fleet.up_in(*zone) {
                    self.outcome.retries += self.fleet.kill(place, &cache);
                }
            }
            Change::Join(spec) => self.fleet.join(spec, &cache)?,
        }
        Ok(())
    }

    /// A bundle comes, and asks for its manifest and what that names.
    fn come(&mut self, popularity: &Popularity, rng: &mut Rng, at: Duration) {
        let choice = self.scenario.habits.choose(popularity, rng);
        let at_s = at.as_secs_f64();
        let Some(film) = self.films.get(choice.title) else {
            return;
        };
        let viewer = Viewer::new(&choice, &self.scenario.habits, film.reel(), at_s);
        let has_audio = film.has_audio();
        let title = u32::try_from(choice.title).unwrap_or(0);
        self.tally.came(choice.title, choice.protocol, self.bundle);
        let mut bundle = Bundle {
            viewer,
            title,
            protocol: choice.protocol,
            zone: choice.seed % self.fleet.zones(),
            errands: Vec::new(),
            next: None,
            last: None,
            playlists: 0,
        };
        if has_audio && bundle.protocol != Protocol::Smooth {
            bundle.errands.push(Kind::Init);
        }
        if bundle.protocol == Protocol::Hls {
            bundle.errands.push(Kind::Playlist);
            if has_audio {
                bundle.errands.push(Kind::Playlist);
            }
            bundle.playlists = 1;
        }
        bundle.errands.push(Kind::Manifest);
        let place = self.slab.put(bundle);
        self.wheel.put(at_s, Event::Ask(place));
    }

    /// The bundle asks for what is next, one request at a time.
    fn ask(&mut self, place: u32, mut bundle: Bundle, now_s: f64) {
        if bundle.errands.is_empty() {
            self.turn_to(&mut bundle);
        }
        if let Some(kind) = bundle.errands.pop() {
            let done_s = self.small(&bundle, kind, now_s);
            self.slab.back(place, bundle);
            self.wheel.put(done_s, Event::Ask(place));
            return;
        }
        let done_s = self.fetch(&mut bundle, now_s);
        self.go_on(place, bundle, done_s);
    }

    /// What a rendition needs before its first segment, when it is another than the last one.
    fn turn_to(&mut self, bundle: &mut Bundle) {
        let Some(next) = bundle.next.filter(|next| bundle.last != Some(next.rendition)) else {
            return;
        };
        if bundle.last.replace(next.rendition).is_some() {
            self.tally.switched(self.bundle);
        }
        if bundle.protocol != Protocol::Smooth {
            bundle.errands.push(Kind::Init);
        }
        let bit = 1_u64 << (next.rendition % 64);
        if bundle.protocol == Protocol::Hls && bundle.playlists & bit == 0 {
            bundle.playlists |= bit;
            bundle.errands.push(Kind::Playlist);
        }
    }

    /// The bundle's next step, at `now_s`.
    fn go_on(&mut self, place: u32, mut bundle: Bundle, now_s: f64) {
        let Some(film) = self.films.get(bundle.title as usize) else {
            return;
        };
        let step = bundle.viewer.step(&self.scenario.habits, film.reel(), now_s);
        let (at_s, event): (f64, fn(u32, bool) -> Event) = match step {
            Step::Fetch {
                due_s,
                segment,
                rendition,
                is_seek,
            } => {
                bundle.next = Some(Next {
                    segment,
                    rendition,
                    is_seek,
                });
                (due_s.max(now_s), |place, _| Event::Ask(place))
            }
            Step::Leave { at_s, .. } => (at_s, Event::Leave),
        };
        let is_early = matches!(step, Step::Leave { is_early: true, .. });
        self.slab.back(place, bundle);
        self.wheel.put(at_s, event(place, is_early));
    }

    /// The bundle asks for a segment; when it has come, or has not, is returned.
    fn fetch(&mut self, bundle: &mut Bundle, now_s: f64) -> f64 {
        let Some(next) = bundle.next.take() else {
            return now_s;
        };
        if next.is_seek {
            self.tally.sought(self.bundle);
        }
        let Some(film) = self.films.get(bundle.title as usize) else {
            return now_s;
        };
        let picture = film.picture(next.rendition, next.segment);
        let sound = film.has_audio().then(|| film.sound(next.segment));
        let duration_s = film.duration_s(next.segment);
        let shown = self.segment(bundle, next.segment, &picture, now_s);
        let heard = sound.map(|sound| self.segment(bundle, next.segment, &sound, now_s));
        let Some(film) = self.films.get(bundle.title as usize) else {
            return now_s;
        };
        let Some(mut done_s) = shown else {
            bundle.viewer.failed(film.reel());
            return now_s + PATIENCE_S + PAUSE_S;
        };
        let took_s = done_s - now_s;
        if let Some(Some(heard_s)) = heard {
            done_s = done_s.max(heard_s);
        }
        let watched = bundle.viewer.came(film.reel(), picture.bytes, took_s, done_s);
        self.tally.watched(watched, duration_s, self.bundle);
        done_s
    }

    /// Something small that a node makes of the title's index.
    fn small(&mut self, bundle: &Bundle, kind: Kind, now_s: f64) -> f64 {
        let bytes = float(self.scenario.service.manifest_bytes);
        let Some(film) = self.films.get(bundle.title as usize) else {
            return now_s;
        };
        let key = film.key(self.scenario.key, 0, usize::MAX);
        let came = self.request(bundle, key, kind, now_s, bytes, None);
        came.unwrap_or(now_s + PATIENCE_S)
    }

    fn segment(&mut self, bundle: &Bundle, segment: usize, stretch: &Stretch, now_s: f64) -> Option<f64> {
        let film = self.films.get(bundle.title as usize)?;
        let key = film.key(self.scenario.key, stretch.file.number, segment);
        let bytes = float(stretch.bytes);
        self.request(bundle, key, Kind::Segment, now_s, bytes, Some(stretch))
    }

    /// A bundle's request: placed, answered from caches or the store, and sent. The time of the last byte; `None`
    /// when nobody of the bundle has waited for it.
    fn request(
        &mut self,
        bundle: &Bundle,
        key: strata_balancer::ring::Key,
        kind: Kind,
        now_s: f64,
        bytes: f64,
        stretch: Option<&Stretch>,
    ) -> Option<f64> {
        let mut last_s: Option<f64> = None;
        let mut left = self.bundle;
        while left > 0
            && let Some(placed) = self.fleet.place(key, bundle.zone)
            && let Some(served) = self.serve(bundle.title, placed.node, stretch, now_s)
            && let Some(node) = self.fleet.nodes.get_mut(placed.node)
        {
            // What nobody will have waited for is not sent.
            let is_sent = node.wait_s(now_s) < PATIENCE_S;
            let stay = if is_sent {
                // The link works for others while the store is waited for.
                let (waits_s, own_s) = (served.waits_s, self.scenario.service.node_s);
                let takes = |sent_s: f64| (sent_s.max(waits_s) + own_s, sent_s + own_s);
                let (first_s, then_s) = takes(node.sending_s(bytes, now_s));
                let planned = Stay::new(self.bundle, left, placed.room, first_s, then_s);
                let (first_s, then_s) = takes(node.send(planned.requests, bytes, now_s));
                last_s = Some(last_s.unwrap_or_default().max(now_s + first_s));
                Stay {
                    first_s,
                    then_s,
                    ..planned
                }
            } else {
                Stay::new(self.bundle, left, placed.room, PATIENCE_S, PATIENCE_S)
            };
            left -= stay.requests;
            self.count(&placed, &served, stay.requests);
            self.end(&placed, kind, now_s, is_sent.then_some(bytes), &stay);
        }
        last_s
    }

    /// Requests end in time, and their places are free then.
    fn end(&mut self, placed: &Placed, kind: Kind, now_s: f64, sent: Option<f64>, stay: &Stay) {
        let (places, each_s) = stay.places();
        self.fleet.hold(placed.node, places - 1);
        let release = Event::Release {
            node: u32::try_from(placed.node).unwrap_or(u32::MAX),
            life: self.fleet.nodes.get(placed.node).map_or(0, |node| node.life),
            requests: places,
        };
        self.wheel.put(now_s + each_s, release);
        let bytes = sent.unwrap_or_default() * float(stay.requests);
        if placed.chosen == Chosen::OtherZone {
            self.outcome.cross_zone_bytes += bytes;
        }
        let outcome = &mut self.outcome;
        outcome.ended(kind, now_s, now_s + stay.first_s, sent, stay.waiting);
        if stay.waiting < stay.requests {
            outcome.ended(
                kind,
                now_s,
                now_s + stay.then_s,
                sent,
                stay.requests - stay.waiting,
            );
        }
    }

    /// Counts `requests` that found the same.
    fn count(&mut self, placed: &Placed, served: &Served, requests: u64) {
        let outcome = &mut self.outcome;
        *outcome.chosen.entry(placed.chosen).or_default() += requests;
        outcome.bound_hits += placed.passed * requests;
        let loaded = u64::from(served.is_loaded);
        outcome.index.0 += requests - loaded;
        outcome.index.1 += loaded;
        outcome.title_requests += served.title_requests;
        // The first of a bundle brings what is missing; the others find it, or wait with it.
        let (title, segment) = (&served.of_title, &served.of_segment);
        let gets = title.gets + segment.gets;
        outcome.chunk_gets += gets;
        outcome.store_bytes += title.bytes + segment.bytes;
        if let Some(node) = self.fleet.nodes.get_mut(placed.node) {
            let misses = title.misses + segment.misses;
            node.requests += requests;
            node.misses += misses;
            node.hits += title.looks + segment.looks * requests - misses;
            node.store_requests += served.title_requests + float(gets);
        }
    }

    /// Looks up what an answer is made of.
    fn serve(&mut self, title: u32, node: usize, stretch: Option<&Stretch>, now_s: f64) -> Option<Served> {
        let (cache, service) = (&self.scenario.cache, &self.scenario.service);
        let (node, film) = (self.fleet.nodes.get_mut(node)?, self.films.get(title as usize)?);
        let store_s = service.store_s;
        let (indexed, ready_s) = node.caches.index(
            title,
            film.index_bytes(),
            now_s,
            cache.ttl.as_secs_f64(),
            service.load_s.unwrap_or(LOAD_ROUNDS * store_s),
        );
        let mut served = Served {
            is_loaded: indexed == Indexed::Loaded,
            ..Served::default()
        };
        // Who asks for a title that is being loaded waits for it.
        let mut at_s = now_s.max(ready_s);
        match indexed {
            Indexed::Held => {}
            Indexed::Checked => served.title_requests = service.check_requests,
            Indexed::Loaded => {
                served.title_requests = service.load_requests;
                served.of_title = node.reader(cache, now_s, store_s).load(title, film.files());
            }
        }
        if let Some(stretch) = stretch {
            // Looks for tables are no whole number a segment; over many segments they are as many as measured.
            let (first, last) = stretch.chunks(cache);
            let of_tables = |looks: f64| looks - f64::from(last - first + 1);
            self.table_looks += service.looks.map_or(TABLE_LOOKS, of_tables);
            let times = whole(self.table_looks.max(0.0).floor());
            self.table_looks -= float(times);
            let tables = node.reader(cache, at_s, store_s).tables(stretch, times);
            at_s = at_s.max(tables.ready_s);
            let media = node.reader(cache, at_s, store_s).media(stretch);
            at_s = at_s.max(media.ready_s);
            served.of_segment = tables;
            served.of_segment += media;
        }
        served.waits_s = at_s - now_s;
        Some(served)
    }
}

/// What an answer was made of.
#[derive(Default)]
struct Served {
    /// Whether the title's index had to be read.
    is_loaded: bool,
    /// Requests at the store for the title's index.
    title_requests: f64,
    of_title: Reads,
    of_segment: Reads,
    /// The time that the store takes over what is not there, in seconds.
    waits_s: f64,
}
