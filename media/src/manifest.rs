//! Manifests: a snapshot of a title → the text players start from.
//!
//! Nothing but the [`crate::presentation::Presentation`] goes in, so every node
//! writes the same bytes.

pub mod dash;
pub mod hls;
pub mod ism;
mod left_out;
pub mod smooth;

pub use left_out::{LeftOut, left_out};

mod escape;
mod rendition;
mod xml;

#[cfg(test)]
mod tests;
