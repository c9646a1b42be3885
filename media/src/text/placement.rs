//! Where a cue stands in the picture, `WebVTT §3.1`, `§4.4`.

use std::fmt;

/// A share of the width or height of the picture, 0 to 100 %, in hundredths of
/// a percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// All of it.
    pub const FULL: Self = Self(10_000);

    /// `hundredths` of a percent; more than all becomes all.
    #[must_use]
    pub fn from_hundredths(hundredths: u32) -> Self {
        Self(u16::try_from(hundredths).unwrap_or(u16::MAX).min(Self::FULL.0))
    }

    /// Hundredths of a percent, 0 to 10 000.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        self.0.into()
    }

    /// Reads a decimal number, such as `12.5`; more than two decimals are
    /// rounded down. `None` for anything but a number from 0 to 100.
    #[must_use]
    pub fn from_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(fraction) {
            return None;
        }
        let digits = fraction.bytes().chain([b'0', b'0']).take(2);
        let fraction = digits.fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        let hundredths = whole
            .parse::<u32>()
            .ok()?
            .checked_mul(100)?
            .checked_add(fraction)?;
        (hundredths <= Self::FULL.hundredths()).then(|| Self::from_hundredths(hundredths))
    }

    /// Reads a percentage with its sign, such as `12.5%`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_decimal(text.strip_suffix('%')?)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, tenths) if tenths % 10 == 0 => write!(f, "{whole}.{}%", tenths / 10),
            (whole, hundredths) => write!(f, "{whole}.{hundredths:02}%"),
        }
    }
}

/// Where a cue stands. Nothing set: at the bottom, in the middle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Placement {
    /// The direction lines of text run and follow each other in.
    pub writing: Writing,
    /// How far down its lines stand, or across for vertical text.
    pub line: Option<Line>,
    /// Which edge of the cue's box `line` is of.
    pub line_align: LineAlign,
    /// How far across its box stands, or down for vertical text.
    pub position: Option<Percent>,
    /// Which edge of the box `position` is of.
    pub position_align: PositionAlign,
    /// How wide its box may be, or high for vertical text.
    pub size: Option<Percent>,
    /// How lines stand in the box.
    pub align: Align,
    /// The region it stands in, see [`super::Region`].
    pub region: Option<String>,
}

impl Placement {
    pub(crate) fn heap_size(&self) -> usize {
        self.region.as_ref().map_or(0, String::capacity)
    }
}

/// The direction of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Writing {
    /// Lines run across and follow each other down.
    #[default]
    Horizontal,
    /// Lines run down and follow each other from right to left.
    VerticalRightToLeft,
    /// Lines run down and follow each other from left to right.
    VerticalLeftToRight,
}

/// The place of a cue's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Line {
    /// Counted in lines: from 0 at the top, or from −1 at the bottom upwards.
    Number(i16),
    /// A share of the height.
    Percent(Percent),
}

/// The edge of a cue's box its line is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LineAlign {
    /// The first.
    #[default]
    Start,
    /// The middle.
    Center,
    /// The last.
    End,
}

/// The edge of a cue's box its position is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PositionAlign {
    /// The one its text is aligned to.
    #[default]
    Auto,
    /// The left one.
    LineLeft,
    /// The middle.
    Center,
    /// The right one.
    LineRight,
}

/// How lines stand in the box of a cue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Align {
    /// Where text of its direction starts.
    Start,
    /// In the middle.
    #[default]
    Center,
    /// Where text of its direction ends.
    End,
    /// To the left.
    Left,
    /// To the right.
    Right,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_exact_to_two_decimals() {
        for (text, hundredths) in [
            ("0", 0),
            ("100", 10_000),
            ("12.5", 1250),
            ("33.333", 3333),
            ("7.05", 705),
        ] {
            assert_eq!(
                Percent::from_decimal(text).map(Percent::hundredths),
                Some(hundredths),
                "{text}"
            );
        }
        for text in [
            "",
            ".",
            "5.",
            ".5",
            "-1",
            "100.01",
            "101",
            "1e1",
            "99999999999",
            "5%",
        ] {
            assert_eq!(Percent::from_decimal(text), None, "{text}");
        }
        for text in ["0%", "12.5%", "7.05%", "100%"] {
            assert_eq!(
                Percent::parse(text).map(|percent| percent.to_string()).as_deref(),
                Some(text)
            );
        }
    }
}
