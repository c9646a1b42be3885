//! Lines of a file in blocks, `W3C WebVTT §6.1`.

use std::iter::Peekable;
use std::str::Lines;

use super::ARROW;

/// A line and its number, from 1.
pub(super) type Line<'a> = (usize, &'a str);

/// Lines without an empty one between them.
pub(super) struct Block<'a> {
    pub(super) lines: Vec<Line<'a>>,
}

/// The blocks of a file, in their order.
pub(super) struct Blocks<'a> {
    lines: Peekable<std::iter::Zip<std::ops::RangeFrom<usize>, Lines<'a>>>,
}

impl<'a> Blocks<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            lines: (1..).zip(text.lines()).peekable(),
        }
    }

    /// The lines of the header after the first; `None` if this is no WebVTT.
    pub(super) fn header(&mut self) -> Option<Vec<Line<'a>>> {
        let (_, first) = self.lines.next()?;
        let rest = first.strip_prefix("WEBVTT")?;
        if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            return None;
        }
        let mut header = Vec::new();
        // A cue may follow at once.
        while let Some(line) = self
            .lines
            .next_if(|(_, line)| !line.is_empty() && !line.contains(ARROW))
        {
            header.push(line);
        }
        Some(header)
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        while self.lines.next_if(|(_, line)| line.is_empty()).is_some() {}
        let mut block = Block {
            lines: vec![self.lines.next()?],
        };
        let mut has_times = block.lines.iter().any(|(_, line)| line.contains(ARROW));
        while let Some((_, line)) = self.lines.peek().filter(|(_, line)| !line.is_empty()) {
            // Times start a cue, on the first or the second line of a block;
            // anywhere else one without an empty line before it.
            let are_times = line.contains(ARROW);
            if are_times && (has_times || block.lines.len() > 1) {
                break;
            }
            has_times |= are_times;
            block.lines.extend(self.lines.next());
        }
        Some(block)
    }
}
