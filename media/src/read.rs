//! Readers: bytes of a source → its tables. They never do IO; they say which
//! byte range they need next.

pub mod ism;
pub mod jpeg;
pub mod mp4;
pub mod text;
