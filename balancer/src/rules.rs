//! Header rules: what the operator wants set, added or removed on the way.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};

/// Headers that say how a message is framed and where a connection ends, or
/// that the balancer itself depends on. No rule may touch them.
const NOT_FOR_RULES: [&str; 14] = [
    "connection",
    "content-length",
    "content-range",
    "host",
    "if-match",
    "if-range",
    "keep-alive",
    "proxy-connection",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-strata-fault",
];

/// The rules, in the order in which they are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// For requests, on their way to an origin. Key `request`.
    pub request: Vec<Rule>,
    /// For origins' answers, on their way to the client. Key `response`.
    pub response: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is done.
    pub action: Action,
    /// With which header.
    pub name: HeaderName,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The header has this value, whatever it had.
    Set(Template),
    /// The header gets one more value.
    Add(Template),
    /// The header goes.
    Remove,
}

/// A value, in which `{client}` is the client's address and `{request_id}` the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Client,
    RequestId,
}

/// What a template's value depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'r> {
    pub(crate) client: Option<IpAddr>,
    pub(crate) request_id: &'r HeaderValue,
}

/// Whether a rule may be about this header.
///
/// # Errors
///
/// Why not.
pub(crate) fn check_name(name: &HeaderName) -> Result<(), String> {
    if NOT_FOR_RULES.contains(&name.as_str()) {
        return Err(format!("`{name}` is the balancer's own business"));
    }
    Ok(())
}

impl Template {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, variable)) = rest.split_once('{') {
            let (name, after) = variable
                .split_once('}')
                .ok_or_else(|| format!("`{text}` lacks a `}}`"))?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(match name {
                "client" => Part::Client,
                "request_id" => Part::RequestId,
                _ => {
                    return Err(format!(
                        "`{{{name}}}` is neither `{{client}}` nor `{{request_id}}`"
                    ));
                }
            });
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        let is_value = |part: &Part| match part {
            Part::Text(text) => HeaderValue::from_str(text).is_ok(),
            Part::Client | Part::RequestId => true,
        };
        if !parts.iter().all(is_value) {
            return Err(format!("`{text}` cannot be the value of a header"));
        }
        Ok(Self(parts))
    }

    fn value(&self, context: Context<'_>) -> HeaderValue {
        let part = |part: &Part| match part {
            Part::Text(text) => Cow::Owned(text.clone()),
            Part::Client => context.client.map_or(Cow::Borrowed("unknown"), |client| {
                Cow::Owned(client.to_canonical().to_string())
            }),
            Part::RequestId => String::from_utf8_lossy(context.request_id.as_bytes()),
        };
        let text: String = self.0.iter().map(part).collect();
        // Every part of it can be one.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
    }
}

impl HeaderRules {
    pub(crate) fn apply_to_request(
        &self,
        request: &mut RequestHeader,
        context: Context<'_>,
    ) -> pingora::Result<()> {
        for Rule { action, name } in &self.request {
            match action {
                Action::Set(value) => request.insert_header(name, value.value(context))?,
                Action::Add(value) => {
                    request.append_header(name, value.value(context))?;
                }
                Action::Remove => {
                    request.remove_header(name);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn apply_to_response(
        &self,
        response: &mut ResponseHeader,
        context: Context<'_>,
    ) -> pingora::Result<()> {
        for Rule { action, name } in &self.response {
            match action {
                Action::Set(value) => response.insert_header(name, value.value(context))?,
                Action::Add(value) => {
                    response.append_header(name, value.value(context))?;
                }
                Action::Remove => {
                    response.remove_header(name);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        let context = Context {
            client: Some("192.0.2.7".parse().unwrap()),
            request_id: &HeaderValue::from_static("id-1"),
        };
        let value = Template::parse(text).unwrap().value(context);
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn values_name_client_and_request() {
        assert_eq!(value("plain"), "plain");
        assert_eq!(value("{client}"), "192.0.2.7");
        assert_eq!(value("for={client};id={request_id}"), "for=192.0.2.7;id=id-1");
        assert_eq!(value(""), "");
    }

    #[test]
    fn what_is_no_value_is_told() {
        for text in ["{clint}", "{client", "a\nb", "{}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn framing_is_not_for_rules() {
        assert!(check_name(&http::header::TRANSFER_ENCODING).is_err());
        assert!(check_name(&http::header::COOKIE).is_ok());
    }
}
