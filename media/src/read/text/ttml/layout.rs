//! Styles and regions that elements refer to, `TTML1 §8.1`, `§9.1`.

use std::collections::HashMap;

use super::style::{Canvas, DisplayAlign, Style};
use super::tree::Element;
use crate::text::{Align, Line, LineAlign, Percent, Placement, PositionAlign, Writing};

/// The styles and regions of a document.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) canvas: Canvas,
    styles: HashMap<String, Style>,
    regions: HashMap<String, Style>,
}

impl Layout {
    /// What the head of `root` defines.
    pub(super) fn of(root: &Element) -> Self {
        let mut layout = Self {
            canvas: Canvas::of(root),
            styles: HashMap::new(),
            regions: HashMap::new(),
        };
        let sections = |name: &'static str| {
            let heads = root.elements().filter(|element| element.name == "head");
            heads
                .flat_map(Element::elements)
                .filter(move |element| element.name == name)
        };
        let styles = sections("styling").flat_map(Element::elements);
        let styles = styles.filter(|element| element.name == "style");
        let named: HashMap<&str, &Element> = styles
            .filter_map(|element| Some((element.attribute("id")?, element)))
            .collect();
        let mut ids: Vec<&str> = named.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            layout.resolve(id, &named);
        }
        for region in sections("layout").flat_map(Element::elements) {
            if let Some(id) = region.attribute("id").filter(|_| region.name == "region") {
                let style = layout.style_of_region(region);
                layout.regions.insert(id.to_owned(), style);
            }
        }
        layout
    }

    /// Works out the style `id` and those it refers to, each once; a reference
    /// back to a style being worked out finds nothing.
    fn resolve(&mut self, id: &str, named: &HashMap<&str, &Element>) {
        // Depth first without recursion: a chain may be as long as the file.
        let mut pending = vec![(id.to_owned(), false)];
        while let Some((id, is_ready)) = pending.pop() {
            let Some(element) = named.get(id.as_str()) else {
                continue;
            };
            if is_ready {
                let style = self.style_of(element);
                self.styles.insert(id, style);
            } else if !self.styles.contains_key(&id) {
                self.styles.insert(id.clone(), Style::default());
                let references = element.attribute("style").unwrap_or_default();
                let references: Vec<_> = references
                    .split_whitespace()
                    .map(|id| (id.to_owned(), false))
                    .collect();
                pending.push((id, true));
                pending.extend(references);
            }
        }
    }

    /// What `element` says of itself: its attributes, then the styles it refers
    /// to, the last one first.
    pub(super) fn style_of(&self, element: &Element) -> Style {
        let own = Style::of(element, &self.canvas);
        let references = element.attribute("style").unwrap_or_default();
        let references = references
            .split_whitespace()
            .rev()
            .filter_map(|id| self.styles.get(id));
        references.fold(own, Style::over)
    }

    /// A region may have styles within.
    fn style_of_region(&self, region: &Element) -> Style {
        let nested = region.elements().filter(|element| element.name == "style");
        let nested = nested.fold(Style::default(), |style, element| {
            self.style_of(element).over(&style)
        });
        self.style_of(region).over(&nested)
    }

    /// The style of the region `id`.
    pub(super) fn region(&self, id: &str) -> Option<&Style> {
        self.regions.get(id)
    }
}

/// Where text of this style stands. A style without a region's place leaves it
/// to the player.
pub(super) fn placement(style: &Style) -> Placement {
    let writing = style.writing.unwrap_or_default();
    let mut placement = Placement {
        writing,
        align: style.text_align.unwrap_or_default(),
        ..Placement::default()
    };
    let Some((left, top)) = style.origin else {
        return placement;
    };
    // `§8.2.7`: what is left of the picture.
    let rest = |from: Percent| {
        Percent::from_hundredths(Percent::FULL.hundredths().saturating_sub(from.hundredths()))
    };
    let (width, height) = style.extent.unwrap_or((rest(left), rest(top)));
    // A line of text runs along the first of each pair.
    let ((along, size), (across, depth)) = match writing {
        Writing::Horizontal => ((left, width), (top, height)),
        _ => ((top, height), (left, width)),
    };
    let part = |from: Percent, length: Percent, halves: u32| {
        Percent::from_hundredths(from.hundredths() + length.hundredths() * halves / 2)
    };
    // Text stands at the start of its lines when nobody says, `§8.2.18`.
    placement.align = style.text_align.unwrap_or(Align::Start);
    let (position_align, halves) = match placement.align {
        Align::Start | Align::Left => (PositionAlign::LineLeft, 0),
        Align::Center => (PositionAlign::Center, 1),
        Align::End | Align::Right => (PositionAlign::LineRight, 2),
    };
    placement.position = Some(part(along, size, halves));
    placement.position_align = position_align;
    placement.size = Some(size);
    let (line_align, halves) = match style.display_align.unwrap_or(DisplayAlign::Before) {
        DisplayAlign::Before => (LineAlign::Start, 0),
        DisplayAlign::Center => (LineAlign::Center, 1),
        DisplayAlign::After => (LineAlign::End, 2),
    };
    placement.line = Some(Line::Percent(part(across, depth, halves)));
    placement.line_align = line_align;
    placement
}
