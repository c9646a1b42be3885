//! WebVTT files, `W3C WebVTT §6.1`.

mod block;
mod markup;
mod settings;
mod timestamp;

use super::{Problem, TextError, TextFile};
use crate::text::{Cue, TimestampMap};
use block::{Block, Blocks};

pub(super) use markup::read as read_content;
pub(super) use settings::read as read_settings;

/// Longest style sheet or settings of a region kept, in bytes.
const STYLE_SIZE_MAX: usize = 64 * 1024;
/// Most style sheets and most regions kept.
const STYLES_MAX: usize = 256;

/// What comes between the times of a cue.
const ARROW: &str = "-->";

/// Reads `text`, whose lines end with line feeds.
pub(super) fn read(text: &str) -> Result<TextFile, TextError> {
    let mut blocks = Blocks::of(text);
    let mut file = TextFile::default();
    let Some(header) = blocks.header() else {
        return Err(TextError::at(1, Problem::NotWebVtt));
    };
    for (_, line) in header {
        if let Some(value) = line.strip_prefix("X-TIMESTAMP-MAP=") {
            file.document.timestamp_map = timestamp_map(value);
        }
    }
    for block in blocks {
        read_block(&block, &mut file)?;
    }
    Ok(file)
}

fn read_block(block: &Block<'_>, file: &mut TextFile) -> Result<(), TextError> {
    let Some(((line, first), rest)) = block.lines.split_first() else {
        return Ok(());
    };
    let has_times = first.contains(ARROW);
    let size: usize = rest.iter().map(|(_, line)| line.len() + 1).sum();
    let is_cue = has_times || rest.first().is_some_and(|(_, line)| line.contains(ARROW));
    let is_before_cues = !is_cue && file.document.cues.is_empty() && size <= STYLE_SIZE_MAX;
    match first.trim_end() {
        "STYLE" if is_before_cues => {
            if file.document.style_sheets.len() < STYLES_MAX {
                let lines: Vec<&str> = rest.iter().map(|(_, line)| *line).collect();
                file.document.style_sheets.push(lines.join("\n"));
            }
            return Ok(());
        }
        "REGION" if is_before_cues => {
            let settings = rest.iter().map(|(_, line)| *line);
            if file.document.regions.len() < STYLES_MAX
                && let Some(region) = settings::read_region(settings)
            {
                file.document.regions.push(region);
            }
            return Ok(());
        }
        _ => {}
    }
    let (identifier, (line, times), payload) = if has_times {
        ("", (line, first), rest)
    } else {
        match rest.split_first() {
            Some(((line, times), payload)) if times.contains(ARROW) => (*first, (line, times), payload),
            // A comment, or something of a later version.
            _ => return Ok(()),
        }
    };
    match read_times(times) {
        Some((start, end, settings)) if start < end => {
            let lines: Vec<&str> = payload.iter().map(|(_, line)| *line).collect();
            let cue = Cue {
                start,
                end,
                identifier: identifier.to_owned(),
                placement: settings::read(settings),
                content: markup::read(&lines.join("\n")),
            };
            file.push(*line, cue)
        }
        Some(_) => {
            file.note(*line, Problem::EndsEarly);
            Ok(())
        }
        None => {
            file.note(*line, Problem::BadTime((*times).to_owned()));
            Ok(())
        }
    }
}

type Times<'a> = (std::time::Duration, std::time::Duration, &'a str);

/// Reads the times of a cue; what follows them are its settings.
fn read_times(line: &str) -> Option<Times<'_>> {
    let (start, rest) = line.split_once(ARROW)?;
    let rest = rest.trim_start();
    let (end, settings) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Some((timestamp::read(start.trim())?, timestamp::read(end)?, settings))
}

/// `MPEGTS:900000,LOCAL:00:00:00.000`, in any order, `RFC 8216 §3.5`.
fn timestamp_map(value: &str) -> Option<TimestampMap> {
    let part = |name: &str| value.split(',').find_map(|part| part.trim().strip_prefix(name));
    Some(TimestampMap {
        mpegts: part("MPEGTS:")?.trim().parse().ok()?,
        local: timestamp::read(part("LOCAL:")?.trim())?,
    })
}
