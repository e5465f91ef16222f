//! Single events from end to end, saturated; and what memory API and worker took under it.

use anyhow::Result;

use super::through::{self, Shape};
use crate::bench::Bench;
use crate::event::Kind;
use crate::row::{Bar, Row, Shot, Side};

const BAR: Bar = Bar::at_least(1.0, 0.6);
const MEMORY: Bar = Bar::at_most(64.0, 150.0);
const EVENTS: u64 = 120_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = Shape {
        kind: Kind::Stored,
        batch: 1,
        events: bench.events(EVENTS),
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(
        || through::rig(bench, shape),
        || through::flow(bench, shape, &mut in_force),
    )?;
    let what = "single events from POST to the stored row, 50 connections, one worker";
    let (limit, flow) = (Side::of("bare rig", &limits), Side::of("EventFlow", &flows));
    let row = Row::ratio("singles", what, "events/s", limit, flow, Some(BAR));
    let mut rows = vec![row.under(&in_force)];
    rows.extend(memory("singles", &flows));
    Ok(rows)
}

/// The most memory that was resident in API and worker, over all of a run.
pub(super) fn memory(of: &str, flows: &[Shot]) -> Vec<Row> {
    let parts = [("API", "API MB"), ("worker", "worker MB")].into_iter();
    let rows = parts.filter_map(|(part, figure)| {
        let shots: Vec<Shot> = flows
            .iter()
            .filter_map(|shot| shot.get(figure))
            .map(Shot::new)
            .collect();
        let what = format!("peak resident memory of the {part}, saturated with {of}");
        // A system that does not tell has no row, rather than one that fails.
        let name = format!("memory, {part}, {of}");
        (!shots.is_empty()).then(|| Row::value(&name, &what, "MB", None, Side::of("EventFlow", &shots), Some(MEMORY)))
    });
    rows.collect()
}
