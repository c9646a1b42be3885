//! From measurements to a weight. Pure.
//!
//! Each resource has a knee: below it the node can take its whole weight, above
//! it less, down to a tenth where the resource is used up. The scarcest one
//! decides. The network is another matter: how much an instance may send is not
//! known, only that it was too much just now. So its weight falls by a third
//! each time, and rises again step by step.

/// What was measured since the last time. Parts are 0 to 1; `None` could not be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Part of the time of all cores that was busy.
    pub(super) cpu: Option<f64>,
    /// Part of memory that is not available.
    pub(super) memory: Option<f64>,
    /// Part of the time in which something waited for a disk.
    pub(super) disk: Option<f64>,
    /// Requests in flight, of those that fill the node.
    pub(super) in_flight: Option<f64>,
    /// Packets that were queued or dropped because an allowance of the instance was used up.
    pub(super) exceeded: Option<u64>,
}

/// Where the weight begins to fall.
const CPU_KNEE: f64 = 0.80;
const MEMORY_KNEE: f64 = 0.90;
const DISK_KNEE: f64 = 0.60;
const IN_FLIGHT_KNEE: f64 = 0.75;

/// What a node keeps however full it is: with nothing, its caches would go cold and no measurement would tell that it is well again.
const LEAST: f64 = 0.1;

/// What is left of the network's part when an allowance was exceeded, and what it gains when none was.
const NETWORK_CUT: f64 = 0.67;
const NETWORK_GAIN: f64 = 0.03;

/// How much of a measurement enters the weight at once: a burst of a second is no saturation.
const SMOOTHING: f64 = 0.4;

/// The weight, from one sample to the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Weigher {
    network: f64,
    others: f64,
}

impl Default for Weigher {
    fn default() -> Self {
        Self {
            network: 1.0,
            others: 1.0,
        }
    }
}

impl Weigher {
    /// Takes a sample into account and returns the weight in percent, 10 to 100.
    pub(super) fn step(&mut self, sample: &Sample) -> u32 {
        let parts = [
            (sample.cpu, CPU_KNEE),
            (sample.memory, MEMORY_KNEE),
            (sample.disk, DISK_KNEE),
            (sample.in_flight, IN_FLIGHT_KNEE),
        ];
        let scarcest = parts
            .into_iter()
            .filter_map(|(part, knee)| part.map(|part| room(part, knee)))
            .fold(1.0, f64::min);
        self.others += (scarcest - self.others) * SMOOTHING;
        match sample.exceeded {
            Some(0) => self.network = (self.network + NETWORK_GAIN).min(1.0),
            Some(_) => self.network = (self.network * NETWORK_CUT).max(LEAST),
            None => {}
        }
        percent(self.others.min(self.network))
    }
}

/// What is left of the weight when `part` of a resource is used: 1 up to the knee, then linear to [`LEAST`].
fn room(part: f64, knee: f64) -> f64 {
    let beyond = ((part - knee) / (1.0 - knee)).clamp(0.0, 1.0);
    1.0 - (1.0 - LEAST) * beyond
}

fn percent(part: f64) -> u32 {
    let percent = (part * 100.0).round().clamp(LEAST * 100.0, 100.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 10 to 100"
    )]
    let percent = percent as u32;
    percent
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Sample = Sample {
        cpu: Some(0.1),
        memory: Some(0.5),
        disk: Some(0.0),
        in_flight: Some(0.0),
        exceeded: Some(0),
    };

    fn after(samples: usize, sample: Sample) -> u32 {
        let mut weigher = Weigher::default();
        (0..samples).map(|_| weigher.step(&sample)).last().unwrap()
    }

    #[test]
    fn a_node_with_room_has_its_whole_weight() {
        assert_eq!(after(50, IDLE), 100);
        assert_eq!(after(50, Sample::default()), 100);
        let busy = Sample {
            cpu: Some(0.8),
            memory: Some(0.9),
            disk: Some(0.6),
            in_flight: Some(0.75),
            exceeded: Some(0),
        };
        assert_eq!(after(50, busy), 100);
    }

    #[test]
    fn the_scarcest_resource_decides() {
        for full in [
            Sample {
                cpu: Some(1.0),
                ..IDLE
            },
            Sample {
                memory: Some(1.0),
                ..IDLE
            },
            Sample {
                disk: Some(1.0),
                ..IDLE
            },
            Sample {
                in_flight: Some(7.0),
                ..IDLE
            },
        ] {
            assert_eq!(after(50, full), 10, "{full:?}");
        }
        assert_eq!(
            after(
                50,
                Sample {
                    cpu: Some(0.9),
                    ..IDLE
                }
            ),
            55
        );
    }

    #[test]
    fn a_burst_is_no_saturation_and_what_lasts_is() {
        let full = Sample {
            cpu: Some(1.0),
            ..IDLE
        };
        assert_eq!(after(1, full), 64);
        let mut weigher = Weigher::default();
        weigher.step(&full);
        let back: Vec<u32> = (0..4).map(|_| weigher.step(&IDLE)).collect();
        assert_eq!(back, [78, 87, 92, 95]);
    }

    #[test]
    fn an_exceeded_allowance_cuts_at_once_and_is_regained_slowly() {
        let exceeded = Sample {
            exceeded: Some(3),
            ..IDLE
        };
        assert_eq!(after(1, exceeded), 67);
        assert_eq!(after(2, exceeded), 45);
        assert_eq!(after(100, exceeded), 10);
        let mut weigher = Weigher::default();
        weigher.step(&exceeded);
        assert_eq!((0..10).map(|_| weigher.step(&IDLE)).last(), Some(97));
        // What cannot be measured changes nothing.
        assert_eq!(
            weigher.step(&Sample {
                exceeded: None,
                ..IDLE
            }),
            97
        );
    }
}
