//! What stands before the cues of a file: styles and regions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::text::{Colour, Cue, Document, Node, Region};

/// Writes the style sheets and regions of `document`, and a style sheet for the
/// colours in `cues` that WebVTT has no class for.
pub(super) fn write(file: &mut String, document: &Document, cues: &[&Cue]) {
    for sheet in document.style_sheets.iter().chain(colour_sheet(cues).iter()) {
        let lines = sheet.lines().filter(|line| !line.trim().is_empty());
        let lines: Vec<String> = lines.map(|line| line.replace("-->", "->")).collect();
        if !lines.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(file, "\nSTYLE\n{}\n", lines.join("\n"));
        }
    }
    let is_used = |region: &&Region| {
        cues.iter()
            .any(|cue| cue.placement.region.as_deref() == Some(region.id.as_str()))
    };
    for region in document.regions.iter().filter(is_used) {
        write_region(file, region);
    }
}

fn write_region(file: &mut String, region: &Region) {
    let Region {
        id,
        width,
        lines,
        region_anchor: (region_x, region_y),
        viewport_anchor: (viewport_x, viewport_y),
        scrolls,
    } = region;
    let scroll = if *scrolls { "\nscroll:up" } else { "" };
    let _ = write!(
        file,
        "\nREGION\nid:{id}\nwidth:{width}\nlines:{lines}\nregionanchor:{region_x},{region_y}\n\
         viewportanchor:{viewport_x},{viewport_y}{scroll}\n"
    );
}

/// The rules for colours in `cues` without a class of WebVTT's own.
fn colour_sheet(cues: &[&Cue]) -> Option<String> {
    let mut rules = BTreeSet::new();
    cues.iter().for_each(|cue| collect(&cue.content, &mut rules));
    let rules: Vec<String> = rules.into_iter().collect();
    (!rules.is_empty()).then(|| rules.join("\n"))
}

fn collect(nodes: &[Node], rules: &mut BTreeSet<String>) {
    for node in nodes {
        let Node::Element(element) = node else { continue };
        for class in &element.classes {
            let text = Colour::of_class(class).map(|colour| ("color", colour));
            let behind = Colour::of_background_class(class).map(|colour| ("background-color", colour));
            let Some((property, colour)) = text.or(behind).filter(|(_, colour)| !colour.has_own_class())
            else {
                continue;
            };
            let rule = format!("::cue(.{class}) {{ {property}: {colour}; }}");
            rules.insert(rule);
        }
        collect(&element.children, rules);
    }
}
