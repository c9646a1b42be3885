//! One setting over several values.

use serde::{Deserialize, Serialize};

use super::chart::{Axis, Join, Look, Plot, Series};
use super::figures::{Figure, Figures};
use super::page::{Banner, page, section, table};
use super::{Report, sections};
use crate::number::float_len;

/// The figures that are plotted over the values, where they were measured.
const PLOTTED: [&str; 9] = [
    "drowned",
    "max_over_mean",
    "first_choice",
    "hit_ratio",
    "store_requests",
    "p99",
    "stalls",
    "errors",
    "retries",
];

/// The figures of the table.
const TABLE: [&str; 19] = [
    "rate",
    "throughput",
    "errors",
    "p50",
    "p99",
    "p99.9",
    "hit_ratio",
    "store_requests",
    "store_bytes",
    "max_over_mean",
    "first_choice",
    "bound_hits",
    "retries",
    "redispatches",
    "drowned",
    "drowning",
    "stalls",
    "startup_p99",
    "cost",
];

/// What was found at each value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sweep {
    /// The setting.
    pub setting: String,
    /// What it is called, by its user.
    pub title: String,
    /// Whether it was simulated.
    pub is_simulated: bool,
    /// The values, and what was found.
    pub points: Vec<Point>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// Why there are fewer points than asked for.
    pub partial: Option<String>,
}

/// A value, and what was found with it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// As given.
    pub value: String,
    /// What was found.
    pub report: Report,
}

impl Sweep {
    /// Figures and their values at each point, where any point has them.
    fn measured(&self, names: &'static [&'static str]) -> Vec<(&'static Figure, Vec<Option<f64>>)> {
        names
            .iter()
            .filter_map(|name| Figures::named(name))
            .map(|figure| {
                let values = self.points.iter().map(|point| (figure.of)(&point.report));
                (figure, values.collect::<Vec<_>>())
            })
            .filter(|(_, values)| values.iter().any(Option::is_some))
            .collect()
    }

    /// A row a value.
    fn rows(&self) -> Vec<Vec<String>> {
        let measured = self.measured(&TABLE);
        let heads = measured.iter().map(|(figure, _)| figure.title.to_owned());
        let mut rows = vec![
            std::iter::once(self.setting.clone())
                .chain(heads)
                .collect::<Vec<_>>(),
        ];
        for (index, point) in self.points.iter().enumerate() {
            let cells = measured.iter().map(|(figure, values)| {
                let value = values.get(index).copied().flatten();
                value.map_or("–".to_owned(), |value| figure.unit.show(value))
            });
            rows.push(std::iter::once(point.value.clone()).chain(cells).collect());
        }
        rows
    }

    /// The table, as rows of text, heads first: a row a figure, as these are many and values few.
    #[must_use]
    pub fn turned(&self) -> Vec<Vec<String>> {
        let rows = self.rows();
        let columns = rows.first().map_or(0, Vec::len);
        let column = |place: usize| rows.iter().filter_map(|row| row.get(place).cloned()).collect();
        (0..columns).map(column).collect()
    }

    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        let title = if self.title.is_empty() {
            format!("Sweep of {}", self.setting)
        } else {
            self.title.clone()
        };
        let kind = if self.is_simulated {
            "simulated"
        } else {
            "on the rig"
        };
        let subtitle = format!("{} over {} values, {kind}", self.setting, self.points.len());
        let banner = Banner {
            title: &title,
            subtitle: &subtitle,
            verdict: None,
            warning: self
                .partial
                .as_ref()
                .map(|reason| format!("Partial results: {reason}.")),
        };
        let rows = self.turned();
        let heads: Vec<&str> = rows.first().into_iter().flatten().map(String::as_str).collect();
        let notes: String = self
            .notes
            .iter()
            .map(|note| format!("<p>{}</p>", super::page::escape(note)))
            .collect();
        let body = [
            notes,
            section("At a glance", &self.plots()),
            section("Figures", &table(&heads, rows.get(1..).unwrap_or_default())),
            section("Load of each node", &self.loads()),
        ];
        page(&banner, &body.concat())
    }

    fn plots(&self) -> String {
        let is_nothing = |values: &[Option<f64>]| values.iter().flatten().all(|value| *value == 0.0);
        let (nothing, some): (Vec<_>, Vec<_>) = self
            .measured(&PLOTTED)
            .into_iter()
            .partition(|(_, values)| is_nothing(values));
        let drawn: String = some
            .iter()
            .map(|(figure, values)| self.plot(figure, values))
            .collect();
        let names: Vec<&str> = nothing.iter().map(|(figure, _)| figure.title).collect();
        let mut out = String::new();
        if !drawn.is_empty() {
            out = format!("<div class=\"plots\">{drawn}</div>");
        }
        if !names.is_empty() {
            out.push_str(&format!(
                "<p>None at any value: {}.</p>",
                names.join(", ").to_lowercase()
            ));
        }
        out
    }

    fn plot(&self, figure: &Figure, values: &[Option<f64>]) -> String {
        let points = values.iter().enumerate();
        Plot {
            title: figure.title.to_owned(),
            caption: match figure.less_is_better {
                Some(true) => "less is better".to_owned(),
                Some(false) => "more is better".to_owned(),
                None => String::new(),
            },
            unit: figure.unit,
            series: vec![Series {
                name: figure.title.to_owned(),
                points: points
                    .filter_map(|(at, value)| Some((float_len(at), (*value)?)))
                    .collect(),
                look: Look::Line(0),
            }],
            join: Join::Mean,
            axis: Axis::Names(
                self.setting.clone(),
                self.points.iter().map(|point| point.value.clone()).collect(),
            ),
            height: 190.0,
            from_zero: false,
            top: 0.0,
        }
        .svg()
    }

    /// The picture in which few servers drown, or none: each point with the same scale.
    fn loads(&self) -> String {
        let top = sections::load_top(self.points.iter().map(|point| &point.report));
        let plots = self.points.iter().map(|point| {
            let name = format!("{} {}", self.setting, point.value);
            sections::load_plot(&point.report, &name, top).svg()
        });
        let drawn: String = plots.collect();
        if drawn.is_empty() {
            drawn
        } else {
            format!("<div class=\"plots\">{drawn}</div>")
        }
    }
}
