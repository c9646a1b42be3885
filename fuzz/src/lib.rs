//! What is done with bytes from outside, one module for each kind. Everything here
//! takes any bytes and panics when something is broken that must hold for all of them.
//!
//! The tests of the workspace run the same functions over the kept corpora, see
//! `replay.rs`.

pub mod filter;
pub mod ism;
pub mod mp4;
pub mod text;
pub mod thumbnail;
#[cfg(feature = "origin")]
pub mod url;
