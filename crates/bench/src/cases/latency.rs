//! From the moment an event should leave to the commit that stored it, at a steady rate.
//!
//! Every event bears the moment at which it was to be sent as its `time`, and PostgreSQL tells of each row when its
//! transaction was committed: both by the clock of this machine, to the microsecond. The commit's time is taken just
//! before its record is flushed, so the flush itself is not in it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::bench::Bench;
use crate::event::{Kind, Request};
use crate::flow;
use crate::load::{self, Sent};
use crate::rigs;
use crate::row::{Bar, Row, Shot, Side, float};
use crate::text::say;
use crate::world::{POLL, World, await_until};

const BAR: Bar = Bar::at_most(10.0, 50.0);
/// Rates that are tried, the highest that the machine bears is measured.
const RATES: [u32; 4] = [10_000, 5_000, 2_500, 1_000];
const SECONDS: u64 = 16;
const WARM: Duration = Duration::from_secs(2);
const DRAIN: Duration = Duration::from_mins(1);
/// A rate is borne where so much of it is answered for in its own time.
const BORNE: f64 = 0.98;

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let during = Duration::from_secs(bench.events(SECONDS));
    let rate = rate_that_is_borne(bench)?;
    let mut in_force = Vec::new();
    let (limits, flows) = bench.pair(|| rig(bench, rate, during), || flow(bench, rate, during, &mut in_force))?;
    let what = format!("p99 from the moment of sending to the stored row, {rate} single events a second");
    let (limit, flow) = (Side::of("bare rig", &limits), Side::of("EventFlow", &flows));
    let row = Row::value("latency", &what, "ms", Some(limit), flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}

/// Tries EventFlow for a moment at each rate, from above.
fn rate_that_is_borne(bench: &Bench) -> Result<u32> {
    for rate in RATES {
        let world = World::pipeline()?;
        flow::migrate(bench, &world)?;
        let _worker = flow::worker(bench, &world, &[])?;
        let api = flow::api(bench, &world)?;
        let request = Request::single(Kind::Stored, api.address());
        let sent = load::open(&request, api.address(), rate, WARM * 2)?;
        if sent.refused == 0 && sent.rate() >= f64::from(rate) * BORNE {
            say(&format!("    {rate} events a second are borne"));
            return Ok(rate);
        }
        say(&format!(
            "    {rate} events a second are not borne: {:.0} were",
            sent.rate()
        ));
    }
    bail!("this machine bears none of the rates {RATES:?}")
}

/// EventFlow at this rate, from sending to the stored row.
pub(super) fn flow(bench: &Bench, rate: u32, during: Duration, in_force: &mut Vec<String>) -> Result<Shot> {
    let world = World::pipeline()?;
    flow::migrate(bench, &world)?;
    let _worker = flow::worker(bench, &world, &[])?;
    let api = flow::api(bench, &world)?;
    let request = Request::single(Kind::Stored, api.address());
    load::open(&request, api.address(), rate, WARM)?;
    world.await_empty_queue(DRAIN)?;
    world.sql("TRUNCATE events")?;
    world.settle_down()?;
    let sent = load::open(&request, api.address(), rate, during)?;
    world.await_empty_queue(DRAIN)?;
    world.expect_rows("events", sent.acked)?;
    *in_force = world.in_force()?;
    shot(&world, "events", &sent)
}

fn rig(bench: &Bench, rate: u32, during: Duration) -> Result<Shot> {
    let world = World::pipeline()?;
    let redis = world.queue()?;
    rigs::make_group(redis)?;
    let args = ["--redis", &redis.url(), "--postgres", &world.store_url()];
    let _worker = flow::rig_worker(bench, "store", &args)?;
    let api = flow::rig_server(bench, "post", &args[..2])?;
    let request = Request::single(Kind::Stored, api.address());
    let drained = || await_until("the rig to drain", DRAIN, POLL, || rigs::is_drained(redis));
    load::open(&request, api.address(), rate, WARM)?;
    drained()?;
    world.sql("TRUNCATE rig")?;
    world.settle_down()?;
    let sent = load::open(&request, api.address(), rate, during)?;
    drained()?;
    world.expect_rows(rigs::TABLE, sent.acked)?;
    shot(&world, rigs::TABLE, &sent)
}

/// The waits of all rows of a table, the 99th percentile first.
fn shot(world: &World, table: &str, sent: &Sent) -> Result<Shot> {
    let statement = format!(
        "SELECT array_to_string(percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY \
         extract(epoch FROM pg_xact_commit_timestamp(xmin) - time) * 1000), ' ') FROM {table}"
    );
    let text = world.text(&statement)?;
    let waits = text.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    let [p50, p95, p99] = <[f64; 3]>::try_from(waits).ok().context("three percentiles")?;
    let asked = float(sent.acked) / float(sent.acked + sent.refused);
    Ok(Shot::new(p99)
        .with("p50 ms", Some(p50))
        .with("p95 ms", Some(p95))
        .with("accept p99 ms", Some(sent.wait_ms(0.99)))
        .with("accepted %", Some(asked * 100.0)))
}
