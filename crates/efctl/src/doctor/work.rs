//! The work: who does it, what waits for nobody, and what fills the backlog.

use eventflow_core::Pattern;
use eventflow_wire::HandlerView;

use super::{Answers, Check};
use crate::moment::{count, plural};
use crate::workers::beat_of;

const WORKERS: &str = "workers";
const HANDLERS: &str = "handlers";
const PAUSES: &str = "pauses";
const BACKLOG: &str = "backlog";
const LETTERS: &str = "dead letters";

/// Whether anybody works, and reaches the store.
pub(super) fn workers(answers: &Answers) -> Check {
    let list = match &answers.workers {
        Ok(list) => list,
        Err(error) => return Check::unknown(WORKERS, error),
    };
    let living: Vec<_> = list.workers.iter().filter(|worker| worker.living).collect();
    if living.is_empty() {
        return Check::finding(WORKERS, "none is living: events are taken, and nobody runs them")
            .remedy("start one: eventflow worker");
    }
    let cut_off: Vec<&str> = living
        .iter()
        .filter(|worker| beat_of(worker).is_some_and(|beat| !beat.store_up))
        .map(|worker| worker.name.as_str())
        .collect();
    if !cut_off.is_empty() {
        return Check::finding(WORKERS, format!("cut off from the store: {}", cut_off.join(", ")))
            .remedy("see that they can reach it; nothing is counted against the events they hold");
    }
    let living = u64::try_from(living.len()).unwrap_or(u64::MAX);
    Check::ok(WORKERS, format!("{} living", count(living)))
}

/// Handlers that nobody alive carries, and those whose dependency is away.
pub(super) fn handlers(answers: &Answers) -> Vec<Check> {
    let list = match &answers.handlers {
        Ok(list) => list,
        Err(error) => return vec![Check::unknown(HANDLERS, error)],
    };
    let mut found: Vec<Check> = list
        .handlers
        .iter()
        .filter(|handler| handler.carriers == 0)
        .map(|handler| {
            let name = &handler.pattern;
            let due = handler.due.map_or_else(
                || "its events wait".to_owned(),
                |n| format!("{} it", plural(n, "event waits for", "events wait for")),
            );
            Check::finding(HANDLERS, format!("no living worker carries `{name}`; {due}"))
                .remedy("start a worker that carries it")
                .remedy(format!("or end it: efctl handlers retire '{name}'"))
        })
        .collect();
    found.extend(unavailable(answers).into_iter().map(|name| {
        Check::finding(
            HANDLERS,
            format!("`{name}` says that what it depends on is away; its events wait"),
        )
        .remedy("mend what it depends on; one event probes it, no attempt is counted")
    }));
    if found.is_empty() {
        found.push(match list.handlers.len() {
            0 => Check::note(HANDLERS, "none are on the list: every event is stored, and that is all"),
            n => Check::ok(HANDLERS, format!("each of {n} is carried by a living worker")),
        });
    }
    found
}

/// Handlers that some living worker holds up.
fn unavailable(answers: &Answers) -> Vec<Pattern> {
    let workers = answers.workers.as_ref().map_or(&[][..], |list| &list.workers);
    let mut names: Vec<Pattern> = workers
        .iter()
        .filter(|worker| worker.living)
        .filter_map(beat_of)
        .flat_map(|beat| beat.handlers)
        .filter(|handler| handler.breaker_open)
        .map(|handler| handler.pattern)
        .collect();
    names.sort();
    names.dedup();
    names
}

/// A pause is somebody's will, and easily forgotten.
pub(super) fn pauses(answers: &Answers) -> Vec<Check> {
    let Ok(list) = &answers.handlers else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if list.paused {
        found.push(Check::note(PAUSES, "all running is paused").remedy("efctl resume"));
    }
    for handler in list.handlers.iter().filter(|handler| handler.paused) {
        let name = &handler.pattern;
        found.push(Check::note(PAUSES, format!("`{name}` is paused")).remedy(format!("efctl resume '{name}'")));
    }
    found
}

/// How full it is, and who fills it.
pub(super) fn backlog(answers: &Answers) -> Vec<Check> {
    let stats = match &answers.stats {
        Ok(stats) => stats,
        Err(error) => return vec![Check::unknown(BACKLOG, error)],
    };
    let cap = stats.backlog.cap;
    let Some(events) = stats.backlog.events else {
        return vec![Check::note(BACKLOG, "not counted yet")];
    };
    let of = format!("about {} of {} events wait", count(events), count(cap));
    let mut found: Vec<Check> = stats
        .handlers
        .iter()
        .filter(|handler| held_by(handler) > cap / 4)
        .map(|handler| {
            let name = &handler.pattern;
            let held = count(held_by(handler));
            Check::finding(
                BACKLOG,
                format!("`{name}` holds about {held}, over a quarter of the cap"),
            )
            .remedy("from half the cap on, events for it are refused first, with 503")
            .remedy("start more workers that carry it, resume it, or mend what it depends on: efctl handlers")
        })
        .collect();
    if events >= cap {
        found.push(Check::finding(BACKLOG, format!("full: {of}, and none is taken")).remedy("start more workers"));
    } else if events >= cap / 2 {
        found.push(Check::finding(BACKLOG, format!("over half full: {of}")).remedy("start more workers"));
    }
    if found.is_empty() {
        found.push(Check::ok(BACKLOG, of));
    }
    found
}

fn held_by(handler: &HandlerView) -> u64 {
    handler.due.unwrap_or(0).saturating_add(handler.running.unwrap_or(0))
}

/// Dead letters wait for a person.
pub(super) fn letters(answers: &Answers) -> Vec<Check> {
    let letters = answers.stats.as_ref().ok().and_then(|stats| stats.letters);
    match letters {
        None => Vec::new(),
        Some(letters) if letters.dead == 0 => vec![Check::ok(LETTERS, "none")],
        Some(letters) => {
            vec![Check::note(LETTERS, format!("{} wait for a person", count(letters.dead))).remedy("efctl dlq list")]
        }
    }
}
