//! Reads what `/metrics` pages say: the Prometheus text format.

use std::collections::BTreeMap;

/// A page in the Prometheus text format.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    text: String,
}

/// One line: a metric's name, its labels and its value.
struct Series<'a> {
    labels: &'a str,
    value: f64,
}

impl Exposition {
    /// Takes over a page.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text }
    }

    /// The sum of a metric's series whose labels have these values; 0 when there is none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matches = |series: &Series<'_>| {
            labels
                .iter()
                .all(|(label, value)| series.label(label) == Some(value))
        };
        self.series(name).filter(matches).map(|series| series.value).sum()
    }

    /// Whether the page has the metric.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.series(name).next().is_some()
    }

    /// The sums of a metric's series by the value of one label.
    #[must_use]
    pub fn by_label(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for series in self.series(name) {
            if let Some(value) = series.label(label) {
                *sums.entry(value.to_owned()).or_default() += series.value;
            }
        }
        sums
    }

    fn series<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Series<'a>> {
        self.text.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once("} ")?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let value = value.split_whitespace().next()?.parse().ok()?;
            Some(Series { labels, value })
        })
    }
}

impl<'a> Series<'a> {
    /// The value of a label, as written: what is escaped stays so.
    fn label(&self, name: &str) -> Option<&'a str> {
        self.labels.split("\",").find_map(|pair| {
            let (key, value) = pair.split_once("=\"")?;
            (key == name).then(|| value.strip_suffix('"').unwrap_or(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP strata_requests_total Requests.
# TYPE strata_requests_total counter
strata_requests_total{node=\"a1\",ending=\"answered\"} 40
strata_requests_total{node=\"a1\",ending=\"failed\"} 2
strata_requests_total{node=\"a11\",ending=\"answered\"} 500
strata_requests_total_other{node=\"a1\"} 9000
strata_in_flight 3
strata_load 0.25
";

    fn check(name: &str, labels: &[(&str, &str)], expected: f64) {
        let found = Exposition::new(PAGE.to_owned()).sum(name, labels);
        assert!((found - expected).abs() < 1e-9, "{name} {labels:?}: {found}");
    }

    #[test]
    fn series_are_summed_over_the_labels_that_are_left_open() {
        check("strata_requests_total", &[("node", "a1")], 42.0);
        check(
            "strata_requests_total",
            &[("node", "a1"), ("ending", "failed")],
            2.0,
        );
        check("strata_requests_total", &[], 542.0);
    }

    #[test]
    fn a_metric_without_labels_is_read_and_an_absent_one_is_zero() {
        check("strata_in_flight", &[], 3.0);
        check("strata_load", &[], 0.25);
        check("strata_absent", &[], 0.0);
        check("strata_in_flight", &[("node", "a1")], 0.0);
        assert!(!Exposition::new(PAGE.to_owned()).has("strata_absent"));
    }

    #[test]
    fn sums_by_one_label_add_over_the_others() {
        let sums = Exposition::new(PAGE.to_owned()).by_label("strata_requests_total", "node");
        assert_eq!(
            sums,
            BTreeMap::from([("a1".to_owned(), 42.0), ("a11".to_owned(), 500.0)])
        );
    }
}
