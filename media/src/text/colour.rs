//! Colours of text, and the names they go by.

use std::fmt;

/// A colour of the sRGB space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colour {
    /// Red, 0 to 255.
    pub red: u8,
    /// Green, 0 to 255.
    pub green: u8,
    /// Blue, 0 to 255.
    pub blue: u8,
    /// 0 for nothing to see, 255 for opaque.
    pub alpha: u8,
}

/// Colours with a name that WebVTT has classes for, `WebVTT §5.1`.
const CLASSES: [(&str, Colour); 8] = [
    ("white", Colour::opaque(0xFF, 0xFF, 0xFF)),
    ("lime", Colour::opaque(0, 0xFF, 0)),
    ("cyan", Colour::opaque(0, 0xFF, 0xFF)),
    ("red", Colour::opaque(0xFF, 0, 0)),
    ("yellow", Colour::opaque(0xFF, 0xFF, 0)),
    ("magenta", Colour::opaque(0xFF, 0, 0xFF)),
    ("blue", Colour::opaque(0, 0, 0xFF)),
    ("black", Colour::BLACK),
];

/// Further names, `TTML1 §8.3.10` and `CSS Color §6.1`'s basic ones.
const NAMES: [(&str, Colour); 12] = [
    (
        "transparent",
        Colour {
            alpha: 0,
            ..Colour::BLACK
        },
    ),
    ("silver", Colour::opaque(0xC0, 0xC0, 0xC0)),
    ("gray", Colour::opaque(0x80, 0x80, 0x80)),
    ("grey", Colour::opaque(0x80, 0x80, 0x80)),
    ("maroon", Colour::opaque(0x80, 0, 0)),
    ("purple", Colour::opaque(0x80, 0, 0x80)),
    ("fuchsia", Colour::opaque(0xFF, 0, 0xFF)),
    ("green", Colour::opaque(0, 0x80, 0)),
    ("olive", Colour::opaque(0x80, 0x80, 0)),
    ("navy", Colour::opaque(0, 0, 0x80)),
    ("teal", Colour::opaque(0, 0x80, 0x80)),
    ("aqua", Colour::opaque(0, 0xFF, 0xFF)),
];

/// What starts the name of a class for a colour that has none of its own.
const CLASS_PREFIX: &str = "rgb_";

/// What starts the name of a class for the colour behind text, `WebVTT §5.1`.
const BACKGROUND_PREFIX: &str = "bg_";

impl Colour {
    /// Black.
    pub const BLACK: Self = Self::opaque(0, 0, 0);
    /// White, the colour of text that states none.
    pub const WHITE: Self = Self::opaque(0xFF, 0xFF, 0xFF);

    /// A colour one cannot see through.
    #[must_use]
    pub const fn opaque(red: u8, green: u8, blue: u8) -> Self {
        Self {
            red,
            green,
            blue,
            alpha: 0xFF,
        }
    }

    /// Reads a name, `#rrggbb`, `#rrggbbaa`, `rgb(r,g,b)` or `rgba(r,g,b,a)` with
    /// components from 0 to 255, `TTML1 §8.3.2`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(hex) = text.strip_prefix('#') {
            return Self::from_hex(hex);
        }
        let arguments = text.strip_suffix(')').and_then(|text| {
            let text = text.strip_prefix("rgb")?;
            text.strip_prefix('a').unwrap_or(text).strip_prefix('(')
        });
        if let Some(arguments) = arguments {
            let mut values = arguments.split(',').map(|value| value.trim().parse().ok());
            let [red, green, blue] = [values.next()??, values.next()??, values.next()??];
            let alpha = values.next().unwrap_or(Some(0xFF))?;
            return values.next().is_none().then_some(Self {
                red,
                green,
                blue,
                alpha,
            });
        }
        let mut names = CLASSES.iter().chain(&NAMES);
        names.find(|(name, _)| *name == text).map(|(_, colour)| *colour)
    }

    fn from_hex(hex: &str) -> Option<Self> {
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(hex, 16).ok()?;
        let [first, second, third, fourth] = value.to_be_bytes();
        match hex.len() {
            6 => Some(Self::opaque(second, third, fourth)),
            8 => Some(Self {
                red: first,
                green: second,
                blue: third,
                alpha: fourth,
            }),
            _ => None,
        }
    }

    /// The class that gives text this colour: one of WebVTT's own, else
    /// `rgb_` and its hexadecimal digits, for which a style has to be written.
    #[must_use]
    pub fn class(self) -> String {
        let own = CLASSES.iter().find(|(_, colour)| *colour == self);
        own.map_or_else(
            || format!("{CLASS_PREFIX}{}", self.to_string().trim_start_matches('#')),
            |(name, _)| (*name).to_owned(),
        )
    }

    /// The class that puts this colour behind text.
    #[must_use]
    pub fn background_class(self) -> String {
        format!("{BACKGROUND_PREFIX}{}", self.class())
    }

    /// The colour a class gives to text.
    #[must_use]
    pub fn of_class(class: &str) -> Option<Self> {
        if let Some(hex) = class.strip_prefix(CLASS_PREFIX) {
            return Self::from_hex(hex);
        }
        CLASSES
            .iter()
            .find(|(name, _)| *name == class)
            .map(|(_, colour)| *colour)
    }

    /// The colour a class puts behind text.
    #[must_use]
    pub fn of_background_class(class: &str) -> Option<Self> {
        Self::of_class(class.strip_prefix(BACKGROUND_PREFIX)?)
    }

    /// Whether WebVTT has a class for it by itself.
    #[must_use]
    pub fn has_own_class(self) -> bool {
        CLASSES.iter().any(|(_, colour)| *colour == self)
    }
}

/// `#rrggbb`, with two more digits unless it is opaque.
impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)?;
        match self.alpha {
            0xFF => Ok(()),
            alpha => write!(f, "{alpha:02x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_in_every_notation() {
        let orange = Colour::opaque(0xFF, 0x88, 0);
        for text in [
            "#ff8800",
            "#FF8800FF",
            "rgb(255,136,0)",
            " rgba( 255, 136, 0, 255 ) ",
        ] {
            assert_eq!(Colour::parse(text), Some(orange), "{text}");
        }
        assert_eq!(Colour::parse("Yellow"), Some(Colour::opaque(0xFF, 0xFF, 0)));
        for text in [
            "",
            "#",
            "#fff",
            "#ggffff",
            "#é1234",
            "rgb(1,2)",
            "rgb(1,2,3,4,5)",
            "rgb(256,0,0)",
            "beige-ish",
        ] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn classes_lead_back_to_their_colours() {
        for colour in [
            Colour::WHITE,
            Colour::opaque(1, 2, 3),
            Colour {
                alpha: 7,
                ..Colour::BLACK
            },
        ] {
            assert_eq!(Colour::of_class(&colour.class()), Some(colour));
            assert_eq!(
                Colour::of_background_class(&colour.background_class()),
                Some(colour)
            );
        }
        assert_eq!(Colour::of_class("bg_red"), None);
        assert_eq!(Colour::of_background_class("red"), None);
    }
}
