//! What a node says of itself: HAProxy's agent-check line, and the load on its answers.
//!
//! An origin is an agent that HAProxy can read: whoever connects gets one line
//! and the end of the connection. Strata's balancers read such lines too, and
//! besides them [`Load`], which rides on every answer. Both are pure here.

use std::fmt;

/// Longest line of an agent, in bytes.
pub const LINE_BYTES_MAX: usize = 512;

/// What an operator, or the node itself, wants of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Requests.
    Ready,
    /// No new requests; those in flight go on.
    Drain,
    /// No requests and no checks.
    Maintenance,
}

/// Whether the node works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It does.
    Up,
    /// It does not.
    Down,
}

/// A weight as an agent says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// In percent of the configured one: `75%`. At most 100.
    Percent(u32),
    /// Instead of the configured one: `weight:12`. At most 256.
    Absolute(u32),
}

/// The words of a line. What it does not speak of is `None`, and stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// `75%`, `weight:12`.
    pub weight: Option<Weight>,
    /// Most requests at once: `maxconn:40`.
    pub connections_max: Option<u32>,
    /// `ready`, `drain`, `maint`.
    pub wish: Option<Wish>,
    /// `up`, `down`, `stopped`, `fail`.
    pub operation: Option<Operation>,
    /// For people: what follows `#`.
    pub text: Option<String>,
}

impl Line {
    /// Reads what an agent sent. `None`: there is no whole line, which says nothing.
    ///
    /// As `process_chk_conn` of HAProxy: a line ends with CR or LF; words stand
    /// between spaces, tabs and commas; of each kind the last one counts, and
    /// words that mean nothing are passed over.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| matches!(byte, b'\r' | b'\n'))?;
        let text = String::from_utf8_lossy(bytes.get(..end)?);
        let (words, remark) = match text.split_once('#') {
            Some((words, remark)) => (words, Some(remark.trim())),
            None => (&*text, None),
        };
        let mut line = Self {
            text: remark.filter(|remark| !remark.is_empty()).map(str::to_owned),
            ..Self::default()
        };
        for word in words.split([' ', '\t', ',']) {
            line.hear(&word.to_ascii_lowercase());
        }
        Some(line)
    }

    fn hear(&mut self, word: &str) {
        if let Some(percent) = word.strip_suffix('%') {
            self.weight = percent
                .parse()
                .ok()
                .map(|percent: u32| Weight::Percent(percent.min(100)))
                .or(self.weight);
        } else if let Some(weight) = word.strip_prefix("weight:") {
            let weight = weight.strip_suffix('%').unwrap_or(weight);
            self.weight = weight
                .parse()
                .ok()
                .map(|weight: u32| Weight::Absolute(weight.min(256)))
                .or(self.weight);
        } else if let Some(most) = word.strip_prefix("maxconn:") {
            self.connections_max = most.parse().ok().or(self.connections_max);
        }
        match word {
            "ready" => self.wish = Some(Wish::Ready),
            "drain" => self.wish = Some(Wish::Drain),
            "maint" => self.wish = Some(Wish::Maintenance),
            "up" => self.operation = Some(Operation::Up),
            "down" | "stopped" | "fail" => self.operation = Some(Operation::Down),
            _ => {}
        }
    }
}

impl fmt::Display for Line {
    /// The line with its end, as it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.operation.map(|operation| match operation {
            Operation::Up => "up".to_owned(),
            Operation::Down => "down".to_owned(),
        }));
        words.extend(self.wish.map(|wish| match wish {
            Wish::Ready => "ready".to_owned(),
            Wish::Drain => "drain".to_owned(),
            Wish::Maintenance => "maint".to_owned(),
        }));
        words.extend(self.weight.map(|weight| match weight {
            Weight::Percent(percent) => format!("{percent}%"),
            Weight::Absolute(weight) => format!("weight:{weight}"),
        }));
        words.extend(self.connections_max.map(|most| format!("maxconn:{most}")));
        // A remark must not end the line.
        let remark = self
            .text
            .as_ref()
            .map(|text| format!("# {}", text.replace(['\r', '\n'], " ")));
        words.extend(remark);
        writeln!(f, "{}", words.join(" "))
    }
}

/// What an origin holds and can take, as it says on every answer in
/// [`headers::LOAD`](crate::headers::LOAD): `in-flight=12, weight=75, drain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests it holds from everybody, the one that is being answered included.
    pub in_flight: u64,
    /// What of its weight it can carry, in percent. At most 100.
    pub weight_percent: u32,
    /// Whether it wants no new requests.
    pub draining: bool,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            in_flight,
            weight_percent,
            draining,
        } = self;
        let drain = if *draining { ", drain" } else { "" };
        write!(f, "in-flight={in_flight}, weight={weight_percent}{drain}")
    }
}

impl Load {
    /// Reads a header's value. `None`: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut load = Self {
            in_flight: 0,
            weight_percent: 100,
            draining: false,
        };
        let mut in_flight = None;
        for part in text.split(',') {
            match part.trim().split_once('=') {
                Some(("in-flight", count)) => in_flight = Some(count.parse().ok()?),
                Some(("weight", percent)) => load.weight_percent = percent.parse::<u32>().ok()?.min(100),
                None if part.trim() == "drain" => load.draining = true,
                // Said by a later version.
                _ => {}
            }
        }
        load.in_flight = in_flight?;
        Some(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &str, expected: Line) {
        assert_eq!(Line::parse(bytes.as_bytes()), Some(expected), "{bytes:?}");
    }

    #[test]
    fn lines_are_read_as_haproxy_reads_them() {
        check(
            "75%\n",
            Line {
                weight: Some(Weight::Percent(75)),
                ..Line::default()
            },
        );
        check(
            "up ready, 100%\tmaxconn:30 # all is well\r\nnever read",
            Line {
                weight: Some(Weight::Percent(100)),
                connections_max: Some(30),
                wish: Some(Wish::Ready),
                operation: Some(Operation::Up),
                text: Some("all is well".to_owned()),
            },
        );
        check(
            "DOWN drain 250% weight:300 nonsense x%\n",
            Line {
                weight: Some(Weight::Absolute(256)),
                wish: Some(Wish::Drain),
                operation: Some(Operation::Down),
                ..Line::default()
            },
        );
        check("\n", Line::default());
    }

    #[test]
    fn of_each_kind_the_last_word_counts() {
        check(
            "drain maint ready up fail 10% 20%\n",
            Line {
                weight: Some(Weight::Percent(20)),
                wish: Some(Wish::Ready),
                operation: Some(Operation::Down),
                ..Line::default()
            },
        );
    }

    #[test]
    fn a_line_without_an_end_says_nothing() {
        assert_eq!(Line::parse(b"drain"), None);
        assert_eq!(Line::parse(b""), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        let line = Line {
            weight: Some(Weight::Percent(40)),
            connections_max: Some(9),
            wish: Some(Wish::Drain),
            operation: Some(Operation::Up),
            text: Some("spot\nnotice".to_owned()),
        };
        assert_eq!(line.to_string(), "up drain 40% maxconn:9 # spot notice\n");
        let back = Line::parse(line.to_string().as_bytes()).unwrap();
        assert_eq!(back.text.as_deref(), Some("spot notice"));
        assert_eq!(
            Line {
                text: line.text.clone(),
                ..back
            },
            line
        );
    }

    #[test]
    fn loads_read_back_and_nonsense_is_none() {
        for (in_flight, weight_percent, draining) in [(0, 100, false), (u64::MAX, 1, true)] {
            let load = Load {
                in_flight,
                weight_percent,
                draining,
            };
            assert_eq!(Load::parse(&load.to_string()), Some(load));
        }
        let later = Load::parse("in-flight=3, colour=red, weight=300");
        assert_eq!(
            later.map(|load| (load.in_flight, load.weight_percent)),
            Some((3, 100))
        );
        for nonsense in ["", "in-flight=-1", "weight=20", "in-flight=1, weight=x", "drain"] {
            assert_eq!(Load::parse(nonsense), None, "{nonsense}");
        }
    }
}
