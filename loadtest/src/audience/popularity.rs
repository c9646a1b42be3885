//! Which title a viewer chooses.

use fastrand::Rng;

use crate::number::{float_len, whole};

/// Titles by rank: the `n`th is chosen in proportion to `1 / n^α` (Zipf).
#[derive(Debug, Clone)]
pub struct Popularity {
    /// Sums of weights up to and including each rank, ending with 1.
    cumulated: Vec<f64>,
}

impl Popularity {
    /// So many titles; with `alpha` 0 all are alike, 1 is usual for films.
    #[must_use]
    pub fn new(titles: usize, alpha: f64) -> Self {
        let weights = (1..=titles).map(|rank| float_len(rank).powf(-alpha));
        let total: f64 = weights.clone().sum();
        let mut sum = 0.0;
        let cumulated = weights.map(|weight| {
            sum += weight / total;
            sum
        });
        Self {
            cumulated: cumulated.collect(),
        }
    }

    /// The rank of a choice, from 0.
    pub fn choose(&self, rng: &mut Rng) -> usize {
        let at = rng.f64();
        let rank = self.cumulated.partition_point(|sum| *sum <= at);
        rank.min(self.cumulated.len().saturating_sub(1))
    }

    /// The part of all choices that falls to `rank`.
    #[must_use]
    pub fn share(&self, rank: usize) -> f64 {
        let upto = self.cumulated.get(rank).copied().unwrap_or(1.0);
        let before = rank.checked_sub(1).and_then(|before| self.cumulated.get(before));
        upto - before.copied().unwrap_or(0.0)
    }

    /// How many titles there are.
    #[must_use]
    pub fn titles(&self) -> u64 {
        whole(float_len(self.cumulated.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_chosen_as_zipf_says() {
        let popularity = Popularity::new(100, 1.0);
        let mut rng = Rng::with_seed(1);
        let mut counts = [0_u32; 100];
        for _ in 0..200_000 {
            counts[popularity.choose(&mut rng)] += 1;
        }
        for rank in [0, 1, 9, 99] {
            let found = f64::from(counts[rank]) / 200_000.0;
            assert!(
                (found / popularity.share(rank) - 1.0).abs() < 0.1,
                "{rank}: {found}"
            );
        }
        assert!((popularity.share(0) / popularity.share(9) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn one_title_is_always_chosen() {
        assert_eq!(Popularity::new(1, 0.8).choose(&mut Rng::with_seed(3)), 0);
    }
}
