//! `efctl status`: how everything is, in ten lines. What is not known is `?`, never 0; estimates say so.

use eventflow_core::sanitize;
use eventflow_wire::{BackendView, ClientError, Readiness, Stats, Taker};
use std::fmt::Write as _;

use crate::context::Context;
use crate::failure::{Failure, explain};
use crate::look::{Ink, Look};
use crate::moment::{count, count_or_unknown, plural, rate, span, span_s};

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let (stats, ready) = tokio::join!(context.client.stats(), context.client.ready());
    let stats = stats?;
    if context.out.json {
        return context.out.record(&stats);
    }
    let api = context.client.base().to_string();
    let screen = render(&stats, &Intake::of(ready), api.trim_end_matches('/'), context.out.look);
    context.out.text(&screen)
}

/// Whether events are taken, and by whom.
#[derive(Debug, PartialEq, Eq)]
enum Intake {
    Open(Taker),
    /// Why not.
    Shut(String),
}

impl Intake {
    fn of(ready: Result<Readiness, ClientError>) -> Self {
        match ready {
            Ok(readiness) => Self::Open(readiness.taken_by),
            Err(error) => Self::Shut(match error.problem() {
                Some(problem) => explain(problem),
                None => sanitize(&error.to_string()).into_owned(),
            }),
        }
    }
}

fn render(stats: &Stats, intake: &Intake, api: &str, look: Look) -> String {
    let mut screen = Screen {
        look,
        lines: Vec::with_capacity(10),
    };
    let (word, ink, more) = match intake {
        Intake::Open(Taker::Queue) => ("READY", Ink::Green, "events go to the queue".to_owned()),
        Intake::Open(Taker::Ledger) => ("READY", Ink::Green, "events go to the ledger".to_owned()),
        Intake::Shut(why) => ("NOT READY", Ink::Red, why.clone()),
    };
    let up = span_s(stats.uptime_s);
    let version = sanitize(&stats.version);
    screen.first(word, ink, &format!("{more}; {} {version}, up {up}", sanitize(api)));
    screen.line("durable", &durability(stats));
    screen.line("intake", &taken(stats));
    screen.line("backlog", &backlog(stats));
    screen.line("queue", &queue(stats));
    screen.line("ledger", &ledger(stats));
    screen.line("dead", &letters(stats));
    screen.line("workers", &workers(stats));
    screen.line("handlers", &handlers(stats));
    screen.line("backends", &backends(stats));
    screen.lines.join("\n")
}

struct Screen {
    look: Look,
    lines: Vec<String>,
}

impl Screen {
    fn first(&mut self, word: &str, ink: Ink, more: &str) {
        let label = self.look.ink(ink, &format!("{word:<9}"));
        self.lines.push(format!("{label} {}", self.look.fit(10, more)));
    }

    fn line(&mut self, name: &str, value: &str) {
        let label = self.look.ink(Ink::Dim, &format!("{name:<9}"));
        self.lines.push(format!("{label} {}", self.look.fit(10, value)));
    }
}

fn durability(stats: &Stats) -> String {
    let mut said = format!("{} asked for", stats.durability);
    for backend in &stats.backends {
        let level = match (backend.level_in_force, backend.assumed) {
            (Some(level), _) => level.to_string(),
            (None, true) => format!("{} assumed", backend.level_asked),
            (None, false) => "?".to_owned(),
        };
        let _ = write!(said, ", {} {level}", sanitize(&backend.name));
        if backend.level_in_force.is_some_and(|level| level < backend.level_asked) {
            said.push_str(" TOO LOW");
        }
    }
    let findings: usize = stats.backends.iter().map(|b| b.findings.len()).sum();
    if findings > 0 {
        let findings = plural(as_u64(findings), "finding", "findings");
        let _ = write!(said, "; {findings}: efctl doctor");
    }
    said
}

fn taken(stats: &Stats) -> String {
    let intake = &stats.intake;
    let rejected: u64 = intake.rejected.values().sum();
    format!(
        "{} accepted {} (direct {})  duplicates {}  rejected {}",
        format_args!("{:<9}", rate(intake.accepted_per_s)),
        count(intake.accepted),
        count(intake.direct),
        count(intake.duplicates),
        count(rejected)
    )
}

fn backlog(stats: &Stats) -> String {
    let cap = stats.backlog.cap;
    let events = match stats.backlog.events {
        None => "?".to_owned(),
        Some(n) if stats.backlog.estimate => format!("about {}", count(n)),
        Some(n) => count(n),
    };
    let mut said = format!("{events} of {} that fit", count(cap));
    if stats.backlog.events.is_some_and(|n| n >= cap) {
        said.push_str("; FULL: nothing is taken");
    } else if stats.backlog.events.is_some_and(|n| n >= cap / 2) {
        said.push_str("; over half, handlers that hold much are refused first");
    }
    said
}

fn queue(stats: &Stats) -> String {
    let Some(queue) = &stats.queue else {
        return "none configured".to_owned();
    };
    let bypassed = if queue.bypassed { "BYPASSED, it failed; " } else { "" };
    let Some(partitions) = &queue.partitions else {
        return format!("{bypassed}lag ?  pending ?");
    };
    let sum = |of: fn(&eventflow_wire::PartitionView) -> u64| count(partitions.iter().map(of).sum());
    let oldest = partitions.iter().filter_map(|p| p.oldest).min();
    format!(
        "{bypassed}lag {}  pending {}  oldest {}  in {}{}",
        sum(|p| p.lag),
        sum(|p| p.pending),
        oldest.map_or_else(|| "-".to_owned(), |at| span(stats.at.since(at))),
        plural(as_u64(partitions.len()), "partition", "partitions"),
        age(queue.age_s),
    )
}

fn ledger(stats: &Stats) -> String {
    let oldest = stats.handlers.iter().filter_map(|h| h.oldest_due).min();
    let known = stats.ledger.due.is_some();
    format!(
        "due {}  running {}  oldest {}{}",
        count_or_unknown(stats.ledger.due),
        count_or_unknown(stats.ledger.running),
        match oldest {
            Some(at) => span(stats.at.since(at)),
            None if known => "-".to_owned(),
            None => "?".to_owned(),
        },
        match stats.ledger.counted_at {
            Some(at) => format!("  (estimate, counted {} ago)", span(stats.at.since(at))),
            None => String::new(),
        }
    )
}

fn letters(stats: &Stats) -> String {
    match &stats.letters {
        None => "?  (the store cannot be asked)".to_owned(),
        Some(letters) => {
            let hint = if letters.dead > 0 { "  efctl dlq list" } else { "" };
            format!("{}  discarded {}{hint}", count(letters.dead), count(letters.discarded))
        }
    }
}

fn workers(stats: &Stats) -> String {
    match &stats.workers {
        None => "?  (the store cannot be asked)".to_owned(),
        Some(workers) if workers.living == 0 => format!("NONE LIVING, {} gone", count(workers.gone)),
        Some(workers) => format!("{} living, {} gone", count(workers.living), count(workers.gone)),
    }
}

fn handlers(stats: &Stats) -> String {
    let mut said = plural(as_u64(stats.handlers.len()), "handler", "handlers");
    let names = |wanted: &dyn Fn(&eventflow_wire::HandlerView) -> bool| {
        let names: Vec<String> = stats
            .handlers
            .iter()
            .filter(|h| wanted(h))
            .map(|h| sanitize(h.pattern.as_str()).into_owned())
            .collect();
        names.join(" ")
    };
    if stats.paused == Some(true) {
        said.push_str("; ALL PAUSED");
    }
    let alone = names(&|h| h.carriers == 0);
    if !alone.is_empty() {
        let _ = write!(said, "; NOBODY CARRIES {alone}");
    }
    let paused = names(&|h| h.paused);
    if !paused.is_empty() {
        let _ = write!(said, "; paused: {paused}");
    }
    said
}

fn backends(stats: &Stats) -> String {
    if stats.backends.is_empty() {
        return "none".to_owned();
    }
    let each: Vec<String> = stats.backends.iter().map(backend).collect();
    each.join(", ")
}

fn backend(backend: &BackendView) -> String {
    let name = backend.version.as_deref().unwrap_or(&backend.name);
    let name = sanitize(name);
    match (backend.reachable, backend.round_trip_us) {
        (Some(true), Some(us)) => format!("{name} up {}", span(std::time::Duration::from_micros(us))),
        (Some(true), None) => format!("{name} up"),
        (Some(false), _) => format!("{name} DOWN"),
        (None, _) => format!("{name} not asked yet"),
    }
}

fn age(seconds: Option<f64>) -> String {
    match seconds {
        Some(s) if s >= 1.0 => format!("  ({} ago)", span_s(s)),
        _ => String::new(),
    }
}

fn as_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{look_80, stats};

    #[test]
    fn a_healthy_pipeline_is_ten_lines_of_80_columns() {
        let screen = render(
            &stats("{}"),
            &Intake::Open(Taker::Queue),
            "http://127.0.0.1:8000",
            look_80(),
        );
        assert_eq!(
            screen,
            "\
READY     events go to the queue; http://127.0.0.1:8000 0.1.0, up 3h 12m
durable   disk asked for, Redis disk, PostgreSQL disk
intake    1,998/s   accepted 1,234,567 (direct 12)  duplicates 5  rejected 3
backlog   about 4,673 of 1,000,000 that fit
queue     lag 4,000  pending 120  oldest 2.1 s  in 1 partition
ledger    due 512  running 41  oldest 12 s  (estimate, counted 3.0 s ago)
dead      38  discarded 2  efctl dlq list
workers   4 living, 0 gone
handlers  1 handler
backends  Redis 7.0.15 up 0.3 ms, PostgreSQL 15.8 up 1.2 ms"
        );
        assert!(screen.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn what_is_not_known_is_a_question_mark() {
        let stats = stats(
            r#"{"queue":{"bypassed":true},"letters":null,"workers":null,"backends":[],
                "ledger":{"estimate":true},"handlers":[],"backlog":{"cap":10,"estimate":true}}"#,
        );
        let screen = render(&stats, &Intake::Shut("the store is away".into()), "http://x", look_80());
        for line in [
            "NOT READY the store is away",
            "backlog   ? of 10 that fit",
            "queue     BYPASSED, it failed; lag ?  pending ?",
            "ledger    due ?  running ?  oldest ?",
            "dead      ?  (the store",
            "workers   ?  (the store",
        ] {
            assert!(screen.contains(line), "{line}\n{screen}");
        }
        assert_eq!(screen.lines().count(), 10);
    }

    #[test]
    fn trouble_is_named() {
        let stats = stats(
            r#"{"paused":true,"workers":{"living":0,"gone":3},"backlog":{"events":10,"cap":10,"estimate":true},
                "handlers":[{"pattern":"a.*","paused":false,"carriers":0},{"pattern":"b.*","paused":true,"carriers":1}],
                "backends":[{"name":"Redis","reachable":false,"level_asked":"disk","level_in_force":"process",
                  "assumed":false,"findings":[{"problem":"p","remedy":[]}],"facts":{}}]}"#,
        );
        let screen = render(&stats, &Intake::Open(Taker::Ledger), "http://x", look_80());
        for words in [
            "Redis process TOO LOW; 1 finding: efctl doctor",
            "FULL: nothing is taken",
            "NONE LIVING, 3 gone",
            "2 handlers; ALL PAUSED; NOBODY CARRIES a.*; paused: b.*",
            "Redis DOWN",
        ] {
            assert!(screen.contains(words), "{words}\n{screen}");
        }
    }
}
