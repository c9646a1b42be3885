//! MPD (ISO/IEC 23009-1): segment templates with a timeline or a duration.

use dash_mpd_core::{AdaptationSet, MPD, Period, Representation, SegmentTemplate};

use super::seconds;
use crate::audience::film::{Film, ManifestError, SEGMENTS_MAX, Segment, Source, Track, resolve};
use crate::number::{float, whole};

pub(super) fn read(path: &str, text: &str) -> Result<Film, ManifestError> {
    let mpd: MPD = dash_mpd_core::parse(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
    let period = mpd
        .periods
        .first()
        .ok_or_else(|| ManifestError::Sense("there is no Period".to_owned()))?;
    let length = period
        .duration
        .or(mpd.mediaPresentationDuration)
        .map(|length| length.as_secs_f64());
    let mut base = path.to_owned();
    for url in [mpd.base_url.first(), period.BaseURL.first()]
        .into_iter()
        .flatten()
    {
        base = resolve(&base, &url.base);
    }
    let mut video = Vec::new();
    let mut audio = None;
    for set in &period.adaptations {
        let is = |wanted: &str| {
            let by_type = set.contentType.as_deref() == Some(wanted);
            let mime = set.mimeType.as_deref();
            let mime = mime.or_else(|| set.representations.first()?.mimeType.as_deref());
            by_type || mime.is_some_and(|mime| mime.starts_with(wanted))
        };
        // Key frames only, for pictures while seeking: nobody watches them.
        let is_trick = set
            .essential_property
            .iter()
            .any(|property| property.schemeIdUri.contains("trickmode"));
        if is("video") && !is_trick {
            for representation in &set.representations {
                video.push(track(&base, period, set, representation, length)?);
            }
        } else if is("audio") && audio.is_none() {
            audio = set
                .representations
                .first()
                .map(|representation| track(&base, period, set, representation, length))
                .transpose()?;
        }
    }
    Film::new(video, audio)
}

fn track(
    base: &str,
    period: &Period,
    set: &AdaptationSet,
    representation: &Representation,
    length_s: Option<f64>,
) -> Result<Track, ManifestError> {
    let sense = |text: &str| ManifestError::Sense(text.to_owned());
    let templates = [
        &representation.SegmentTemplate,
        &set.SegmentTemplate,
        &period.SegmentTemplate,
    ];
    let templates: Vec<&SegmentTemplate> = templates.into_iter().flatten().collect();
    if templates.is_empty() {
        return Err(sense("a Representation has no SegmentTemplate"));
    }
    // What is not said of a representation is said of its set.
    let media = templates.iter().find_map(|template| template.media.as_deref());
    let media = media.ok_or_else(|| sense("a SegmentTemplate has no media"))?;
    let initialization = templates
        .iter()
        .find_map(|template| template.initialization.as_deref());
    let timescale = templates
        .iter()
        .find_map(|template| template.timescale)
        .unwrap_or(1);
    let number = templates
        .iter()
        .find_map(|template| template.startNumber)
        .unwrap_or(1);
    let offset = templates
        .iter()
        .find_map(|template| template.presentationTimeOffset)
        .unwrap_or(0);
    let mut base = base.to_owned();
    for url in [set.BaseURL.first(), representation.BaseURL.first()]
        .into_iter()
        .flatten()
    {
        base = resolve(&base, &url.base);
    }
    let bandwidth = representation.bandwidth.unwrap_or_default();
    let path = |pattern: &str, number: u64, time: u64| {
        let id = representation.id.as_deref().unwrap_or_default();
        resolve(&base, &expand(pattern, id, bandwidth, number, time))
    };
    let timeline = templates
        .iter()
        .find_map(|template| template.SegmentTimeline.as_ref());
    let times = match timeline {
        Some(timeline) => timeline_of(&timeline.segments)?,
        None => {
            let duration = templates.iter().find_map(|template| template.duration);
            let duration =
                duration.ok_or_else(|| sense("a SegmentTemplate has neither timeline nor duration"))?;
            let length_s = length_s.ok_or_else(|| sense("neither Period nor MPD has a duration"))?;
            even(whole(duration), whole(length_s * float(timescale)))?
        }
    };
    let segments = times
        .iter()
        .zip(number..)
        .map(|((time, duration), number)| Segment {
            path: path(media, number, *time),
            at_s: seconds(*time, timescale) - seconds(offset, timescale),
            duration_s: seconds(*duration, timescale),
        });
    Ok(Track {
        bandwidth,
        init: initialization.map(|pattern| path(pattern, 0, 0)),
        segments: Source::Listed(segments.collect()),
    })
}

/// Times and durations of the `S` elements (§5.3.9.6), in ticks.
fn timeline_of(elements: &[dash_mpd_core::S]) -> Result<Vec<(u64, u64)>, ManifestError> {
    let too_many =
        || ManifestError::Sense(format!("a SegmentTimeline has more than {SEGMENTS_MAX} segments"));
    let mut times = Vec::new();
    let mut at = 0_u64;
    for (index, element) in elements.iter().enumerate() {
        at = element.t.unwrap_or(at);
        let repeats = match element.r.unwrap_or(0) {
            // Up to the next element, which says where it begins.
            ..0 => {
                let next = elements.get(index + 1).and_then(|next| next.t);
                let next = next.ok_or_else(|| ManifestError::Sense("an S repeats without end".to_owned()))?;
                next.saturating_sub(at).checked_div(element.d).unwrap_or(1).max(1)
            }
            repeats => u64::try_from(repeats).unwrap_or(u64::MAX).saturating_add(1),
        };
        let room = (SEGMENTS_MAX - times.len()) as u64;
        if room < repeats {
            return Err(too_many());
        }
        for _ in 0..repeats {
            times.push((at, element.d));
            at = at.saturating_add(element.d);
        }
    }
    Ok(times)
}

fn even(duration: u64, length: u64) -> Result<Vec<(u64, u64)>, ManifestError> {
    if duration == 0 || (SEGMENTS_MAX as u64) < length / duration {
        return Err(ManifestError::Sense(format!(
            "segments of {duration} ticks in {length}"
        )));
    }
    let starts = (0..length.div_ceil(duration)).map(|index| index * duration);
    Ok(starts
        .map(|start| (start, duration.min(length - start)))
        .collect())
}

/// Fills in a template (§5.3.9.4.4): `$Number%05d$`, `$Time$`, `$RepresentationID$`, `$Bandwidth$`, `$$`.
fn expand(pattern: &str, id: &str, bandwidth: u64, number: u64, time: u64) -> String {
    let mut out = String::new();
    for (index, part) in pattern.split('$').enumerate() {
        if index % 2 == 0 {
            out.push_str(part);
            continue;
        }
        let (name, format) = part.split_once('%').unwrap_or((part, ""));
        let width: usize = format
            .trim_start_matches('0')
            .trim_end_matches('d')
            .parse()
            .unwrap_or(0)
            .min(20);
        match name {
            "" => out.push('$'),
            "RepresentationID" => out.push_str(id),
            "Number" => out.push_str(&format!("{number:0width$}")),
            "Time" => out.push_str(&format!("{time:0width$}")),
            "Bandwidth" => out.push_str(&format!("{bandwidth:0width$}")),
            other => out.push_str(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPD: &str = r#"<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT14S" profiles="urn:mpeg:dash:profile:isoff-live:2011">
 <Period><BaseURL>dash/</BaseURL>
  <AdaptationSet contentType="video" mimeType="video/mp4">
   <SegmentTemplate timescale="10" initialization="f-$RepresentationID$.dash" media="f-$RepresentationID$-$Time$.dash">
    <SegmentTimeline><S t="0" d="60" r="1"/><S d="20"/></SegmentTimeline></SegmentTemplate>
   <Representation id="video=2" bandwidth="2000"/><Representation id="video=1" bandwidth="1000"/>
  </AdaptationSet>
  <AdaptationSet contentType="audio" mimeType="audio/mp4">
   <Representation id="a" bandwidth="128">
    <SegmentTemplate timescale="1" duration="6" startNumber="1" media="a-$Number%03d$.m4s"/></Representation>
  </AdaptationSet>
 </Period></MPD>"#;

    #[test]
    fn timelines_numbers_and_base_urls_are_followed() {
        let film = read("/film.ism/.mpd", MPD).unwrap();
        let rates: Vec<u64> = film.video.iter().map(|track| track.bandwidth).collect();
        assert_eq!(rates, [1000, 2000]);
        assert_eq!(
            film.video[0].init.as_deref(),
            Some("/film.ism/dash/f-video=1.dash")
        );
        let Source::Listed(segments) = &film.video[0].segments else {
            panic!()
        };
        let paths: Vec<&str> = segments.iter().map(|segment| segment.path.as_str()).collect();
        assert_eq!(paths[1], "/film.ism/dash/f-video=1-60.dash");
        assert_eq!((paths.len(), segments[2].duration_s), (3, 2.0));
        let Source::Listed(sound) = &film.audio.as_ref().unwrap().segments else {
            panic!()
        };
        assert_eq!(sound[2].path, "/film.ism/dash/a-003.m4s");
        assert_eq!(sound[2].duration_s, 2.0);
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        for (from, to, what) in [
            (
                "<S t=\"0\" d=\"60\" r=\"1\"/>",
                "<S t=\"0\" d=\"60\" r=\"99999999999\"/>",
                "more than",
            ),
            (
                "<S t=\"0\" d=\"60\" r=\"1\"/>",
                "<S t=\"0\" d=\"60\" r=\"-1\"/>",
                "without end",
            ),
            ("<S d=\"20\"/>", "<S t=\"200\" d=\"20\"/>", "between segments"),
            ("duration=\"6\"", "", "neither timeline nor duration"),
            ("</MPD>", "", "cannot be read"),
        ] {
            let error = read("/f.ism/.mpd", &MPD.replace(from, to))
                .unwrap_err()
                .to_string();
            assert!(error.contains(what), "{what}: {error}");
        }
    }
}
