//! Section `headers`: rules for what passes.

use http::HeaderName;
use strata_node::config::{Section, Value};

use crate::rules::{Action, HeaderRules, Rule, Template, check_name};

pub(super) fn read(mut section: Section<'_>) -> HeaderRules {
    HeaderRules {
        request: section.sections("request").into_iter().filter_map(rule).collect(),
        response: section
            .sections("response")
            .into_iter()
            .filter_map(rule)
            .collect(),
    }
}

fn rule(mut section: Section<'_>) -> Option<Rule> {
    let set: Option<RuleName> = section.optional("set");
    let add: Option<RuleName> = section.optional("add");
    let remove: Option<RuleName> = section.optional("remove");
    let value: Option<Template> = section.optional("value");
    match (set, add, remove, value) {
        (Some(RuleName(name)), None, None, Some(value)) => Some(Rule {
            action: Action::Set(value),
            name,
        }),
        (None, Some(RuleName(name)), None, Some(value)) => Some(Rule {
            action: Action::Add(value),
            name,
        }),
        (None, None, Some(RuleName(name)), None) => Some(Rule {
            action: Action::Remove,
            name,
        }),
        _ => {
            section.mistake("", "a rule is `set` and `value`, `add` and `value`, or `remove`");
            None
        }
    }
}

struct RuleName(HeaderName);

impl Value for RuleName {
    fn from_scalar(text: &str) -> Result<Self, String> {
        let name = HeaderName::try_from(text).map_err(|_| format!("`{text}` is no header's name"))?;
        check_name(&name).map(|()| Self(name))
    }
}

impl Value for Template {
    fn from_scalar(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}
