//! Client manifests of Smooth Streaming ([MS-SSTR] §2.2.2).

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::seconds;
use crate::audience::film::{Film, ManifestError, SEGMENTS_MAX, Segment, Source, Track, resolve};

/// Ticks a second, unless the manifest says otherwise.
const TIMESCALE: u64 = 10_000_000;

#[derive(Default)]
struct Stream {
    kind: String,
    url: String,
    timescale: u64,
    bitrates: Vec<u64>,
    times: Vec<(u64, u64)>,
    /// A chunk whose duration is that up to the next one.
    open: Option<u64>,
}

pub(super) fn read(path: &str, text: &str) -> Result<Film, ManifestError> {
    let mut reader = Reader::from_str(text);
    let mut timescale = TIMESCALE;
    let (mut video, mut audio) = (Vec::new(), None);
    let mut stream = Stream::default();
    let mut has_root = false;
    loop {
        match reader.read_event() {
            Err(error) => return Err(ManifestError::Syntax(error.to_string())),
            Ok(Event::Eof) => break,
            Ok(Event::Start(element) | Event::Empty(element)) => match element.local_name().as_ref() {
                "SmoothStreamingMedia" => {
                    has_root = true;
                    timescale = number(&element, "TimeScale")?.unwrap_or(TIMESCALE);
                }
                "StreamIndex" => {
                    stream = Stream {
                        kind: text_of(&element, "Type")?.unwrap_or_default(),
                        url: text_of(&element, "Url")?.unwrap_or_default(),
                        timescale: number(&element, "TimeScale")?.unwrap_or(timescale),
                        ..Stream::default()
                    }
                }
                "QualityLevel" => stream
                    .bitrates
                    .push(number(&element, "Bitrate")?.unwrap_or_default()),
                "c" => stream.chunk(&element)?,
                _ => {}
            },
            Ok(Event::End(element)) if element.local_name().as_ref() == "StreamIndex" => {
                let tracks = std::mem::take(&mut stream);
                match tracks.kind.as_str() {
                    "video" => video.extend(tracks.tracks(path)),
                    "audio" if audio.is_none() => audio = tracks.tracks(path).next(),
                    _ => {}
                }
            }
            Ok(_) => {}
        }
    }
    if !has_root {
        return Err(ManifestError::Syntax(
            "there is no SmoothStreamingMedia".to_owned(),
        ));
    }
    Film::new(video, audio)
}

impl Stream {
    /// `t`, `d` and `r` of a chunk: each may be left out where the others say it.
    fn chunk(&mut self, element: &BytesStart<'_>) -> Result<(), ManifestError> {
        let (time, duration) = (number(element, "t")?, number(element, "d")?);
        let repeats = number(element, "r")?.unwrap_or(1).max(1);
        if ((SEGMENTS_MAX - self.times.len()) as u64) < repeats {
            return Err(ManifestError::Sense(format!(
                "a stream has more than {SEGMENTS_MAX} chunks"
            )));
        }
        let after = self
            .times
            .last()
            .map_or(0, |(time, duration)| time.saturating_add(*duration));
        let mut at = time.unwrap_or(after);
        if let Some(open) = self.open.take() {
            self.times.push((open, at.saturating_sub(open)));
        }
        let Some(duration) = duration else {
            self.open = Some(at);
            return Ok(());
        };
        for _ in 0..repeats {
            self.times.push((at, duration));
            at = at.saturating_add(duration);
        }
        Ok(())
    }

    fn tracks(self, path: &str) -> impl Iterator<Item = Track> {
        let path = path.to_owned();
        let first = self.times.first().map_or(0, |(time, _)| *time);
        self.bitrates.clone().into_iter().map(move |bitrate| {
            let segments = self.times.iter().map(|(time, duration)| Segment {
                path: resolve(
                    &path,
                    &self
                        .url
                        .replace("{bitrate}", &bitrate.to_string())
                        .replace("{Bitrate}", &bitrate.to_string())
                        .replace("{start time}", &time.to_string())
                        .replace("{start_time}", &time.to_string()),
                ),
                at_s: seconds(*time - first.min(*time), self.timescale),
                duration_s: seconds(*duration, self.timescale),
            });
            Track {
                bandwidth: bitrate,
                init: None,
                segments: Source::Listed(segments.collect()),
            }
        })
    }
}

fn text_of(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, ManifestError> {
    let syntax = |error: &dyn std::fmt::Display| ManifestError::Syntax(format!("{name}: {error}"));
    let attribute = element.try_get_attribute(name).map_err(|error| syntax(&error))?;
    let Some(attribute) = attribute else {
        return Ok(None);
    };
    let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| syntax(&error))?;
    Ok(Some(value.into_owned()))
}

fn number(element: &BytesStart<'_>, name: &str) -> Result<Option<u64>, ManifestError> {
    text_of(element, name)?
        .map(|text| {
            text.parse()
                .map_err(|_| ManifestError::Syntax(format!("{name}=\"{text}\" is no number")))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2" MinorVersion="2" TimeScale="10000000" Duration="140000000">
<StreamIndex Type="video" Url="QualityLevels({bitrate})/Fragments(video={start time})">
<QualityLevel Index="0" Bitrate="2000"/><QualityLevel Index="1" Bitrate="1000"/>
<c t="0" d="60000000" r="2"/><c d="20000000"/></StreamIndex>
<StreamIndex Type="audio" Url="QualityLevels({bitrate})/Fragments(eng={start time})"><QualityLevel Bitrate="128"/>
<c t="0"/><c t="60000000" d="60000000"/></StreamIndex></SmoothStreamingMedia>"#;

    #[test]
    fn chunks_follow_one_another_where_times_are_left_out() {
        let film = read("/film.ism/Manifest", MANIFEST).unwrap();
        assert_eq!(film.video[0].bandwidth, 1000);
        let Source::Listed(segments) = &film.video[1].segments else {
            panic!()
        };
        assert_eq!(
            segments[1].path,
            "/film.ism/QualityLevels(2000)/Fragments(video=60000000)"
        );
        assert_eq!(
            (segments.len(), segments[2].at_s, segments[2].duration_s),
            (3, 12.0, 2.0)
        );
        let Source::Listed(sound) = &film.audio.unwrap().segments else {
            panic!()
        };
        assert_eq!((sound.len(), sound[0].duration_s), (2, 6.0));
    }

    #[test]
    fn what_cannot_be_played_is_told() {
        assert!(read("/m", "<html></html>").is_err());
        assert!(read("/m", &MANIFEST.replace("r=\"2\"", "r=\"x\"")).is_err());
        assert!(read("/m", &MANIFEST.replace("r=\"2\"", "r=\"4000000000\"")).is_err());
        assert!(read("/m", "<SmoothStreamingMedia/>").is_err());
    }
}
