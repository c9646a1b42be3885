//! The types that a key can have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A type that is written as one word in a configuration file or on the command line.
pub trait Value: Sized {
    /// Reads the text as written, without quotes.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase that follows the key: `` `12x` is not a whole number ``.
    fn from_scalar(text: &str) -> Result<Self, String>;
}

/// A number of bytes: `65536`, `64KiB`, `1 GiB`, `10MB`. Units of 1024 have an `i`, those of 1000 have none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// So many kibibytes. Saturates.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many mebibytes. Saturates.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// So many gibibytes. Saturates.
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// The number of bytes, at most `usize::MAX`.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = BYTE_UNITS
            .iter()
            .rev()
            .find(|(unit, size)| unit.len() == 3 && self.0 != 0 && self.0.is_multiple_of(*size));
        match exact {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Units of size, small ones first.
const BYTE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// Units of time, in nanoseconds.
const TIME_UNITS: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60 * 1_000_000_000),
    ("h", 3_600 * 1_000_000_000),
    ("d", 86_400 * 1_000_000_000),
];

/// Picks the value that a word stands for; for keys that know a few words.
///
/// # Errors
/// The text is none of the words; the message lists them.
pub fn choice<T: Clone>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| value.clone());
    found.ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("`{text}` is none of: {}", known.join(", "))
    })
}

/// A number and its unit, in units of one. `None`: no such form or unit, or too large.
///
/// Decimals are exact or refused: `1.5s` is 1,500,000,000, `0.3B` is nothing.
fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let unit = unit.trim_start();
    let (_, size) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let mut total = whole.parse::<u64>().ok()?.checked_mul(*size)?;
    let scale = 10_u64.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let part = decimals.parse::<u64>().ok()?.checked_mul(*size)?;
    if !part.is_multiple_of(scale) {
        return None;
    }
    total = total.checked_add(part / scale)?;
    Some(total)
}

impl Value for ByteSize {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let bytes = text.parse().ok().or_else(|| measured(text, &BYTE_UNITS));
        bytes
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a size such as `64KiB`, `1GiB` or `4096`"))
    }
}

impl Value for Duration {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let nanoseconds = if text == "0" {
            Some(0)
        } else {
            measured(text, &TIME_UNITS)
        };
        nanoseconds
            .map(Self::from_nanos)
            .ok_or_else(|| format!("`{text}` is not a duration such as `20ms`, `6s` or `5m`"))
    }
}

impl Value for String {
    fn from_scalar(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            Err("is empty".to_owned())
        } else {
            Ok(text.to_owned())
        }
    }
}

impl Value for PathBuf {
    fn from_scalar(text: &str) -> Result<Self, String> {
        String::from_scalar(text).map(Self::from)
    }
}

impl Value for bool {
    fn from_scalar(text: &str) -> Result<Self, String> {
        choice(text, &[("true", true), ("false", false)])
    }
}

impl Value for f64 {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number: &Self| number.is_finite());
        number.ok_or_else(|| format!("`{text}` is not a number"))
    }
}

/// Types whose own `FromStr` is the form we want, each with what to call it.
macro_rules! parsed {
    ($($type:ty => $noun:literal),* $(,)?) => {$(
        impl Value for $type {
            fn from_scalar(text: &str) -> Result<Self, String> {
                Self::from_str(text).map_err(|_| format!(concat!("`{}` is not ", $noun), text))
            }
        }
    )*};
}

parsed! {
    u8 => "a whole number from 0 to 255",
    u16 => "a whole number from 0 to 65535",
    u32 => "a whole number from 0 to 4294967295",
    u64 => "a whole number",
    usize => "a whole number",
    i64 => "a whole number",
    NonZeroU16 => "a whole number from 1 to 65535",
    NonZeroU32 => "a whole number from 1 to 4294967295",
    NonZeroU64 => "a whole number above 0",
    NonZeroUsize => "a whole number above 0",
    IpAddr => "an IP address",
    SocketAddr => "an address and port such as `127.0.0.1:8080` or `[::1]:8080`",
    http::HeaderName => "a header name",
    http::HeaderValue => "a header value",
    http::Uri => "a URL",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Value + PartialEq + fmt::Debug>(text: &str, expected: Option<T>) {
        assert_eq!(T::from_scalar(text).ok(), expected, "{text}");
    }

    #[test]
    fn durations_have_units() {
        check("20ms", Some(Duration::from_millis(20)));
        check("1.5s", Some(Duration::from_millis(1500)));
        check("2m", Some(Duration::from_secs(120)));
        check("1 h", Some(Duration::from_secs(3600)));
        check("0", Some(Duration::ZERO));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.s2",
            "1..5s",
            "5 parsecs",
            "99999999999999999999d",
            "999999999d",
        ] {
            check::<Duration>(wrong, None);
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_units() {
        check("4096", Some(ByteSize(4096)));
        check("64KiB", Some(ByteSize::kib(64)));
        check("1 GiB", Some(ByteSize::gib(1)));
        check("1.5kB", Some(ByteSize(1500)));
        check("10mb", Some(ByteSize(10_000_000)));
        for wrong in ["", "-1", "1.5", "0.3B", "x", "1XiB", "99999999999TiB", "KiB"] {
            check::<ByteSize>(wrong, None);
        }
    }

    #[test]
    fn sizes_read_back_as_they_are_shown() {
        for bytes in [0, 1, 1000, 1024, 1536, 3 << 20, (1 << 30) + 1, 5 << 40] {
            check(&ByteSize(bytes).to_string(), Some(ByteSize(bytes)));
        }
        assert_eq!(ByteSize::mib(64).to_string(), "64MiB");
    }

    #[test]
    fn a_word_that_is_no_choice_lists_the_choices() {
        let message = bool::from_scalar("yes").unwrap_err();
        assert_eq!(message, "`yes` is none of: true, false");
    }

    #[test]
    fn numbers_are_finite_and_whole_where_they_must_be() {
        check::<f64>("NaN", None);
        check("0.25", Some(0.25));
        check::<u16>("70000", None);
        check::<NonZeroU32>("0", None);
        check::<SocketAddr>("localhost:80", None);
    }
}
