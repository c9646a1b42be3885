//! Whose turn it is. Pure but for the counter.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns of the heaviest node in one round: weights are kept to about 1 %.
const TURNS_MAX: u64 = 64;

/// A round in which each node has as many turns as its weight says, as far
/// apart as they can be ("smooth weighted round robin").
#[derive(Debug)]
pub(crate) struct Rotation {
    /// Indexes of nodes; empty when none has a weight.
    round: Vec<u16>,
    next: AtomicUsize,
}

impl Rotation {
    /// A round over nodes of these weights, from turn `start` on.
    pub(crate) fn new(weights: &[u32], start: usize) -> Self {
        let heaviest = u64::from(weights.iter().copied().max().unwrap_or(0));
        let divisor = weights.iter().fold(0, |divisor, weight| gcd(divisor, *weight));
        // Small weights are exact, large ones are brought down to `TURNS_MAX`.
        let is_small = heaviest / u64::from(divisor.max(1)) <= TURNS_MAX;
        let turns = |weight: u32| match weight {
            0 => 0,
            _ if is_small => u64::from(weight / divisor.max(1)),
            _ => (u64::from(weight) * TURNS_MAX / heaviest).max(1),
        };
        let turns: Vec<i64> = weights
            .iter()
            .map(|weight| i64::try_from(turns(*weight)).unwrap_or(0))
            .collect();
        let sum: i64 = turns.iter().sum();
        let mut credit = vec![0_i64; turns.len()];
        let mut round = Vec::new();
        for _ in 0..sum {
            for (credit, turns) in credit.iter_mut().zip(&turns) {
                *credit += turns;
            }
            // The first of those with most credit.
            let most = (0_u16..).zip(&mut credit).min_by_key(|(_, credit)| -**credit);
            if let Some((node, credit)) = most {
                *credit -= sum;
                round.push(node);
            }
        }
        Self {
            round,
            next: AtomicUsize::new(start),
        }
    }

    /// Indexes of nodes from the one whose turn it is on; each turn once.
    pub(crate) fn turns(&self) -> impl Iterator<Item = usize> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.round.len().max(1);
        let (before, from) = self.round.split_at_checked(start).unwrap_or_default();
        from.iter().chain(before).map(|node| usize::from(*node))
    }

    /// Turns so far: where a rotation that replaces this one goes on.
    pub(crate) fn turn(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(weights: &[u32], expected: &[usize]) {
        let rotation = Rotation::new(weights, 0);
        let turns: Vec<usize> = (0..expected.len())
            .map(|_| rotation.turns().next().unwrap())
            .collect();
        assert_eq!(turns, expected, "{weights:?}");
    }

    #[test]
    fn turns_go_round_by_weight_and_far_apart() {
        check(&[1, 1, 1], &[0, 1, 2, 0, 1, 2, 0]);
        check(&[1024, 1024], &[0, 1, 0, 1]);
        check(&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0, 0]);
        check(&[2, 0, 1], &[0, 2, 0, 0, 2, 0]);
    }

    #[test]
    fn nobody_has_a_turn_where_nobody_has_a_weight() {
        assert_eq!(Rotation::new(&[], 7).turns().count(), 0);
        assert_eq!(Rotation::new(&[0, 0], 7).turns().count(), 0);
    }

    #[test]
    fn odd_weights_keep_their_proportions() {
        let rotation = Rotation::new(&[100_003, 50_021, 1], 0);
        let mut counts = [0_usize; 3];
        let round = rotation.turns().count();
        for node in rotation.turns() {
            counts[node] += 1;
        }
        assert_eq!((round, counts[0], counts[2]), (97, 64, 1));
    }
}
