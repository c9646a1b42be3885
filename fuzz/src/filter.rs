//! Filter expressions of URLs.

use strata_media::shape::Filter;

/// Reads an expression; what it is shown as reads back as the same condition.
pub fn run(data: &[u8]) {
    let Ok(expression) = std::str::from_utf8(data) else {
        return;
    };
    match Filter::parse(expression) {
        Ok(filter) => {
            let shown = filter.to_string();
            assert_eq!(Filter::parse(&shown), Ok(filter), "{shown}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
