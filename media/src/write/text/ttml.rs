//! TTML documents in the text profile of IMSC 1.

mod content;
mod region;
mod sheet;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::text::{Cue, Region};
use region::Geometry;
use sheet::Sheet;

/// What a document holds.
#[derive(Clone, Debug, Default)]
pub struct Ttml<'a> {
    /// The cues.
    pub cues: Vec<&'a Cue>,
    /// Regions the cues refer to.
    pub regions: &'a [Region],
    /// Style sheets for the cues' classes, as WebVTT has them.
    pub style_sheets: &'a [String],
    /// The language of the text, a BCP 47 tag.
    pub language: Option<&'a str>,
    /// The moment of the document's clock at which the presentation starts.
    pub start_at: Duration,
    /// The moment of the presentation at which the document's clock starts: times
    /// before it become 0.
    pub zero_at: Duration,
}

/// Writes a document.
#[must_use]
pub fn ttml(document: &Ttml<'_>) -> String {
    let mut geometries: Vec<Geometry> = Vec::new();
    let mut indexes: HashMap<Geometry, usize> = HashMap::new();
    let mut paragraphs = String::new();
    let sheet = Sheet::of(document.style_sheets);
    for cue in &document.cues {
        let geometry = Geometry::of(&cue.placement, document.regions);
        let index = *indexes.entry(geometry).or_insert_with_key(|geometry| {
            geometries.push(geometry.clone());
            geometries.len() - 1
        });
        let time = |time: Duration| {
            time.saturating_add(document.start_at)
                .saturating_sub(document.zero_at)
        };
        // Writing to a String cannot fail.
        let _ = write!(
            paragraphs,
            "<p begin=\"{}\" end=\"{}\" region=\"r{index}\">",
            clock_time(time(cue.start)),
            clock_time(time(cue.end))
        );
        content::write(&mut paragraphs, &cue.content, &sheet);
        paragraphs.push_str("</p>\n");
    }
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <tt xmlns=\"http://www.w3.org/ns/ttml\" \
         xmlns:ttp=\"http://www.w3.org/ns/ttml#parameter\" \
         xmlns:tts=\"http://www.w3.org/ns/ttml#styling\" \
         ttp:profile=\"http://www.w3.org/ns/ttml/profile/imsc1/text\" \
         ttp:timeBase=\"media\" xml:lang=\"{}\">\n",
        content::escaped(document.language.unwrap_or_default())
    );
    if geometries.is_empty() {
        text.push_str("<head/>\n<body/>\n</tt>\n");
        return text;
    }
    text.push_str(
        "<head>\n<styling>\n\
         <style xml:id=\"s\" tts:color=\"white\" tts:fontFamily=\"proportionalSansSerif\" \
         tts:fontSize=\"75%\" tts:textOutline=\"black 5%\"/>\n\
         </styling>\n<layout>\n",
    );
    for (index, geometry) in geometries.iter().enumerate() {
        geometry.write(&mut text, index);
    }
    text.push_str("</layout>\n</head>\n<body style=\"s\">\n<div>\n");
    text.push_str(&paragraphs);
    text.push_str("</div>\n</body>\n</tt>\n");
    text
}

/// A time as `hh:mm:ss.fff`, to the microsecond where it is needed, `TTML1 §10.3.1`.
fn clock_time(time: Duration) -> String {
    let time = time.saturating_add(Duration::from_nanos(500));
    let (seconds, micros) = (time.as_secs(), time.subsec_micros());
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if micros % 1000 == 0 {
        return format!("{clock}.{:03}", micros / 1000);
    }
    format!("{clock}.{micros:06}")
}
