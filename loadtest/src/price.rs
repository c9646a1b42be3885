//! What a fleet costs: list prices that the user states, and the arithmetic.

use std::path::Path;

use serde::{Deserialize, Serialize};
use strata_node::config::{ByteSize, Document, Mistakes, Section};

use crate::number::{float, float_len};
use crate::report::FleetFigures;
use crate::simulate::Instance;

/// Bytes that prices call a gigabyte.
const GB: f64 = 1e9;

/// A price file. `config/prices.yaml` is the commented reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// What amounts are in. Key `currency`; default `USD`.
    pub currency: String,
    /// The day on which they were looked up. Key `as_of`; required: prices without a date mislead.
    pub as_of: String,
    /// A million GETs at the store. Key `store.million_gets`.
    pub million_gets: f64,
    /// A gigabyte from the store to a node. Key `store.gb`; default 0: the same region.
    pub store_gb: f64,
    /// A gigabyte that crosses a zone's border, both directions together. Key `transfer.zone_gb`.
    pub zone_gb: f64,
    /// A gigabyte to viewers or their CDN. Key `transfer.out_gb`; default 0.
    pub out_gb: f64,
    /// Types of instances. Key `instances`.
    pub instances: Vec<PricedInstance>,
}

/// A type of instance and its price.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedInstance {
    /// What it can do.
    pub instance: Instance,
    /// An hour of it. Key `hour`.
    pub hour: f64,
}

/// What was spent, or would be, in an hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What amounts are in.
    pub currency: String,
    /// The day of the prices.
    pub as_of: String,
    /// Instances.
    pub instances: f64,
    /// GETs at the store, and bytes from it.
    pub store: f64,
    /// Bytes between zones.
    pub zones: f64,
    /// Bytes to viewers.
    pub out: f64,
}

impl Cost {
    /// All of an hour.
    #[must_use]
    pub fn per_hour(&self) -> f64 {
        self.instances + self.store + self.zones + self.out
    }
}

impl Prices {
    /// Reads a price file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn read(path: &Path) -> Result<Self, Mistakes> {
        Self::from_document(Document::read(Some(path), Vec::new())?)
    }

    /// Reads and checks prices.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn from_document(document: Document) -> Result<Self, Mistakes> {
        let prices = read(&document);
        match document.finish(prices)? {
            Some(prices) => Ok(prices),
            // A required key that is missing has been noted, so `finish` has failed.
            None => Err(Mistakes::in_file("prices", "are incomplete")),
        }
    }

    /// The instance of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&PricedInstance> {
        self.instances.iter().find(|priced| priced.instance.name == name)
    }

    /// What an hour costs of `hour`'s price a node and of what `fleet` has seen in `length_s` seconds.
    #[must_use]
    pub fn cost(&self, fleet: &FleetFigures, hour: f64, length_s: f64) -> Cost {
        let hours = (length_s / 3600.0).max(1e-9);
        let sent: u64 = fleet.nodes.iter().map(|node| node.bytes).sum();
        let crossed = fleet.cross_zone_bytes.unwrap_or(0);
        Cost {
            currency: self.currency.clone(),
            as_of: self.as_of.clone(),
            instances: hour * float_len(fleet.nodes.len()),
            store: (self.million_gets * float(fleet.store.total()) / 1e6
                + self.store_gb * float(fleet.store.bytes) / GB)
                / hours,
            zones: self.zone_gb * float(crossed) / GB / hours,
            out: self.out_gb * float(sent) / GB / hours,
        }
    }
}

fn read(document: &Document) -> Option<Prices> {
    let mut root = document.root();
    let as_of: Option<String> = root.required("as_of");
    let currency = root.or("currency", "USD".to_owned());
    let mut store = root.section("store");
    let million_gets = amount(&mut store, "million_gets");
    let store_gb = amount(&mut store, "gb");
    let mut transfer = root.section("transfer");
    let zone_gb = amount(&mut transfer, "zone_gb");
    let out_gb = amount(&mut transfer, "out_gb");
    let sections = root.sections("instances");
    if sections.is_empty() {
        root.mistake("instances", "required: at least one type of instance");
    }
    Some(Prices {
        currency,
        as_of: as_of?,
        million_gets,
        store_gb,
        zone_gb,
        out_gb,
        instances: sections.into_iter().filter_map(instance).collect(),
    })
}

fn instance(mut section: Section<'_>) -> Option<PricedInstance> {
    let name: Option<String> = section.required("name");
    let hour: Option<f64> = section.required("hour");
    let baseline: Option<f64> = section.required("baseline_gbps");
    let burst = section.optional("burst_gbps");
    let burst_s = section.within("burst_seconds", 0.0, 0.0..=86_400.0);
    let cache: Option<ByteSize> = section.required("cache");
    for (key, value) in [("hour", hour), ("baseline_gbps", baseline), ("burst_gbps", burst)] {
        if value.is_some_and(|value: f64| !value.is_finite() || value < 0.0) {
            section.mistake(key, "must not be negative");
        }
    }
    let baseline_bps = baseline? * 1e9;
    Some(PricedInstance {
        hour: hour?,
        instance: Instance {
            name: name?,
            baseline_bps,
            burst_bps: burst.map_or(baseline_bps, |burst| burst * 1e9).max(baseline_bps),
            burst_s,
            cache_bytes: cache?.0,
        },
    })
}

fn amount(section: &mut Section<'_>, key: &'static str) -> f64 {
    section.within(key, 0.0, 0.0..=1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{NodeFigures, StoreFigures};

    const PRICES: &str = "as_of: 2025-10-01\nstore:\n  million_gets: 0.4\ntransfer:\n  zone_gb: 0.02\n\
instances:\n  - name: big\n    hour: 2\n    baseline_gbps: 10\n    burst_gbps: 25\n    burst_seconds: 60\n    cache: 64GiB\n";

    fn parse(text: &str) -> Result<Prices, Mistakes> {
        Prices::from_document(Document::parse("prices.yaml", text, Vec::new())?)
    }

    #[test]
    fn an_hour_is_added_up() {
        let prices = parse(PRICES).unwrap();
        let fleet = FleetFigures {
            nodes: vec![NodeFigures::default(); 3],
            store: StoreFigures {
                requests: [("read".to_owned(), 5_000_000)].into(),
                bytes: 0,
            },
            cross_zone_bytes: Some(100_000_000_000),
            ..FleetFigures::default()
        };
        let cost = prices.cost(&fleet, 2.0, 1800.0);
        assert!((cost.instances - 6.0).abs() < 1e-9);
        assert!((cost.store - 4.0).abs() < 1e-9, "{cost:?}");
        assert!((cost.zones - 4.0).abs() < 1e-9);
        assert!((cost.per_hour() - 14.0).abs() < 1e-9);
        assert_eq!(
            prices.named("big").map(|priced| priced.instance.baseline_bps),
            Some(1e10)
        );
    }

    #[test]
    fn the_reference_is_good_and_states_the_defaults() {
        let text = include_str!("../../config/prices.yaml");
        let prices = parse(text).unwrap();
        let spelled_out: String = text
            .lines()
            .map(|line| match line.split_once('#') {
                Some((indent, rest))
                    if indent.trim().is_empty() && !rest.starts_with(' ') && rest.contains(':') =>
                {
                    format!("{indent}{rest}\n")
                }
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(spelled_out.contains("\n  out_gb: 0\n"));
        assert_eq!(prices, parse(&spelled_out).unwrap());
        assert_eq!(prices.instances.len(), 3);
    }

    #[test]
    fn prices_without_a_date_or_with_unknown_keys_are_refused() {
        let error = parse(&PRICES.replace("as_of: 2025-10-01\n", ""))
            .unwrap_err()
            .to_string();
        assert!(error.contains("as_of"), "{error}");
        let error = parse(&PRICES.replace("hour: 2", "hours: 2"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("hours"), "{error}");
        assert!(parse(&PRICES.replace("hour: 2", "hour: -2")).is_err());
    }
}
