//! The pieces of a plan, cut where chunks meet.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use strata_media::plan::{FileIndex, Part, Plan};

use crate::asset::Title;
use crate::source::{Piece, Pieces};

/// A chunk of one of a title's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkId {
    pub(super) file: FileIndex,
    pub(super) chunk: u32,
}

/// A stretch of a response that is sent in one go.
#[derive(Clone, Debug)]
pub(super) enum PlanPiece {
    /// Bytes made by a writer.
    Made(Bytes),
    /// Bytes of a chunk.
    Chunked { id: ChunkId, piece: Piece },
}

/// Walks the pieces of a plan in order. Cheap to clone: clones walk on from
/// the same place.
#[derive(Clone, Debug)]
pub(super) struct PlanPieces {
    title: Arc<Title>,
    parts: Arc<[Part]>,
    next: usize,
    within: Option<(FileIndex, Pieces)>,
}

impl PlanPieces {
    pub(super) fn new(title: Arc<Title>, parts: Vec<Part>) -> Self {
        Self {
            title,
            parts: parts.into(),
            next: 0,
            within: None,
        }
    }
}

impl Iterator for PlanPieces {
    type Item = PlanPiece;

    fn next(&mut self) -> Option<PlanPiece> {
        loop {
            if let Some((file, pieces)) = &mut self.within
                && let Some(piece) = pieces.next()
            {
                let id = ChunkId {
                    file: *file,
                    chunk: piece.chunk,
                };
                return Some(PlanPiece::Chunked { id, piece });
            }
            let part = self.parts.get(self.next)?;
            self.next += 1;
            match part {
                Part::Bytes(bytes) => return Some(PlanPiece::Made(bytes.clone())),
                Part::Source { file, range } => {
                    // Whoever made the plan has checked that the file exists;
                    // without it the body ends short, which breaks the connection.
                    let pieces = self.title.object(*file)?.pieces(range.clone());
                    self.within = Some((*file, pieces));
                }
            }
        }
    }
}

/// The parts of `plan` that make up `range` of its bytes.
pub(super) fn cut(plan: Plan, range: &Range<u64>) -> Vec<Part> {
    if range.start == 0 && plan.length <= range.end {
        return plan.parts;
    }
    let mut at = 0_u64;
    let mut parts = Vec::new();
    for part in plan.parts {
        let length = part.length();
        // Of this part, half-open and counted from its start.
        let start = range.start.saturating_sub(at).min(length);
        let end = range.end.saturating_sub(at).min(length);
        at = at.saturating_add(length);
        if start < end {
            parts.extend(within(part, start..end));
        }
        if range.end <= at {
            break;
        }
    }
    parts
}

fn within(part: Part, kept: Range<u64>) -> Option<Part> {
    Some(match part {
        Part::Bytes(bytes) => {
            let start = usize::try_from(kept.start).ok()?;
            let end = usize::try_from(kept.end).ok()?.min(bytes.len());
            Part::Bytes(bytes.slice(start.min(end)..end))
        }
        Part::Source { file, range } => Part::Source {
            file,
            range: range.start.saturating_add(kept.start)..range.start.saturating_add(kept.end),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let mut plan = Plan::default();
        plan.push_bytes(Bytes::from_static(b"0123"));
        plan.push_source(FileIndex(0), 100..106);
        plan.push_bytes(Bytes::from_static(b"4567"));
        plan.push_source(FileIndex(1), 200..206);
        plan
    }

    fn source(file: u32, range: Range<u64>) -> Part {
        Part::Source {
            file: FileIndex(file),
            range,
        }
    }

    fn made(bytes: &'static [u8]) -> Part {
        Part::Bytes(Bytes::from_static(bytes))
    }

    #[test]
    fn a_range_of_a_plan_is_cut_to_the_byte() {
        let cases: [(Range<u64>, Vec<Part>); 6] = [
            (0..20, plan().parts),
            (0..4, vec![made(b"0123")]),
            (1..5, vec![made(b"123"), source(0, 100..101)]),
            (5..9, vec![source(0, 101..105)]),
            (
                9..15,
                vec![source(0, 105..106), made(b"4567"), source(1, 200..201)],
            ),
            (19..20, vec![source(1, 205..206)]),
        ];
        for (range, parts) in cases {
            assert_eq!(cut(plan(), &range), parts, "{range:?}");
        }
    }

    #[test]
    fn every_range_of_a_plan_is_as_long_as_asked() {
        for start in 0..20 {
            for end in start + 1..=20 {
                let length: u64 = cut(plan(), &(start..end)).iter().map(Part::length).sum();
                assert_eq!(length, end - start);
            }
        }
    }
}
