//! Shaping: which of a title's tracks are served, and which part of them, as a URL
//! asks for it.
//!
//! A shaped title is a [`Presentation`](crate::presentation::Presentation) of its
//! own, derived from the title's. Everything that is made of a presentation
//! (manifests, plans, names) is made of the derived one in the same way. Its
//! [`Suffix`] stands behind every URL a manifest of it holds, so that what is
//! asked for next is shaped alike, and a cache in front keeps each shape apart.

pub mod filter;
mod moment;
mod suffix;

use std::time::Duration;

pub use filter::{Filter, FilterError};
pub use moment::{MomentError, moment_text, parse_moment};
pub use suffix::Suffix;

/// What a URL wants of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The tracks that are served; `None` for all of them.
    pub filter: Option<Filter>,
    /// Where the title begins, from its start; `None` for its start.
    pub begin: Option<Duration>,
    /// Where it ends, from its start, later than `begin`; `None` for its end.
    pub end: Option<Duration>,
}

impl Shape {
    /// Whether it is all of the title.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.filter.is_none() && self.begin.is_none() && self.end.is_none()
    }

    /// What stands behind every URL of a title of this shape. Two shapes that are
    /// written differently and mean the same, but for the order of their terms,
    /// have the same one.
    #[must_use]
    pub fn suffix(&self) -> Suffix {
        let filter = self.filter.as_ref().map(ToString::to_string);
        let filter = filter.map(|filter| ("filter", filter));
        let moment = |name, moment: Option<Duration>| moment.map(|moment| (name, moment_text(moment)));
        let parameters = [filter, moment("vbegin", self.begin), moment("vend", self.end)];
        let parameters = parameters.into_iter().flatten();
        parameters.fold(Suffix::default(), |suffix, (name, value)| {
            suffix.and(name, &value)
        })
    }
}
