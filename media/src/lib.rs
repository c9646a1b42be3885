//! Containers, segmentation, plans and manifests: pure, without IO.
//!
//! Bytes go in, plans and text come out. No sockets, no files, no clock and no
//! threads: whoever drives a reader supplies the byte ranges it asks for, and
//! whoever serves a [`plan::Plan`] copies the source ranges it names.
//!
//! The way of a title through this crate:
//!
//! 1. [`read`] turns a server manifest and MP4 files into their tables;
//! 2. [`presentation`] puts the tracks on one timeline and cuts them on the
//!    [`segment`] grid they share; what stays in memory is a cursor a segment;
//! 3. [`mod@write`] turns one segment's samples into a [`plan::Plan`];
//! 4. [`manifest`] writes the text players start from.

pub mod codec;
pub mod finding;
pub mod language;
pub mod manifest;
pub mod multiplex;
pub mod plan;
pub mod presentation;
pub mod read;
pub mod sample;
pub mod segment;
pub mod shape;
pub mod smooth;
pub mod text;
pub mod text_segment;
pub mod thumbnail;
pub mod time;
pub mod track;
pub mod trick_play;
pub mod write;
