//! Batches of a hundred from end to end, against the slower of two limits: pipelined XADD, and read, insert, acknowledge.

use anyhow::Result;

use super::singles::memory;
use super::through::{self, Shape};
use crate::bench::Bench;
use crate::event::Kind;
use crate::rigs;
use crate::row::{Bar, Row, Shot, Side, per_second};
use crate::world::World;

const BAR: Bar = Bar::at_least(0.8, 0.5);
const EVENTS: u64 = 200_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = Shape {
        kind: Kind::Stored,
        batch: 100,
        events: bench.events(EVENTS),
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(|| limit(shape.events), || through::flow(bench, shape, &mut in_force))?;
    let what = "batches of 100 from POST to the stored row, 50 connections, one worker";
    let (limit, flow) = (Side::of("slower of two limits", &limits), Side::of("EventFlow", &flows));
    let row = Row::ratio("batches", what, "events/s", limit, flow, Some(BAR));
    let mut rows = vec![row.under(&in_force)];
    rows.extend(memory("batches", &flows));
    Ok(rows)
}

/// Each limit has the machine to itself.
fn limit(events: u64) -> Result<Shot> {
    let world = World::pipeline()?;
    let redis = world.queue()?;
    rigs::make_group(redis)?;
    let count = usize::try_from(events)?;
    let appending = rigs::block_on(rigs::append(&redis.url(), count))?;
    world.settle_down()?;
    let draining = rigs::block_on(rigs::drain(&redis.url(), &world.store_url(), count))?;
    world.expect_rows(rigs::TABLE, events)?;
    let [append, drain] = [appending, draining].map(|time| per_second(events, time));
    Ok(Shot::new(append.min(drain))
        .with("XADD, pipelines of 64, /s", Some(append))
        .with("read, insert, acknowledge /s", Some(drain)))
}
