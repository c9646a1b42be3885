//! Styles, `TTML1 §8`: the ones that WebVTT has, too.

use crate::text::{Align, Colour, Percent, Writing};

use super::tree::Element;

/// What an element says of the looks of its text and where it stands; what it
/// leaves open it inherits.
#[derive(Clone, Debug, Default)]
pub(super) struct Style {
    pub(super) colour: Option<Colour>,
    pub(super) background: Option<Colour>,
    pub(super) is_bold: Option<bool>,
    pub(super) is_italic: Option<bool>,
    pub(super) is_underlined: Option<bool>,
    pub(super) is_hidden: Option<bool>,
    pub(super) ruby: Option<Ruby>,
    pub(super) text_align: Option<Align>,
    pub(super) display_align: Option<DisplayAlign>,
    pub(super) writing: Option<Writing>,
    /// Left and top.
    pub(super) origin: Option<(Percent, Percent)>,
    /// Width and height.
    pub(super) extent: Option<(Percent, Percent)>,
}

/// Where text stands in the height of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DisplayAlign {
    Before,
    Center,
    After,
}

/// The part of ruby text an element is, `TTML2 §10.2.37`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruby {
    None,
    Base,
    Text,
}

/// What lengths are shares of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Canvas {
    /// Columns and rows, for lengths in cells.
    cells: (u32, u32),
    /// Width and height, for lengths in pixels, when the document says.
    pixels: Option<(u32, u32)>,
}

impl Canvas {
    /// The canvas that `root` states.
    pub(super) fn of(root: &Element) -> Self {
        let pair = |text: &str, unit: &str| {
            let mut numbers = text
                .split_whitespace()
                .map(|word| word.strip_suffix(unit)?.parse().ok());
            let (first, second) = (numbers.next()??, numbers.next()??);
            (first > 0 && second > 0).then_some((first, second))
        };
        let cells = root.attribute("cellResolution").and_then(|text| pair(text, ""));
        Self {
            // `§6.2.1`.
            cells: cells.unwrap_or((32, 15)),
            pixels: root.attribute("extent").and_then(|text| pair(text, "px")),
        }
    }

    /// Two lengths, across and down.
    fn lengths(&self, text: &str) -> Option<(Percent, Percent)> {
        let mut words = text.split_whitespace();
        let (across, down) = (words.next()?, words.next()?);
        let pixels = self.pixels;
        Some((
            length(across, self.cells.0, pixels.map(|(width, _)| width))?,
            length(down, self.cells.1, pixels.map(|(_, height)| height))?,
        ))
    }
}

/// A length as a share: `10%`, `3c`, `96px`, `5rh`.
fn length(text: &str, cells: u32, pixels: Option<u32>) -> Option<Percent> {
    let unit = text.find(|character: char| !character.is_ascii_digit() && character != '.')?;
    let (number, unit) = text.split_at(unit);
    let whole = match unit {
        "%" | "rw" | "rh" => return share(number, 100),
        "c" => cells,
        "px" => pixels?,
        _ => return None,
    };
    share(number, whole)
}

/// The share `number` is of `whole`, all of it at most.
fn share(number: &str, whole: u32) -> Option<Percent> {
    let (digits, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.bytes().chain(*b"00").take(2);
    let fraction = fraction.fold(0, |value, digit| {
        value * 10 + u64::from(digit.saturating_sub(b'0'))
    });
    let hundredths = digits
        .parse::<u32>()
        .ok()
        .map(|digits| u64::from(digits) * 100 + fraction)?;
    let share = (hundredths * 100).div_euclid(u64::from(whole.max(1)));
    Some(Percent::from_hundredths(u32::try_from(share).unwrap_or(u32::MAX)))
}

impl Style {
    /// The style that the attributes of `element` state.
    pub(super) fn of(element: &Element, canvas: &Canvas) -> Self {
        let attribute = |name| element.attribute(name);
        let colour = |name| attribute(name).and_then(Colour::parse);
        Self {
            colour: colour("color"),
            background: colour("backgroundColor"),
            is_bold: attribute("fontWeight").map(|value| value == "bold"),
            is_italic: attribute("fontStyle").map(|value| value != "normal"),
            is_underlined: attribute("textDecoration").and_then(underlined),
            is_hidden: hidden(attribute("display"), attribute("visibility")),
            ruby: attribute("ruby").map(|value| match value {
                "base" | "baseContainer" => Ruby::Base,
                "text" | "textContainer" => Ruby::Text,
                _ => Ruby::None,
            }),
            text_align: attribute("textAlign").and_then(|value| match value {
                "left" => Some(Align::Left),
                "right" => Some(Align::Right),
                "center" => Some(Align::Center),
                "start" | "justify" => Some(Align::Start),
                "end" => Some(Align::End),
                _ => None,
            }),
            display_align: attribute("displayAlign").and_then(|value| match value {
                "before" => Some(DisplayAlign::Before),
                "center" => Some(DisplayAlign::Center),
                "after" => Some(DisplayAlign::After),
                _ => None,
            }),
            writing: attribute("writingMode").map(|value| match value {
                "tbrl" | "tb" => Writing::VerticalRightToLeft,
                "tblr" => Writing::VerticalLeftToRight,
                _ => Writing::Horizontal,
            }),
            origin: attribute("origin").and_then(|value| canvas.lengths(value)),
            extent: attribute("extent").and_then(|value| canvas.lengths(value)),
        }
    }

    /// This style, and what it leaves open as `base` has it.
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            colour: self.colour.or(base.colour),
            background: self.background.or(base.background),
            is_bold: self.is_bold.or(base.is_bold),
            is_italic: self.is_italic.or(base.is_italic),
            is_underlined: self.is_underlined.or(base.is_underlined),
            is_hidden: self.is_hidden.or(base.is_hidden),
            ruby: self.ruby.or(base.ruby),
            text_align: self.text_align.or(base.text_align),
            display_align: self.display_align.or(base.display_align),
            writing: self.writing.or(base.writing),
            origin: self.origin.or(base.origin),
            extent: self.extent.or(base.extent),
        }
    }
}

fn underlined(value: &str) -> Option<bool> {
    let says = |wanted: &str| value.split_whitespace().any(|word| word == wanted);
    if says("underline") {
        return Some(true);
    }
    (says("none") || says("noUnderline")).then_some(false)
}

fn hidden(display: Option<&str>, visibility: Option<&str>) -> Option<bool> {
    if display == Some("none") {
        return Some(true);
    }
    visibility.map(|value| value == "hidden")
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn lengths_become_shares_of_the_picture() {
        let root = tree::read("<tt tts:extent='640px 480px' ttp:cellResolution='40 20'/>").unwrap();
        let canvas = Canvas::of(&root);
        let percent = Percent::from_hundredths;
        for (text, across, down) in [
            ("10% 82.5%", 1000, 8250),
            ("4c 10c", 1000, 5000),
            ("64px 120px", 1000, 2500),
            ("5rw 5rh", 500, 500),
            ("200% 0%", 10_000, 0),
        ] {
            assert_eq!(
                canvas.lengths(text),
                Some((percent(across), percent(down))),
                "{text}"
            );
        }
        for text in ["", "10%", "auto", "1em 1em", "-5% 0%", "% %", "10 10"] {
            assert_eq!(canvas.lengths(text), None, "{text}");
        }
    }
}
