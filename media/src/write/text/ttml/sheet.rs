//! WebVTT's style sheets, as far as they style classes of cues: the rules that
//! people write, `::cue(.name) { color: red; }`.

use std::collections::HashMap;

use crate::text::Colour;

/// Most classes that are looked at.
const CLASSES_MAX: usize = 1000;

/// What classes look like, as attributes of TTML.
#[derive(Debug, Default)]
pub(super) struct Sheet(HashMap<String, Vec<(&'static str, String)>>);

impl Sheet {
    /// Reads `sheets`; rules of any other form are ignored.
    pub(super) fn of(sheets: &[String]) -> Self {
        let mut classes: HashMap<String, Vec<(&'static str, String)>> = HashMap::new();
        for rule in sheets.iter().flat_map(|sheet| sheet.split('}')) {
            let Some((selectors, declarations)) = rule.split_once('{') else {
                continue;
            };
            let looks: Vec<_> = declarations.split(';').filter_map(attribute).collect();
            for class in selectors.split(',').filter_map(class_of) {
                if classes.len() < CLASSES_MAX || classes.contains_key(class) {
                    classes
                        .entry(class.to_owned())
                        .or_default()
                        .extend(looks.iter().cloned());
                }
            }
        }
        Self(classes)
    }

    /// What text of `class` looks like: names of attributes and their values, of
    /// which the last of a name holds.
    pub(super) fn looks(&self, class: &str) -> &[(&'static str, String)] {
        self.0.get(class).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The class in `::cue(.class)` or `::cue(c.class)`.
fn class_of(selector: &str) -> Option<&str> {
    let inside = selector.trim().strip_prefix("::cue(")?.strip_suffix(')')?.trim();
    let (element, class) = inside.split_once('.')?;
    let is_name = !class.is_empty() && !class.contains(['.', ' ', ':', '[', '#', '>']);
    (is_name && matches!(element, "" | "c")).then_some(class)
}

/// The attribute that says what a declaration does.
fn attribute(declaration: &str) -> Option<(&'static str, String)> {
    let (property, value) = declaration.split_once(':')?;
    let value = value.trim().trim_end_matches("!important").trim();
    let colour = || Colour::parse(value).map(|colour| colour.to_string());
    Some(match property.trim() {
        "color" => ("tts:color", colour()?),
        "background" | "background-color" => ("tts:backgroundColor", colour()?),
        "font-weight" if matches!(value, "bold" | "700") => ("tts:fontWeight", "bold".to_owned()),
        "font-style" if matches!(value, "italic" | "oblique") => ("tts:fontStyle", "italic".to_owned()),
        "text-decoration" if value == "underline" => ("tts:textDecoration", "underline".to_owned()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_for_classes_are_read_and_others_ignored() {
        let sheet = "::cue(.a), ::cue( c.b ) { color: #F00 ; color: lime; font-weight: bold }
            ::cue { color: red } ::cue(b) { color: blue } ::cue(.a.c) { color: blue } .a { color: blue }
            ::cue(.b) { background-color: rgba(0,0,0,128); margin: 0 } ::cue(.c) {";
        let sheet = Sheet::of(&[sheet.to_owned()]);
        let looks = |class| {
            sheet
                .looks(class)
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(looks("a"), ["tts:color=#00ff00", "tts:fontWeight=bold"]);
        assert_eq!(
            looks("b"),
            [
                "tts:color=#00ff00",
                "tts:fontWeight=bold",
                "tts:backgroundColor=#00000080"
            ]
        );
        assert_eq!(looks("c"), Vec::<String>::new());
    }
}
