//! One process on one SQLite file, as `eventflow dev` starts it.

use anyhow::{Result, bail};
use eventflow_stack::Folder;

use super::through::{Shape, WITHIN};
use crate::bench::Bench;
use crate::event::Kind;
use crate::flow;
use crate::load;
use crate::rigs;
use crate::row::{Bar, Row, Shot, Side, float, per_second};

const BAR: Bar = Bar::at_least(0.8, 0.5);
const EVENTS: u64 = 120_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let shape = Shape {
        kind: Kind::Stored,
        batch: 100,
        events: bench.events(EVENTS),
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(|| limit(shape.events, &mut in_force), || flow(bench, shape))?;
    let what = "`eventflow dev`, batches of 100 from POST to the stored row, 50 connections";
    let (limit, flow) = (Side::of("SQLite, 500 rows", &limits), Side::of("EventFlow", &flows));
    let row = Row::ratio("embedded", what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}

fn limit(events: u64, in_force: &mut Vec<String>) -> Result<Shot> {
    let folder = Folder::create("sqlite")?;
    let file = folder.path().join("limit.db");
    let (elapsed, said) = rigs::block_on(rigs::insert_limit(&file, usize::try_from(events)?))?;
    *in_force = vec![said];
    Ok(Shot::new(per_second(events, elapsed)))
}

fn flow(bench: &Bench, shape: Shape) -> Result<Shot> {
    let folder = Folder::create("sqlite")?;
    let dev = flow::dev(bench, folder.path())?;
    let to = dev.address();
    let warm = load::closed(&shape.request(to), to, shape.events / 10, WITHIN)?;
    let cpu = dev.cpu();
    let sent = load::closed(&shape.request(to), to, shape.events, WITHIN)?;
    let used = dev.cpu().zip(cpu).map(|(now, then)| now.saturating_sub(then));
    let memory = dev.peak_memory();
    // Its file is looked at when nobody holds it any more.
    dev.end()?;
    let file = folder.path().join("eventflow.db");
    let (rows, acked) = (rigs::block_on(rigs::rows(&file))?, warm.acked + sent.acked);
    if rows != acked || sent.refused > 0 {
        bail!(
            "{acked} events were acknowledged, {rows} rows stand in the file, {} requests were refused",
            sent.refused
        );
    }
    let cost = used.map(|used| used.as_secs_f64() * 1e6 / float(sent.acked));
    Ok(Shot::new(sent.rate())
        .with("accept p99 ms", Some(sent.wait_ms(0.99)))
        .with("CPU µs", cost)
        .with("MB", memory))
}
