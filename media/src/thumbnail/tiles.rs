//! How thumbnails lie in an image.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Most columns, and most rows.
const SIDE_MAX: u16 = 256;

/// Thumbnails of equal size, row by row from the top left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Thumbnails beside each other, 1 to 256.
    pub columns: u16,
    /// Thumbnails below each other, 1 to 256.
    pub rows: u16,
}

/// Text that does not say how thumbnails lie.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("tiles is {value:?}, not columns and rows of 1 to {SIDE_MAX}, such as 10x20")]
pub struct TilesError {
    /// The text.
    pub value: String,
}

impl Tiles {
    /// An image is a thumbnail.
    pub const ONE: Self = Self { columns: 1, rows: 1 };

    /// Thumbnails in an image.
    #[must_use]
    pub fn count(self) -> u32 {
        u32::from(self.columns) * u32::from(self.rows)
    }
}

impl FromStr for Tiles {
    type Err = TilesError;

    fn from_str(value: &str) -> Result<Self, TilesError> {
        let side = |text: &str| {
            let side = text.trim().parse().ok()?;
            (1..=SIDE_MAX).contains(&side).then_some(side)
        };
        let sides = value
            .split_once(['x', 'X'])
            .and_then(|(columns, rows)| Some((side(columns)?, side(rows)?)));
        sides
            .map(|(columns, rows)| Self { columns, rows })
            .ok_or_else(|| TilesError {
                value: value.to_owned(),
            })
    }
}

impl fmt::Display for Tiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_before_rows() {
        let tiles: Tiles = "10x20".parse().unwrap();
        assert_eq!((tiles.columns, tiles.rows), (10, 20));
        assert_eq!(tiles.to_string(), "10x20");
        assert_eq!("5 X 4".parse::<Tiles>().unwrap().count(), 20);
    }

    #[test]
    fn what_is_no_layout_is_refused() {
        for text in [
            "", "10", "x", "0x5", "5x0", "-1x5", "257x1", "1x257", "10x20x3", "a x b",
        ] {
            assert!(text.parse::<Tiles>().is_err(), "{text}");
        }
    }
}
