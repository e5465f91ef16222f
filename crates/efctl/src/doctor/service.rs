//! The service itself: whether it answers, takes events, and goes round.

use eventflow_wire::{ClientError, Taker};

use super::{Answers, Check};
use crate::workers::beat_of;

const API: &str = "api";
const INTAKE: &str = "intake";
const VERSIONS: &str = "versions";
const LOOPS: &str = "loops";

/// Whether the API answers at all. That it answers with a problem is an answer.
pub(super) fn reachable(answers: &Answers) -> Check {
    match &answers.live {
        Err(error @ (ClientError::Unreachable { .. } | ClientError::Unexpected { .. })) => {
            Check::finding(API, error.to_string())
                .remedy("start it: eventflow dev, eventflow solo, or eventflow api")
                .remedy("or name the one that runs: --api URL, or EVENTFLOW_API")
        }
        _ => Check::ok(API, format!("{} answers", answers.api)),
    }
}

/// Whether an event can be taken durably now.
pub(super) fn intake(answers: &Answers) -> Check {
    match &answers.ready {
        Ok(ready) => Check::ok(
            INTAKE,
            match ready.taken_by {
                Taker::Queue => "events are taken, by the queue",
                Taker::Ledger => "events are taken, by the ledger",
            },
        ),
        Err(ClientError::Problem(problem)) => {
            Check::finding(INTAKE, format!("no event can be taken: {}", problem.detail))
                .remedy("mend what is named below; producers get 503 with Retry-After meanwhile, and lose nothing")
        }
        Err(error) => Check::unknown(INTAKE, error),
    }
}

/// Whether everybody runs the same version. A difference is normal while a new one is rolled out, and only then.
pub(super) fn versions(answers: &Answers) -> Check {
    let own = env!("CARGO_PKG_VERSION");
    let api = match (&answers.stats, &answers.live) {
        (Ok(stats), _) => stats.version.as_str(),
        (Err(_), Ok(live)) => live.version.as_str(),
        (Err(error), Err(_)) => return Check::unknown(VERSIONS, error),
    };
    let mut others: Vec<String> = Vec::new();
    if api != own {
        others.push(format!("efctl is {own}"));
    }
    let workers = answers.workers.as_ref().map_or(&[][..], |list| &list.workers);
    for worker in workers.iter().filter(|worker| worker.living) {
        let version = beat_of(worker).map(|beat| beat.version).unwrap_or_default();
        if !version.is_empty() && version != api {
            others.push(format!("worker {} is {version}", worker.name));
        }
    }
    if others.is_empty() {
        return Check::ok(VERSIONS, format!("all {api}"));
    }
    Check::finding(VERSIONS, format!("the API is {api}, {}", others.join(", ")))
        .remedy("finish the roll-out: entries that an older worker cannot read wait for a newer one")
}

/// Whether some loop makes no progress though it should.
pub(super) fn loops(answers: &Answers) -> Vec<Check> {
    let mut found = Vec::new();
    if let Err(ClientError::Problem(problem)) = &answers.live {
        found.push(
            Check::finding(LOOPS, format!("the API says: {}", problem.detail))
                .remedy("its log says where it hangs; restart it if it stays so: nothing acknowledged is lost by that"),
        );
    }
    match &answers.workers {
        Err(error) => found.push(Check::unknown(LOOPS, error)),
        Ok(list) => {
            for worker in list.workers.iter().filter(|worker| worker.living) {
                let stalled = beat_of(worker).map(|beat| beat.stalled).unwrap_or_default();
                if !stalled.is_empty() {
                    let loops = stalled.join(", ");
                    found.push(
                        Check::finding(LOOPS, format!("worker {} is stalled: {loops}", worker.name))
                            .remedy("its log says where it hangs; restart it if it stays so: others take over"),
                    );
                }
            }
        }
    }
    if found.is_empty() {
        found.push(Check::ok(LOOPS, "all make progress"));
    }
    found
}
