//! A thousand events a second for ten minutes: is each taken, and how soon is it stored?

use std::time::Duration;

use anyhow::Result;

use super::latency;
use crate::bench::Bench;
use crate::row::{Bar, Row, Shot, Side};

const TAKEN: Bar = Bar::at_least(100.0, 99.9);
const STORED: Bar = Bar::at_most(10.0, 100.0);
const RATE: u32 = 1_000;
const SECONDS: u64 = 600;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let during = Duration::from_secs(bench.scaled(SECONDS));
    let mut in_force = Vec::new();
    // One repetition of so many minutes says more than several short ones.
    let shot = latency::flow(bench, RATE, during, &mut in_force)?;
    let side = |name: &str| {
        let shots: Vec<Shot> = shot.get(name).into_iter().map(Shot::new).collect();
        Side::of("EventFlow", &shots)
    };
    let what = |of: &str| {
        format!(
            "{of}, {RATE} single events a second for {} s, one repetition",
            during.as_secs()
        )
    };
    let taken = Row::value(
        "steady, taken",
        &what("events taken"),
        "%",
        None,
        side("accepted %"),
        Some(TAKEN),
    );
    let stored = what("p95 from the moment of sending to the stored row");
    let stored = Row::value("steady, stored", &stored, "ms", None, side("p95 ms"), Some(STORED));
    Ok(vec![taken.under(&in_force), stored.under(&in_force)])
}
