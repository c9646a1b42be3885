//! Media Presentation Descriptions, `ISO/IEC 23009-1 §5.3.9`.

use anyhow::{Context as _, bail, ensure};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{attribute, number};
use crate::package::FILES_MAX;

/// What is known of the segments of the element that is open, and of those in it.
#[derive(Clone, Default)]
struct Level {
    element: String,
    base: String,
    template: Option<Template>,
    /// `Representation@id` and `@bandwidth`.
    representation: Option<(String, String)>,
    /// Whether it has a `BaseURL` of its own.
    has_base: bool,
    text: String,
}

#[derive(Clone, Default)]
struct Template {
    initialization: Option<String>,
    media: String,
    start_number: u64,
    timescale: u64,
    duration: Option<u64>,
    /// Times of the segments.
    times: Vec<u64>,
    next: u64,
}

/// The files that `mpd` names: initializations, segments, and whole files.
pub(super) fn files(mpd: &str) -> anyhow::Result<Vec<String>> {
    let mut reader = Reader::from_str(mpd);
    let mut levels = vec![Level::default()];
    let mut files = Vec::new();
    let mut seconds = 0.0;
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                enter(&mut levels, &element, &mut seconds)?;
            }
            Event::Empty(element) => {
                enter(&mut levels, &element, &mut seconds)?;
                leave(&mut levels, &mut files, seconds)?;
            }
            Event::Text(text) => add_text(&mut levels, &text),
            Event::GeneralRef(reference) => add_text(&mut levels, entity(&reference)?),
            Event::End(_) => leave(&mut levels, &mut files, seconds)?,
            Event::Eof => return Ok(files),
            _ => {}
        }
    }
}

fn enter(levels: &mut Vec<Level>, element: &BytesStart<'_>, seconds: &mut f64) -> anyhow::Result<()> {
    let name = element.local_name().into_inner().to_owned();
    let mut level = levels.last().cloned().unwrap_or_default();
    level.has_base = false;
    level.text.clear();
    match name.as_str() {
        "MPD" => {
            let duration = attribute(element, "mediaPresentationDuration")?;
            *seconds = duration
                .as_deref()
                .map(duration_seconds)
                .transpose()?
                .unwrap_or(0.0);
        }
        "SegmentTemplate" => {
            let template = Template {
                initialization: attribute(element, "initialization")?,
                media: attribute(element, "media")?.context("a SegmentTemplate without media")?,
                start_number: number(element, "startNumber")?.unwrap_or(1),
                timescale: number(element, "timescale")?.unwrap_or(1).max(1),
                duration: number(element, "duration")?,
                ..Template::default()
            };
            if let Some(parent) = levels.last_mut() {
                parent.template = Some(template);
            }
        }
        "S" => {
            // In the SegmentTimeline of the template that the element around holds.
            let template = levels
                .iter_mut()
                .rev()
                .nth(2)
                .and_then(|level| level.template.as_mut());
            let template = template.context("an S outside of a SegmentTemplate")?;
            template.next = number(element, "t")?.unwrap_or(template.next);
            let duration = number(element, "d")?.context("an S without d")?;
            let repeats = number(element, "r")?.unwrap_or(0);
            for _ in 0..=repeats {
                ensure!(template.times.len() < FILES_MAX, "more than {FILES_MAX} segments");
                template.times.push(template.next);
                template.next = template.next.saturating_add(duration);
            }
        }
        "Representation" => {
            let id = attribute(element, "id")?.context("a Representation without id")?;
            let bandwidth = attribute(element, "bandwidth")?.unwrap_or_default();
            level.representation = Some((id, bandwidth));
        }
        _ => {}
    }
    level.element = name;
    levels.push(level);
    Ok(())
}

fn add_text(levels: &mut [Level], text: &str) {
    if let Some(level) = levels.last_mut() {
        level.text.push_str(text);
    }
}

/// What a reference within text stands for (`XML 1.0 §4.6`).
fn entity(name: &str) -> anyhow::Result<&'static str> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => bail!("&{name}; is not known"),
    }
}

fn leave(levels: &mut Vec<Level>, files: &mut Vec<String>, seconds: f64) -> anyhow::Result<()> {
    let Some(level) = levels.pop() else { return Ok(()) };
    // It counts for the element around it.
    if let ("BaseURL", Some(parent)) = (level.element.as_str(), levels.last_mut()) {
        parent.base = joined(&parent.base, level.text.trim());
        parent.has_base = true;
    }
    if level.element != "Representation" {
        return Ok(());
    }
    let Some((id, bandwidth)) = &level.representation else {
        return Ok(());
    };
    let Some(template) = &level.template else {
        // A file by itself.
        ensure!(level.has_base, "{id} has neither a template nor a BaseURL");
        files.push(level.base);
        return Ok(());
    };
    let name = |pattern: &str, number: u64, time: u64| {
        let name = pattern
            .replace("$RepresentationID$", id)
            .replace("$Bandwidth$", bandwidth)
            .replace("$Number$", &number.to_string())
            .replace("$Time$", &time.to_string());
        joined(&level.base, &name)
    };
    if let Some(initialization) = &template.initialization {
        files.push(name(initialization, 0, 0));
    }
    let count = match (template.times.len(), template.duration) {
        (0, Some(duration)) => by_duration(duration, template.timescale, seconds)?,
        (count, _) => count,
    };
    for (index, number) in (template.start_number..).enumerate().take(count) {
        let time = template.times.get(index).copied().unwrap_or(0);
        files.push(name(&template.media, number, time));
    }
    Ok(())
}

/// How many segments of `duration` ticks last for `seconds`.
fn by_duration(duration: u64, timescale: u64, seconds: f64) -> anyhow::Result<usize> {
    #[expect(clippy::cast_precision_loss, reason = "ticks of one segment")]
    let each = duration as f64 / timescale as f64;
    let mut count = 0_u32;
    // A segment that would start where the presentation ends is none.
    while f64::from(count) * each + 1e-4 < seconds {
        count += 1;
        ensure!(
            usize::try_from(count)? < FILES_MAX,
            "more than {FILES_MAX} segments"
        );
    }
    Ok(usize::try_from(count)?)
}

/// `reference` from `base` (`RFC 3986 §5.2`), which ends with a folder.
fn joined(base: &str, reference: &str) -> String {
    let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
    match (reference.contains("://") || reference.starts_with('/'), folder) {
        (true, _) | (_, "") => reference.to_owned(),
        _ => format!("{folder}/{reference}"),
    }
}

/// `PT1H2M3.5S` in seconds.
fn duration_seconds(text: &str) -> anyhow::Result<f64> {
    let mut rest = text
        .strip_prefix("PT")
        .with_context(|| format!("{text} is no duration"))?;
    let mut seconds = 0.0;
    for (unit, factor) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((value, behind)) = rest.split_once(unit) {
            seconds += factor * value.parse::<f64>()?;
            rest = behind;
        }
    }
    if !rest.is_empty() {
        bail!("{text} is no duration");
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_files_are_found() {
        let mpd = r#"<MPD mediaPresentationDuration="PT0M9.5S"><Period><BaseURL>dash/</BaseURL>
            <AdaptationSet><SegmentTemplate timescale="10" initialization="f-$RepresentationID$.dash?a=1&amp;b=2"
             media="f-$RepresentationID$-$Time$.dash"><SegmentTimeline><S t="5" d="40" r="1"/><S d="7"/></SegmentTimeline>
            </SegmentTemplate><Representation id="v=1"/><Representation id="v=2" bandwidth="9"></Representation></AdaptationSet>
            <AdaptationSet><Representation id="t=1"><BaseURL>f-t=1.vtt?a=1&amp;b=2</BaseURL></Representation></AdaptationSet>
            <AdaptationSet><Representation id="i=1"><SegmentTemplate timescale="1" duration="5" startNumber="3"
             media="i-$Number$.jpg"/></Representation></AdaptationSet></Period></MPD>"#;
        assert_eq!(
            files(mpd).unwrap(),
            [
                "dash/f-v=1.dash?a=1&b=2",
                "dash/f-v=1-5.dash",
                "dash/f-v=1-45.dash",
                "dash/f-v=1-85.dash",
                "dash/f-v=2.dash?a=1&b=2",
                "dash/f-v=2-5.dash",
                "dash/f-v=2-45.dash",
                "dash/f-v=2-85.dash",
                "dash/f-t=1.vtt?a=1&b=2",
                "dash/i-3.jpg",
                "dash/i-4.jpg",
            ]
        );
    }

    #[test]
    fn what_cannot_be_followed_is_an_error() {
        for mpd in [
            "<MPD><Representation id=\"a\"/></MPD>",
            "<MPD mediaPresentationDuration=\"9s\"/>",
            "<MPD><SegmentTemplate media=\"a\"><SegmentTimeline><S/></SegmentTimeline></SegmentTemplate></MPD>",
            "<MPD><SegmentTemplate media=\"a\"><SegmentTimeline><S d=\"1\" r=\"99999999\"/></SegmentTimeline></SegmentTemplate></MPD>",
        ] {
            assert!(files(mpd).is_err(), "{mpd}");
        }
    }
}
