//! What stands behind every URL of a shaped title.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a value: nothing that means something to a URL, to a
/// template (`$`, `{`), to a playlist or to a `Link` header.
const KEPT: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The query of every URL a manifest holds: empty, or `?` and parameters.
///
/// Whoever writes a URL of a title into a manifest or a header writes
/// [`Presentation::suffix`](crate::presentation::Presentation::suffix) behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Suffix(String);

impl Suffix {
    /// With one more parameter, percent-encoded.
    #[must_use]
    pub fn and(&self, name: &str, value: &str) -> Self {
        let mark = if self.0.is_empty() { '?' } else { '&' };
        let value = utf8_percent_encode(value, &KEPT);
        Self(format!("{}{mark}{name}={value}", self.0))
    }

    /// As it stands in a URL, with its `?`; empty for a title that is not shaped.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        self.0.capacity()
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_joined_and_encoded() {
        let none = Suffix::default();
        assert_eq!(none.as_str(), "");
        let one = none.and("filter", "type==\"audio\"&&a<1 $é>");
        assert_eq!(
            one.as_str(),
            "?filter=type%3D%3D%22audio%22%26%26a%3C1%20%24%C3%A9%3E"
        );
        assert_eq!(none.and("a", "1").and("b", "0.5").to_string(), "?a=1&b=0.5");
    }
}
