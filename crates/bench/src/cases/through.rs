//! From end to end: events are sent as fast as they are answered for, and the clock stops when the last one is stored.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::Instant;

use crate::bench::Bench;
use crate::event::{Kind, Request};
use crate::flow::{self, Server, Worker};
use crate::load::{self, Sent};
use crate::proc;
use crate::rigs;
use crate::row::{Shot, float, per_second};
use crate::world::{POLL, World, await_until};

/// What a load and the drain after it may take: far more than they do.
pub(super) const WITHIN: Duration = Duration::from_mins(3);

/// Slots of the worker. A handler that does nothing holds its slot for microseconds, and slots bound a lease: with the usual
/// 64 it is the fixed cost of small statements that would be measured.
pub(super) const CONCURRENCY: &str = "256";

/// The part of the events that is sent before, so that caches, connections and files are warm.
const WARM: u64 = 10;

/// How events are sent.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    /// Events in a request.
    pub(super) batch: u32,
    /// Events that are measured.
    pub(super) events: u64,
}

impl Shape {
    pub(super) fn request(&self, to: SocketAddr) -> Request {
        match self.batch {
            1 => Request::single(self.kind, to),
            batch => Request::batch(self.kind, batch, to),
        }
    }

    /// Events that are sent first: whole requests.
    fn warm(&self) -> u64 {
        let batch = u64::from(self.batch);
        self.events / WARM / batch * batch + batch * load::CONNECTIONS
    }
}

/// Processor times of the parts, to be subtracted.
pub(super) struct Costs(Vec<(&'static str, Option<Duration>)>);

impl Costs {
    pub(super) fn of(world: &World, server: Option<&Server>, worker: Option<&Worker>) -> Self {
        let redis = world.redis.as_ref();
        Self(vec![
            ("API µs", server.and_then(Server::cpu)),
            ("worker µs", worker.and_then(Worker::cpu)),
            ("Redis µs", redis.and_then(|redis| proc::cpu(redis.process().id()))),
            ("PostgreSQL µs", proc::cpu(world.postgres.process().id())),
        ])
    }

    /// Adds to a repetition what each part has cost an event since `before`, in microseconds of processor time.
    pub(super) fn since(self, before: &Self, events: u64, mut shot: Shot) -> Shot {
        for ((name, now), (_, then)) in self.0.into_iter().zip(&before.0) {
            let spent = now.zip(*then).map(|(now, then)| now.saturating_sub(then));
            shot = shot.with(name, spent.map(|spent| spent.as_secs_f64() * 1e6 / float(events)));
        }
        shot
    }
}

/// Sends all, waits until `stored` says so, and counts what was acknowledged. Refusals fail: a saturated service slows down.
fn saturate(shape: Shape, to: SocketAddr, stored: &dyn Fn() -> Result<()>) -> Result<(Shot, Sent)> {
    let began = Instant::now();
    let sent = load::closed(&shape.request(to), to, shape.events, WITHIN)?;
    stored()?;
    let rate = per_second(sent.acked, began.elapsed());
    if sent.refused > 0 {
        bail!("{} requests were refused", sent.refused);
    }
    let shot = Shot::new(rate)
        .with("accepted/s", Some(sent.rate()))
        .with("accept p99 ms", Some(sent.wait_ms(0.99)));
    Ok((shot, sent))
}

fn warm_up(shape: Shape, to: SocketAddr, stored: &dyn Fn() -> Result<()>) -> Result<u64> {
    let warm = shape.warm();
    let sent = load::closed(&shape.request(to), to, warm, WITHIN)?;
    stored()?;
    Ok(sent.acked)
}

/// EventFlow on a Redis and a PostgreSQL of its own: an API and a worker.
pub(super) fn flow(bench: &Bench, shape: Shape, in_force: &mut Vec<String>) -> Result<Shot> {
    let world = World::pipeline()?;
    flow::migrate(bench, &world)?;
    *in_force = world.in_force()?;
    flow_on(bench, &world, shape, "events WHERE state = 'done'")
}

/// The same on servers that are there, whose ledger is migrated and where no event of `rows` is touched by anybody else.
pub(super) fn flow_on(bench: &Bench, world: &World, shape: Shape, rows: &str) -> Result<Shot> {
    let worker = flow::worker(bench, world, &[("EVENTFLOW_CONCURRENCY", CONCURRENCY)])?;
    let api = flow::api(bench, world)?;
    let to = api.address();
    let there = world.rows(rows)?;
    let waits = world.rows("work")? > 0;
    let stored = || {
        world.await_empty_queue(WITHIN)?;
        // What waits for a handler that nobody carries is not waited for.
        if waits {
            world.await_no_leases(WITHIN)
        } else {
            world.await_no_work(WITHIN)
        }
    };
    let warm = warm_up(shape, to, &stored)?;
    world.settle_down()?;
    let (before, wal) = (Costs::of(world, Some(&api), Some(&worker)), world.wal()?);
    let (shot, sent) = saturate(shape, to, &stored)?;
    let shot = Costs::of(world, Some(&api), Some(&worker)).since(&before, sent.acked, shot);
    let wal = (world.wal()? - wal) / float(sent.acked);
    world.expect_rows(rows, there + warm + sent.acked)?;
    Ok(shot
        .with("WAL B", Some(wal))
        .with("API MB", api.peak_memory())
        .with("worker MB", worker.peak_memory()))
}

/// The bare rig: a POST that appends, and a loop that reads, inserts and acknowledges.
pub(super) fn rig(bench: &Bench, shape: Shape) -> Result<Shot> {
    let world = World::pipeline()?;
    let redis = world.queue()?;
    rigs::make_group(redis)?;
    let args = ["--redis", &redis.url(), "--postgres", &world.store_url()];
    let worker = flow::rig_worker(bench, "store", &args)?;
    let api = flow::rig_server(bench, "post", &args[..2])?;
    let to = api.address();
    let stored = || await_until("the rig to drain", WITHIN, POLL, || rigs::is_drained(redis));
    let warm = warm_up(shape, to, &stored)?;
    world.settle_down()?;
    let before = Costs::of(&world, Some(&api), Some(&worker));
    let (shot, sent) = saturate(shape, to, &stored)?;
    let shot = Costs::of(&world, Some(&api), Some(&worker)).since(&before, sent.acked, shot);
    world.expect_rows(rigs::TABLE, warm + sent.acked)?;
    Ok(shot)
}

/// Only what takes events, and nobody who works on them. `prepare` starts it, `rows` counts what was kept.
pub(super) fn accept_only(
    world: &World,
    api: &Server,
    shape: Shape,
    kept: impl Fn(&World) -> Result<u64>,
) -> Result<Shot> {
    let to = api.address();
    let warm = warm_up(shape, to, &|| Ok(()))?;
    world.settle_down()?;
    let before = Costs::of(world, Some(api), None);
    let (shot, sent) = saturate(shape, to, &|| Ok(()))?;
    let shot = Costs::of(world, Some(api), None).since(&before, sent.acked, shot);
    let (kept, acked) = (kept(world)?, warm + sent.acked);
    if kept != acked {
        bail!("{acked} events were acknowledged, and {kept} were kept");
    }
    Ok(shot.with("API MB", api.peak_memory()))
}
