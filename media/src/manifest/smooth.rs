//! Smooth Streaming: the client manifest, `[MS-SSTR] §2.2.2`, and the names it
//! gives to fragments.
//!
//! See [`crate::smooth`] for what the times in it mean.

mod alignment;
mod codec;
mod element;
mod private_data;
mod request;
mod streams;

pub(super) use private_data::private_data;

pub use codec::{Reason, allows};
pub use request::FragmentRequest;
pub use streams::{LeftOut, QualityLevel, Stream, Streams};

use crate::presentation::Presentation;
use crate::smooth::TIMESCALE;

use super::xml::Element;

/// The client manifest of a title; `streams` are [`Streams::of`] the same title.
#[must_use]
pub fn client_manifest(presentation: &Presentation, streams: &Streams) -> String {
    let indexes = streams
        .streams
        .iter()
        .map(|stream| element::stream_index(presentation, streams, stream));
    Element::new("SmoothStreamingMedia")
        .with("MajorVersion", 2)
        .with("MinorVersion", 2)
        .with("TimeScale", TIMESCALE.get())
        .with("Duration", streams.duration(presentation))
        .containing(indexes)
        .into_document()
}
