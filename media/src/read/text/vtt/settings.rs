//! Settings of cues and regions, `W3C WebVTT §6.2`, `§6.3`. What makes no sense
//! is ignored, as players do.

use crate::text::{Align, Line, LineAlign, Percent, Placement, PositionAlign, Region, Writing};

/// Reads the settings of a cue.
pub(crate) fn read(text: &str) -> Placement {
    let mut placement = Placement::default();
    for (name, value) in pairs(text) {
        let (value, edge) = match value.split_once(',') {
            Some((value, edge)) => (value, Some(edge)),
            None => (value, None),
        };
        match name {
            "vertical" => {
                placement.writing = match value {
                    "rl" => Writing::VerticalRightToLeft,
                    "lr" => Writing::VerticalLeftToRight,
                    _ => placement.writing,
                }
            }
            "line" => read_line(&mut placement, value, edge),
            "position" => read_position(&mut placement, value, edge),
            "size" => placement.size = Percent::parse(value).or(placement.size),
            "align" => {
                placement.align = match value {
                    "start" => Align::Start,
                    "center" | "middle" => Align::Center,
                    "end" => Align::End,
                    "left" => Align::Left,
                    "right" => Align::Right,
                    _ => placement.align,
                }
            }
            "region" => placement.region = Some(value.to_owned()),
            _ => {}
        }
    }
    placement
}

fn read_line(placement: &mut Placement, value: &str, edge: Option<&str>) {
    let line = match Percent::parse(value) {
        Some(percent) => Some(Line::Percent(percent)),
        None => value.parse().ok().map(Line::Number),
    };
    let edge = match edge {
        None | Some("start") => Some(LineAlign::Start),
        Some("center") => Some(LineAlign::Center),
        Some("end") => Some(LineAlign::End),
        Some(_) => None,
    };
    if let (Some(line), Some(edge)) = (line, edge) {
        (placement.line, placement.line_align) = (Some(line), edge);
    }
}

fn read_position(placement: &mut Placement, value: &str, edge: Option<&str>) {
    let edge = match edge {
        None => Some(PositionAlign::Auto),
        Some("line-left" | "start") => Some(PositionAlign::LineLeft),
        Some("center" | "middle") => Some(PositionAlign::Center),
        Some("line-right" | "end") => Some(PositionAlign::LineRight),
        Some(_) => None,
    };
    if let (Some(position), Some(edge)) = (Percent::parse(value), edge) {
        (placement.position, placement.position_align) = (Some(position), edge);
    }
}

/// Reads the settings of a region; `None` if it has no name.
pub(super) fn read_region<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Region> {
    let mut region = Region::default();
    for (name, value) in lines.flat_map(pairs) {
        let anchor = || {
            let (across, down) = value.split_once(',')?;
            Some((Percent::parse(across)?, Percent::parse(down)?))
        };
        match name {
            "id" => region.id = value.to_owned(),
            "width" => region.width = Percent::parse(value).unwrap_or(region.width),
            "lines" => region.lines = value.parse().unwrap_or(region.lines),
            "regionanchor" => region.region_anchor = anchor().unwrap_or(region.region_anchor),
            "viewportanchor" => region.viewport_anchor = anchor().unwrap_or(region.viewport_anchor),
            "scroll" => region.scrolls = value == "up",
            _ => {}
        }
    }
    (!region.id.is_empty()).then_some(region)
}

/// The names and values, both not empty.
fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once(':'));
    pairs.filter(|(name, value)| !name.is_empty() && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_read() {
        let placement =
            read("vertical:rl line:10%,end position:25.5%,line-left size:50% align:start region:fred");
        assert_eq!(
            placement,
            Placement {
                writing: Writing::VerticalRightToLeft,
                line: Some(Line::Percent(Percent::from_hundredths(1000))),
                line_align: LineAlign::End,
                position: Some(Percent::from_hundredths(2550)),
                position_align: PositionAlign::LineLeft,
                size: Some(Percent::from_hundredths(5000)),
                align: Align::Start,
                region: Some("fred".to_owned()),
            }
        );
        assert_eq!(read("line:-3").line, Some(Line::Number(-3)));
    }

    #[test]
    fn what_makes_no_sense_is_ignored() {
        for text in [
            "",
            "line",
            "line:",
            ":5",
            "line:5,up",
            "size:101%",
            "position:5",
            "align:justify",
            "vertical:x",
            "line:99999",
        ] {
            assert_eq!(read(text), Placement::default(), "{text}");
        }
    }
}
