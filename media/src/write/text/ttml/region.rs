//! Regions: where WebVTT's settings put a cue, as TTML tells it.

use std::fmt::Write as _;

use crate::text::{Align, Line, LineAlign, Percent, Placement, PositionAlign, Region, Writing};

/// Height of a line of text as players show it, in hundredths of a percent of
/// the picture's: 1/15 of it at 80 %.
const LINE_HEIGHT: u32 = 533;

/// What is left free on each side of the picture by text that says nothing.
const MARGIN: u32 = 1000;

const FULL: u32 = 10_000;

/// A part of the picture and how text stands in it. Lengths are hundredths of
/// a percent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Geometry {
    /// Across and down.
    origin: (u32, u32),
    extent: (u32, u32),
    display_align: &'static str,
    text_align: &'static str,
    writing: &'static str,
}

/// A stretch of one dimension of the picture.
type Stretch = (u32, u32);

impl Geometry {
    /// Where `placement` puts a cue.
    pub(super) fn of(placement: &Placement, regions: &[Region]) -> Self {
        let text_align = match placement.align {
            Align::Start => "start",
            Align::Center => "center",
            Align::End => "end",
            Align::Left => "left",
            Align::Right => "right",
        };
        let region = placement
            .region
            .as_deref()
            .and_then(|id| regions.iter().find(|region| region.id == id));
        if let Some(region) = region {
            return Self::of_region(region, text_align);
        }
        let ((along, size), (across, depth, display_align)) = (width(placement), height(placement));
        // A line of text runs along the first of each pair.
        let (origin, extent, writing) = match placement.writing {
            Writing::Horizontal => ((along, across), (size, depth), ""),
            Writing::VerticalRightToLeft => ((across, along), (depth, size), "tbrl"),
            Writing::VerticalLeftToRight => ((across, along), (depth, size), "tblr"),
        };
        Self {
            origin,
            extent,
            display_align,
            text_align,
            writing,
        }
    }

    fn of_region(region: &Region, text_align: &'static str) -> Self {
        let size = (
            region.width.hundredths(),
            (u32::from(region.lines) * LINE_HEIGHT).min(FULL),
        );
        // The same point of both, as far as the picture reaches.
        let start = |viewport: Percent, anchor: Percent, size: u32| {
            let within = anchor.hundredths() * size / FULL;
            viewport.hundredths().saturating_sub(within).min(FULL - size)
        };
        Self {
            origin: (
                start(region.viewport_anchor.0, region.region_anchor.0, size.0),
                start(region.viewport_anchor.1, region.region_anchor.1, size.1),
            ),
            extent: size,
            display_align: "after",
            text_align,
            writing: "",
        }
    }

    /// Writes the region number `index`.
    pub(super) fn write(&self, text: &mut String, index: usize) {
        let percent = Percent::from_hundredths;
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "<region xml:id=\"r{index}\" tts:origin=\"{} {}\" tts:extent=\"{} {}\" \
             tts:displayAlign=\"{}\" tts:textAlign=\"{}\"",
            percent(self.origin.0),
            percent(self.origin.1),
            percent(self.extent.0),
            percent(self.extent.1),
            self.display_align,
            self.text_align
        );
        if !self.writing.is_empty() {
            let _ = write!(text, " tts:writingMode=\"{}\"", self.writing);
        }
        text.push_str("/>\n");
    }
}

/// Where a cue's box starts and how long it is in the direction of its lines,
/// `WebVTT §7.2`.
fn width(placement: &Placement) -> Stretch {
    if placement.position.is_none() && placement.size.is_none() {
        return (MARGIN, FULL - 2 * MARGIN);
    }
    let align = match placement.align {
        Align::Start | Align::Left => PositionAlign::LineLeft,
        Align::Center => PositionAlign::Center,
        Align::End | Align::Right => PositionAlign::LineRight,
    };
    let position = placement.position.map_or(
        match align {
            PositionAlign::LineLeft => 0,
            PositionAlign::LineRight => FULL,
            PositionAlign::Center | PositionAlign::Auto => FULL / 2,
        },
        Percent::hundredths,
    );
    let align = match placement.position_align {
        PositionAlign::Auto => align,
        stated => stated,
    };
    let room = match align {
        PositionAlign::LineLeft => FULL - position,
        PositionAlign::LineRight => position,
        PositionAlign::Center | PositionAlign::Auto => position.min(FULL - position) * 2,
    };
    let size = placement.size.map_or(FULL, Percent::hundredths).min(room);
    let start = match align {
        PositionAlign::LineLeft => position,
        PositionAlign::LineRight => position - size,
        PositionAlign::Center | PositionAlign::Auto => position - size / 2,
    };
    (start, size)
}

/// Where a cue's box starts, how deep it is in the direction in which lines
/// follow each other, and which end of it they stand at.
fn height(placement: &Placement) -> (u32, u32, &'static str) {
    let (line, align) = match placement.line {
        None => return (MARGIN, FULL - 2 * MARGIN, "after"),
        Some(Line::Percent(percent)) => (percent.hundredths(), placement.line_align),
        Some(Line::Number(number)) => {
            let lines = u32::from(number.unsigned_abs()) * LINE_HEIGHT;
            match number {
                0.. => (lines.min(FULL), LineAlign::Start),
                // The last line is −1.
                _ => (FULL.saturating_sub(lines - LINE_HEIGHT), LineAlign::End),
            }
        }
    };
    match align {
        LineAlign::Start => (line, FULL - line, "before"),
        LineAlign::Center => {
            let depth = line.min(FULL - line) * 2;
            (line - depth / 2, depth, "center")
        }
        LineAlign::End => (0, line, "after"),
    }
}
