//! The body of a document: containers and the times they pass on, `TTML1 §7.1`,
//! `§10.2`.

use std::time::Duration;

use super::clock::Clock;
use super::layout::{self, Layout};
use super::paragraph;
use super::style::Style;
use super::tree::Element;
use crate::read::text::{Problem, TextError, TextFile};

/// When what never ends goes: later than any title lasts.
const ENDLESS: Duration = Duration::from_secs(1_000_000);

/// When an element is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: Duration,
    pub(super) end: Duration,
}

impl Interval {
    /// When `element` within `self` is active; `earlier` is where the one before
    /// it ended if elements follow each other here.
    pub(super) fn of(
        self,
        element: &Element,
        clock: &Clock,
        earlier: Option<Duration>,
    ) -> Result<Self, Problem> {
        let time = |name| {
            let text = element.attribute(name);
            text.map(|text| clock.read(text).ok_or_else(|| Problem::BadTime(text.to_owned())))
                .transpose()
        };
        let base = earlier.unwrap_or(self.start);
        let start = base.saturating_add(time("begin")?.unwrap_or_default());
        let by_end = time("end")?.map(|end| base.saturating_add(end));
        let by_duration = time("dur")?.map(|duration| start.saturating_add(duration));
        let ends = [Some(self.end), by_end, by_duration];
        Ok(Self {
            start,
            end: ends.into_iter().flatten().min().unwrap_or(self.end),
        })
    }
}

/// What an element passes on to those within.
#[derive(Clone)]
struct Context {
    interval: Interval,
    /// What elements say.
    style: Style,
    /// What the region says they stand in; it holds where no element says otherwise.
    region: Style,
    is_space_preserved: bool,
}

/// Whether elements within `element` follow each other.
pub(super) fn is_sequence(element: &Element) -> bool {
    element.attribute("timeContainer") == Some("seq")
}

/// Reads the cues of `body`.
pub(super) fn read(
    body: &Element,
    root: &Element,
    clock: &Clock,
    layout: &Layout,
    file: &mut TextFile,
) -> Result<(), TextError> {
    let context = Context {
        interval: Interval {
            start: Duration::ZERO,
            end: ENDLESS,
        },
        style: Style::default(),
        region: Style::default(),
        is_space_preserved: root.attribute("space") == Some("preserve"),
    };
    let mut reader = Body { clock, layout, file };
    reader.element(body, context, None).map(|_| ())
}

struct Body<'a> {
    clock: &'a Clock,
    layout: &'a Layout,
    file: &'a mut TextFile,
}

impl Body<'_> {
    /// Reads `element`, a body, division or paragraph; when it ends. Its depth is
    /// bounded by that of the tree.
    fn element(
        &mut self,
        element: &Element,
        context: Context,
        earlier: Option<Duration>,
    ) -> Result<Duration, TextError> {
        let interval = match context.interval.of(element, self.clock, earlier) {
            Ok(interval) => interval,
            Err(problem) => {
                self.file.note(element.line, problem);
                return Ok(earlier.unwrap_or(context.interval.start));
            }
        };
        if interval.end <= interval.start {
            self.file.note(element.line, Problem::EndsEarly);
            return Ok(interval.start);
        }
        let region = element.attribute("region").and_then(|id| self.layout.region(id));
        let context = Context {
            interval,
            style: self.layout.style_of(element).over(&context.style),
            region: region.cloned().unwrap_or(context.region),
            is_space_preserved: match element.attribute("space") {
                Some(space) => space == "preserve",
                None => context.is_space_preserved,
            },
        };
        if element.name == "p" {
            self.paragraph(element, context)?;
            return Ok(interval.end);
        }
        let is_sequence = is_sequence(element);
        let mut end = interval.start;
        let parts = ["div", "p"];
        for child in element
            .elements()
            .filter(|child| parts.contains(&child.name.as_str()))
        {
            end = self.element(child, context.clone(), is_sequence.then_some(end))?;
        }
        Ok(interval.end)
    }

    fn paragraph(&mut self, element: &Element, context: Context) -> Result<(), TextError> {
        let style = context.style.over(&context.region);
        let placement = layout::placement(&style);
        let text = paragraph::read(
            element,
            context.interval,
            &style,
            context.is_space_preserved,
            self.clock,
            self.layout,
        );
        let text = match text {
            Ok(text) => text,
            Err((line, problem)) => {
                self.file.note(line, problem);
                return Ok(());
            }
        };
        for mut cue in text.cues() {
            cue.placement = placement.clone();
            self.file.push(element.line, cue)?;
        }
        Ok(())
    }
}
