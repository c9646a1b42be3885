//! The report as one JSON document.

use std::io::{self, Write};

use super::report::Report;

pub(super) fn write(report: &Report, out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
