//! Manifests: a snapshot of a title → the text players start from.

pub mod dash;
pub mod hls;
