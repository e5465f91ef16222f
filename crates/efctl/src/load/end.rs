//! The end of a run on one screen: the verdict, what is not met, then the numbers.

use std::fmt::Write as _;
use std::path::PathBuf;

use eventflow_core::sanitize;
use eventflow_load::measure::{Percentiles, Scope};
use eventflow_load::report::Summary;
use eventflow_load::verdict::{Check, FaultReport, Outcome, Stands, Tally};

use crate::listing;
use crate::look::{Ink, Look};
use crate::moment::{count, span_s};

/// Checks that are not met, and faults, which are shown; the rest are in the report.
const SHOWN: usize = 8;
/// Lines of a reason on a terminal.
const REASON_LINES: usize = 3;
/// Columns of a label.
const MARGIN: usize = 11;

/// The screen.
pub(super) fn render(summary: &Summary, files: &[PathBuf], look: Look) -> String {
    let mut lines = vec![first(summary, look)];
    lines.extend(checks(summary, look));
    lines.push(String::new());
    lines.extend(events(summary, look));
    lines.extend(faults(summary, look));
    lines.extend(generator(summary, look));
    lines.push(String::new());
    lines.push(measured(summary, look).trim_end().to_owned());
    if let Some(page) = files
        .iter()
        .find(|file| file.extension().is_some_and(|end| end == "html"))
    {
        lines.push(String::new());
        // Not cut: it is to be copied.
        lines.push(format!(
            "{}{}",
            label(look, "report"),
            sanitize(&page.to_string_lossy())
        ));
    }
    lines.join("\n")
}

fn first(summary: &Summary, look: Look) -> String {
    let ink = match summary.verdict.outcome {
        Outcome::Pass => Ink::Green,
        Outcome::Broken | Outcome::Missed | Outcome::NotSteady => Ink::Red,
        Outcome::Inconclusive | Outcome::Interrupted => Ink::Yellow,
    };
    let said = format!("{}: {}", sanitize(&summary.scenario), sanitize(&summary.sentence()));
    format!(
        "{}  {}",
        look.ink(ink, summary.word()),
        look.fit(summary.word().len() + 2, &said)
    )
}

/// What is not met one by one, what is met in one line.
fn checks(summary: &Summary, look: Look) -> Vec<String> {
    let all = summary.worst_first();
    let (met, not_met): (Vec<&Check>, Vec<&Check>) = all.into_iter().partition(|check| check.stands == Stands::Met);
    let mut lines: Vec<String> = not_met
        .iter()
        .take(SHOWN)
        .flat_map(|check| of_check(check, look))
        .collect();
    if not_met.len() > SHOWN {
        lines.push(format!("  and {} more that are not met", not_met.len() - SHOWN));
    }
    if !met.is_empty() && !not_met.is_empty() {
        let names: Vec<&str> = met.iter().map(|check| check.name.as_str()).collect();
        let said = format!("{}: {}", met.len(), sanitize(&names.join(", ")));
        lines.push(format!(
            "  {}{}",
            look.ink(Ink::Green, "met      "),
            look.fit(MARGIN, &said)
        ));
    }
    lines
}

fn of_check(check: &Check, look: Look) -> Vec<String> {
    let (word, ink) = match check.stands {
        Stands::Broken => ("BROKEN", Ink::Red),
        Stands::Missed => ("missed", Ink::Red),
        Stands::Unknown => ("unknown", Ink::Yellow),
        Stands::Met => ("met", Ink::Green),
    };
    let said = format!("{}: asked {}, found {}", check.name, check.asked, check.found);
    let word = look.ink(ink, &format!("{word:<9}"));
    let mut lines = vec![format!("  {word}{}", look.fit(MARGIN, &sanitize(&said)))];
    if let Some(why) = &check.why {
        let why: Vec<String> = why
            .lines()
            .flat_map(|line| look.wrap(MARGIN, &sanitize(line)))
            .collect();
        let most = if look.width.is_some() { REASON_LINES } else { usize::MAX };
        lines.extend(why.iter().take(most).map(|line| format!("{:MARGIN$}{line}", "")));
        if why.len() > most {
            lines.push(format!("{:MARGIN$}… the report has the rest", ""));
        }
    }
    lines
}

fn label(look: Look, name: &str) -> String {
    look.ink(Ink::Dim, &format!("{name:<MARGIN$}"))
}

fn events(summary: &Summary, look: Look) -> Vec<String> {
    let Some(tally) = &summary.facts.tally else {
        let why = summary
            .facts
            .unread
            .as_deref()
            .unwrap_or("the run did not come to that");
        let said = format!("? the store was not read: {}", sanitize(why));
        return vec![format!("{}{}", label(look, "events"), look.fit(MARGIN, &said))];
    };
    let mut sent = format!(
        "{} sent  {} acknowledged  {} refused  {} unknown",
        count(tally.attempted),
        count(tally.acked),
        count(tally.rejected),
        count(tally.unknown)
    );
    if tally.recovered > 0 {
        let _ = write!(sent, ", of which {} were taken", count(tally.recovered));
    }
    vec![
        format!("{}{}", label(look, "events"), look.fit(MARGIN, &sent)),
        format!("{}{}", label(look, "store"), look.fit(MARGIN, &kept(tally))),
    ]
}

/// Where they are. What must never be is always said where it must be 0 in any scenario, the rest where it is not.
fn kept(tally: &Tally) -> String {
    let mut said = format!("{} stored  {} dead", count(tally.stored), count(tally.dead));
    let always = [
        ("lost", tally.lost.count),
        ("duplicate", tally.duplicate.count),
        ("unexpected", tally.unexpected.count),
    ];
    let sometimes = [
        ("unfinished", tally.unfinished),
        ("both", tally.both.count),
        ("run twice", tally.run_twice.count),
        ("dead unasked", tally.dead_unasked.count),
        ("alive unasked", tally.alive_unasked.count),
        ("taken unasked", tally.taken_unasked.count),
        ("destroyed on purpose", tally.destroyed),
    ];
    for (name, n) in always.into_iter().chain(sometimes.into_iter().filter(|(_, n)| *n > 0)) {
        let _ = write!(said, "  {} {name}", count(n));
    }
    said
}

fn faults(summary: &Summary, look: Look) -> Vec<String> {
    let faults = &summary.facts.faults;
    let ids = faults.iter().take(SHOWN).map(|fault| fault.id.chars().count());
    let width = ids.max().unwrap_or(0);
    let shown = faults.iter().take(SHOWN).enumerate().map(|(i, fault)| {
        let name = if i == 0 { "faults" } else { "" };
        format!(
            "{}{}",
            label(look, name),
            look.fit(MARGIN, &sanitize(&of_fault(fault, width)))
        )
    });
    let mut lines: Vec<String> = shown.collect();
    if faults.len() > SHOWN {
        lines.push(format!("{:MARGIN$}and {} more", "", faults.len() - SHOWN));
    }
    lines
}

/// One fault, its id in that many columns.
fn of_fault(fault: &FaultReport, width: usize) -> String {
    let mut said = format!("{:<width$}  {}", fault.id, fault.title);
    if let Some(why) = &fault.skipped {
        let _ = write!(said, ": SKIPPED: {why}");
        return said;
    }
    match fault.struck_s {
        None => said.push_str(": never struck"),
        Some(at) => {
            let _ = write!(said, ": at {}, touched {}", span_s(at), count(fault.touched));
        }
    }
    if let Some(recovery) = fault.recovery_s {
        let _ = write!(said, ", recovered in {}", span_s(recovery));
    }
    said
}

fn generator(summary: &Summary, look: Look) -> Vec<String> {
    let generator = &summary.facts.measures.generator;
    let late = generator.lateness.p99.map_or_else(|| "?".to_owned(), span_s);
    let said = format!(
        "its own lateness p99 {late}, {:.2} of a processor, {} in flight at most",
        generator.cpu,
        count(generator.peak_in_flight)
    );
    let mut lines = vec![format!("{}{}", label(look, "generator"), look.fit(MARGIN, &said))];
    if let Some(why) = &generator.bottleneck {
        let why = look.wrap(MARGIN, &sanitize(why));
        lines.extend(
            why.iter()
                .map(|line| format!("{:MARGIN$}{}", "", look.ink(Ink::Yellow, line))),
        );
    }
    lines
}

/// The phases with all three histograms, the faults with what users would have felt.
fn measured(summary: &Summary, look: Look) -> String {
    let mut rows = Vec::new();
    for (name, scope) in summary.scopes() {
        match name.split_once(':') {
            Some(("phase", name)) => rows.extend(of_phase(name, scope)),
            Some(("fault", id)) => rows.push(row(id, "accept", &scope.accept)),
            _ => {}
        }
    }
    listing::table(
        look,
        &["IN", "WHAT", "COUNT", "P50", "P95", "P99", "P99.9", "MAX"],
        &[2, 3, 4, 5, 6, 7],
        rows,
    )
}

fn of_phase(name: &str, scope: &Scope) -> Vec<Vec<String>> {
    let all = [
        ("accept", &scope.accept),
        ("service", &scope.service),
        ("end to end", &scope.end_to_end),
    ];
    let known = all.into_iter().filter(|(what, p)| p.count > 0 || *what == "accept");
    known
        .enumerate()
        .map(|(i, (what, p))| row(if i == 0 { name } else { "" }, what, p))
        .collect()
}

fn row(name: &str, what: &str, p: &Percentiles) -> Vec<String> {
    let mut row = vec![name.to_owned(), what.to_owned(), count(p.count)];
    row.extend([p.p50, p.p95, p.p99, p.p999, p.max].map(|span| span.map_or_else(|| "-".to_owned(), span_s)));
    row
}

#[cfg(test)]
mod tests {
    use super::super::testing::summary;
    use super::*;
    use crate::testing::{look_80, look_pipe};

    #[test]
    fn one_screen_says_the_verdict_then_what_failed_then_the_numbers() {
        let screen = render(
            &summary(),
            &["out/summary.json".into(), "out/report.html".into()],
            look_80(),
        );
        assert!(screen.lines().count() <= 24, "{screen}");
        assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
        let lines: Vec<&str> = screen.lines().collect();
        assert_eq!(lines[0], "BROKEN  worker-crash: an invariant is broken: acked_lost");
        assert_eq!(lines[1], "  BROKEN   acked_lost: asked 0, found 1");
        assert_eq!(lines[2], "           9d4eb02a-cf1e-88c7-9bb1-86cb54b80777");
        assert_eq!(lines[3], "  missed   steady/accept.p99: asked < 150ms, found 187ms");
        assert_eq!(lines[4], "  unknown  F1 took effect: asked > 0, found 0");
        assert_eq!(lines[5], "  met      2: duplicate_rows, drained");
        assert!(screen.contains("events     2,000 sent  1,990 acknowledged"), "{screen}");
        assert!(screen.contains("1 lost  0 duplicate  0 unexpected"), "{screen}");
        assert!(
            screen.contains("faults     F1  reset on redis: at 20 s, touched 0"),
            "{screen}"
        );
        assert_eq!(lines.last(), Some(&"report     out/report.html"));
    }

    #[test]
    fn where_all_is_well_it_says_so_in_a_line() {
        let mut summary = summary();
        summary.verdict.outcome = Outcome::Pass;
        summary.verdict.checks.retain(|check| check.stands == Stands::Met);
        let screen = render(&summary, &[], look_pipe());
        assert!(
            screen.starts_with("PASS  worker-crash: all 2 checks are met\n\nevents "),
            "{screen}"
        );
    }

    #[test]
    fn a_pipe_gets_every_key() {
        let mut summary = summary();
        let keys = vec!["9d4eb02a-cf1e-88c7-9bb1-86cb54b80777"; 20].join(", ");
        summary.verdict.checks[0].why = Some(keys.clone());
        assert!(render(&summary, &[], look_pipe()).contains(&keys));
        assert!(render(&summary, &[], look_80()).contains("the report has the rest"));
    }

    #[test]
    fn a_store_that_was_not_read_and_a_fault_that_was_skipped_say_why() {
        let mut summary = summary();
        summary.facts.tally = None;
        summary.facts.unread = Some("the API is away".into());
        summary.facts.faults[0].skipped = Some("cc is not installed".into());
        let screen = render(&summary, &[], look_pipe());
        assert!(
            screen.contains("events     ? the store was not read: the API is away"),
            "{screen}"
        );
        assert!(screen.contains("SKIPPED: cc is not installed"), "{screen}");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let mut summary = summary();
        let evil = "x\u{1b}[2J";
        summary.scenario = evil.into();
        for check in &mut summary.verdict.checks {
            (check.name, check.why) = (evil.into(), Some(evil.into()));
        }
        summary.facts.faults[0].title = evil.into();
        summary.facts.measures.generator.bottleneck = Some(evil.into());
        assert!(!render(&summary, &[evil.into()], look_pipe()).contains('\u{1b}'));
    }
}
