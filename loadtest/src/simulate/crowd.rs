//! The viewers of a simulation, bundles of them, and the titles they watch.

use std::sync::Arc;

use strata_balancer::ring::Key;

use super::caches::ChunkId;
use super::{CacheSpec, KeyOf, TitleShape};
use crate::audience::{Protocol, Reel, Viewer};
use crate::record::Kind;

/// Viewers who walk as one.
pub(super) struct Bundle {
    pub(super) viewer: Viewer,
    pub(super) title: u32,
    pub(super) protocol: Protocol,
    pub(super) zone: u64,
    /// What it asks for before anything else, one after the other, the last one first.
    pub(super) errands: Vec<Kind>,
    /// The segment it asks for then.
    pub(super) next: Option<Next>,
    /// The rendition it fetched last.
    pub(super) last: Option<usize>,
    /// Renditions whose playlist it has, a bit each.
    pub(super) playlists: u64,
}

/// A segment that is asked for next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Next {
    pub(super) segment: usize,
    pub(super) rendition: usize,
    pub(super) is_seek: bool,
}

/// Places that are used again.
pub(super) struct Slab {
    bundles: Vec<Option<Bundle>>,
    free: Vec<u32>,
}

impl Slab {
    pub(super) fn new() -> Self {
        Self {
            bundles: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, bundle: Bundle) -> u32 {
        if let Some(place) = self.free.pop()
            && let Some(slot) = self.bundles.get_mut(place as usize)
        {
            *slot = Some(bundle);
            return place;
        }
        self.bundles.push(Some(bundle));
        u32::try_from(self.bundles.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes a bundle out; [`Slab::back`] or [`Slab::gone`] follows.
    pub(super) fn take(&mut self, place: u32) -> Option<Bundle> {
        self.bundles.get_mut(place as usize)?.take()
    }

    pub(super) fn back(&mut self, place: u32, bundle: Bundle) {
        if let Some(slot) = self.bundles.get_mut(place as usize) {
            *slot = Some(bundle);
        }
    }

    pub(super) fn gone(&mut self, place: u32) {
        self.free.push(place);
    }
}

/// Bytes of sample tables that a second of a picture takes: 25 samples of some 12 bytes.
const PICTURE_TABLE_BYTES: f64 = 300.0;

/// The same of a sound: 47 samples of some 4 bytes.
const SOUND_TABLE_BYTES: f64 = 200.0;

/// File number of the sound; renditions of the picture are numbered from 0.
const AUDIO: u8 = 255;

/// A title, ready to be fetched.
pub(super) struct Film {
    shape: Arc<TitleShape>,
    /// Where each segment begins, in seconds, and the end of the last.
    starts: Arc<[f64]>,
    key: Key,
    number: u32,
}

/// A file of a title: its tables, and its media behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct File {
    pub(super) title: u32,
    /// Renditions of the picture from 0, the sound last.
    pub(super) number: u8,
    pub(super) bytes: u64,
    pub(super) table_bytes: u64,
}

impl File {
    /// How many chunks it has.
    pub(super) fn chunks(self, spec: &CacheSpec) -> u32 {
        let count = self.bytes.div_ceil(u64::from(spec.chunk_bytes.max(1)));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    pub(super) fn chunk(self, index: u32) -> ChunkId {
        ChunkId::new(self.title, self.number, index)
    }

    /// Bytes of chunk `index`: the last one is shorter, and behind it there is none.
    pub(super) fn chunk_bytes(self, index: u32, spec: &CacheSpec) -> u32 {
        let from = u64::from(index) * u64::from(spec.chunk_bytes);
        let bytes = self.bytes.saturating_sub(from).min(u64::from(spec.chunk_bytes));
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// A segment in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) file: File,
    /// Where the tables of the segment are.
    pub(super) table_at: u64,
    /// Where its media begins.
    pub(super) from: u64,
    pub(super) bytes: u64,
}

impl Stretch {
    /// The first and the last chunk that it needs.
    pub(super) fn chunks(&self, spec: &CacheSpec) -> (u32, u32) {
        let size = u64::from(spec.chunk_bytes.max(1));
        let chunk = |at: u64| u32::try_from(at / size).unwrap_or(u32::MAX);
        let last = (self.from + self.bytes)
            .saturating_sub(1)
            .min(self.file.bytes.saturating_sub(1));
        (chunk(self.from), chunk(last).max(chunk(self.from)))
    }
}

impl Film {
    /// The titles of these shapes, with `names` as far as they go: with the names that they have in a real
    /// catalogue they fall on the same nodes.
    pub(super) fn all(shapes: &[Arc<TitleShape>], names: &[String]) -> Vec<Self> {
        let mut films: Vec<Self> = Vec::with_capacity(shapes.len());
        for (shape, number) in shapes.iter().zip(0..) {
            let alike = films.last().filter(|last| Arc::ptr_eq(&last.shape, shape));
            let starts = match alike {
                Some(last) => Arc::clone(&last.starts),
                None => starts(shape),
            };
            let key = match names.get(films.len()) {
                Some(name) => Key::of(name.as_bytes()),
                None => Key::of(title_name(number).as_bytes()),
            };
            films.push(Self {
                shape: Arc::clone(shape),
                starts,
                key,
                number,
            });
        }
        films
    }

    pub(super) fn reel(&self) -> Reel<'_> {
        Reel {
            segments: &self.shape.segments,
            bandwidths: &self.shape.bandwidths,
        }
    }

    pub(super) fn duration_s(&self, segment: usize) -> f64 {
        self.shape.segments.get(segment).copied().unwrap_or_default()
    }

    pub(super) fn has_audio(&self) -> bool {
        self.shape.audio_rate > 0.0
    }

    /// Bytes of the title's index: half a byte a sample, at some 75 samples a second in each file.
    pub(super) fn index_bytes(&self) -> f64 {
        const SAMPLE_BYTES: f64 = 0.5;
        const SAMPLES_PER_SECOND: f64 = 75.0;
        let files = crate::number::float_len(self.shape.rates.len() + usize::from(self.has_audio()));
        SAMPLE_BYTES * SAMPLES_PER_SECOND * files * self.length_s()
    }

    /// The key of what is asked for.
    pub(super) fn key(&self, of: KeyOf, file: u8, segment: usize) -> Key {
        match of {
            KeyOf::Title => self.key,
            KeyOf::Url => {
                let mut name = [0; 13];
                for (to, from) in name.iter_mut().zip(
                    self.number
                        .to_le_bytes()
                        .into_iter()
                        .chain([file])
                        .chain((segment as u64).to_le_bytes()),
                ) {
                    *to = from;
                }
                Key::of(&name)
            }
        }
    }

    /// Where a segment of a rendition lies.
    pub(super) fn picture(&self, rendition: usize, segment: usize) -> Stretch {
        let rate = self.shape.rates.get(rendition).copied().unwrap_or_default();
        self.stretch(u8::try_from(rendition).unwrap_or(0), rate, segment)
    }

    /// Where the sound of a segment lies.
    pub(super) fn sound(&self, segment: usize) -> Stretch {
        self.stretch(AUDIO, self.shape.audio_rate, segment)
    }

    /// Its files.
    pub(super) fn files(&self) -> impl Iterator<Item = File> + '_ {
        let renditions = self.shape.rates.iter().zip(0_u8..AUDIO);
        let sound = self.has_audio().then(|| self.file(AUDIO, self.shape.audio_rate));
        renditions
            .map(|(rate, number)| self.file(number, *rate))
            .chain(sound)
    }

    fn length_s(&self) -> f64 {
        self.starts.last().copied().unwrap_or_default()
    }

    fn file(&self, number: u8, rate_bps: f64) -> File {
        let length_s = self.length_s();
        let tables = match number {
            AUDIO => SOUND_TABLE_BYTES,
            _ => PICTURE_TABLE_BYTES,
        };
        let table_bytes = crate::number::whole(tables * length_s);
        File {
            title: self.number,
            number,
            bytes: table_bytes + crate::number::whole(rate_bps / 8.0 * length_s),
            table_bytes,
        }
    }

    fn stretch(&self, number: u8, rate_bps: f64, segment: usize) -> Stretch {
        let file = self.file(number, rate_bps);
        let byte_rate = rate_bps / 8.0;
        let start_s = self.starts.get(segment).copied().unwrap_or_default();
        let part = start_s / self.length_s().max(1e-3);
        Stretch {
            file,
            table_at: crate::number::whole(crate::number::float(file.table_bytes) * part),
            from: file.table_bytes + crate::number::whole(start_s * byte_rate),
            bytes: crate::number::whole(self.duration_s(segment) * byte_rate),
        }
    }
}

fn starts(shape: &TitleShape) -> Arc<[f64]> {
    let mut at = 0.0;
    let ends = shape.segments.iter().map(|duration| {
        at += duration;
        at
    });
    std::iter::once(0.0).chain(ends).collect()
}

/// The name of a title that has none.
fn title_name(number: u32) -> String {
    format!("title-{number}.ism")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film_with(audio_bps: u64, names: &[String]) -> Film {
        let shape = TitleShape::even(60.0, 6.0, &[8_000_000], audio_bps);
        Film::all(&[Arc::new(shape)], names).remove(0)
    }

    #[test]
    fn segments_lie_one_after_the_other_up_to_the_end() {
        let film = film_with(128_000, &[]);
        let stretches: Vec<Stretch> = (0..10).map(|segment| film.picture(0, segment)).collect();
        assert!(
            stretches
                .windows(2)
                .all(|pair| pair[0].from + pair[0].bytes == pair[1].from)
        );
        assert_eq!(stretches[0].from, stretches[0].file.table_bytes);
        assert_eq!(stretches[9].from + stretches[9].bytes, stretches[9].file.bytes);
        let files: Vec<u8> = film.files().map(|file| file.number).collect();
        assert_eq!(files, [0, AUDIO]);
    }

    #[test]
    fn keys_are_the_titles_or_the_urls() {
        let film = film_with(0, &[]);
        assert_eq!(film.key(KeyOf::Title, 0, 1), film.key(KeyOf::Title, 3, 5));
        assert_ne!(film.key(KeyOf::Url, 0, 1), film.key(KeyOf::Url, 0, 2));
        assert_ne!(film.key(KeyOf::Url, 0, 1), film.key(KeyOf::Url, 1, 1));
        let named = film_with(0, &["a.ism".to_owned()]);
        assert_eq!(named.key(KeyOf::Title, 0, 0), Key::of(b"a.ism"));
    }
}
