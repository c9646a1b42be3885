//! Makes the requests of a log fit the servers under test.

use regex::Regex;

/// Regular expressions for paths, applied one after the other.
#[derive(Debug, Clone, Default)]
pub struct Rewrite {
    rules: Vec<(Regex, String)>,
}

/// A rule that is none.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// There is no `=>` in it.
    #[error("`{0}` is not a rule such as ^/old/(.*)=>/new/$1")]
    Form(String),
    /// What is to be replaced is no regular expression.
    #[error("`{rule}`: {source}")]
    Expression {
        /// As given.
        rule: String,
        /// What is wrong.
        source: Box<regex::Error>,
    },
}

impl Rewrite {
    /// Reads rules of the form `REGEX=>REPLACEMENT`, in which `$1` is the first group.
    ///
    /// # Errors
    /// [`RewriteError`].
    pub fn parse(rules: &[String]) -> Result<Self, RewriteError> {
        let rule = |text: &String| {
            let (from, to) = text
                .split_once("=>")
                .ok_or_else(|| RewriteError::Form(text.clone()))?;
            let from = Regex::new(from).map_err(|source| RewriteError::Expression {
                rule: text.clone(),
                source: Box::new(source),
            })?;
            Ok((from, to.to_owned()))
        };
        Ok(Self {
            rules: rules.iter().map(rule).collect::<Result<_, _>>()?,
        })
    }

    /// The path and query that is asked for in place of `path`.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        let mut path = path.to_owned();
        for (from, to) in &self.rules {
            path = from.replace(&path, to.as_str()).into_owned();
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_apply_one_after_the_other() {
        let rules = ["^/old/(.*)$=>/new/$1".to_owned(), "\\.dash=>.m4s".to_owned()];
        let rewrite = Rewrite::parse(&rules).unwrap();
        assert_eq!(rewrite.path("/old/a.dash?x"), "/new/a.m4s?x");
        assert_eq!(rewrite.path("/other"), "/other");
        assert!(Rewrite::parse(&["a".to_owned()]).is_err());
        assert!(Rewrite::parse(&["(=>x".to_owned()]).is_err());
    }
}
