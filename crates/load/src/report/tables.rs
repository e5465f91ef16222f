//! What was measured as CSV: a line a point of the series, and a line a scope. Spans are in seconds; what is not known is
//! an empty field, never 0.

use std::fmt::{Display, Write as _};

use super::Summary;
use super::escape::csv_field;
use crate::measure::{Percentiles, Point, Scope};

const SERIES: &str = "at_s,planned,acked,rejected,unknown,p50_s,p95_s,p99_s,max_s,lag,backlog,dead,in_flight";
const PERCENTILES: [&str; 9] = [
    "count", "min_s", "mean_s", "p50_s", "p90_s", "p95_s", "p99_s", "p999_s", "max_s",
];
const SCOPE: &str = "scope,lasts_s,planned,sent,late,not_sent,retries,acked,duplicates,rejected,unknown";

/// The series. A point covers `width_s` seconds from `at_s` on; counts are those of the point.
pub(super) fn series(summary: &Summary) -> String {
    let mut text = format!("{SERIES}\n");
    for point in &summary.facts.measures.series.points {
        line(&mut text, &of_point(point));
    }
    text
}

/// The scopes, in the order of the reports.
pub(super) fn scopes(summary: &Summary) -> String {
    let mut text = SCOPE.to_owned();
    for histogram in ["accept", "service", "end_to_end"] {
        for column in PERCENTILES {
            let _ = write!(text, ",{histogram}_{column}");
        }
    }
    text.push('\n');
    for (name, scope) in summary.scopes() {
        line(&mut text, &of_scope(name, scope));
    }
    text
}

fn of_point(point: &Point) -> Vec<String> {
    vec![
        point.at_s.to_string(),
        point.planned.to_string(),
        point.acked.to_string(),
        point.rejected.to_string(),
        point.unknown.to_string(),
        known(point.p50),
        known(point.p95),
        known(point.p99),
        known(point.max),
        known(point.lag),
        known(point.backlog),
        known(point.dead),
        point.in_flight.to_string(),
    ]
}

fn of_scope(name: &str, scope: &Scope) -> Vec<String> {
    let mut fields = vec![csv_field(name), scope.lasts_s.to_string()];
    let counts = [
        scope.planned,
        scope.sent,
        scope.late,
        scope.not_sent,
        scope.retries,
        scope.acked,
        scope.duplicates,
        scope.rejected.values().sum(),
        scope.unknown.values().sum(),
    ];
    fields.extend(counts.map(|n| n.to_string()));
    for percentiles in [&scope.accept, &scope.service, &scope.end_to_end] {
        fields.extend(of_percentiles(percentiles));
    }
    fields
}

fn of_percentiles(p: &Percentiles) -> Vec<String> {
    let mut fields = vec![p.count.to_string()];
    fields.extend([p.min, p.mean, p.p50, p.p90, p.p95, p.p99, p.p999, p.max].map(known));
    fields
}

fn known(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn line(text: &mut String, fields: &[String]) {
    text.push_str(&fields.join(","));
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_line_has_every_column() {
        let summary = sample::summary();
        for (text, rows) in [(series(&summary), 40), (scopes(&summary), 7)] {
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), rows + 1);
            let columns = lines[0].split(',').count();
            assert!(lines.iter().all(|line| line.split(',').count() == columns), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_empty() {
        let text = series(&sample::summary());
        let first = text.lines().nth(1).expect("a point");
        assert!(first.starts_with("0,100,"), "{first}");
        let blind = text.lines().nth(11).expect("a point");
        let fields: Vec<&str> = blind.split(',').collect();
        assert_eq!((fields[9], fields[10]), ("", ""), "{blind}");
    }
}
