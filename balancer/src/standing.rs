//! What a node is given of its share, and why not all of it. Pure: times are given.

use std::fmt;
use std::time::{Duration, Instant};

use strata_node::agent::{Line, Load, Operation, Weight, Wish};

use crate::health::Health;
use crate::observe::Out;
use crate::ring;

/// Part of its weight that a node starts with, in percent.
const START_PERCENT: u32 = 10;

/// How long what a node says of its load is believed. One that drains gets no
/// requests and so says nothing more on answers: after this it is asked again.
pub const LOAD_LIFE: Duration = Duration::from_secs(5);

/// How a node stands with the balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not checked yet; serves.
    Unchecked,
    /// Serves.
    Up,
    /// Serves, with less than its weight: it is new, or back.
    Starting,
    /// Gets no new requests, because it, its agent or an operator wants so.
    Draining,
    /// Out for a while: requests failed there.
    Ejected,
    /// Out: its checks fail, or its agent says so.
    Down,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Unchecked,
        Self::Up,
        Self::Starting,
        Self::Draining,
        Self::Ejected,
        Self::Down,
    ];

    /// The value of metric labels and fields.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Up => "up",
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::Ejected => "ejected",
            Self::Down => "down",
        }
    }

    /// Whether requests go to the node while others could serve them too.
    pub fn takes_requests(self) -> bool {
        matches!(self, Self::Unchecked | Self::Up | Self::Starting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What an operator wants of a node, until told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// No new requests.
    pub drain: bool,
    /// Part of its weight, in percent. At most 100.
    pub weight_percent: u32,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            drain: false,
            weight_percent: 100,
        }
    }
}

/// What a node's agent has said so far: each line changes what it speaks of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentWords(Line);

impl AgentWords {
    /// Takes one more line into account. True: it changes something.
    pub(crate) fn hear(&mut self, line: Line) -> bool {
        let before = self.0.clone();
        let now = &mut self.0;
        now.weight = line.weight.or(now.weight);
        now.connections_max = line.connections_max.or(now.connections_max);
        now.wish = line.wish.or(now.wish);
        now.operation = line.operation.or(now.operation);
        now.text = line.text;
        *now != before
    }

    /// The sum of what it said.
    pub fn line(&self) -> &Line {
        &self.0
    }
}

/// All that decides how a node stands.
#[derive(Debug, Clone)]
pub(crate) struct Grounds<'a> {
    pub(crate) weight: u32,
    pub(crate) health: Health,
    pub(crate) out: Option<Out>,
    pub(crate) agent: &'a Line,
    /// What the node said of itself, and when.
    pub(crate) load: Option<(Load, Instant)>,
    pub(crate) order: Order,
    /// Since when it starts, if it does.
    pub(crate) started: Option<Instant>,
}

/// How a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// In a word.
    pub state: State,
    /// Of its points on the ring, those that count.
    pub active_points: u32,
    /// Those that would count were it not for a slow start: what it can carry. 0 where it takes no requests.
    pub able_points: u32,
    /// Most requests at once, by its agent.
    pub connections_max: Option<u32>,
}

impl Grounds<'_> {
    /// How the node stands at `now`, when a start takes `slow_start`.
    pub(crate) fn judge(&self, now: Instant, slow_start: Duration) -> Standing {
        let load = self
            .load
            .filter(|(_, said)| now.saturating_duration_since(*said) < LOAD_LIFE)
            .map(|(load, _)| load);
        let started = self.started.map(|since| now.saturating_duration_since(since));
        let starting = started.filter(|elapsed| *elapsed < slow_start);
        let state = self.state(load, starting.is_some());
        let able = self.able_percent(load);
        let able_points = ring::points(self.weight, able);
        let ramp = starting.map_or(100, |elapsed| start_percent(elapsed, slow_start));
        Standing {
            state,
            active_points: scaled(able_points, ramp),
            able_points: if state.takes_requests() { able_points } else { 0 },
            connections_max: self.agent.connections_max,
        }
    }

    fn state(&self, load: Option<Load>, starting: bool) -> State {
        let wishes_leave = matches!(self.agent.wish, Some(Wish::Drain | Wish::Maintenance));
        let weighs_nothing = self.able_percent(load) == 0;
        if self.health == Health::Down || self.agent.operation == Some(Operation::Down) {
            State::Down
        } else if self.order.drain || wishes_leave || weighs_nothing || load.is_some_and(|load| load.draining)
        {
            State::Draining
        } else if self.out.is_some() {
            State::Ejected
        } else if starting {
            State::Starting
        } else if self.health == Health::Unchecked {
            State::Unchecked
        } else {
            State::Up
        }
    }

    /// The least of what the node, its agent and the operator say, in percent of its weight.
    fn able_percent(&self, load: Option<Load>) -> u32 {
        let by_agent = match self.agent.weight {
            None => 100,
            Some(Weight::Percent(percent)) => percent,
            Some(Weight::Absolute(weight)) => weight.saturating_mul(100) / self.weight.max(1),
        };
        let by_load = load.map_or(100, |load| load.weight_percent);
        by_agent.min(by_load).min(self.order.weight_percent)
    }
}

/// Linear, from [`START_PERCENT`] on.
fn start_percent(elapsed: Duration, slow_start: Duration) -> u32 {
    let rest = u128::from(100 - START_PERCENT);
    let part = rest * elapsed.as_millis() / slow_start.as_millis().max(1);
    START_PERCENT + u32::try_from(part).unwrap_or(0)
}

fn scaled(points: u32, percent: u32) -> u32 {
    if points == 0 {
        return 0;
    }
    let part = u64::from(points) * u64::from(percent) / 100;
    u32::try_from(part).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAMP: Duration = Duration::from_secs(30);

    fn grounds(agent: &Line) -> Grounds<'_> {
        Grounds {
            weight: 2,
            health: Health::Up,
            out: None,
            agent,
            load: None,
            order: Order::default(),
            started: None,
        }
    }

    fn line(text: &str) -> Line {
        Line::parse(format!("{text}\n").as_bytes()).unwrap()
    }

    /// An agent's words → the state and the percentage of the points that count.
    #[track_caller]
    fn check(words: &str, state: State, percent: u32) {
        let line = line(words);
        let standing = grounds(&line).judge(Instant::now(), RAMP);
        assert_eq!(standing.state, state, "{words}");
        assert_eq!(standing.active_points, ring::points(2, percent), "{words}");
    }

    #[test]
    fn agents_are_heard() {
        check("", State::Up, 100);
        check("75%", State::Up, 75);
        check("weight:1", State::Up, 50);
        check("weight:200", State::Up, 100);
        check("0%", State::Draining, 0);
        check("drain 50%", State::Draining, 50);
        check("maint", State::Draining, 100);
        check("down ready", State::Down, 100);
        assert_eq!(
            grounds(&line("maxconn:7"))
                .judge(Instant::now(), RAMP)
                .connections_max,
            Some(7)
        );
    }

    #[test]
    fn what_an_agent_does_not_speak_of_stays() {
        let mut words = AgentWords::default();
        assert!(words.hear(line("drain 50%")));
        assert!(!words.hear(line("drain")));
        assert!(words.hear(line("ready")));
        assert_eq!(words.line().weight, Some(Weight::Percent(50)));
    }

    #[test]
    fn a_start_is_linear_and_ends() {
        let (line, start) = (Line::default(), Instant::now());
        let at = |seconds: u64| {
            let grounds = Grounds {
                started: Some(start),
                ..grounds(&line)
            };
            grounds.judge(start + Duration::from_secs(seconds), RAMP)
        };
        assert_eq!(at(0).state, State::Starting);
        assert_eq!(at(0).active_points, ring::points(2, 10));
        assert_eq!(at(15).active_points, ring::points(2, 55));
        assert_eq!(
            (at(30).state, at(30).active_points),
            (State::Up, ring::points(2, 100))
        );
        // What it can carry is not less because it starts.
        assert_eq!(at(0).able_points, ring::points(2, 100));
    }

    #[test]
    fn what_a_node_says_of_itself_is_believed_for_a_while() {
        let (line, said) = (Line::default(), Instant::now());
        let load = Load {
            in_flight: 1,
            weight_percent: 40,
            draining: true,
        };
        let at = |later: Duration| {
            let grounds = Grounds {
                load: Some((load, said)),
                ..grounds(&line)
            };
            grounds.judge(said + later, RAMP)
        };
        assert_eq!(at(Duration::ZERO).state, State::Draining);
        assert_eq!(at(Duration::ZERO).active_points, ring::points(2, 40));
        assert_eq!(at(LOAD_LIFE).state, State::Up);
    }

    #[test]
    fn an_operator_s_order_counts_whatever_the_agent_says() {
        let line = line("ready 80%");
        let order = Order {
            drain: true,
            weight_percent: 30,
        };
        let standing = Grounds {
            order,
            ..grounds(&line)
        }
        .judge(Instant::now(), RAMP);
        assert_eq!(standing.state, State::Draining);
        assert_eq!(
            (standing.active_points, standing.able_points),
            (ring::points(2, 30), 0)
        );
    }

    #[test]
    fn a_node_that_is_down_is_down_before_all_else() {
        let line = line("drain");
        let down = Grounds {
            health: Health::Down,
            ..grounds(&line)
        };
        assert_eq!(down.judge(Instant::now(), RAMP).state, State::Down);
    }
}
