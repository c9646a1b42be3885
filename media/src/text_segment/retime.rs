//! Moves the times of a TTML document without touching anything else in it.

use bytes::Bytes;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::time::{Instant, Timescale};

/// Attributes by which a body has times of its own.
const TIMING: [&str; 4] = ["begin", "end", "dur", "timeContainer"];

/// `document` with all times later by `shift`: times count from where the body
/// begins, `TTML1 §10.2.1`. `None` when the body has times of its own, when the
/// shift is negative, or for anything but UTF-8.
pub(super) fn retimed(document: &Bytes, shift: Instant) -> Option<Bytes> {
    let micros = u64::try_from(shift.on(Timescale::MICROSECONDS)).ok()?;
    let text = std::str::from_utf8(document).ok()?;
    let mut reader = Reader::from_str(text);
    loop {
        let start = usize::try_from(reader.buffer_position()).ok()?;
        match reader.read_event().ok()? {
            Event::Start(element) if element.local_name().into_inner() == "body" => {
                for attribute in element.attributes().with_checks(false) {
                    if TIMING.contains(&attribute.ok()?.key.local_name().into_inner()) {
                        return None;
                    }
                }
                let (before, after) = text.split_at_checked(start + 1 + element.name().into_inner().len())?;
                let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
                return Some(format!("{before} begin=\"{seconds}.{micros:06}s\"{after}").into());
            }
            // Nothing is shown, whenever that is.
            Event::Empty(element) if element.local_name().into_inner() == "body" => {
                return Some(document.clone());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &'static str, ticks: i64, expected: Option<&str>) {
        let retimed = retimed(
            &Bytes::from_static(document.as_bytes()),
            Timescale::MPEG2.instant(ticks),
        );
        assert_eq!(retimed.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn a_body_begins_later() {
        check(
            "<?xml version='1.0'?><tt:tt><tt:body xml:id='b'><p begin='1s'/></tt:body></tt:tt>",
            7200,
            Some(
                "<?xml version='1.0'?><tt:tt><tt:body begin=\"0.080000s\" xml:id='b'><p begin='1s'/></tt:body></tt:tt>",
            ),
        );
        check("<tt><body/></tt>", 7200, Some("<tt><body/></tt>"));
    }

    #[test]
    fn what_cannot_be_moved_in_place_is_not() {
        check("<tt><body begin='1s'/></tt>", -1, None);
        check("<tt><body dur='1s'></body></tt>", 90, None);
        check("<tt></tt>", 90, None);
        check("<tt><body></wrong>", -90, None);
    }
}
