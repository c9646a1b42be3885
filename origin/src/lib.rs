//! Packaging origin: sources, titles and the HTTP front.

pub mod source;
