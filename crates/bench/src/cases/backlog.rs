//! What a million events that wait cost those that come and those that go: in the queue, and due in the ledger.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use super::through::{self, Costs, Shape, WITHIN};
use crate::bench::Bench;
use crate::event::{Kind, Request};
use crate::flow;
use crate::load;
use crate::row::{Bar, Row, Shot, Side, float, per_second};
use crate::world::{POLL, World, await_until, entries};

/// Flat within 15 %, at least within 30 %.
const FLAT: Bar = Bar::at_least(0.85, 0.7);
const COST: Bar = Bar::at_most(1.15, 1.3);
const BACKLOG: u64 = 1_000_000;
/// What is sent, or worked off, in a repetition.
const EVENTS: u64 = 60_000;
/// What is worked off before, so that the worker is warm.
const WARM: u64 = 10_000;
/// Filling takes its time.
const FILL: Duration = Duration::from_mins(10);
const POLL_STATISTICS: Duration = Duration::from_millis(100);

const SINGLES: Shape = Shape {
    kind: Kind::Stored,
    batch: 1,
    events: EVENTS,
};

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = in_queue(bench)?;
    rows.push(due(bench)?);
    rows.push(beside(bench)?);
    Ok(rows)
}

/// Accepting and draining with an all but empty queue, then with a full one, on the same servers.
fn in_queue(bench: &Bench) -> Result<Vec<Row>> {
    let backlog = bench.scaled(BACKLOG);
    let mut in_force = Vec::new();
    let mut shots: [Vec<Shot>; 4] = std::array::from_fn(|_| Vec::new());
    for _ in 0..bench.repeat {
        let world = World::pipeline()?;
        flow::migrate(bench, &world)?;
        in_force = world.in_force()?;
        let api = flow::api(bench, &world)?;
        let to = api.address();
        let accept = || {
            let before = entries(world.queue()?)?;
            through::accept_only(&world, &api, SINGLES, |world| Ok(entries(world.queue()?)? - before))
        };
        shots[0].push(accept()?);
        shots[1].push(drain(bench, &world, EVENTS)?);
        empty(bench, &world)?;
        load::closed(&Request::batch(Kind::Stored, 100, to), to, backlog, FILL)?;
        shots[2].push(accept()?);
        shots[3].push(drain(bench, &world, EVENTS)?);
    }
    let costs = |shots: &[Shot]| -> Vec<Shot> {
        shots
            .iter()
            .filter_map(|shot| shot.get("API µs"))
            .map(Shot::new)
            .collect()
    };
    let (few, many) = ("all but empty", format!("{backlog} waiting"));
    let row = |name: &str, what: &str, unit: &str, sides: [&[Shot]; 2], bar: Bar| {
        let (limit, flow) = (Side::of(few, sides[0]), Side::of(&many, sides[1]));
        Row::ratio(name, what, unit, limit, flow, Some(bar)).under(&in_force)
    };
    let what = "single events accepted while the queue is full of others";
    let accept = row("backlog, accept", what, "events/s", [&shots[0], &shots[2]], FLAT);
    let what = "processor time of the API for each of them";
    let cost = row(
        "backlog, API cost",
        what,
        "µs",
        [&costs(&shots[0]), &costs(&shots[2])],
        COST,
    );
    let what = "events brought from the queue into the ledger";
    let drain = row("backlog, drain", what, "events/s", [&shots[1], &shots[3]], FLAT);
    Ok(vec![accept, cost, drain])
}

/// A worker takes `events` out of the queue, after a few that warm it up.
fn drain(bench: &Bench, world: &World, events: u64) -> Result<Shot> {
    let redis = world.queue()?;
    let stood = entries(redis)?;
    let (first, last) = (stood.saturating_sub(WARM.min(events / 4)), stood.saturating_sub(events));
    world.settle_down()?;
    let worker = flow::worker(bench, world, &[])?;
    let until = |mark: u64| await_until("the queue to shrink", WITHIN, POLL, || Ok(entries(redis)? <= mark));
    until(first)?;
    let (began, at) = (Instant::now(), entries(redis)?);
    let before = Costs::of(world, None, Some(&worker));
    until(last)?;
    let taken = at - entries(redis)?;
    let shot = Shot::new(per_second(taken, began.elapsed()));
    Ok(Costs::of(world, None, Some(&worker)).since(&before, taken, shot))
}

/// Lets a worker take the rest, what was given to the one before it too.
fn empty(bench: &Bench, world: &World) -> Result<()> {
    let _worker = flow::worker(bench, world, &[("EVENTFLOW_CLAIM_IDLE", "1s")])?;
    world.await_empty_queue(WITHIN)
}

/// Handled events that were admitted as due: few of them, and a million.
fn due(bench: &Bench) -> Result<Row> {
    let backlog = bench.scaled(BACKLOG);
    let mut in_force = Vec::new();
    let few = EVENTS.min(backlog);
    let mut handle = |rows: u64| -> Result<Shot> {
        let world = World::pipeline()?;
        flow::migrate(bench, &world)?;
        in_force = world.in_force()?;
        // The handler has to be on the list before anything can wait for it.
        drop(flow::worker(bench, &world, &[])?);
        world.fill_due("efctl.sim.*", rows)?;
        let _worker = flow::worker(bench, &world, &[])?;
        let began = mark(&world, 1.0)?;
        let ended = mark(&world, began.0 + float(few) * 0.7)?;
        let took = ended.1.duration_since(began.1);
        Ok(Shot::new((ended.0 - began.0) / took.as_secs_f64()))
    };
    let (mut limits, mut flows) = (Vec::new(), Vec::new());
    for _ in 0..bench.repeat {
        limits.push(handle(few)?);
        flows.push(handle(backlog)?);
    }
    let what = "events that were due, handled by one worker";
    let (limit, flow) = (
        Side::of(&format!("{few} due"), &limits),
        Side::of(&format!("{backlog} due"), &flows),
    );
    Ok(Row::ratio("backlog, due", what, "events/s", limit, flow, Some(FLAT)).under(&in_force))
}

/// Waits until PostgreSQL tells of so much ended work, and says when it did and how much it was.
fn mark(world: &World, at_least: f64) -> Result<(f64, Instant)> {
    let mut seen = None;
    await_until("due events to be handled", WITHIN, POLL_STATISTICS, || {
        let ended = world.worked_off()?;
        if ended >= at_least {
            seen = Some((ended, Instant::now()));
        }
        Ok(seen.is_some())
    })?;
    seen.context("nothing was seen")
}

/// New events handled from end to end, while a million wait for a handler that nobody carries any more.
fn beside(bench: &Bench) -> Result<Row> {
    let backlog = bench.scaled(BACKLOG);
    let shape = Shape {
        kind: Kind::Handled,
        batch: 100,
        events: EVENTS,
    };
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(
        || through::flow(bench, shape, &mut Vec::new()),
        || {
            let world = World::pipeline()?;
            flow::migrate(bench, &world)?;
            in_force = world.in_force()?;
            world.sql(
                "INSERT INTO handlers (pattern, paused, due, running) VALUES ('bench.absent.*', false, 0, 0); \
                 UPDATE handler_list SET version = version + 1",
            )?;
            world.fill_due("bench.absent.*", backlog)?;
            through::flow_on(bench, &world, shape, "events WHERE type LIKE 'efctl.%'")
        },
    )?;
    let what = "handled events, batches of 100 from end to end, while others wait for an absent handler";
    let (limit, flow) = (
        Side::of("none waiting", &limits),
        Side::of(&format!("{backlog} waiting"), &flows),
    );
    Ok(Row::ratio("backlog, beside", what, "events/s", limit, flow, Some(FLAT)).under(&in_force))
}
