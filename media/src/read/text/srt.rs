//! SubRip files: numbered cues with a line of times each. There is no
//! specification; what is read here is what programs write.

mod markup;

use std::time::Duration;

use super::{Problem, TextError, TextFile};
use crate::text::Cue;

/// What comes between the times of a cue.
const ARROW: &str = "-->";

/// Reads `text`, whose lines end with line feeds.
pub(super) fn read(text: &str) -> Result<TextFile, TextError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut file = TextFile::default();
    let mut pending: Option<(usize, Times)> = None;
    let mut first = 0;
    // Texts have empty lines and lines of digits within, so only times tell where
    // a cue starts.
    for (index, line) in lines.iter().enumerate() {
        let times = match line.contains(ARROW) {
            true => read_times(line),
            false => continue,
        };
        if times.is_none() {
            file.note(index + 1, Problem::BadTime((*line).to_owned()));
        }
        let before = lines.get(first..index).unwrap_or_default();
        push(&mut file, pending.take(), without_number(before))?;
        first = index + 1;
        pending = times.map(|times| (index + 1, times));
    }
    push(&mut file, pending, lines.get(first..).unwrap_or_default())?;
    if file.document.cues.is_empty() && lines.iter().any(|line| !line.trim().is_empty()) {
        return Err(TextError::at(1, Problem::NoCues));
    }
    Ok(file)
}

type Times = (Duration, Duration);

/// `lines` without the number of the cue that follows them, which stands in
/// the last line that is not empty.
fn without_number<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    let last = lines.iter().rposition(|line| !line.trim().is_empty());
    let is_number = |line: &&str| line.trim().bytes().all(|byte| byte.is_ascii_digit());
    match last {
        Some(last) if lines.get(last).is_some_and(is_number) => lines.get(..last).unwrap_or_default(),
        _ => lines,
    }
}

fn push(file: &mut TextFile, pending: Option<(usize, Times)>, lines: &[&str]) -> Result<(), TextError> {
    let Some((line, (start, end))) = pending else {
        return Ok(());
    };
    if end <= start {
        file.note(line, Problem::EndsEarly);
        return Ok(());
    }
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let (content, placement) = markup::read(&lines.join("\n"));
    let cue = Cue {
        start,
        end,
        identifier: String::new(),
        placement,
        content,
    };
    file.push(line, cue)
}

/// `00:00:01,500 --> 00:00:04,000`; what follows, such as coordinates, is ignored.
fn read_times(line: &str) -> Option<Times> {
    let (start, rest) = line.split_once(ARROW)?;
    let end = rest.split_whitespace().next()?;
    Some((read_time(start.trim())?, read_time(end)?))
}

/// A time as programs write it: `1:02:03,5`, `01:02:03.500`, `02:03,500`.
fn read_time(text: &str) -> Option<Duration> {
    let (clock, fraction) = text.split_once([',', '.']).unwrap_or((text, "0"));
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_fraction {
        return None;
    }
    let digits = fraction.bytes().chain(*b"00").take(3);
    let millis = digits.fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    let mut seconds = 0_u64;
    for (index, part) in clock.split(':').enumerate() {
        // A sign would be read as a number, too.
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() <= 6;
        let part: u64 = part.parse().ok().filter(|_| is_number && index < 3)?;
        seconds = seconds * 60 + part;
    }
    clock
        .contains(':')
        .then(|| Duration::from_millis(seconds * 1000 + millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_programs_write_them() {
        for (text, millis) in [
            ("00:00:01,500", 1500),
            ("1:02:03.5", 3_723_500),
            ("02:03,250", 123_250),
            ("00:00:01", 1000),
        ] {
            assert_eq!(read_time(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "1",
            "1,5",
            "00:00:01,",
            "a:b",
            "-1:00,0",
            "1:2:3:4,0",
            "9999999:00,0",
            ":",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }
}
