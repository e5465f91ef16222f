//! Durable accept: no worker, single POSTs, everything acknowledged stands in Redis with its fsync.

use anyhow::{Result, bail};
use eventflow_stack::Reply;

use super::through::{Shape, accept_only};
use crate::bench::Bench;
use crate::event::Kind;
use crate::flow;
use crate::row::{Bar, Row, Shot, Side};
use crate::world::{World, entries};

const BAR: Bar = Bar::at_least(1.0, 0.7);
const EVENTS: u64 = 160_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = Shape {
        kind: Kind::Stored,
        batch: 1,
        events: bench.events(EVENTS),
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(
        || rig(bench, shape),
        || {
            let world = World::pipeline()?;
            flow::migrate(bench, &world)?;
            let api = flow::api(bench, &world)?;
            in_force = world.in_force()?;
            accept_only(&world, &api, shape, |world| entries(world.queue()?))
        },
    )?;
    let what = "durable accept of single events, 50 connections, no worker";
    let limit = Side::of("bare axum, one XADD", &limits);
    let flow = Side::of("EventFlow", &flows);
    let row = Row::ratio("accept", what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}

fn rig(bench: &Bench, shape: Shape) -> Result<Shot> {
    let world = World::pipeline()?;
    let api = flow::rig_server(bench, "post", &["--redis", &world.queue()?.url()])?;
    accept_only(&world, &api, shape, |world| {
        match world.queue()?.command(&["XLEN", "rig"])? {
            Reply::Number(number) => Ok(u64::try_from(number)?),
            other => bail!("XLEN said {other:?}"),
        }
    })
}
