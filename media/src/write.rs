//! Writers: the samples of one segment → a plan of the bytes to send.

pub mod fmp4;
pub mod smooth;
pub mod text;
pub mod ts;

mod box_writer;
mod track_run;
