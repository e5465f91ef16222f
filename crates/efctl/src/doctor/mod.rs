//! `efctl doctor`: looks for what is wrong, and says what to do. A check that fails stops no other.

mod backends;
mod clocks;
mod service;
mod stacks;
mod work;

use std::fmt::Write as _;

use eventflow_core::{Clock as _, SystemClock, Timestamp, sanitize};
use eventflow_stack::Leftover;
use eventflow_wire::{ClientError, Handlers, Health, Liveness, Readiness, Stats, Workers};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::look::{Ink, Look};
use crate::output::say;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    /// Nothing wrong.
    Ok,
    /// Nothing wrong, and worth knowing.
    Note,
    /// Something is wrong.
    Finding,
    /// Could not be checked.
    Unknown,
}

/// One line of the examination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// What was looked at.
    #[serde(rename = "check")]
    about: &'static str,
    status: Status,
    /// What was seen. Made safe where it is shown.
    said: String,
    /// What to do, line by line.
    #[serde(rename = "do", skip_serializing_if = "Vec::is_empty")]
    remedy: Vec<String>,
}

impl Check {
    fn new(about: &'static str, status: Status, said: impl Into<String>) -> Self {
        Self {
            about,
            status,
            said: said.into(),
            remedy: Vec::new(),
        }
    }

    fn ok(about: &'static str, said: impl Into<String>) -> Self {
        Self::new(about, Status::Ok, said)
    }

    fn note(about: &'static str, said: impl Into<String>) -> Self {
        Self::new(about, Status::Note, said)
    }

    fn finding(about: &'static str, said: impl Into<String>) -> Self {
        Self::new(about, Status::Finding, said)
    }

    /// What could not be looked at, because of that.
    fn unknown(about: &'static str, why: &ClientError) -> Self {
        let said = match why {
            ClientError::Unreachable { .. } => "not looked at: the API does not answer".to_owned(),
            _ => format!("could not be looked at: {why}"),
        };
        Self::new(about, Status::Unknown, said)
    }

    fn remedy(mut self, line: impl Into<String>) -> Self {
        self.remedy.push(line.into());
        self
    }

    fn is_trouble(&self) -> bool {
        matches!(self.status, Status::Finding | Status::Unknown)
    }
}

type Asked<T> = Result<T, ClientError>;

/// What the API answered, each question for itself.
struct Answers {
    api: String,
    live: Asked<Liveness>,
    ready: Asked<Readiness>,
    health: Asked<Health>,
    stats: Asked<Stats>,
    workers: Asked<Workers>,
    handlers: Asked<Handlers>,
    /// This machine's clock before the numbers were asked for, and after they came.
    around_stats: (Timestamp, Timestamp),
    /// What is left of private stacks on this machine.
    left: Result<Vec<Leftover>, eventflow_stack::Error>,
}

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let answers = ask(context).await;
    let checks = examine(&answers);
    let written = if context.out.json {
        checks.iter().try_for_each(|check| context.out.record(check))
    } else {
        let look = context.out.look;
        context.out.text(&render(&checks, look))
    };
    let written = written.and_then(|()| context.out.flush());
    say(&sum(&checks));
    // Also where nobody reads the checks any more, what they found is not fine.
    if checks.iter().any(Check::is_trouble) {
        Err(Failure::Told)
    } else {
        written
    }
}

fn sum(checks: &[Check]) -> String {
    let of = |status| checks.iter().filter(|check| check.status == status).count();
    let (wrong, unknown) = (of(Status::Finding), of(Status::Unknown));
    let mut said = match wrong {
        0 => format!("{} checks: nothing found wrong", checks.len()),
        n => format!("{} checks: {n} found something wrong", checks.len()),
    };
    if unknown > 0 {
        let _ = write!(said, ", {unknown} could not be made");
    }
    said
}

async fn ask(context: &Context) -> Answers {
    let client = &context.client;
    let timed_stats = async {
        let before = SystemClock.now();
        let stats = client.stats().await;
        (stats, (before, SystemClock.now()))
    };
    let (live, ready, health, (stats, around_stats), workers, handlers) = tokio::join!(
        client.live(),
        client.ready(),
        client.health(),
        timed_stats,
        client.workers(),
        client.handlers()
    );
    Answers {
        api: client.base().to_string().trim_end_matches('/').to_owned(),
        live,
        ready,
        health,
        stats,
        workers,
        handlers,
        around_stats,
        left: eventflow_stack::leftovers(),
    }
}

/// Every check, in the order in which one would mend.
fn examine(answers: &Answers) -> Vec<Check> {
    let mut checks = vec![service::reachable(answers), service::intake(answers)];
    checks.push(service::versions(answers));
    checks.extend(backends::away(answers));
    checks.extend(backends::settings(answers));
    checks.extend(service::loops(answers));
    checks.push(work::workers(answers));
    checks.extend(work::handlers(answers));
    checks.extend(work::pauses(answers));
    checks.extend(work::backlog(answers));
    checks.extend(work::letters(answers));
    checks.extend(backends::snapshots(answers));
    checks.extend(clocks::compare(answers));
    checks.extend(stacks::leftovers(answers));
    checks
}

fn render(checks: &[Check], look: Look) -> String {
    const MARGIN: usize = 21;
    let mut lines = Vec::new();
    for check in checks {
        let (word, ink) = match check.status {
            Status::Ok => ("ok", Ink::Green),
            Status::Note => ("note", Ink::Cyan),
            Status::Finding => ("WRONG", Ink::Red),
            Status::Unknown => ("?", Ink::Yellow),
        };
        let label = look.ink(ink, &format!("{word:<7}"));
        for (i, said) in look.wrap(MARGIN, &sanitize(&check.said)).iter().enumerate() {
            lines.push(match i {
                0 => format!("{label}{:<14}{said}", check.about),
                _ => format!("{:MARGIN$}{said}", ""),
            });
        }
        // Not wrapped: some of it is to be copied.
        lines.extend(
            check
                .remedy
                .iter()
                .map(|line| format!("{:MARGIN$}> {}", "", sanitize(line))),
        );
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
