//! PostgreSQL alone: single POSTs that the API admits itself, in groups.

use anyhow::Result;

use super::through::{Shape, accept_only};
use crate::bench::Bench;
use crate::event::Kind;
use crate::flow;
use crate::rigs;
use crate::row::{Bar, Row, Side};
use crate::world::World;

const BAR: Bar = Bar::at_least(0.9, 0.6);
const EVENTS: u64 = 100_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = Shape {
        kind: Kind::Stored,
        batch: 1,
        events: bench.events(EVENTS),
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(
        || {
            let world = World::postgres()?;
            let api = flow::rig_server(bench, "group", &["--postgres", &world.store_url()])?;
            accept_only(&world, &api, shape, |world| world.rows(rigs::TABLE))
        },
        || {
            let world = World::postgres()?;
            flow::migrate(bench, &world)?;
            let api = flow::api(bench, &world)?;
            in_force = world.in_force()?;
            accept_only(&world, &api, shape, |world| world.rows("events"))
        },
    )?;
    let what = "single events from POST to the stored row, without Redis, 50 connections";
    let (limit, flow) = (Side::of("bare axum, UNNEST", &limits), Side::of("EventFlow", &flows));
    let row = Row::ratio("postgres", what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}
