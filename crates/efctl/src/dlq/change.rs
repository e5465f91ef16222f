//! `efctl dlq requeue`, `discard`, `restore`: an order over letters named by key, confirmed by their count.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use eventflow_core::{EventKey, LetterAction, Refusal};
use eventflow_wire::{JobView, RefusedLetter};

use crate::context::Context;
use crate::failure::Failure;
use crate::moment::plural;
use crate::output::say;
use crate::prompt::confirm;

/// The most letters of one order.
const MAX_KEYS: usize = 1000;
/// Refused letters that are named; the rest are counted.
const NAMED: usize = 20;

pub(super) async fn run(
    context: &mut Context,
    action: LetterAction,
    keys: Vec<EventKey>,
    yes: bool,
) -> Result<(), Failure> {
    let keys: Vec<EventKey> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    confirm(keys.len(), &what_happens(action, keys.len()), yes).await?;
    let mut refused = 0;
    // What was confirmed is done to its end, also where nobody reads about it any more.
    let mut written = Ok(());
    for order in keys.chunks(MAX_KEYS) {
        let job = context.client.change_letters(action, order.to_vec(), None).await?;
        refused += job.refused.len();
        written = written.and_then(|()| show(context, &job));
    }
    match refused {
        0 => written,
        _ => Err(Failure::Told),
    }
}

fn show(context: &mut Context, job: &JobView) -> Result<(), Failure> {
    if context.out.json {
        return context.out.record(job);
    }
    context.out.text(&render(job))?;
    context.out.flush()?;
    explain(job);
    Ok(())
}

fn what_happens(action: LetterAction, n: usize) -> String {
    let letters = plural(u64::try_from(n).unwrap_or(u64::MAX), "letter", "letters");
    match action {
        LetterAction::Requeue => format!("{letters} will run again"),
        LetterAction::Discard => format!("{letters} will be given up"),
        LetterAction::Restore => format!("{letters} will be dead letters again"),
    }
}

fn render(job: &JobView) -> String {
    let done = match job.action {
        LetterAction::Requeue => "requeued",
        LetterAction::Discard => "discarded",
        LetterAction::Restore => "restored",
    };
    let mut text = format!("{done} {}, refused {}, job {}", job.applied, job.refused.len(), job.id);
    if job.stored > 0 {
        let _ = write!(
            text,
            "\nof these, stored as done without a handler for their type: {}",
            job.stored
        );
    }
    text
}

fn explain(job: &JobView) {
    for RefusedLetter { key, why } in job.refused.iter().take(NAMED) {
        say(&format!("{key}: {}", reason(*why, job.action)));
    }
    if job.refused.len() > NAMED {
        say(&format!("and {} more; --json names all", job.refused.len() - NAMED));
    }
}

const fn reason(why: Refusal, action: LetterAction) -> &'static str {
    match (why, action) {
        (Refusal::Unknown, _) => "no event has this key",
        (Refusal::NotDead, LetterAction::Restore) => "it is not discarded",
        (Refusal::NotDead, _) => "it is not dead (any more); efctl why says where it is",
        (Refusal::NoHandler, _) => "no handler takes its type; start a worker that carries one, then requeue it again",
        (Refusal::NeverRuns, _) => "it is not an event that can run; it can be discarded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_says_what_changed() {
        let job: JobView = serde_json::from_str(
            r#"{"id":"0190a5d0-0000-7000-8000-000000000001","action":"requeue","actor":"anonymous",
                "at":"2026-05-01T12:00:00Z","applied":3,"stored":1,
                "refused":[{"key":"9d4eb02a-cf1e-88c7-9bb1-86cb54b80777","why":"not-dead"}]}"#,
        )
        .expect("a job");
        assert_eq!(
            render(&job),
            "requeued 3, refused 1, job 0190a5d0-0000-7000-8000-000000000001\n\
             of these, stored as done without a handler for their type: 1"
        );
    }
}
