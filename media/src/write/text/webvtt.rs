//! WebVTT, `W3C WebVTT §4`.

mod header;
mod markup;
mod settings;

use std::fmt::Write as _;
use std::time::Duration;

use crate::text::{Cue, Document, TimestampMap};

pub(super) use markup::write as content;
pub(super) use settings::write as settings;

/// The first line of a file.
const SIGNATURE: &str = "WEBVTT";

/// The whole of `document` as a file.
#[must_use]
pub fn webvtt_file(document: &Document) -> String {
    let cues: Vec<&Cue> = document.cues.iter().collect();
    let mut file = format!("{SIGNATURE}\n");
    header::write(&mut file, document, &cues);
    cues.into_iter().for_each(|cue| write_cue(&mut file, cue));
    file
}

/// What comes before the cues of `document`: its styles and regions, without an
/// empty line at the end.
#[must_use]
pub fn webvtt_header(document: &Document) -> String {
    let cues: Vec<&Cue> = document.cues.iter().collect();
    let mut file = format!("{SIGNATURE}\n");
    header::write(&mut file, document, &cues);
    file.truncate(file.trim_end().len());
    file
}

/// A segment of HLS, `RFC 8216 §3.5`: `cues` with their times, which `map` puts
/// on the clock of the other media. Styles and regions are those of `document`.
#[must_use]
pub fn webvtt_segment(document: &Document, cues: &[&Cue], map: TimestampMap) -> String {
    let mut file = format!(
        "{SIGNATURE}\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:{}\n",
        map.mpegts,
        timestamp(map.local)
    );
    // What no cue of the segment refers to is of no use in it.
    if !cues.is_empty() {
        header::write(&mut file, document, cues);
    }
    cues.iter().for_each(|cue| write_cue(&mut file, cue));
    // Some readers put segments one behind the other: a cue ends here.
    file.push('\n');
    file
}

fn write_cue(file: &mut String, cue: &Cue) {
    let text = markup::write(&cue.content);
    let identifier = identifier(&cue.identifier);
    let line_end = if identifier.is_empty() { "" } else { "\n" };
    // A cue as short as rounding is shown for a moment all the same.
    let (start, end) = (millis(cue.start), millis(cue.end).max(millis(cue.start) + 1));
    let (start, end) = (Duration::from_millis(start), Duration::from_millis(end));
    let settings = settings::write(&cue.placement);
    let space = if settings.is_empty() { "" } else { " " };
    // Writing to a String cannot fail.
    let _ = write!(
        file,
        "\n{identifier}{line_end}{} --> {}{space}{settings}\n{text}\n",
        timestamp(start),
        timestamp(end)
    );
}

/// `text` as it can stand in a line of its own before the times.
fn identifier(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace("-->", "->")
}

/// Whole milliseconds, rounded to the nearest.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.saturating_add(Duration::from_micros(500)).as_millis()).unwrap_or(u64::MAX)
}

/// A time, rounded to milliseconds, with at least two digits for hours.
pub(super) fn timestamp(time: Duration) -> String {
    let millis = millis(time);
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    format!("{:02}:{:02}:{seconds:02}.{millis:03}", minutes / 60, minutes % 60)
}
