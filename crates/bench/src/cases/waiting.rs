//! What an event that waits costs Redis beyond its payload, its mark included.

use anyhow::Result;

use super::through::WITHIN;
use crate::bench::Bench;
use crate::event::{Kind, Request, order_bytes};
use crate::flow;
use crate::load;
use crate::row::{Bar, Row, Shot, Side, float};
use crate::world::{World, entries, info};

const BAR: Bar = Bar::at_most(250.0, 400.0);
const EVENTS: u64 = 100_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut in_force = Vec::new();
    let mut shots = Vec::new();
    for _ in 0..bench.repeat {
        shots.push(measure(bench, &mut in_force)?);
    }
    let (order, data) = order_bytes();
    let what =
        format!("bytes of Redis for each waiting event beyond its {data} bytes of data (the whole order has {order})");
    let row = Row::value(
        "waiting",
        &what,
        "bytes",
        None,
        Side::of("EventFlow", &shots),
        Some(BAR),
    );
    Ok(vec![row.under(&in_force)])
}

fn measure(bench: &Bench, in_force: &mut Vec<String>) -> Result<Shot> {
    let world = World::pipeline()?;
    flow::migrate(bench, &world)?;
    let api = flow::api(bench, &world)?;
    let to = api.address();
    let redis = world.queue()?;
    load::closed(&Request::single(Kind::Stored, to), to, 2_000, WITHIN)?;
    // What connections and the append-only file hold for a moment is no event's.
    let used = || -> Result<f64> {
        let of = |name: &str| info(redis, "memory", name);
        Ok(of("used_memory")? - of("mem_clients_normal")? - of("mem_aof_buffer")?)
    };
    let (memory, stood) = (used()?, entries(redis)?);
    load::closed(&Request::single(Kind::Stored, to), to, bench.events(EVENTS), WITHIN)?;
    let grown = used()? - memory;
    let events = float(entries(redis)? - stood);
    *in_force = world.in_force()?;
    let whole = grown / events;
    Ok(Shot::new(whole - float(order_bytes().1)).with("bytes in all", Some(whole)))
}
