//! The measurements, each with the bar that it is held against.

mod accept;
mod backlog;
mod batches;
mod embedded;
mod handled;
mod history;
mod latency;
mod postgres;
mod scaling;
mod singles;
mod snapshot;
mod steady;
mod through;
mod waiting;

use anyhow::{Result, bail};

use crate::bench::Bench;
use crate::row::Row;

/// A measurement.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether it takes so long that it has to be asked for.
    long: bool,
    pub(crate) run: fn(&Bench) -> Result<Vec<Row>>,
}

const CASES: &[Case] = &[
    short(
        "accept",
        "durable accept of single events, against bare axum with one XADD",
        accept::run,
    ),
    short(
        "singles",
        "single events from end to end, saturated, against the bare rig; memory",
        singles::run,
    ),
    short(
        "batches",
        "batches of 100 from end to end, against the slower of two limits",
        batches::run,
    ),
    short(
        "latency",
        "from sending to the stored row, at a steady rate",
        latency::run,
    ),
    short(
        "handled",
        "handled events against stored ones, from end to end",
        handled::run,
    ),
    short(
        "postgres",
        "PostgreSQL alone, single events, against a rig that inserts in groups",
        postgres::run,
    ),
    short(
        "embedded",
        "one process on SQLite, batches of 100, against the insert limit",
        embedded::run,
    ),
    short("waiting", "bytes of Redis for each waiting event", waiting::run),
    short(
        "workers",
        "two workers against one, handlers that wait 10 ms",
        scaling::run,
    ),
    long(
        "backlog",
        "with 1,000,000 events waiting: rates and cost (minutes)",
        backlog::run,
    ),
    long(
        "history",
        "with 20,000,000 events stored: rates, cost and WAL (half an hour)",
        history::run,
    ),
    long(
        "snapshot",
        "handled events while a snapshot is held for 10 minutes",
        snapshot::run,
    ),
    long("steady", "1,000 events a second for 10 minutes", steady::run),
];

const fn short(name: &'static str, about: &'static str, run: fn(&Bench) -> Result<Vec<Row>>) -> Case {
    Case {
        name,
        about,
        long: false,
        run,
    }
}

const fn long(name: &'static str, about: &'static str, run: fn(&Bench) -> Result<Vec<Row>>) -> Case {
    Case {
        long: true,
        ..short(name, about, run)
    }
}

/// The measurements of these names; all but the long ones where none is named.
pub(crate) fn choose(names: &[String]) -> Result<Vec<&'static Case>> {
    if let Some(wrong) = names.iter().find(|name| CASES.iter().all(|case| case.name != **name)) {
        bail!("there is no measurement `{wrong}`:\n{}", list());
    }
    let wanted = |case: &&Case| {
        if names.is_empty() {
            !case.long
        } else {
            names.iter().any(|name| name == case.name)
        }
    };
    Ok(CASES.iter().filter(wanted).collect())
}

/// All of them, for people.
pub(crate) fn list() -> String {
    let lines = CASES.iter().map(|case| {
        let mark = if case.long { " (only if named)" } else { "" };
        format!("  {:10} {}{mark}", case.name, case.about)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_measurements_are_asked_for() {
        let all = choose(&[]).expect("names");
        assert!(all.iter().all(|case| !case.long) && all.len() > 5);
        assert_eq!(choose(&["snapshot".into()]).expect("names")[0].name, "snapshot");
        assert!(choose(&["speed".into()]).is_err());
    }
}
