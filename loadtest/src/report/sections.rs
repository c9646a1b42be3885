//! The sections of a report's page. Each is empty where its figures were not measured.

use std::fmt::Write as _;

use super::chart::{Axis, Join, Look, Plot, Series, bars};
use super::figures::{Figures, Unit, grouped, scaled};
use super::page::{escape, table, tile};
use super::{NodeFigures, Quantiles, Report};
use crate::number::{float, float_len, milliseconds};
use crate::record::Example;

/// Nodes that have lines of their own in plots; more are drawn faintly.
const NODES_TOLD_APART_MAX: usize = 8;

/// Of more nodes, the busiest ones are told apart all the same.
const BUSIEST_TOLD: usize = 3;

/// Figures that stand at the top, in this order, where they were measured.
const TILES: [&str; 16] = [
    "rate",
    "throughput",
    "errors",
    "p50",
    "p99",
    "p99.99",
    "hit_ratio",
    "store_requests",
    "max_over_mean",
    "first_choice",
    "retries",
    "drowned",
    "drowning",
    "stalls",
    "check_faults",
    "cost",
];

pub(super) fn tiles(report: &Report) -> String {
    let mut out = String::from("<div class=\"tiles\">");
    out.push_str(&tile(
        "Requests",
        &grouped(float(report.totals.requests)),
        &format!("{}B of bodies", scaled(float(report.totals.bytes))),
    ));
    for figure in TILES.iter().filter_map(|name| Figures::named(name)) {
        if let Some(value) = (figure.of)(report) {
            out.push_str(&tile(figure.title, &figure.unit.show(value), ""));
        }
    }
    out.push_str("</div>");
    for note in &report.notes {
        let _ = write!(out, "<p>{}</p>", escape(note));
    }
    out
}

pub(super) fn verdict(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .verdict
        .iter()
        .map(|judged| {
            let met = if judged.is_met { "✓ met" } else { "✗ not met" };
            vec![judged.expected.clone(), judged.found.clone(), met.to_owned()]
        })
        .collect();
    table(&["Expected", "Found", ""], &rows)
}

pub(super) fn over_time(report: &Report) -> String {
    let line = |name: &str, colour, value: &dyn Fn(&crate::record::Second) -> f64| {
        let points = report.timeline.iter().enumerate();
        Series {
            name: name.to_owned(),
            points: points
                .map(|(at, second)| (float_len(at), value(second)))
                .collect(),
            look: Look::Line(colour),
        }
    };
    let mut rates = vec![
        line("ended", 0, &|second| float(second.ended)),
        line("failed", 1, &|second| float(second.failed)),
    ];
    if report.timeline.iter().any(|second| second.due > 0) {
        rates.insert(
            0,
            Series {
                look: Look::Guide,
                ..line("due", 7, &|second| float(second.due))
            },
        );
    }
    let latencies = vec![
        line("median", 0, &|second| second.p50_ms),
        line("p99", 1, &|second| second.p99_ms),
        line("longest", 7, &|second| second.max_ms),
    ];
    let throughput = vec![line("bodies", 2, &|second| 8.0 * float(second.bytes))];
    let mut plots = vec![
        Plot::over_time("Requests a second", Unit::PerSecond, Join::Mean, rates),
        Plot::over_time(
            "Latency of requests due then",
            Unit::Milliseconds,
            Join::Highest,
            latencies,
        ),
        Plot::over_time("Throughput", Unit::BitsPerSecond, Join::Mean, throughput),
    ];
    if report.timeline.iter().any(|second| second.viewers > 0) {
        let viewers = vec![line("viewers", 4, &|second| float(second.viewers))];
        plots.push(Plot::over_time("Viewers", Unit::Count, Join::Mean, viewers));
    }
    grid(&plots)
}

fn grid(plots: &[Plot]) -> String {
    let drawn: String = plots.iter().map(Plot::svg).collect();
    if drawn.is_empty() {
        drawn
    } else {
        format!("<div class=\"plots\">{drawn}</div>")
    }
}

/// Places and values of a plot over [`Axis::Nines`].
pub(super) fn nines(quantiles: &Quantiles) -> Vec<(f64, f64)> {
    vec![
        (0.301, quantiles.p50_ms),
        (0.602, quantiles.p75_ms),
        (1.0, quantiles.p90_ms),
        (1.301, quantiles.p95_ms),
        (2.0, quantiles.p99_ms),
        (3.0, quantiles.p999_ms),
        (4.0, quantiles.p9999_ms),
    ]
}

/// What each origin sends, over time, with what it can send for ever where that is known.
pub(super) fn load_plot(report: &Report, name: &str, top: f64) -> Plot {
    let empty = super::FleetFigures::default();
    let fleet = report.fleet.as_ref().unwrap_or(&empty);
    let mut lines = node_lines(&fleet.nodes, &throughput);
    if let Some(baseline) = fleet.node_baseline_bps
        && let Some(last) = fleet.nodes.iter().filter_map(|node| node.looks.last()).next()
        && baseline < 1e14
    {
        lines.push(Series {
            name: "what a node can send for ever".to_owned(),
            points: vec![(0.0, baseline), (last.at_s, baseline)],
            look: Look::Guide,
        });
    }
    Plot {
        top,
        ..Plot::over_time(name, Unit::BitsPerSecond, Join::Mean, lines)
    }
}

/// The highest value of several [`load_plot`]s.
pub(super) fn load_top<'a>(reports: impl Iterator<Item = &'a Report>) -> f64 {
    let plots = reports.map(|report| load_plot(report, "", 0.0));
    let points = plots
        .flat_map(|plot| plot.series)
        .flat_map(|series| series.points);
    points.map(|(_, value)| value).fold(0.0, f64::max)
}

fn throughput(a: &crate::scrape::Look, b: &crate::scrape::Look) -> Option<f64> {
    let time = b.at_s - a.at_s;
    (time > 0.0).then(|| 8.0 * float(b.bytes.saturating_sub(a.bytes)) / time)
}

pub(super) fn latency(report: &Report) -> String {
    if report.totals.requests == 0 {
        return String::new();
    }
    // Virtual requests are sent when they are due, and have no first byte.
    let is_real = report.test != super::Test::Simulation;
    let line = |name: &str, quantiles: &Quantiles, look| Series {
        name: name.to_owned(),
        points: nines(quantiles),
        look,
    };
    let mut series = vec![line("from when it was due", &report.latency, Look::Line(0))];
    let row = |name: &str, quantiles: &Quantiles| {
        let values = quantiles.named().map(|(_, value)| Unit::Milliseconds.show(value));
        [vec![name.to_owned()], values.to_vec()].concat()
    };
    let mut rows = vec![row("from due to last byte", &report.latency)];
    if is_real {
        series.push(line("from when it was sent", &report.service, Look::Guide));
        series.push(line("to the first byte", &report.first_byte, Look::Line(2)));
        rows.push(row("from sent to last byte", &report.service));
        rows.push(row("from due to first byte", &report.first_byte));
        rows.push(row("sent late by", &report.lateness));
    }
    let caption = if is_real {
        "From when a request was due; a tool that waits for answers sees the dashed line only."
    } else {
        ""
    };
    let plot = Plot {
        title: "Latency by percentile".to_owned(),
        caption: caption.to_owned(),
        unit: Unit::Milliseconds,
        series,
        join: Join::Highest,
        axis: Axis::Nines,
        height: 260.0,
        from_zero: true,
        top: 0.0,
    };
    rows.extend(
        report
            .kinds
            .iter()
            .map(|of_kind| row(of_kind.kind.label(), &of_kind.latency)),
    );
    let names: Vec<&str> = [""]
        .into_iter()
        .chain(report.latency.named().map(|(name, _)| name))
        .collect();
    format!(
        "<div class=\"plots\">{}</div>{}",
        plot.svg(),
        table(&names, &rows)
    )
}

/// A line a node, of what `value` says between two looks.
fn node_lines(
    nodes: &[NodeFigures],
    value: &dyn Fn(&crate::scrape::Look, &crate::scrape::Look) -> Option<f64>,
) -> Vec<Series> {
    let is_many = NODES_TOLD_APART_MAX < nodes.len();
    let mut busiest: Vec<u64> = nodes.iter().map(|node| node.bytes).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    let lines = nodes.iter().enumerate().map(|(index, node)| {
        let pairs = node.looks.iter().zip(node.looks.iter().skip(1));
        let points = pairs.filter_map(|(a, b)| Some((b.at_s, value(a, b)?))).collect();
        let rank = busiest.iter().position(|bytes| *bytes == node.bytes);
        let look = match rank {
            _ if !is_many => Look::Line(index),
            Some(rank) if rank < BUSIEST_TOLD => Look::Line(rank + 1),
            _ => Look::Faint,
        };
        let name = match look {
            Look::Faint => "another".to_owned(),
            _ => node.name.clone(),
        };
        Series { name, points, look }
    });
    let mut lines: Vec<Series> = lines.filter(|line| !line.points.is_empty()).collect();
    // Those that are told apart lie above the others.
    lines.sort_by_key(|line| line.look != Look::Faint);
    lines
}

pub(super) fn nodes(report: &Report) -> String {
    let Some(fleet) = &report.fleet else {
        return String::new();
    };
    let all: Vec<NodeFigures> = fleet.balancers.iter().chain(&fleet.nodes).cloned().collect();
    let per_second =
        |a: &crate::scrape::Look, b: &crate::scrape::Look, count: fn(&crate::scrape::Look) -> f64| {
            let time = b.at_s - a.at_s;
            (time > 0.0).then(|| ((count(b) - count(a)) / time).max(0.0))
        };
    let plots = [
        Plot::over_time(
            "Requests a second of each origin",
            Unit::PerSecond,
            Join::Mean,
            node_lines(&fleet.nodes, &|a, b| {
                per_second(a, b, |look| float(look.requests))
            }),
        ),
        Plot::over_time(
            "Requests in flight on each origin",
            Unit::Count,
            Join::Highest,
            node_lines(&fleet.nodes, &|_, b| Some(float(b.in_flight))),
        ),
        load_plot(report, "Throughput of each origin", 0.0),
        Plot::over_time(
            "Work waiting at each origin's network",
            Unit::Milliseconds,
            Join::Highest,
            node_lines(&fleet.nodes, &|_, b| Some(1e3 * b.backlog_s?)),
        ),
        Plot::over_time(
            "Processor time of each node, in cores",
            Unit::Number,
            Join::Mean,
            node_lines(&all, &|a, b| {
                Some((b.cpu_seconds? - a.cpu_seconds?).max(0.0) / (b.at_s - a.at_s).max(1e-3))
            }),
        ),
        Plot::over_time(
            "Memory of each node",
            Unit::Bytes,
            Join::Highest,
            node_lines(&all, &|_, b| Some(float(b.memory_bytes?))),
        ),
        Plot::over_time(
            "Disk free on each node",
            Unit::Bytes,
            Join::Mean,
            node_lines(&fleet.nodes, &|_, b| Some(float(b.disk_free_bytes?))),
        ),
    ];
    let mut rows: Vec<(String, f64)> = fleet
        .nodes
        .iter()
        .map(|node| (node.name.clone(), float(node.requests)))
        .collect();
    let mean = rows.iter().map(|(_, value)| value).sum::<f64>() / float_len(rows.len().max(1));
    let title = if rows.len() > 24 {
        rows.sort_by(|a, b| b.1.total_cmp(&a.1));
        rows.truncate(24);
        "Requests by origin, the 24 busiest"
    } else {
        "Requests by origin"
    };
    format!(
        "{}{}",
        grid(&plots),
        bars(title, Unit::Count, &rows, Some(("mean", mean)))
    )
}

pub(super) fn caches(report: &Report) -> String {
    let Some(fleet) = &report.fleet else {
        return String::new();
    };
    let tiers: Vec<Vec<String>> = fleet
        .tiers
        .iter()
        .map(|tier| {
            let ratio = tier
                .hit_ratio()
                .map_or("–".to_owned(), |ratio| Unit::Share.show(ratio));
            let counts = [tier.hits, tier.joined, tier.misses].map(|count| grouped(float(count)));
            [vec![tier.tier.clone(), ratio], counts.to_vec()].concat()
        })
        .collect();
    let mut store: Vec<Vec<String>> = fleet
        .store
        .requests
        .iter()
        .map(|(operation, count)| vec![operation.clone(), grouped(float(*count))])
        .collect();
    store.push(vec![
        "bytes received".to_owned(),
        format!("{}B", scaled(float(fleet.store.bytes))),
    ]);
    format!(
        "{}{}",
        table(&["Tier", "Hit ratio", "Hits", "Joined a fill", "Misses"], &tiers),
        table(&["Requests at the store", ""], &store)
    )
}

pub(super) fn balancing(report: &Report) -> String {
    let Some(fleet) = report.fleet.as_ref().filter(|fleet| !fleet.choices.is_empty()) else {
        return String::new();
    };
    let total: u64 = fleet.choices.values().sum();
    let choices: Vec<Vec<String>> = fleet
        .choices
        .iter()
        .map(|(choice, count)| {
            let share = Unit::Share.show(float(*count) / float(total.max(1)));
            vec![choice.clone(), grouped(float(*count)), share]
        })
        .collect();
    let mut others = vec![
        vec![
            "nodes passed over as full".to_owned(),
            grouped(float(fleet.bound_hits)),
        ],
        vec![
            "retries on another node (redispatches)".to_owned(),
            grouped(float(fleet.redispatch_count())),
        ],
        vec![
            "answers that broke off and were taken up by another node".to_owned(),
            grouped(float(fleet.resumes)),
        ],
    ];
    for (reason, count) in &fleet.retries {
        others.push(vec![format!("retries after {reason}"), grouped(float(*count))]);
    }
    if let Some(count) = fleet.cross_zone {
        others.push(vec![
            "requests served from another zone".to_owned(),
            grouped(float(count)),
        ]);
    }
    if let Some(bytes) = fleet.cross_zone_bytes {
        others.push(vec![
            "bytes between zones".to_owned(),
            format!("{}B", scaled(float(bytes))),
        ]);
    }
    format!(
        "{}{}",
        table(&["Why a node was chosen", "Attempts", ""], &choices),
        table(&["Besides", ""], &others)
    )
}

pub(super) fn cost(report: &Report) -> String {
    let Some(cost) = &report.cost else {
        return String::new();
    };
    let rows: Vec<Vec<String>> = [
        ("instances", cost.instances),
        ("store", cost.store),
        ("between zones", cost.zones),
        ("to viewers", cost.out),
        ("all", cost.per_hour()),
    ]
    .map(|(name, amount)| vec![name.to_owned(), format!("{amount:.2}")])
    .to_vec();
    let head = format!("{} an hour", cost.currency);
    let note = format!("List prices as stated in the price file on {}.", cost.as_of);
    format!("{}<p>{}</p>", table(&["", &head], &rows), escape(&note))
}

pub(super) fn validation(report: &Report) -> String {
    let Some(validation) = &report.validation else {
        return String::new();
    };
    let rows: Vec<Vec<String>> = validation
        .figures
        .iter()
        .map(|row| {
            let unit = Figures::named(&row.figure).map_or(Unit::Number, |figure| figure.unit);
            let name = Figures::named(&row.figure).map_or(row.figure.as_str(), |figure| figure.title);
            let (real, simulated) = (unit.show(row.real), unit.show(row.simulated));
            vec![
                name.to_owned(),
                real,
                simulated,
                format!("{:+.1} %", 100.0 * row.difference),
            ]
        })
        .collect();
    format!(
        "<p>{}</p>{}",
        agreement(validation),
        table(&["", "For real", "Simulated", "Difference"], &rows)
    )
}

/// Whether a simulation is to be trusted, in a sentence.
pub(super) fn agreement(validation: &crate::simulate::Validation) -> &'static str {
    if validation.is_valid {
        "The simulation agrees with the run that it rebuilds, within 10 %."
    } else {
        "The simulation does not agree with the run that it rebuilds: do not trust what it says of larger ones."
    }
}

pub(super) fn audience(report: &Report) -> String {
    let Some(audience) = &report.audience else {
        return String::new();
    };
    let count = |count: u64| grouped(float(count));
    let mut rows = vec![
        vec!["viewers".to_owned(), count(audience.viewers)],
        vec!["most at once".to_owned(), count(audience.peak)],
        vec!["titles watched".to_owned(), count(audience.titles)],
        vec![
            "hours watched".to_owned(),
            format!("{:.1}", audience.watched_s / 3600.0),
        ],
        vec![
            "first picture, median".to_owned(),
            Unit::Milliseconds.show(audience.startup.p50_ms),
        ],
        vec![
            "first picture, p99".to_owned(),
            Unit::Milliseconds.show(audience.startup.p99_ms),
        ],
        vec!["stalls".to_owned(), count(audience.stalls)],
        vec!["seconds stalled".to_owned(), format!("{:.1}", audience.stalled_s)],
        vec!["changes of rendition".to_owned(), count(audience.switches)],
        vec!["jumps".to_owned(), count(audience.seeks)],
        vec!["left before the end".to_owned(), count(audience.abandoned)],
        vec![
            "manifests that cannot be played".to_owned(),
            count(audience.manifests_bad),
        ],
    ];
    for (protocol, viewers) in &audience.protocols {
        rows.push(vec![format!("viewers of {protocol}"), count(*viewers)]);
    }
    table(&["", ""], &rows)
}

pub(super) fn failures(report: &Report) -> String {
    let reasons: Vec<Vec<String>> = report
        .totals
        .failures
        .iter()
        .map(|(failure, count)| vec![failure.label().to_owned(), grouped(float(*count))])
        .collect();
    let statuses: Vec<Vec<String>> = report
        .totals
        .statuses
        .iter()
        .map(|(status, count)| {
            let name = if *status == 0 {
                "none".to_owned()
            } else {
                status.to_string()
            };
            vec![name, grouped(float(*count))]
        })
        .collect();
    format!(
        "{}{}{}",
        table(&["Reason", "Requests"], &reasons),
        examples(report.failed.iter()),
        table(&["Status", "Answers"], &statuses)
    )
}

pub(super) fn slow(report: &Report) -> String {
    examples(report.slow.iter())
}

fn examples<'a>(examples: impl Iterator<Item = &'a Example>) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
    let rows: Vec<Vec<String>> = examples
        .map(|example| {
            vec![
                format!("{:.2} s", example.at_s),
                Unit::Milliseconds.show(example.latency_ms),
                example.status.map_or("–".to_owned(), |status| status.to_string()),
                example
                    .failure
                    .map_or("slow".to_owned(), |failure| failure.label().to_owned()),
                text(&example.node),
                text(&example.request_id),
                example.path.clone(),
                text(&example.detail),
            ]
        })
        .collect();
    table(
        &[
            "Due at",
            "Latency",
            "Status",
            "What",
            "Node",
            "Request id",
            "Path",
            "Detail",
        ],
        &rows,
    )
}

pub(super) fn log(report: &Report) -> String {
    let Some(log) = &report.log else {
        return String::new();
    };
    let broken: Vec<Vec<String>> = log
        .broken_lines
        .iter()
        .map(|line| vec![format!("{}:{}", line.file, line.line), line.reason.clone()])
        .collect();
    format!(
        "<p>{} requests from {}; {} lines were skipped, {} could not be read.</p>{}",
        grouped(float(log.requests)),
        escape(&log.files.join(", ")),
        grouped(float(log.skipped)),
        grouped(float(log.broken)),
        table(&["Line", "What is wrong with it"], &broken)
    )
}

pub(super) fn settings(report: &Report) -> String {
    let rows: Vec<Vec<String>> = report
        .settings
        .iter()
        .map(|(name, value)| vec![name.clone(), value.clone()])
        .collect();
    let table = table(&["Setting", "Value"], &rows);
    if report.test == super::Test::Simulation {
        return table;
    }
    let late = milliseconds(crate::number::seconds(report.lateness.p99_ms / 1e3));
    format!("{table}<p>99 of 100 requests were sent within {late} ms of when they were due.</p>")
}
