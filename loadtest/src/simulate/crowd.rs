//! The viewers of a simulation, bundles of them, and the titles they watch.

use strata_balancer::ring::Key;

use super::{KeyOf, TitleShape};
use crate::audience::{Protocol, Reel, Viewer};

/// Viewers who walk as one.
pub(super) struct Bundle {
    pub(super) viewer: Viewer,
    pub(super) title: u32,
    pub(super) protocol: Protocol,
    pub(super) zone: u64,
    /// What it asks for next, at the time of its event.
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

/// The part of a file that its tables take, in seconds of media at its own rate: about half a byte a
/// sample of index is made from some eight bytes of tables.
const TABLE_PART: f64 = 0.002;

/// File number of the sound; renditions of the picture are numbered from 0.
const AUDIO: u8 = 255;

/// A title, ready to be fetched.
pub(super) struct Film {
    shape: TitleShape,
    /// Where each segment begins, in seconds, and the end of the last.
    starts: Vec<f64>,
    key: Key,
    number: u32,
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    pub(super) file: u8,
    /// The chunk with the tables of the segment.
    pub(super) table: u32,
    pub(super) first: u32,
    /// Inclusive.
    pub(super) last: u32,
    pub(super) bytes: f64,
    pub(super) file_bytes: f64,
}

impl Film {
    pub(super) fn new(shape: &TitleShape, number: u32) -> Self {
        let mut at = 0.0;
        let mut starts = vec![0.0];
        for duration in &shape.segments {
            at += duration;
            starts.push(at);
        }
        Self {
            shape: shape.clone(),
            starts,
            key: Key::of(title_name(number).as_bytes()),
            number,
        }
    }

    /// With the name it has in a real catalogue, so that it falls on the same nodes.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.key = Key::of(name.as_bytes());
        self
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
        SAMPLE_BYTES * SAMPLES_PER_SECOND * files * self.shape.length_s()
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
    pub(super) fn picture(&self, rendition: usize, segment: usize, chunk_bytes: u32) -> Stretch {
        let rate = self.shape.rates.get(rendition).copied().unwrap_or_default();
        self.stretch(u8::try_from(rendition).unwrap_or(0), rate, segment, chunk_bytes)
    }

    /// Where the sound of a segment lies.
    pub(super) fn sound(&self, segment: usize, chunk_bytes: u32) -> Stretch {
        self.stretch(AUDIO, self.shape.audio_rate, segment, chunk_bytes)
    }

    fn stretch(&self, file: u8, rate_bps: f64, segment: usize, chunk_bytes: u32) -> Stretch {
        let byte_rate = rate_bps / 8.0;
        let start_s = self.starts.get(segment).copied().unwrap_or_default();
        let length_s = self.starts.last().copied().unwrap_or_default();
        let tables = TABLE_PART * byte_rate * length_s;
        let from = tables + start_s * byte_rate;
        let bytes = self.duration_s(segment) * byte_rate;
        let chunk = |at: f64| {
            let chunk = (at.max(0.0) / f64::from(chunk_bytes.max(1))).floor();
            u32::try_from(crate::number::whole(chunk)).unwrap_or(u32::MAX)
        };
        Stretch {
            file,
            table: chunk(tables * start_s / length_s.max(1e-3)),
            first: chunk(from),
            last: chunk(from + bytes - 1.0).max(chunk(from)),
            bytes,
            file_bytes: tables + byte_rate * length_s,
        }
    }
}

/// The name of a title that has none.
fn title_name(number: u32) -> String {
    format!("title-{number}.ism")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_lie_one_after_the_other() {
        let film = Film::new(&TitleShape::even(60.0, 6.0, &[8_000_000], 0), 1);
        let stretches: Vec<Stretch> = (0..10)
            .map(|segment| film.picture(0, segment, 1_000_000))
            .collect();
        assert!(
            stretches
                .windows(2)
                .all(|pair| pair[0].last == pair[1].first || pair[0].last + 1 == pair[1].first)
        );
        assert!(
            stretches
                .iter()
                .all(|stretch| (stretch.bytes - 6e6).abs() < 1.0 && stretch.table == 0)
        );
    }

    #[test]
    fn keys_are_the_titles_or_the_urls() {
        let film = Film::new(&TitleShape::even(60.0, 6.0, &[8_000_000], 0), 1);
        assert_eq!(film.key(KeyOf::Title, 0, 1), film.key(KeyOf::Title, 3, 5));
        assert_ne!(film.key(KeyOf::Url, 0, 1), film.key(KeyOf::Url, 0, 2));
        assert_ne!(film.key(KeyOf::Url, 0, 1), film.key(KeyOf::Url, 1, 1));
        let named = Film::new(&TitleShape::even(60.0, 6.0, &[8_000_000], 0), 1).named("a.ism");
        assert_eq!(named.key(KeyOf::Title, 0, 0), Key::of(b"a.ism"));
    }
}
