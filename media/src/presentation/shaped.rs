//! A title, shaped as a URL asks for it.

use std::time::Duration;

use thiserror::Error;

use super::Presentation;
use super::clip::{Cut, Cuts, Stretch};
use crate::codec::MediaKind;
use crate::sample::Samples;
use crate::shape::Shape;
use crate::time::Instant;
use crate::track::Track;

/// Why a title does not have a shape.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShapeError {
    /// No track is left.
    #[error("the filter leaves no track")]
    NoTrack,
    /// The title is over before the clip begins.
    #[error("the clip begins at {begin:?}, and the title ends after {duration:?}")]
    BeyondEnd {
        /// `vbegin`.
        begin: Duration,
        /// Of the title.
        duration: Duration,
    },
    /// No track that is left plays within the clip.
    #[error("nothing plays within the clip")]
    NothingPlays,
    /// Samples of other segments than those that are needed were given.
    #[error("samples of {found} segments were given, of {needed} that are needed")]
    Supply {
        /// Number of them.
        found: usize,
        /// Number of [`Shaping::needs`].
        needed: usize,
    },
}

/// A segment whose samples it takes to cut a title: one that a clip begins or ends
/// within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeSegment {
    /// 0-based track of [`Shaping::presentation`].
    pub track: usize,
    /// 0-based segment of it.
    pub segment: usize,
}

/// A title on its way into a shape, sans IO: whoever drives it reads the samples
/// that it needs.
#[derive(Clone, Debug)]
pub struct Shaping {
    presentation: Presentation,
    needs: Vec<EdgeSegment>,
    clip: Option<Clip>,
}

#[derive(Clone, Debug)]
struct Clip {
    stretch: Stretch,
    /// Of each track, and of each text.
    tracks: Vec<Cut>,
    texts: Vec<Cut>,
}

impl Presentation {
    /// Starts to bring the title into `shape`. This is a title as a whole, not one
    /// that has a shape already.
    ///
    /// # Errors
    /// When nothing is left of it.
    pub fn shaping(&self, shape: &Shape) -> Result<Shaping, ShapeError> {
        let mut presentation = self.clone();
        presentation.suffix = shape.suffix();
        if let Some(filter) = &shape.filter {
            presentation.tracks.retain(|track| filter.matches(track));
            presentation.texts.retain(|text| filter.matches(&text.track));
        }
        // They are of the pictures, whichever of these are left.
        let has_pictures = presentation
            .tracks
            .iter()
            .any(|track| track.kind == MediaKind::Video);
        if !has_pictures {
            presentation.thumbnails.clear();
        }
        if presentation.tracks.is_empty() && presentation.texts.is_empty() {
            return Err(ShapeError::NoTrack);
        }
        let clip = match (shape.begin, shape.end) {
            (None, None) => None,
            (begin, end) => {
                let begin = begin.unwrap_or_default();
                Some(presentation.clip(Stretch { begin, end }, self.duration())?)
            }
        };
        let needs = clip.iter().flat_map(|clip| {
            let tracks = clip.tracks.iter().zip(&presentation.tracks).enumerate();
            tracks.flat_map(|(track, (cut, source))| {
                let needs = cut.needs(source).into_iter();
                needs.map(move |segment| EdgeSegment { track, segment })
            })
        });
        Ok(Shaping {
            needs: needs.collect(),
            presentation,
            clip,
        })
    }

    /// Where everything is cut; what does not play is left out.
    fn clip(&mut self, stretch: Stretch, duration: Instant) -> Result<Clip, ShapeError> {
        let ticks = duration.ticks.max(0).unsigned_abs();
        let duration = duration.timescale.duration(ticks);
        if duration <= stretch.begin {
            let begin = stretch.begin;
            return Err(ShapeError::BeyondEnd { begin, duration });
        }
        let texts = self.texts.iter().map(|text| &text.track);
        let cuts = Cuts::of(self.tracks.iter().chain(texts), stretch, self.target_duration);
        let mut clip = Clip {
            stretch,
            tracks: Vec::new(),
            texts: Vec::new(),
        };
        let keep = |track: &Track, kept: &mut Vec<Cut>| match cuts.cut(track) {
            Some(cut) => {
                kept.push(cut);
                true
            }
            None => false,
        };
        self.tracks.retain(|track| keep(track, &mut clip.tracks));
        self.texts.retain(|text| keep(&text.track, &mut clip.texts));
        if clip.tracks.is_empty() && clip.texts.is_empty() {
            return Err(ShapeError::NothingPlays);
        }
        Ok(clip)
    }
}

impl Shaping {
    /// The title with its tracks that are left, not cut yet.
    #[must_use]
    pub fn presentation(&self) -> &Presentation {
        &self.presentation
    }

    /// The segments whose samples [`Shaping::finish`] takes.
    #[must_use]
    pub fn needs(&self) -> &[EdgeSegment] {
        &self.needs
    }

    /// The title in its shape; `samples` are those of [`Shaping::needs`], in their
    /// order.
    ///
    /// # Errors
    /// When they are not.
    pub fn finish(self, samples: &[Samples]) -> Result<Presentation, ShapeError> {
        if samples.len() != self.needs.len() {
            return Err(ShapeError::Supply {
                found: samples.len(),
                needed: self.needs.len(),
            });
        }
        let mut presentation = self.presentation;
        let Some(clip) = self.clip else {
            return Ok(presentation);
        };
        let target = presentation.target_duration;
        for (track, (left, cut)) in presentation.tracks.iter_mut().zip(&clip.tracks).enumerate() {
            let samples_of = |segment: usize| {
                let wanted = EdgeSegment { track, segment };
                let place = self.needs.iter().position(|need| *need == wanted)?;
                samples.get(place)
            };
            *left = cut.apply(left, samples_of, target);
        }
        for (text, cut) in presentation.texts.iter_mut().zip(&clip.texts) {
            let track = cut.apply(&text.track, |_| None, target);
            text.clip(track, clip.stretch.begin, clip.stretch.end, target);
        }
        let Stretch { begin, end } = clip.stretch;
        presentation
            .thumbnails
            .retain_mut(|thumbnails| thumbnails.clip(begin, end));
        Ok(presentation)
    }
}
