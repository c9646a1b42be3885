//! Whether a simulation says what the run that it rebuilds has found.

use serde::{Deserialize, Serialize};

use crate::report::{Figures, Report};

/// How far a simulated figure may be from the real one, as a part of it.
pub const TOLERANCE: f64 = 0.10;

/// The figures that are compared.
const COMPARED: [&str; 3] = ["hit_ratio", "max_over_mean", "store_requests"];

/// A simulation beside the run that it rebuilds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// The figures.
    pub figures: Vec<Agreement>,
    /// Whether all are within [`TOLERANCE`].
    pub is_valid: bool,
}

/// A figure, for real and simulated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Its name.
    pub figure: String,
    /// As measured.
    pub real: f64,
    /// As simulated.
    pub simulated: f64,
    /// The difference as a part of the real one.
    pub difference: f64,
}

impl Validation {
    /// Compares what both reports have; `None` when they have nothing in common.
    #[must_use]
    pub fn of(real: &Report, simulated: &Report) -> Option<Self> {
        let figures: Vec<Agreement> = COMPARED
            .iter()
            .filter_map(|name| {
                let figure = Figures::named(name)?;
                let (real, simulated) = ((figure.of)(real)?, (figure.of)(simulated)?);
                let difference = if real == 0.0 {
                    simulated
                } else {
                    (simulated - real) / real
                };
                Some(Agreement {
                    figure: (*name).to_owned(),
                    real,
                    simulated,
                    difference,
                })
            })
            .collect();
        let is_valid = figures.len() == COMPARED.len()
            && figures.iter().all(|figure| figure.difference.abs() <= TOLERANCE);
        (!figures.is_empty()).then_some(Self { figures, is_valid })
    }
}
