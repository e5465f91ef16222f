//! The charts of a run: throughput, response times, what is unfinished, what is in flight.

use std::fmt::Write as _;

use serde::Serialize;

use super::chart::{Chart, Line, Unit};
use super::frame::{Frame, LEFT, RIGHT, WIDTH};
use crate::measure::{Point, Series, float};
use crate::report::Summary;

/// All of them, with the numbers that the pointer reads.
pub(super) fn render(summary: &Summary) -> String {
    let series = &summary.facts.measures.series;
    if series.points.is_empty() {
        return "<p class=\"nothing\">Nothing was measured over time.</p>".into();
    }
    let frame = Frame::of(summary);
    // A point stands for what came after it began.
    let moments: Vec<f64> = series
        .points
        .iter()
        .map(|point| point.at_s + series.width_s / 2.0)
        .collect();
    let charts = of(series);
    let mut html = String::new();
    for chart in &charts {
        let _ = write!(
            html,
            "<figure data-chart><figcaption><h3>{}</h3><p>{}</p><div class=\"legend\">{}</div></figcaption>{}</figure>",
            chart.title,
            chart.note,
            chart.legend(),
            chart.draw(&frame, &moments)
        );
    }
    let _ = write!(
        html,
        "<script type=\"application/json\" id=\"series\">{}</script>",
        numbers(&frame, &moments, &charts)
    );
    html
}

fn of(series: &Series) -> Vec<Chart> {
    let a_second = |n: u64| Some(float(n) / series.width_s.max(f64::MIN_POSITIVE));
    let line = |name, class, value: &dyn Fn(&Point) -> Option<f64>| Line {
        name,
        class,
        values: series.points.iter().map(value).collect(),
    };
    vec![
        Chart {
            title: "Throughput",
            note: "Events a second. Planned by the moment they were to be sent, the rest by that of their answer.",
            unit: Unit::Number,
            lines: vec![
                line("planned", "grey", &|p| a_second(p.planned)),
                line("acknowledged", "blue", &|p| a_second(p.acked)),
                line("refused", "orange", &|p| a_second(p.rejected)),
                line("unknown", "red", &|p| a_second(p.unknown)),
            ],
        },
        Chart {
            title: "Response time",
            note: "From the intended send to the acknowledgement, repeats among it. The axis is logarithmic.",
            unit: Unit::Span,
            lines: vec![
                line("p50", "green", &|p| p.p50),
                line("p95", "blue", &|p| p.p95),
                line("p99", "orange", &|p| p.p99),
                line("max", "red", &|p| p.max),
            ],
        },
        Chart {
            title: "Unfinished",
            note: "Lag: in the queue, and no worker has it. Backlog: all that is neither stored nor dead. A gap: nobody knew.",
            unit: Unit::Number,
            lines: vec![
                line("lag", "blue", &|p| p.lag.map(float)),
                line("backlog", "orange", &|p| p.backlog.map(float)),
                line("dead letters", "red", &|p| p.dead.map(float)),
            ],
        },
        Chart {
            title: "In flight",
            note: "Requests that awaited their answer.",
            unit: Unit::Number,
            lines: vec![line("in flight", "blue", &|p| Some(float(p.in_flight)))],
        },
    ]
}

/// What the script of the page reads.
#[derive(Serialize)]
struct Numbers<'a> {
    end: f64,
    width: f64,
    left: f64,
    right: f64,
    at: &'a [f64],
    charts: Vec<ChartNumbers>,
}

#[derive(Serialize)]
struct ChartNumbers {
    span: bool,
    lines: Vec<Vec<Option<f64>>>,
}

/// As JSON: numbers and nothing else, so that nothing of it can end the element that it stands in.
fn numbers(frame: &Frame<'_>, moments: &[f64], charts: &[Chart]) -> String {
    let to_the_micro = |value: f64| (value * 1e6).round() / 1e6;
    let charts = charts.iter().map(|chart| ChartNumbers {
        span: chart.unit == Unit::Span,
        lines: chart
            .lines
            .iter()
            .map(|line| line.values.iter().map(|value| value.map(to_the_micro)).collect())
            .collect(),
    });
    let numbers = Numbers {
        end: frame.end_s(),
        width: WIDTH,
        left: LEFT,
        right: RIGHT,
        at: moments,
        charts: charts.collect(),
    };
    // Numbers and lists of them always are JSON; without them the page only has no values under the pointer.
    serde_json::to_string(&numbers).unwrap_or_else(|_| "null".into())
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn each_chart_has_its_lines_and_their_numbers() {
        let summary = sample::summary();
        let html = render(&summary);
        assert_eq!(html.matches("<figure").count(), 4);
        assert_eq!(html.matches("<output>").count(), 12);
        let json = html.split_once("id=\"series\">").expect("numbers").1;
        let json = json.split_once("</script>").expect("an end").0;
        let numbers: serde_json::Value = serde_json::from_str(json).expect("JSON");
        assert_eq!(numbers["at"].as_array().map(Vec::len), Some(40));
        assert_eq!(numbers["charts"][0]["lines"][0][0], 100.0);
        assert!(
            numbers["charts"][2]["lines"][0][10].is_null(),
            "nobody knew the lag then"
        );
        assert!(!html.contains("NaN"));
    }

    #[test]
    fn counts_are_shown_a_second() {
        let mut summary = sample::summary();
        summary.facts.measures.series.width_s = 4.0;
        assert!(render(&summary).contains("[25.0,25.0"));
    }

    #[test]
    fn a_run_without_a_series_says_so() {
        let mut summary = sample::summary();
        summary.facts.measures.series.points.clear();
        assert!(render(&summary).contains("Nothing was measured over time"));
    }
}
