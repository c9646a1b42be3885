//! A title, shaped as a URL asks for it.

use thiserror::Error;

use super::Presentation;
use crate::shape::Shape;

/// Why a title does not have a shape.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ShapeError {
    /// No track is left.
    #[error("the filter leaves no track")]
    NoTrack,
}

impl Presentation {
    /// The title in `shape`.
    ///
    /// # Errors
    /// When nothing is left of it.
    pub fn shaped(&self, shape: &Shape) -> Result<Self, ShapeError> {
        let mut shaped = self.clone();
        shaped.suffix = shape.suffix();
        if let Some(filter) = &shape.filter {
            shaped.tracks.retain(|track| filter.matches(track));
            shaped.texts.retain(|text| filter.matches(&text.track));
        }
        if shaped.tracks.is_empty() && shaped.texts.is_empty() {
            return Err(ShapeError::NoTrack);
        }
        Ok(shaped)
    }
}
