//! What became of what was sent: counts on stdout, what to do on stderr.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use eventflow_core::sanitize;
use serde::Serialize;

use super::progress::{Progress, Tally, per_second};
use crate::context::Context;
use crate::failure::Failure;
use crate::moment::{count, plural, rate, span};
use crate::output::say;

/// A line of the input that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Rejection {
    /// Its number, from 1.
    pub(super) line: u64,
    /// The slug of the problem, or `malformed-line`, `line-too-long`.
    pub(super) code: String,
    /// What to do.
    pub(super) detail: String,
}

impl Rejection {
    /// Why, safe to show.
    pub(super) fn reason(&self) -> String {
        format!("{} ({})", sanitize(&self.detail), sanitize(&self.code))
    }
}

impl fmt::Display for Rejection {
    /// Safe to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: rejected: {}", self.line, self.reason())
    }
}

/// The report as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    sent: u64,
    accepted: u64,
    duplicates: u64,
    /// Duplicates that may be this run's own, after a lost answer.
    duplicates_maybe_own: u64,
    rejected: u64,
    /// Sent, without an answer.
    unknown: u64,
    retries: u64,
    ids_assigned: u64,
    seconds: f64,
    per_second: f64,
    /// The first hundred.
    rejections: &'a [Rejection],
}

/// Writes the report, and ends as the run did: 1 where something was rejected.
pub(super) fn run(context: &mut Context, end: Result<(), Failure>, progress: &Progress) -> Result<(), Failure> {
    progress.end();
    let (tally, took) = progress.so_far();
    let written = if context.out.json {
        context.out.record(&as_json(&tally, took))
    } else {
        context.out.text(&render(&tally, took))
    };
    let written = written.and_then(|()| context.out.flush());
    for line in advice(&tally, end.is_ok()) {
        say(&line);
    }
    end?;
    // Also where nobody reads the counts any more, what was rejected is not fine.
    match tally.rejected {
        0 => written,
        _ => Err(Failure::Told),
    }
}

fn as_json(tally: &Tally, took: Duration) -> Report<'_> {
    Report {
        sent: tally.sent,
        accepted: tally.accepted,
        duplicates: tally.duplicates,
        duplicates_maybe_own: tally.maybe_ours,
        rejected: tally.rejected,
        unknown: tally.unknown(),
        retries: tally.retries,
        ids_assigned: tally.ids_assigned,
        seconds: took.as_secs_f64(),
        per_second: per_second(tally.accepted + tally.duplicates, took),
        rejections: &tally.rejections,
    }
}

fn render(tally: &Tally, took: Duration) -> String {
    let mut text = format!(
        "accepted {}  duplicates {}  rejected {}",
        count(tally.accepted),
        count(tally.duplicates),
        count(tally.rejected)
    );
    if tally.unknown() > 0 {
        let _ = write!(text, "  unknown {}", count(tally.unknown()));
    }
    let acknowledged = tally.accepted + tally.duplicates;
    let speed = rate(per_second(acknowledged, took));
    let _ = write!(text, "  in {}, {speed}", span(took));
    text
}

/// What the counts do not say by themselves.
fn advice(tally: &Tally, whole: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let shown = u64::try_from(tally.rejections.len()).unwrap_or(u64::MAX).min(20);
    if tally.rejected > shown {
        lines.push(format!(
            "{} more rejected; --json names the first 100",
            count(tally.rejected - shown)
        ));
    }
    if tally.retries > 0 {
        lines.push(format!(
            "{} sent again",
            plural(tally.retries, "request was", "requests were")
        ));
    }
    if tally.maybe_ours > 0 {
        lines.push(format!(
            "of the duplicates, up to {} are this run's own, sent again after an answer was lost",
            count(tally.maybe_ours)
        ));
    }
    if !whole {
        lines.push(match (tally.sent, tally.ids_assigned) {
            (0, _) => "nothing was taken".to_owned(),
            (_, 0) => "not everything was sent; sending it all again is safe, since every line has an id".to_owned(),
            (_, n) => format!(
                "not everything was sent. {} their id here: sent again, {} would be new events",
                plural(n, "event got", "events got"),
                if n == 1 { "it" } else { "they" }
            ),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally {
            sent: 10_000,
            accepted: 9_000,
            duplicates: 998,
            maybe_ours: 500,
            rejected: 1,
            retries: 2,
            ..Tally::default()
        }
    }

    #[test]
    fn the_report_accounts_for_every_event() {
        assert_eq!(
            render(&tally(), Duration::from_secs(2)),
            "accepted 9,000  duplicates 998  rejected 1  unknown 1  in 2.0 s, 4,999/s"
        );
    }

    #[test]
    fn what_to_do_depends_on_whose_the_ids_are() {
        let whole = advice(&tally(), true);
        assert_eq!(
            whole,
            [
                "1 more rejected; --json names the first 100",
                "2 requests were sent again",
                "of the duplicates, up to 500 are this run's own, sent again after an answer was lost"
            ]
        );
        assert!(
            advice(&tally(), false)
                .iter()
                .any(|line| line.contains("every line has an id"))
        );
        let assigned = Tally {
            ids_assigned: 3,
            ..tally()
        };
        assert!(
            advice(&assigned, false)
                .iter()
                .any(|line| line.contains("they would be new events"))
        );
    }

    #[test]
    fn a_rejection_cannot_steer_the_terminal() {
        let rejection = Rejection {
            line: 17,
            code: "x\u{1b}".into(),
            detail: "a\nb".into(),
        };
        assert_eq!(rejection.to_string(), "line 17: rejected: a\\u{a}b (x\\u{1b})");
    }
}
