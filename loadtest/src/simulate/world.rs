//! Time goes by: viewers come, ask, are answered and leave; nodes die and join.

use std::time::Duration;

use fastrand::Rng;
use strata_balancer::ring::RingError;

use super::caches::{ChunkId, Indexed};
use super::crowd::{Bundle, Film, Next, Slab, Stretch};
use super::fleet::{Chosen, Fleet, Portion};
use super::outcome::Outcome;
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
    portions: Vec<Portion>,
    /// Looks at tables that are owed, as they are no whole number a segment.
    table_looks: f64,
    bundle: u64,
}

/// Runs a scenario. `names` are the titles' names where they are known, `progress` is told the part that is done.
///
/// # Errors
/// [`SimulationError`].
pub fn run(
    scenario: &Scenario,
    names: &[String],
    heading: &Heading,
    started: String,
    mut progress: impl FnMut(f64),
) -> Result<Report, SimulationError> {
    if scenario.titles.is_empty() {
        return Err(SimulationError::Missing("a title"));
    }
    if scenario.nodes.is_empty() {
        return Err(SimulationError::Missing("a node"));
    }
    let films = scenario.titles.iter().zip(0..).map(|(shape, number)| {
        let film = Film::new(shape, number);
        match usize::try_from(number).ok().and_then(|place| names.get(place)) {
            Some(name) => film.named(name),
            None => film,
        }
    });
    let length_s = scenario.length.as_secs_f64();
    let mut world = World {
        films: films.collect(),
        fleet: Fleet::new(&scenario.nodes, &scenario.cache, scenario.bound)?,
        wheel: Wheel::new(),
        slab: Slab::new(),
        tally: Tally::default(),
        outcome: Outcome::new(length_s),
        portions: Vec::new(),
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
    if world.bundle > 1 {
        report.notes.push(format!(
            "Viewers walk in bundles of {}: {} are told apart.",
            world.bundle,
            crate::report::grouped(scenario.viewers / float(world.bundle))
        ));
    }
    Ok(report)
}

impl World<'_> {
    fn pass(&mut self, length_s: f64, progress: &mut impl FnMut(f64)) -> Result<(), SimulationError> {
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
                progress(now_s / length_s);
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
                if let Some(mut bundle) = self.slab.take(place) {
                    let done_s = self.fetch(&mut bundle, now_s);
                    self.go_on(place, bundle, done_s);
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
            next: None,
            last: None,
            playlists: 0,
        };
        let mut now_s = self.small(&bundle, Kind::Manifest, at_s);
        if bundle.protocol == Protocol::Hls {
            if has_audio {
                now_s = self.small(&bundle, Kind::Playlist, now_s);
            }
            now_s = self.small(&bundle, Kind::Playlist, now_s);
            bundle.playlists = 1;
        }
        if has_audio && bundle.protocol != Protocol::Smooth {
            now_s = self.small(&bundle, Kind::Init, now_s);
        }
        let place = u32::MAX;
        self.go_on(place, bundle, now_s);
    }

    /// The bundle's next step, at `now_s`. A bundle without a place gets one.
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
        let place = if place == u32::MAX {
            self.slab.put(bundle)
        } else {
            self.slab.back(place, bundle);
            place
        };
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
        let mut at_s = now_s;
        if bundle.last != Some(next.rendition) {
            if bundle.last.replace(next.rendition).is_some() {
                self.tally.switched(self.bundle);
            }
            let bit = 1_u64 << (next.rendition % 64);
            if bundle.protocol == Protocol::Hls && bundle.playlists & bit == 0 {
                bundle.playlists |= bit;
                at_s = self.small(bundle, Kind::Playlist, at_s);
            }
            if bundle.protocol != Protocol::Smooth {
                at_s = self.small(bundle, Kind::Init, at_s);
            }
        }
        let chunk_bytes = self.scenario.cache.chunk_bytes;
        let Some(film) = self.films.get(bundle.title as usize) else {
            return at_s;
        };
        let picture = film.picture(next.rendition, next.segment, chunk_bytes);
        let sound = film.has_audio().then(|| film.sound(next.segment, chunk_bytes));
        let duration_s = film.duration_s(next.segment);
        let mut done_s = self.segment(bundle, next.segment, &picture, at_s);
        let took_s = done_s - at_s;
        if let Some(sound) = sound {
            done_s = done_s.max(self.segment(bundle, next.segment, &sound, at_s));
        }
        let Some(film) = self.films.get(bundle.title as usize) else {
            return done_s;
        };
        let watched = bundle
            .viewer
            .came(film.reel(), whole(picture.bytes), took_s, done_s);
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
        self.request(bundle, key, kind, now_s, bytes, None)
    }

    fn segment(&mut self, bundle: &Bundle, segment: usize, stretch: &Stretch, now_s: f64) -> f64 {
        let Some(film) = self.films.get(bundle.title as usize) else {
            return now_s;
        };
        let key = film.key(self.scenario.key, stretch.file, segment);
        self.request(bundle, key, Kind::Segment, now_s, stretch.bytes, Some(stretch))
    }

    /// A bundle's request: placed, answered from caches or the store, and sent. The time of the last byte.
    fn request(
        &mut self,
        bundle: &Bundle,
        key: strata_balancer::ring::Key,
        kind: Kind,
        now_s: f64,
        bytes: f64,
        stretch: Option<&Stretch>,
    ) -> f64 {
        let mut portions = std::mem::take(&mut self.portions);
        self.fleet.place(key, bundle.zone, self.bundle, &mut portions);
        let mut last_s = now_s;
        for portion in &portions {
            *self.outcome.chosen.entry(portion.chosen).or_default() += portion.requests;
            if portion.chosen == Chosen::OtherZone {
                self.outcome.cross_zone_bytes += bytes * float(portion.requests);
            }
            let waited_s = self.serve(bundle.title, portion, stretch, now_s);
            let service = &self.scenario.service;
            let Some(node) = self.fleet.nodes.get_mut(portion.node) else {
                continue;
            };
            node.requests += portion.requests;
            let sent_s = node.send(portion.requests, bytes, now_s);
            let done_s = sent_s.max(now_s) + service.node_s + waited_s;
            let life = node.life;
            self.wheel.put(
                done_s,
                Event::Release {
                    node: u32::try_from(portion.node).unwrap_or(u32::MAX),
                    life,
                    requests: portion.requests,
                },
            );
            self.outcome
                .answered(kind, now_s, done_s, bytes, portion.requests);
            last_s = last_s.max(done_s);
        }
        self.portions = portions;
        last_s
    }

    /// Looks up what an answer is made of; the time that the store takes over what is not there.
    fn serve(&mut self, title: u32, portion: &Portion, stretch: Option<&Stretch>, now_s: f64) -> f64 {
        let (cache, service) = (self.scenario.cache, self.scenario.service);
        let index_bytes = self.films.get(title as usize).map_or(0.0, Film::index_bytes);
        let Some(node) = self.fleet.nodes.get_mut(portion.node) else {
            return 0.0;
        };
        let mut waited_s = 0.0;
        let asked = match node
            .caches
            .index(title, index_bytes, now_s, cache.ttl.as_secs_f64())
        {
            Indexed::Held => 0.0,
            // While the title is served as it is.
            Indexed::Checked => service.check_requests,
            Indexed::Loaded => {
                waited_s += service.store_s;
                service.load_requests
            }
        };
        let loaded = u64::from(asked > 0.0 && waited_s > 0.0);
        self.outcome.index.0 += portion.requests - loaded;
        self.outcome.index.1 += loaded;
        self.outcome.title_requests += asked;
        node.store_requests += asked;
        let Some(stretch) = stretch else { return waited_s };
        let chunk = |index: u32| ChunkId::new(title, stretch.file, index);
        let size = |index: u32| {
            let from = f64::from(index) * f64::from(cache.chunk_bytes);
            whole((stretch.file_bytes - from).clamp(1.0, f64::from(cache.chunk_bytes)))
        };
        let (mut looks, mut misses, mut gets, mut missed_bytes, mut run_bytes) = (0, 0, 0, 0, 0);
        let mut look = |index: u32, is_run: bool| {
            looks += 1;
            let bytes = size(index);
            if node
                .caches
                .look(chunk(index), u32::try_from(bytes).unwrap_or(u32::MAX))
            {
                run_bytes = 0;
                return;
            }
            misses += 1;
            missed_bytes += bytes;
            // Neighbours that are missing come with one request, as far as it goes.
            if !is_run || run_bytes == 0 || cache.get_bytes_max < run_bytes + bytes {
                gets += 1;
                run_bytes = 0;
            }
            run_bytes += bytes;
        };
        // What is left of the looks are those for tables; over many segments they are as many as measured.
        self.table_looks += service.looks - float(u64::from(stretch.last - stretch.first + 1));
        while self.table_looks >= 1.0 {
            self.table_looks -= 1.0;
            look(stretch.table, false);
        }
        for index in stretch.first..=stretch.last {
            look(index, true);
        }
        // The first of a bundle brings what is missing; the others find it, or wait with it.
        node.misses += misses;
        node.hits += looks * portion.requests - misses;
        node.store_requests += float(gets);
        self.outcome.chunk_gets += float(gets);
        self.outcome.store_bytes += float(missed_bytes);
        if misses > 0 {
            waited_s + service.store_s
        } else {
            waited_s
        }
    }
}
