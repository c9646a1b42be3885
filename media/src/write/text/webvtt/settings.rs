//! Settings of cues, `W3C WebVTT §4.4`.

use crate::text::{Align, Line, LineAlign, Placement, PositionAlign, Writing};

/// Writes what differs from what holds when nothing is said.
pub(in crate::write::text) fn write(placement: &Placement) -> String {
    let mut settings: Vec<String> = Vec::new();
    match placement.writing {
        Writing::Horizontal => {}
        Writing::VerticalRightToLeft => settings.push("vertical:rl".to_owned()),
        Writing::VerticalLeftToRight => settings.push("vertical:lr".to_owned()),
    }
    if let Some(line) = placement.line {
        let line = match line {
            Line::Number(number) => number.to_string(),
            Line::Percent(percent) => percent.to_string(),
        };
        let edge = match placement.line_align {
            LineAlign::Start => "",
            LineAlign::Center => ",center",
            LineAlign::End => ",end",
        };
        settings.push(format!("line:{line}{edge}"));
    }
    if let Some(position) = placement.position {
        let edge = match placement.position_align {
            PositionAlign::Auto => "",
            PositionAlign::LineLeft => ",line-left",
            PositionAlign::Center => ",center",
            PositionAlign::LineRight => ",line-right",
        };
        settings.push(format!("position:{position}{edge}"));
    }
    if let Some(size) = placement.size {
        settings.push(format!("size:{size}"));
    }
    match placement.align {
        Align::Start => settings.push("align:start".to_owned()),
        Align::Center => {}
        Align::End => settings.push("align:end".to_owned()),
        Align::Left => settings.push("align:left".to_owned()),
        Align::Right => settings.push("align:right".to_owned()),
    }
    if let Some(region) = &placement.region {
        settings.push(format!("region:{region}"));
    }
    settings.join(" ")
}
