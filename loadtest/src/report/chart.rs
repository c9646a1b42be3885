//! Plots as inline SVG: a few shapes, drawn by hand, that need no script and no font.

use std::fmt::Write as _;

use super::figures::Unit;
use super::page::escape;
use crate::number::{float_len, place};

/// As wide as a column of the page, so that texts are drawn in their own size.
const WIDTH: f64 = 560.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 46.0;
/// Marks so near the right edge stand left of their line.
const EDGE: f64 = 24.0;

/// Most points drawn of a line; neighbours are joined beyond that.
const POINTS_MAX: usize = 360;

/// The same of a line that is one of many: a picture of a thousand nodes has to be sent by mail.
const FAINT_POINTS_MAX: usize = 120;

/// Most places of a plot that say their values when pointed at.
const TIPS_MAX: usize = 120;

/// Most digits behind the point of a mark.
const DIGITS_MAX: usize = 6;

/// Marks are written with three digits while they are no more steps above 0 than this.
const SCALED_STEPS_MAX: f64 = 100.0;

/// Values that differ by a smaller part than this lie on a level line.
const LEVEL: f64 = 1e-4;

/// Colours that are told apart, by number; see the page's style sheet.
pub const COLOURS: usize = 8;

/// A line of a plot.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Places and values, in the order of places.
    pub points: Vec<(f64, f64)>,
    /// How it looks.
    pub look: Look,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A line of this colour (modulo [`COLOURS`]).
    Line(usize),
    /// One of many that are not told apart.
    Faint,
    /// A dashed line to measure others against.
    Guide,
}

/// How points are joined when there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The highest counts.
    Highest,
    /// Their mean counts.
    Mean,
}

/// What stands at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// Seconds, written as a time.
    Time,
    /// Plain numbers.
    Plain,
    /// Places are nines: 0.3 is the median, 1 is 90 %, 2 is 99 %, …
    Nines,
    /// What it stands for, and what its places are called.
    Names(String, Vec<String>),
}

/// A plot of lines over a common axis.
#[derive(Debug, Clone)]
pub struct Plot {
    /// What it shows, above it.
    pub title: String,
    /// One sentence on how to read it; may be empty.
    pub caption: String,
    /// The unit of its values.
    pub unit: Unit,
    /// The lines.
    pub series: Vec<Series>,
    /// How points are joined when there are too many.
    pub join: Join,
    /// What stands at the bottom.
    pub axis: Axis,
    /// Height in pixels.
    pub height: f64,
    /// Whether the scale begins at 0.
    pub from_zero: bool,
    /// The scale goes up to this at least, so that plots can be compared.
    pub top: f64,
}

impl Plot {
    /// A plot over time, 200 pixels high, from 0 on.
    #[must_use]
    pub fn over_time(title: &str, unit: Unit, join: Join, series: Vec<Series>) -> Self {
        Self {
            title: title.to_owned(),
            caption: String::new(),
            unit,
            series,
            join,
            axis: Axis::Time,
            height: 200.0,
            from_zero: true,
            top: 0.0,
        }
    }

    /// The figure, with its title and legend. Empty when there is nothing to draw.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| series.points.iter());
        let Some(frame) = Frame::around(points(), self.height, self.from_zero, self.top) else {
            return String::new();
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        let _ = write!(out, "<figure><figcaption><b>{}</b>", escape(&self.title));
        if !self.caption.is_empty() {
            let _ = write!(out, " <span class=\"how\">{}</span>", escape(&self.caption));
        }
        out.push_str("</figcaption>");
        self.legend(&mut out);
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {WIDTH} {h}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title),
            h = self.height
        );
        frame.grid(&mut out, self.unit, &self.axis);
        frame.name_axes(&mut out, self.unit, &self.axis);
        for series in &self.series {
            let (class, style, most) = match series.look {
                Look::Line(colour) => (
                    "l",
                    format!(" style=\"stroke:var(--c{})\"", colour % COLOURS),
                    POINTS_MAX,
                ),
                Look::Faint => ("l faint", String::new(), FAINT_POINTS_MAX),
                Look::Guide => ("l guide", String::new(), POINTS_MAX),
            };
            let _ = write!(out, "<polyline class=\"{class}\"{style} points=\"");
            for (x, y) in joined(&series.points, most, self.join) {
                let _ = write!(out, "{:.0},{:.1} ", frame.x(x), frame.y(y));
            }
            out.push_str("\"/>");
        }
        self.tips(&mut out, &frame);
        out.push_str("</svg></figure>");
        out
    }

    fn legend(&self, out: &mut String) {
        // One line is what the title says.
        if let [series] = self.series.as_slice()
            && series.name == self.title
        {
            return;
        }
        out.push_str("<div class=\"legend\">");
        let mut is_faint_named = false;
        for series in &self.series {
            let colour = match series.look {
                Look::Line(colour) => format!("var(--c{})", colour % COLOURS),
                Look::Guide => "var(--dim)".to_owned(),
                Look::Faint if is_faint_named => continue,
                Look::Faint => {
                    is_faint_named = true;
                    "var(--faint)".to_owned()
                }
            };
            let _ = write!(
                out,
                "<span><i style=\"background:{colour}\"></i>{}</span>",
                escape(&series.name)
            );
        }
        out.push_str("</div>");
    }

    /// Strips that say the values at their place when pointed at.
    fn tips(&self, out: &mut String, frame: &Frame) {
        let told: Vec<(&Series, Vec<(f64, f64)>)> = self
            .series
            .iter()
            .filter(|series| matches!(series.look, Look::Line(_)))
            .map(|series| (series, joined(&series.points, TIPS_MAX, self.join)))
            .collect();
        let Some((_, places)) = told.iter().max_by_key(|(_, points)| points.len()) else {
            return;
        };
        let width = frame.width() / float_len(places.len().max(1));
        for (x, _) in places {
            let _ = write!(
                out,
                "<rect class=\"tip\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}",
                frame.x(*x) - width / 2.0,
                frame.bottom - TOP,
                escape(&self.axis.show(*x))
            );
            for (series, points) in &told {
                if let Some((_, y)) = points
                    .iter()
                    .min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()))
                {
                    let _ = write!(out, "\n{}: {}", escape(&series.name), self.unit.show(*y));
                }
            }
            out.push_str("</title></rect>");
        }
    }
}

/// What a plot spans, and where that is on the screen.
struct Frame {
    x_min: f64,
    x_max: f64,
    y_min: f64,
    y_max: f64,
    bottom: f64,
}

impl Frame {
    fn around<'a>(
        points: impl Iterator<Item = &'a (f64, f64)>,
        height: f64,
        from_zero: bool,
        top: f64,
    ) -> Option<Self> {
        let start = (f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
        let (x_min, x_max, y_min, y_max) = points
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .fold(start, |(a, b, c, d), (x, y)| {
                (a.min(*x), b.max(*x), c.min(*y), d.max(*y))
            });
        if !x_min.is_finite() || !y_min.is_finite() {
            return None;
        }
        let y_max = if top > 0.0 { y_max.max(top) } else { y_max };
        let y_min = if from_zero { y_min.min(0.0) } else { y_min };
        // A line that is level still has a scale that can be read.
        let (y_min, y_max) = match (y_max - y_min) / y_max.abs().max(y_min.abs()) {
            spread if spread > LEVEL => (y_min, y_max),
            _ if y_max == 0.0 => (0.0, 1.0),
            _ => (y_min - 0.1 * y_min.abs(), y_max + 0.1 * y_max.abs()),
        };
        let room = y_max - y_min;
        Some(Self {
            x_min,
            x_max: if x_max > x_min { x_max } else { x_min + 1.0 },
            y_min: if from_zero { y_min } else { y_min - room * 0.05 },
            y_max: y_max + room * 0.06,
            bottom: height - BOTTOM,
        })
    }

    fn width(&self) -> f64 {
        WIDTH - LEFT - RIGHT
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.x_min) / (self.x_max - self.x_min) * self.width()
    }

    fn y(&self, value: f64) -> f64 {
        self.bottom - (value - self.y_min) / (self.y_max - self.y_min) * (self.bottom - TOP)
    }

    fn grid(&self, out: &mut String, unit: Unit, axis: &Axis) {
        let marks = ticks(self.y_min, self.y_max, 4);
        let step = marks.iter().zip(marks.iter().skip(1)).map(|(a, b)| b - a).next();
        for value in marks {
            let y = self.y(value);
            let _ = write!(
                out,
                "<line class=\"g\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                short(unit, value, step.unwrap_or(value))
            );
        }
        let at = match axis {
            // The median, and whole nines.
            Axis::Nines => std::iter::once(self.x_min)
                .chain((1..=place(self.x_max)).map(float_len))
                .collect(),
            Axis::Names(..) => (0..=place(self.x_max)).map(float_len).collect(),
            Axis::Time => time_ticks(self.x_min, self.x_max),
            Axis::Plain => ticks(self.x_min, self.x_max, 6),
        };
        for value in at {
            let x = self.x(value);
            // What stands at the edge must not be cut.
            let anchor = if x > WIDTH - RIGHT - EDGE { "end" } else { "middle" };
            let _ = write!(
                out,
                "<line class=\"g\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.bottom,
                self.bottom + 22.0,
                escape(&axis.show(value))
            );
        }
    }
}

impl Frame {
    /// What the axes stand for: above the one, at the end of the other.
    fn name_axes(&self, out: &mut String, unit: Unit, axis: &Axis) {
        let _ = write!(
            out,
            "<text class=\"axis\" x=\"0\" y=\"12\">{}</text>\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            unit.axis(),
            WIDTH - RIGHT,
            self.bottom + 40.0,
            escape(axis.title())
        );
    }
}

impl Axis {
    /// What it stands for.
    fn title(&self) -> &str {
        match self {
            Self::Time => "time from the start",
            Self::Plain => "",
            Self::Nines => "part of all requests that took no longer",
            Self::Names(name, _) => name,
        }
    }

    fn show(&self, value: f64) -> String {
        match self {
            Self::Names(_, names) => names.get(place(value)).cloned().unwrap_or_default(),
            Self::Time => time(value),
            Self::Plain if value.fract().abs() < 1e-9 => super::figures::grouped(value),
            Self::Plain => format!("{value:.2}"),
            Self::Nines if value < 0.5 => "50 %".to_owned(),
            Self::Nines => {
                let percent = 100.0 * (1.0 - 10.0_f64.powf(-value));
                let digits = place(value.floor() - 2.0);
                format!("{percent:.digits$} %")
            }
        }
    }
}

/// Round times within a range, some six of them.
fn time_ticks(min: f64, max: f64) -> Vec<f64> {
    const STEPS_S: [f64; 17] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
        21_600.0, 43_200.0,
    ];
    let rough = (max - min) / 6.0;
    let step = STEPS_S
        .into_iter()
        .find(|step| rough <= *step)
        .unwrap_or(86_400.0);
    let (first, last) = ((min / step).ceil(), (max / step).floor());
    (0..=place((last - first).max(0.0)))
        .map(|index| (first + float_len(index)) * step)
        .collect()
}

/// `45 s`, `2:05`, `3:20:00`.
fn time(seconds: f64) -> String {
    let whole = crate::number::whole(seconds);
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{whole} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

/// A mark at an axis on which marks are `step` apart: with as many digits as tell it from its neighbours. The unit
/// stands above the axis.
fn short(unit: Unit, value: f64, step: f64) -> String {
    let digits = |step: f64| place((-(step.log10() + 1e-9).floor()).max(0.0)).min(DIGITS_MAX);
    match unit {
        Unit::Count | Unit::PerSecond if 10_000.0 <= value && value <= SCALED_STEPS_MAX * step => {
            super::figures::scaled(value)
        }
        Unit::Share => format!("{:.*} %", digits(step * 100.0), value * 100.0),
        Unit::Count | Unit::PerSecond | Unit::Milliseconds if digits(step) == 0 => {
            super::figures::grouped(value)
        }
        Unit::Count | Unit::PerSecond | Unit::Milliseconds | Unit::Number => {
            format!("{value:.*}", digits(step))
        }
        Unit::BitsPerSecond | Unit::Bytes => super::figures::scaled(value),
        _ => unit.show(value),
    }
}

/// Round values within a range, about `count` of them.
fn ticks(min: f64, max: f64, count: usize) -> Vec<f64> {
    let rough = (max - min) / float_len(count.max(1));
    if rough <= 0.0 || !rough.is_finite() {
        return Vec::new();
    }
    let power = 10.0_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| rough <= *step)
        .unwrap_or(10.0 * power);
    let first = (min / step).ceil();
    let last = (max / step).floor();
    (0..=place(last - first))
        .map(|index| (first + float_len(index)) * step)
        .collect()
}

/// The points, or so many that stand for them.
fn joined(points: &[(f64, f64)], most: usize, join: Join) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(most.max(1)).max(1);
    points
        .chunks(together)
        .map(|group| {
            let count = float_len(group.len());
            let x = group.iter().map(|(x, _)| x).sum::<f64>() / count;
            let y = match join {
                Join::Highest => group.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max),
                Join::Mean => group.iter().map(|(_, y)| y).sum::<f64>() / count,
            };
            (x, y)
        })
        .collect()
}

/// Bars lying one above the other, with their values, and a line at `mark`, if any.
#[must_use]
pub fn bars(title: &str, unit: Unit, rows: &[(String, f64)], mark: Option<(&str, f64)>) -> String {
    const ROW: f64 = 20.0;
    const NAME: f64 = 130.0;
    const VALUE: f64 = 90.0;
    let most = rows.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if rows.is_empty() || most <= 0.0 {
        return String::new();
    }
    let height = ROW * float_len(rows.len()) + 20.0;
    let width = |value: f64| (WIDTH - NAME - VALUE) * value / most;
    let mut out = String::new();
    let _ = write!(
        out,
        "<figure><figcaption><b>{}</b></figcaption><svg viewBox=\"0 0 {WIDTH} {height}\">",
        escape(title)
    );
    for (index, (name, value)) in rows.iter().enumerate() {
        let y = ROW * float_len(index);
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"bar\" x=\"{NAME}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            NAME - 8.0,
            y + 14.0,
            escape(name),
            y + 2.0,
            width(*value),
            ROW - 5.0,
            NAME + width(*value) + 6.0,
            y + 14.0,
            unit.show(*value)
        );
    }
    if let Some((name, value)) = mark {
        let x = NAME + width(value);
        let _ = write!(
            out,
            "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"0\" y2=\"{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{} {}</text>",
            height - 18.0,
            height - 5.0,
            escape(name),
            unit.show(value)
        );
    }
    out.push_str("</svg></figure>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(3.0, 47.0, 4), [20.0, 40.0]);
        assert!(ticks(5.0, 5.0, 4).is_empty());
    }

    #[test]
    fn marks_of_an_axis_are_told_apart() {
        for unit in [
            Unit::Count,
            Unit::PerSecond,
            Unit::Share,
            Unit::Number,
            Unit::Milliseconds,
        ] {
            for values in [
                [0.0, 0.0],
                [1.0, 1.0],
                [1.489, 1.489],
                [32.0, 32.0],
                [0.99, 0.991],
                [0.934, 0.9367],
                [52_300.0, 52_360.0],
                [0.0, 250.0],
            ] {
                for from_zero in [true, false] {
                    let points = [(0.0, values[0]), (1.0, values[1])];
                    let frame = Frame::around(points.iter(), 200.0, from_zero, 0.0).unwrap();
                    assert!(frame.y_min <= values[0] && values[1] <= frame.y_max);
                    let marks = ticks(frame.y_min, frame.y_max, 4);
                    let texts = marks.iter().map(|mark| short(unit, *mark, marks[1] - marks[0]));
                    let mut texts: Vec<String> = texts.collect();
                    assert!(texts.len() > 1, "{values:?}");
                    texts.dedup();
                    assert_eq!(texts.len(), marks.len(), "{unit:?} {values:?}: {texts:?}");
                }
            }
        }
        assert_eq!(short(Unit::PerSecond, 40.0, 20.0), "40");
        assert_eq!(short(Unit::Share, 0.995, 0.005), "99.5 %");
    }

    #[test]
    fn times_are_marked_where_people_look_for_them() {
        assert_eq!(time_ticks(0.0, 300.0), [0.0, 60.0, 120.0, 180.0, 240.0, 300.0]);
        assert_eq!(time_ticks(0.0, 3600.0)[1], 600.0);
        assert_eq!(time_ticks(0.0, 12.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }

    #[test]
    fn axes_say_what_they_stand_for() {
        let series = vec![Series {
            name: "a".to_owned(),
            points: vec![(0.0, 1.0), (10.0, 2.0)],
            look: Look::Line(0),
        }];
        let svg = Plot::over_time("t", Unit::Milliseconds, Join::Mean, series).svg();
        assert!(
            svg.contains(">ms<") && svg.contains(">time from the start<"),
            "{svg}"
        );
    }

    #[test]
    fn many_points_are_joined_and_the_highest_is_kept() {
        let points: Vec<(f64, f64)> = (0..1000).map(|x| (f64::from(x), f64::from(x % 100))).collect();
        let few = joined(&points, 10, Join::Highest);
        assert_eq!(few.len(), 10);
        assert!(few.iter().all(|(_, y)| *y == 99.0));
    }

    #[test]
    fn names_cannot_break_out_of_the_picture() {
        let series = vec![Series {
            name: "<script>".to_owned(),
            points: vec![(0.0, 1.0), (1.0, 2.0)],
            look: Look::Line(0),
        }];
        let svg = Plot::over_time("a & b", Unit::Count, Join::Mean, series).svg();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;") && svg.contains("a &amp; b"));
    }

    #[test]
    fn a_plot_of_nothing_is_nothing() {
        assert_eq!(
            Plot::over_time("t", Unit::Count, Join::Mean, Vec::new()).svg(),
            ""
        );
        assert_eq!(bars("t", Unit::Count, &[], None), "");
    }
}
