//! Events by time, on a wheel of quarter milliseconds.

/// Slots of the wheel: 65 s. What is due later goes round.
const SLOTS: usize = 1 << 18;

/// Ticks a second.
pub(super) const TICKS_PER_SECOND: f64 = 4000.0;

/// Events and when they are due. Those of one tick come in the order in which they were put there.
pub(super) struct Wheel<T> {
    slots: Vec<Vec<(u64, T)>>,
    now: u64,
    count: usize,
}

impl<T> Wheel<T> {
    pub(super) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Vec::new()).collect(),
            now: 0,
            count: 0,
        }
    }

    /// Events that are still to come.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.count
    }

    /// Puts an event at `at_s` seconds, or at the next tick when that is past.
    pub(super) fn put(&mut self, at_s: f64, event: T) {
        let tick = crate::number::whole((at_s * TICKS_PER_SECOND).ceil()).max(self.now + 1);
        if let Some(slot) = self.slot(tick) {
            slot.push((tick, event));
            self.count += 1;
        }
    }

    /// Goes on by a tick and takes what is due into `due`, which is emptied first.
    pub(super) fn advance(&mut self, due: &mut Vec<T>) {
        self.now += 1;
        due.clear();
        let now = self.now;
        let Some(slot) = self.slot(now) else { return };
        if slot.is_empty() {
            return;
        }
        let mut later = Vec::new();
        for (tick, event) in slot.drain(..) {
            if tick <= now {
                due.push(event)
            } else {
                later.push((tick, event))
            }
        }
        slot.append(&mut later);
        self.count -= due.len();
    }

    /// The time now, in seconds.
    pub(super) fn now_s(&self) -> f64 {
        crate::number::float(self.now) / TICKS_PER_SECOND
    }

    fn slot(&mut self, tick: u64) -> Option<&mut Vec<(u64, T)>> {
        let place = usize::try_from(tick % SLOTS as u64).ok()?;
        self.slots.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_when_they_are_due_even_after_many_rounds() {
        let mut wheel = Wheel::new();
        wheel.put(0.002, 'b');
        wheel.put(0.001, 'a');
        wheel.put(200.0, 'c');
        let (mut due, mut found) = (Vec::new(), Vec::new());
        while wheel.count() > 0 {
            wheel.advance(&mut due);
            found.extend(due.drain(..).map(|event| (event, wheel.now_s())));
        }
        assert_eq!(found, [('a', 0.001), ('b', 0.002), ('c', 200.0)]);
    }
}
