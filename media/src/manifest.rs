//! Manifests: a snapshot of a title → the text players start from.
//!
//! Nothing but the [`crate::presentation::Presentation`] goes in, so every node
//! writes the same bytes.

pub mod dash;
pub mod hls;
pub mod smooth;

mod escape;
mod rendition;
mod xml;

#[cfg(test)]
mod tests;
