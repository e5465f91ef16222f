//! Queue and ledger: whether they answer, whether their settings endanger what was acknowledged, and whether somebody
//! holds a transaction open.

use std::time::Duration;

use eventflow_wire::{BackendView, FindingView};

use super::{Answers, Check};
use crate::moment::{count, span_s};

const BACKENDS: &str = "backends";
const SETTINGS: &str = "settings";
const TRANSACTIONS: &str = "transactions";
const DEAD_ROWS: &str = "dead rows";

/// A transaction open for longer keeps dead rows from being cleaned away.
const LONG_TRANSACTION_S: f64 = 60.0;
/// More dead rows than this in the hot table slow every lease down.
const MANY_DEAD_ROWS: f64 = 100_000.0;

/// Backends that do not answer.
pub(super) fn away(answers: &Answers) -> Vec<Check> {
    let stats = match &answers.stats {
        Ok(stats) => stats,
        Err(error) => return vec![Check::unknown(BACKENDS, error)],
    };
    let mut found: Vec<Check> = stats.backends.iter().filter_map(away_one).collect();
    if stats.queue.as_ref().is_some_and(|queue| queue.bypassed) {
        found.push(
            Check::finding(
                BACKENDS,
                "events go past the queue, because it failed; the ledger takes them",
            )
            .remedy("nothing is lost; bursts and outages of the store are not absorbed until the queue is back"),
        );
    }
    if found.is_empty() {
        let names: Vec<&str> = stats.backends.iter().map(name).collect();
        let said = match names.as_slice() {
            [] => "none besides the process itself".to_owned(),
            _ => format!("all answer: {}", names.join(", ")),
        };
        found.push(Check::ok(BACKENDS, said));
    }
    found
}

fn away_one(backend: &BackendView) -> Option<Check> {
    if backend.reachable == Some(true) {
        return None;
    }
    let since = backend.age_s.map(|s| format!(" for {}", span_s(s))).unwrap_or_default();
    let error = backend.error.as_deref().map(|e| format!(": {e}")).unwrap_or_default();
    Some(
        Check::finding(BACKENDS, format!("{} has not answered{since}{error}", backend.name))
            .remedy("see that it runs and can be reached from the API; it is taken back into use by itself"),
    )
}

fn name(backend: &BackendView) -> &str {
    backend.version.as_deref().unwrap_or(&backend.name)
}

/// Settings that endanger acknowledged events, as the service itself finds them.
pub(super) fn settings(answers: &Answers) -> Vec<Check> {
    let mut found: Vec<Check> = Vec::new();
    let mut told: Vec<&FindingView> = Vec::new();
    let health = answers.health.as_ref().map(|health| health.checks.values().flatten());
    let of_health = health.into_iter().flatten().flat_map(|check| &check.findings);
    let of_stats = answers.stats.as_ref().map(|stats| stats.backends.iter());
    let of_stats = of_stats.into_iter().flatten().flat_map(|backend| &backend.findings);
    for finding in of_health.chain(of_stats) {
        if !told.contains(&finding) {
            told.push(finding);
            found.push(Check {
                remedy: finding.remedy.clone(),
                ..Check::finding(SETTINGS, &finding.problem)
            });
        }
    }
    if let Ok(stats) = &answers.stats {
        found.extend(stats.backends.iter().filter_map(level));
    }
    if let Err(error) = &answers.health {
        found.push(Check::unknown(SETTINGS, error));
    }
    if found.is_empty() {
        let asked = answers.stats.as_ref().map_or("?", |stats| stats.durability.as_str());
        found.push(Check::ok(
            SETTINGS,
            format!("what is acknowledged is kept as asked for: {asked}"),
        ));
    }
    found
}

/// The level in force where it is below the one asked for, or not known.
fn level(backend: &BackendView) -> Option<Check> {
    let (name, asked) = (&backend.name, backend.level_asked);
    match backend.level_in_force {
        Some(level) if level < asked && backend.findings.is_empty() => Some(
            Check::finding(
                SETTINGS,
                format!("{name} keeps events at `{level}`, `{asked}` is asked for"),
            )
            .remedy(format!("mend its settings, or ask for less: --durability {level}")),
        ),
        None if backend.assumed => Some(Check::note(
            SETTINGS,
            format!("{name} does not tell its settings; `{asked}` is assumed"),
        )),
        None if backend.reachable == Some(true) => Some(
            Check::finding(
                SETTINGS,
                format!("{name} does not tell whether it keeps events at `{asked}`"),
            )
            .remedy("let it tell, or vouch for it: --assume-durability"),
        ),
        Some(_) | None => None,
    }
}

/// What a forgotten transaction does: its age, and the dead rows that it keeps.
pub(super) fn snapshots(answers: &Answers) -> Vec<Check> {
    let Ok(stats) = &answers.stats else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    for backend in &stats.backends {
        if let Some(age) = number(backend, "oldest_transaction_seconds") {
            let said = format!("the oldest of {} is {} old", backend.name, span_s(age));
            checks.push(if age > LONG_TRANSACTION_S {
                Check::finding(
                    TRANSACTIONS,
                    format!("{said}: it keeps dead rows, and slows everything down"),
                )
                .remedy("SELECT pid, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start;")
                .remedy("SELECT pg_terminate_backend(PID);  -- once you know whose it is")
            } else {
                Check::ok(TRANSACTIONS, said)
            });
        }
        if let Some(rows) = number(backend, "work_dead_rows") {
            let said = format!("about {} in the work table of {}", rounded(rows), backend.name);
            checks.push(if rows > MANY_DEAD_ROWS {
                Check::finding(DEAD_ROWS, said).remedy("end the oldest transaction if it is old, then: VACUUM work;")
            } else {
                Check::ok(DEAD_ROWS, said)
            });
        }
    }
    checks
}

/// A fact that is a number.
fn number(backend: &BackendView, fact: &str) -> Option<f64> {
    let text = backend.facts.get(fact)?;
    text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)
}

fn rounded(rows: f64) -> String {
    // A count as a length of time is odd, and yet exact: it saves a lossy cast.
    Duration::try_from_secs_f64(rows).map_or_else(|_| "?".to_owned(), |n| count(n.as_secs()))
}
