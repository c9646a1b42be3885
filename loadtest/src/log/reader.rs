//! From files to requests, with an account of every line that is none.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::cloudfront::{self, Columns};
use super::{Entry, Line, combined, strata};
use crate::report::{BrokenLine, LogFigures};

/// Longest line that is read; longer ones are broken.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// Most requests read; a log with more is refused, as it is held in memory.
pub const ENTRIES_MAX: usize = 20_000_000;

/// Broken lines that are shown; all are counted.
pub const BROKEN_SHOWN_MAX: usize = 20;

/// A form of log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Strata's JSON lines.
    Strata,
    /// nginx's combined, HAProxy's CLF and HAProxy's own.
    Combined,
    /// CloudFront's standard logs.
    CloudFront,
    /// CloudFront's real-time logs.
    CloudFrontRealTime,
}

/// The requests of some logs, in the order of their times, and what was found on the way.
#[derive(Debug, Default)]
pub struct Logs {
    /// Requests, earliest first; those of the same time in the order of the files.
    pub entries: Vec<Entry>,
    /// Files, lines, and what is wrong with some of them.
    pub figures: LogFigures,
}

/// A log is of no use.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A file cannot be read at all.
    #[error("{file}: {reason}")]
    Open {
        /// Which.
        file: String,
        /// What the system said.
        reason: io::Error,
    },
    /// No line of any file is a request.
    #[error("there is no request in {files}{first}")]
    Empty {
        /// All files.
        files: String,
        /// The first broken line, if any.
        first: String,
    },
    /// There are more requests than fit in memory.
    #[error("there are more than {ENTRIES_MAX} requests: cut the log into parts")]
    TooLong,
}

/// Reads logs: `-` is standard input, gzip is recognised, and so is the format unless one is given.
/// `fields` are the names of a real-time log's columns, where they are not all there are.
///
/// # Errors
/// [`LogError`]. Lines that cannot be read are counted and shown, and the rest is read.
pub fn read(files: &[String], format: Option<Format>, fields: Option<&str>) -> Result<Logs, LogError> {
    let mut logs = Logs::default();
    for file in files {
        let opened: io::Result<Box<dyn Read>> = if file == "-" {
            Ok(Box::new(io::stdin()))
        } else {
            File::open(Path::new(file)).map(|file| Box::new(file) as Box<dyn Read>)
        };
        let source = opened.and_then(unpacked).map_err(|reason| LogError::Open {
            file: file.clone(),
            reason,
        })?;
        logs.figures.files.push(file.clone());
        logs.take(file, source, format, fields)?;
    }
    if logs.entries.is_empty() {
        let first = logs.figures.broken_lines.first();
        return Err(LogError::Empty {
            files: files.join(", "),
            first: first.map_or_else(String::new, |line| {
                format!(": line {} of {}: {}", line.line, line.file, line.reason)
            }),
        });
    }
    logs.entries.sort_by_key(|entry| entry.at_us);
    Ok(logs)
}

/// The text of a file that may be gzipped.
fn unpacked(source: Box<dyn Read>) -> io::Result<Box<dyn BufRead>> {
    let mut source = BufReader::with_capacity(1 << 18, source);
    let is_gzip = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(source)))
    } else {
        Box::new(source)
    })
}

impl Logs {
    fn take(
        &mut self,
        file: &str,
        mut source: Box<dyn BufRead>,
        mut format: Option<Format>,
        fields: Option<&str>,
    ) -> Result<(), LogError> {
        let mut columns = fields.map_or_else(Columns::default, Columns::named);
        let mut line = Vec::new();
        for number in 1.. {
            let limit = LINE_BYTES_MAX as u64 + 1;
            line.clear();
            match source.by_ref().take(limit).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    // What was read before is kept: half a log is better than none.
                    self.broken(file, number, format!("the rest cannot be read: {error}"));
                    break;
                }
            }
            if LINE_BYTES_MAX < line.len() && !line.ends_with(b"\n") {
                self.broken(file, number, format!("is longer than {LINE_BYTES_MAX} bytes"));
                if skip_line(&mut source).is_err() {
                    break;
                }
                continue;
            }
            let Ok(text) = std::str::from_utf8(&line) else {
                self.broken(file, number, "is not UTF-8".to_owned());
                continue;
            };
            let text = text.trim_end_matches(['\n', '\r']);
            if text.trim().is_empty() {
                self.figures.skipped += 1;
                continue;
            }
            let known = *format.get_or_insert_with(|| recognised(text));
            if known == Format::CloudFrontRealTime && fields.is_none() && number == 1 {
                columns = Columns::of_real_time();
            }
            match parse(known, text, &mut columns) {
                Ok(Line::Request(entry)) => {
                    if ENTRIES_MAX <= self.entries.len() {
                        return Err(LogError::TooLong);
                    }
                    self.figures.requests += 1;
                    self.entries.push(entry);
                }
                Ok(Line::Skip) => self.figures.skipped += 1,
                Err(reason) => self.broken(file, number, reason),
            }
        }
        Ok(())
    }

    fn broken(&mut self, file: &str, line: u64, reason: String) {
        self.figures.broken += 1;
        if self.figures.broken_lines.len() < BROKEN_SHOWN_MAX {
            self.figures.broken_lines.push(BrokenLine {
                file: file.to_owned(),
                line,
                reason,
            });
        }
    }
}

fn skip_line(source: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = source.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let size = end.map_or(buffer.len(), |end| end + 1);
        source.consume(size);
        if end.is_some() || size == 0 {
            return Ok(());
        }
    }
}

/// What a log is by its first line.
fn recognised(line: &str) -> Format {
    let first = line.split('\t').next().unwrap_or_default();
    if line.starts_with('{') {
        Format::Strata
    } else if line.starts_with('#') {
        Format::CloudFront
    } else if line.contains('\t') && first.parse::<f64>().is_ok() {
        Format::CloudFrontRealTime
    } else {
        Format::Combined
    }
}

fn parse(format: Format, line: &str, columns: &mut Columns) -> Result<Line, String> {
    match format {
        Format::Strata => strata::parse(line),
        Format::Combined => combined::parse(line),
        Format::CloudFront | Format::CloudFrontRealTime => cloudfront::parse(line, columns),
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
