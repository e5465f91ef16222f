//! Two workers against one, with handlers that wait: what is measured is how well the leases are shared out.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::through::WITHIN;
use crate::bench::Bench;
use crate::event::{Kind, Request};
use crate::flow;
use crate::load;
use crate::row::{Bar, Row, Shot, Side, per_second};
use crate::world::World;

const BAR: Bar = Bar::at_least(1.9, 1.7);
/// Few enough that two workers do not run out of processors: 1,600 events a second is what one can do at most.
const CONCURRENCY: &str = "16";
const EVENTS: u64 = 16_000;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut in_force = Vec::new();
    let (one, two) = bench.pair(
        || measure(bench, 1, &mut Vec::new()),
        || measure(bench, 2, &mut in_force),
    )?;
    let what = format!("handlers that wait 10 ms, concurrency {CONCURRENCY} in each worker");
    let (limit, flow) = (Side::of("one worker", &one), Side::of("two workers", &two));
    let row = Row::ratio("workers", &what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}

fn measure(bench: &Bench, workers: u64, in_force: &mut Vec<String>) -> Result<Shot> {
    let world = World::pipeline()?;
    flow::migrate(bench, &world)?;
    let settings = [("EVENTFLOW_CONCURRENCY", CONCURRENCY)];
    let _workers = (0..workers)
        .map(|_| flow::worker(bench, &world, &settings))
        .collect::<Result<Vec<_>>>()?;
    let api = flow::api(bench, &world)?;
    let to = api.address();
    let done = || {
        world.await_empty_queue(WITHIN)?;
        world.await_no_work(WITHIN)
    };
    let request = Request::batch(Kind::Slow, 100, to);
    let warm = load::closed(&request, to, 1_000, WITHIN)?;
    done()?;
    world.settle_down()?;
    let began = Instant::now();
    let sent = load::closed(&request, to, bench.events(EVENTS) * workers, WITHIN)?;
    done()?;
    let elapsed: Duration = began.elapsed();
    world.expect_rows("events WHERE state = 'done'", warm.acked + sent.acked)?;
    *in_force = world.in_force()?;
    Ok(Shot::new(per_second(sent.acked, elapsed)))
}
