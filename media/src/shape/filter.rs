//! Which tracks a `filter` leaves: an expression over what is known of a track,
//! such as `type=="audio"&&systemBitrate<100000||type=="video"&&MaxHeight<=576`.
//!
//! `&&` binds closer than `||`, `!` closest. A property that a track does not
//! have, such as the height of a sound, equals nothing and is neither more nor
//! less than anything.

mod grammar;
mod property;

use std::fmt::{self, Write as _};

use crate::track::Track;

pub use grammar::{EXPRESSION_LENGTH_MAX, FilterError, NESTING_MAX};
pub use property::Property;

/// A condition on tracks. It is shown in its canonical form, which reads back as
/// the same condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// One of these holds; two or more.
    Any(Vec<Filter>),
    /// All of these hold; two or more.
    All(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A property of the track compared with a number.
    Number {
        /// A property that is a number.
        property: Property,
        /// How it compares.
        comparison: Comparison,
        /// With what.
        value: u64,
    },
    /// A property of the track compared with a text.
    Text {
        /// A property that is a text.
        property: Property,
        /// Whether it must equal the text or must not.
        is_equal: bool,
        /// The text.
        value: String,
    },
}

/// How a number compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    More,
    /// `>=`
    MoreOrEqual,
}

impl Filter {
    /// Reads an expression.
    ///
    /// # Errors
    /// With the place of the first mistake, and what would have been right there.
    pub fn parse(expression: &str) -> Result<Self, FilterError> {
        grammar::parse(expression)
    }

    /// Whether `track` is left.
    #[must_use]
    pub fn matches(&self, track: &Track) -> bool {
        match self {
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(track)),
            Self::All(filters) => filters.iter().all(|filter| filter.matches(track)),
            Self::Not(filter) => !filter.matches(track),
            Self::Number {
                property,
                comparison,
                value,
            } => match property.number(track) {
                Some(found) => comparison.holds(found, *value),
                None => *comparison == Comparison::NotEqual,
            },
            Self::Text {
                property,
                is_equal,
                value,
            } => property.equals(track, value) == *is_equal,
        }
    }

    /// The condition that one of `filters` holds; there is at least one.
    fn any(filters: Vec<Self>) -> Self {
        let parts = filters.into_iter().flat_map(|filter| match filter {
            Self::Any(parts) => parts,
            other => vec![other],
        });
        Self::single(parts.collect()).unwrap_or_else(Self::Any)
    }

    /// The condition that all of `filters` hold; there is at least one.
    fn all(filters: Vec<Self>) -> Self {
        let parts = filters.into_iter().flat_map(|filter| match filter {
            Self::All(parts) => parts,
            other => vec![other],
        });
        Self::single(parts.collect()).unwrap_or_else(Self::All)
    }

    /// The only one of `filters`, or else all of them.
    fn single(mut filters: Vec<Self>) -> Result<Self, Vec<Self>> {
        match (filters.pop(), filters.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                filters.extend(last);
                Err(filters)
            }
        }
    }

    fn is_alternative(&self) -> bool {
        matches!(self, Self::Any(_))
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn heap_size(&self) -> usize {
        match self {
            Self::Any(filters) | Self::All(filters) => {
                let inner: usize = filters.iter().map(Self::heap_size).sum();
                filters.capacity() * size_of::<Self>() + inner
            }
            Self::Not(filter) => size_of::<Self>() + filter.heap_size(),
            Self::Number { .. } => 0,
            Self::Text { value, .. } => value.capacity(),
        }
    }
}

impl Comparison {
    fn holds(self, found: u64, value: u64) -> bool {
        match self {
            Self::Equal => found == value,
            Self::NotEqual => found != value,
            Self::Less => found < value,
            Self::LessOrEqual => found <= value,
            Self::More => found > value,
            Self::MoreOrEqual => found >= value,
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::More => ">",
            Self::MoreOrEqual => ">=",
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(filters) => joined(f, filters, "||", |_| false),
            Self::All(filters) => joined(f, filters, "&&", Self::is_alternative),
            // No more levels than were parsed: what is displayed can be parsed too.
            Self::Not(filter) => match **filter {
                Self::Any(_) | Self::All(_) => write!(f, "!({filter})"),
                _ => write!(f, "!{filter}"),
            },
            Self::Number {
                property,
                comparison,
                value,
            } => write!(f, "{}{}{value}", property.name(), comparison.symbol()),
            Self::Text {
                property,
                is_equal,
                value,
            } => {
                let symbol = if *is_equal { "==" } else { "!=" };
                write!(f, "{}{symbol}\"", property.name())?;
                for character in value.chars() {
                    if matches!(character, '"' | '\\') {
                        f.write_char('\\')?;
                    }
                    f.write_char(character)?;
                }
                f.write_char('"')
            }
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    filters: &[Filter],
    symbol: &str,
    needs_parentheses: fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            f.write_str(symbol)?;
        }
        if needs_parentheses(filter) {
            write!(f, "({filter})")?;
        } else {
            write!(f, "{filter}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
