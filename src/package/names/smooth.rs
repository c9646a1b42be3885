//! Client manifests of Smooth Streaming, `[MS-SSTR] §2.2.2`.

use anyhow::{Context as _, ensure};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{attribute, number};
use crate::package::FILES_MAX;

/// The stream that is being read.
#[derive(Default)]
struct Stream {
    url: String,
    bitrates: Vec<String>,
    times: Vec<u64>,
    next: u64,
}

/// The fragments that `manifest` names.
pub(super) fn files(manifest: &str) -> anyhow::Result<Vec<String>> {
    let mut reader = Reader::from_str(manifest);
    let (mut stream, mut files) = (Stream::default(), Vec::new());
    loop {
        match reader.read_event()? {
            Event::Start(element) | Event::Empty(element) => stream.take(&element)?,
            Event::End(element) if element.local_name().into_inner() == "StreamIndex" => {
                files.extend(std::mem::take(&mut stream).files());
            }
            Event::Eof => return Ok(files),
            _ => {}
        }
    }
}

impl Stream {
    fn take(&mut self, element: &BytesStart<'_>) -> anyhow::Result<()> {
        match element.local_name().into_inner() {
            "StreamIndex" => self.url = attribute(element, "Url")?.context("a stream without Url")?,
            "QualityLevel" => self.bitrates.extend(attribute(element, "Bitrate")?),
            "c" => {
                self.next = number(element, "t")?.unwrap_or(self.next);
                let duration = number(element, "d")?.context("a c without d")?;
                for _ in 0..number(element, "r")?.unwrap_or(1) {
                    ensure!(self.times.len() < FILES_MAX, "more than {FILES_MAX} fragments");
                    self.times.push(self.next);
                    self.next = self.next.saturating_add(duration);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn files(&self) -> Vec<String> {
        let of_level = |bitrate: &String| {
            let url = self.url.replace("{bitrate}", bitrate);
            let name = move |time: &u64| url.replace("{start time}", &time.to_string());
            self.times.iter().map(name).collect::<Vec<_>>()
        };
        self.bitrates.iter().flat_map(of_level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_found() {
        let manifest = r#"<SmoothStreamingMedia><StreamIndex Url="Q({bitrate})/F(v={start time})?a=1&amp;b=2">
            <QualityLevel Bitrate="1"/><QualityLevel Bitrate="2"/><c t="5" d="10" r="2"/><c d="3"/></StreamIndex>
            </SmoothStreamingMedia>"#;
        assert_eq!(
            files(manifest).unwrap(),
            [
                "Q(1)/F(v=5)?a=1&b=2",
                "Q(1)/F(v=15)?a=1&b=2",
                "Q(1)/F(v=25)?a=1&b=2",
                "Q(2)/F(v=5)?a=1&b=2",
                "Q(2)/F(v=15)?a=1&b=2",
                "Q(2)/F(v=25)?a=1&b=2",
            ]
        );
    }
}
