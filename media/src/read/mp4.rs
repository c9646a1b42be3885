//! Reader of MP4 files (`ISO/IEC 14496-12`): progressive files with the `moov`
//! first or last.

mod boxes;
mod edit;
mod error;
mod movie;
mod reader;
mod sample_table;
mod track_box;

pub use edit::Edit;
pub use error::ReadError;
pub use movie::{Movie, MovieTrack};
pub use reader::{Reader, Step};
