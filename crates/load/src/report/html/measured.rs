//! What was measured: the figures on top, and the table of all scopes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::rows;
use crate::measure::float;
use crate::measure::{Percentiles, Scope};
use crate::report::Summary;
use crate::report::escape::markup;
use crate::report::words::{count, share, short, span_or_none};

/// The few figures that one looks for first.
pub(super) fn tiles(summary: &Summary) -> String {
    let facts = &summary.facts;
    let mut tiles: Vec<(&str, String)> = Vec::new();
    if let Some(tally) = &facts.tally {
        tiles.push(("acknowledged", count(tally.acked)));
        tiles.push(("lost", count(tally.lost.count)));
        tiles.push(("duplicates", count(tally.duplicate.count)));
        tiles.push(("dead", count(tally.dead)));
    }
    if let Some(run) = facts.measures.scopes.get("run") {
        tiles.push(("events a second", rate(run)));
        tiles.push(("accept p99", span_or_none(run.accept.p99)));
        tiles.push(("end to end p99", span_or_none(run.end_to_end.p99)));
    }
    let slowest = facts
        .faults
        .iter()
        .filter_map(|fault| fault.recovery_s)
        .reduce(f64::max);
    if slowest.is_some() {
        tiles.push(("slowest recovery", span_or_none(slowest)));
    }
    let mut html = String::from("<div class=\"tiles\">");
    for (name, value) in tiles {
        let _ = write!(html, "<div class=\"tile\"><b>{value}</b><span>{name}</span></div>");
    }
    html.push_str("</div>");
    html
}

/// A line for each scope and histogram, the counts with the first.
pub(super) fn table(summary: &Summary) -> String {
    let scopes = summary.scopes();
    if scopes.is_empty() {
        return String::new();
    }
    let lines: Vec<Vec<String>> = scopes.iter().flat_map(|(name, scope)| lines(name, scope)).collect();
    let percentiles = rows(
        &[
            "scope", "what", "count", "min", "mean", "p50", "p90", "p95", "p99", "p99.9", "max",
        ],
        &[2, 3, 4, 5, 6, 7, 8, 9, 10],
        &lines,
    );
    let lines: Vec<Vec<String>> = scopes.iter().map(|(name, scope)| counts(name, scope)).collect();
    let counts = rows(
        &[
            "scope",
            "planned",
            "sent",
            "late",
            "not sent",
            "retries",
            "acked",
            "a second",
            "duplicates",
            "refused",
            "unknown",
        ],
        &[1, 2, 3, 4, 5, 6, 7, 8],
        &lines,
    );
    format!(
        "<p>Accept: from the <em>intended</em> send to the acknowledgement, repeats and waiting among it. Service: from the \
         actual send of a try to its answer. End to end: from the intended send until stored or dead, by the store's clock.\
         </p>{percentiles}<h3>Counts</h3>{counts}"
    )
}

fn lines(name: &str, scope: &Scope) -> Vec<Vec<String>> {
    let all = [
        ("accept", &scope.accept),
        ("service", &scope.service),
        ("end to end", &scope.end_to_end),
    ];
    let shown = all.into_iter().filter(|(what, p)| p.count > 0 || *what == "accept");
    let lines = shown.enumerate().map(|(i, (what, p))| {
        let name = if i == 0 {
            format!("<code>{}</code>", markup(name))
        } else {
            String::new()
        };
        let mut line = vec![name, what.to_owned(), count(p.count)];
        line.extend(spans(p));
        line
    });
    lines.collect()
}

fn spans(p: &Percentiles) -> [String; 8] {
    [p.min, p.mean, p.p50, p.p90, p.p95, p.p99, p.p999, p.max].map(span_or_none)
}

fn counts(name: &str, scope: &Scope) -> Vec<String> {
    vec![
        format!("<code>{}</code>", markup(name)),
        count(scope.planned),
        count(scope.sent),
        count(scope.late),
        count(scope.not_sent),
        count(scope.retries),
        format!("{} ({})", count(scope.acked), share(scope.acked, scope.sent)),
        rate(scope),
        count(scope.duplicates),
        by_name(&scope.rejected),
        by_name(&scope.unknown),
    ]
}

fn rate(scope: &Scope) -> String {
    if scope.lasts_s > 0.0 {
        short(float(scope.acked) / scope.lasts_s)
    } else {
        "–".into()
    }
}

fn by_name(counts: &BTreeMap<String, u64>) -> String {
    let said: Vec<String> = counts
        .iter()
        .map(|(name, n)| format!("{} × {}", count(*n), markup(name)))
        .collect();
    if said.is_empty() { "0".into() } else { said.join("<br>") }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn every_scope_has_its_three_histograms_and_its_counts() {
        let html = table(&sample::summary());
        assert_eq!(html.matches("<td>service</td>").count(), 7);
        assert_eq!(html.matches("8 × timeout").count(), 7);
        assert!(html.contains("1,988 (99.5 %)"), "{html}");
    }

    #[test]
    fn the_figures_on_top_are_those_of_the_run() {
        let html = tiles(&sample::summary());
        for tile in [
            "<b>3</b><span>lost",
            "<b>3,490</b><span>acknowledged",
            "<b>99.4</b><span>events a second",
            "<b>3.10 s</b>",
        ] {
            assert!(html.contains(tile), "{tile}: {html}");
        }
    }
}
