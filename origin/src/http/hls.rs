//! Which tracks stand in one transport stream of HLS.

use strata_media::manifest::hls::ts;
use strata_media::multiplex::Multiplex;
use strata_media::presentation::Presentation;
use strata_media::track::Track;

/// Most tracks that are put into one stream: pictures, and sound in three ways.
const TRACKS_MAX: usize = 4;

/// The tracks of a transport stream, by their places in the presentation, in the
/// order of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TsTracks([Option<u16>; TRACKS_MAX]);

impl TsTracks {
    /// `None` without tracks, with more than fit, or with one that transport
    /// streams do not carry.
    pub(super) fn new(presentation: &Presentation, tracks: &[usize]) -> Option<Self> {
        let is_allowed = |track: &usize| presentation.tracks.get(*track).is_some_and(ts::allows);
        if tracks.is_empty() || TRACKS_MAX < tracks.len() || !tracks.iter().all(is_allowed) {
            return None;
        }
        let mut places = [None; TRACKS_MAX];
        for (place, track) in places.iter_mut().zip(tracks) {
            *place = Some(u16::try_from(*track).ok()?);
        }
        Some(Self(places))
    }

    /// Their places in the presentation.
    pub(super) fn places(self) -> Vec<usize> {
        self.0.into_iter().flatten().map(usize::from).collect()
    }

    /// The tracks themselves.
    pub(super) fn of(self, presentation: &Presentation) -> Vec<&Track> {
        let places = self.places().into_iter();
        places
            .filter_map(|place| presentation.tracks.get(place))
            .collect()
    }

    /// How they are cut together.
    pub(super) fn multiplex(self, presentation: &Presentation) -> Option<Multiplex<'_>> {
        Multiplex::new(self.of(presentation))
    }

    /// A number of its own for each choice of tracks.
    pub(super) fn number(self) -> usize {
        let places = self.0.map(|place| place.unwrap_or(u16::MAX));
        let number = places
            .into_iter()
            .fold(0_u64, |number, place| number << 16 | u64::from(place));
        usize::try_from(number).unwrap_or(usize::MAX)
    }
}
