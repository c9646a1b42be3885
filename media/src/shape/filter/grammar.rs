//! The grammar of filters.
//!
//! ```text
//! expression  = all *("||" all)
//! all         = term *("&&" term)
//! term        = "!" term / "(" expression ")" / comparison
//! comparison  = number-name ("==" / "!=" / "<=" / ">=" / "<" / ">") number
//!             / text-name ("==" / "!=") (string / number)
//! string      = quote *(character / "\" quote / "\\") quote   ; " or '
//! ```
//!
//! Spaces may stand between all of these. A number may stand in quotes.

use thiserror::Error;
use winnow::ascii::multispace0;
use winnow::combinator::{alt, cut_err, delimited, eof, fail, preceded, repeat, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::stream::Stateful;
use winnow::token::{none_of, one_of, take_while};
use winnow::{ModalResult, Parser};

use super::{Comparison, Filter, Property};

/// Longest expression, in characters.
pub const EXPRESSION_LENGTH_MAX: usize = 2048;

/// How deep parentheses and `!` may stand in each other.
pub const NESTING_MAX: usize = 32;

/// Why an expression is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("at character {position}: {reason}")]
pub struct FilterError {
    /// Characters before the mistake.
    pub position: usize,
    /// What was found, and what is expected.
    pub reason: String,
}

/// What is left to read, and how deep it stands.
type Input<'i> = Stateful<&'i str, usize>;

/// The names of [`Property::ALL`].
const NAMES: &str = "`!`, `(` or one of type, trackID, trackName, systemBitrate, systemLanguage, FourCC, \
                     MaxWidth, MaxHeight, DisplayWidth, DisplayHeight, SamplingRate, channels";

pub(super) fn parse(expression: &str) -> Result<Filter, FilterError> {
    let error = |position, reason| FilterError { position, reason };
    let limit = |expression: &str| {
        let reason = || format!("an expression has at most {EXPRESSION_LENGTH_MAX} characters");
        match expression.chars().nth(EXPRESSION_LENGTH_MAX) {
            Some(_) => Err(error(EXPRESSION_LENGTH_MAX, reason())),
            None => Ok(()),
        }
    };
    limit(expression)?;
    let input = Input {
        input: expression,
        state: 0,
    };
    let end = expected(eof, "`&&`, `||` or the end");
    let mut whole = terminated(any_of, (multispace0, cut_err(end)));
    let filter = whole.parse(input).map_err(|failure| {
        let rest = expression.get(failure.offset()..).unwrap_or_default();
        let position = expression.chars().count() - rest.chars().count();
        error(position, reason(rest, failure.inner()))
    })?;
    // URLs carry it as it is displayed, which escapes and quotes may have made longer.
    limit(&filter.to_string())?;
    Ok(filter)
}

/// What was found at the start of `rest`, and what is expected.
fn reason(rest: &str, context: &ContextError) -> String {
    let found = match rest.chars().next() {
        Some(character) => format!("`{}`", character.escape_debug()),
        None => "the end".to_owned(),
    };
    let innermost = context.context().find_map(|context| match context {
        StrContext::Expected(expected) => Some(expected.to_string()),
        _ => None,
    });
    match innermost {
        Some(expected) => format!("expected {expected}, found {found}"),
        None => format!("{found} is unexpected"),
    }
}

fn any_of(input: &mut Input<'_>) -> ModalResult<Filter> {
    chain(all_of, "||", input).map(Filter::any)
}

fn all_of(input: &mut Input<'_>) -> ModalResult<Filter> {
    chain(term, "&&", input).map(Filter::all)
}

/// One `item`, or several joined by `operator`.
fn chain<'i>(
    mut item: fn(&mut Input<'i>) -> ModalResult<Filter>,
    operator: &'static str,
    input: &mut Input<'i>,
) -> ModalResult<Vec<Filter>> {
    let mut items = vec![item.parse_next(input)?];
    let others: Vec<Filter> = repeat(0.., preceded((multispace0, operator), item)).parse_next(input)?;
    items.extend(others);
    Ok(items)
}

/// No other rule is tried where a term has to stand, so its errors are final.
fn term(input: &mut Input<'_>) -> ModalResult<Filter> {
    multispace0.parse_next(input)?;
    let nested = |input: &mut Input<'_>| match input.input.chars().next() {
        Some('!') => ('!', within(term))
            .map(|(_, filter)| Filter::Not(Box::new(filter)))
            .parse_next(input),
        Some('(') => delimited(
            '(',
            within(any_of),
            (multispace0, expected(')', "`&&`, `||` or `)`")),
        )
        .parse_next(input),
        _ => comparison.parse_next(input),
    };
    cut_err(nested).parse_next(input)
}

/// `rule`, one level deeper.
fn within<'i>(
    mut rule: fn(&mut Input<'i>) -> ModalResult<Filter>,
) -> impl FnMut(&mut Input<'i>) -> ModalResult<Filter> {
    move |input| {
        if input.state == NESTING_MAX {
            return expected(fail, "at most 32 levels of `(` and `!`").parse_next(input);
        }
        input.state += 1;
        let filter = rule.parse_next(input)?;
        input.state -= 1;
        Ok(filter)
    }
}

fn comparison(input: &mut Input<'_>) -> ModalResult<Filter> {
    let word = take_while(1.., |character: char| character.is_ascii_alphanumeric());
    let property = word.verify_map(Property::named);
    let property = expected(property, NAMES).parse_next(input)?;
    multispace0.parse_next(input)?;
    if property.is_text() {
        let operator = alt(("==".value(true), "!=".value(false)));
        let is_equal = expected(operator, "`==` or `!=`").parse_next(input)?;
        multispace0.parse_next(input)?;
        let text = alt((string, digits.map(str::to_owned)));
        let value = expected(text, "a text in quotes").parse_next(input)?;
        return Ok(Filter::Text {
            property,
            is_equal,
            value,
        });
    }
    let operator = alt((
        "==".value(Comparison::Equal),
        "!=".value(Comparison::NotEqual),
        "<=".value(Comparison::LessOrEqual),
        ">=".value(Comparison::MoreOrEqual),
        '<'.value(Comparison::Less),
        '>'.value(Comparison::More),
    ));
    let comparison = expected(operator, "`==`, `!=`, `<`, `<=`, `>` or `>=`").parse_next(input)?;
    multispace0.parse_next(input)?;
    let quoted = alt((delimited('"', digits, '"'), delimited('\'', digits, '\'')));
    let number = alt((digits, quoted)).verify_map(|digits| digits.parse().ok());
    let value = expected(number, "a whole number below 2^64").parse_next(input)?;
    Ok(Filter::Number {
        property,
        comparison,
        value,
    })
}

fn digits<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    take_while(1.., |character: char| character.is_ascii_digit()).parse_next(input)
}

fn string(input: &mut Input<'_>) -> ModalResult<String> {
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let escaped = preceded(
        '\\',
        cut_err(expected(one_of([quote, '\\']), "a quote or `\\` behind `\\`")),
    );
    let character = alt((escaped, none_of([quote, '\\'])));
    let text: String = repeat(0.., character).parse_next(input)?;
    cut_err(expected(one_of(quote), "the closing quote")).parse_next(input)?;
    Ok(text)
}

/// `rule`; what it is, for the error where it does not match.
fn expected<'i, O>(
    rule: impl Parser<Input<'i>, O, ErrMode<ContextError>>,
    what: &'static str,
) -> impl Parser<Input<'i>, O, ErrMode<ContextError>> {
    rule.context(StrContext::Expected(StrContextValue::Description(what)))
}
