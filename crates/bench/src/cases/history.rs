//! What twenty million stored events cost the new ones, with keys that sort by time and with keys that do not.

use anyhow::Result;

use super::through::{self, Shape};
use crate::bench::Bench;
use crate::event::Kind;
use crate::flow;
use crate::row::{Bar, Row, Shot, Side};
use crate::text::say;
use crate::world::{self, World};

/// Flat within 15 %, at least within 30 %.
const FLAT: Bar = Bar::at_least(0.85, 0.7);
const COST: Bar = Bar::at_most(1.15, 1.3);
const HISTORY: u64 = 20_000_000;
const EVENTS: u64 = 150_000;
/// Keys of the history lie below this one: those of new events, time-led or not, above it.
const NEW: &str = "events WHERE key >= '017f0000-0000-8000-8000-000000000000'";

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let stored = bench.scaled(HISTORY);
    let mut world = World::pipeline()?;
    world.use_database("history")?;
    flow::migrate(bench, &world)?;
    let in_force = world.in_force()?;
    say(&format!("    filling the ledger with {stored} events"));
    world.fill_history(stored)?;
    let (mut empty, mut full, mut random) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..bench.repeat {
        say(&format!("    repetition {} of {}", number + 1, bench.repeat));
        world.use_database(&format!("empty_{number}"))?;
        flow::migrate(bench, &world)?;
        empty.push(measure(bench, &mut world, Kind::Stored)?);
        "history".clone_into(&mut world.database);
        full.push(measure(bench, &mut world, Kind::Stored)?);
        random.push(measure(bench, &mut world, Kind::RandomId)?);
    }
    Ok(rows(stored, [&empty, &full, &random], &in_force))
}

fn measure(bench: &Bench, world: &mut World, kind: Kind) -> Result<Shot> {
    world.redis = Some(world::redis()?);
    let shape = Shape {
        kind,
        batch: 100,
        events: EVENTS,
    };
    through::flow_on(bench, world, shape, NEW)
}

fn rows(stored: u64, [empty, full, random]: [&[Shot]; 3], in_force: &[String]) -> Vec<Row> {
    let named = |name: &str, shots: &[Shot]| Side::of(name, shots);
    let only = |name: &str, shots: &[Shot], figure: &str| {
        let shots: Vec<Shot> = shots
            .iter()
            .filter_map(|shot| shot.get(figure))
            .map(Shot::new)
            .collect();
        Side::of(name, &shots)
    };
    let (none, many) = ("empty ledger", format!("{stored} stored"));
    let what = "batches of 100 from end to end, keys that sort by time";
    let rate = Row::ratio(
        "history",
        what,
        "events/s",
        named(none, empty),
        named(&many, full),
        Some(FLAT),
    );
    let (before, after) = (only(none, empty, "API µs"), only(&many, full, "API µs"));
    let what = "processor time of the API for each of them";
    let cost = Row::ratio("history, API cost", what, "µs", before, after, Some(COST));
    let what = "the same history, ids that producers chose at random, against keys that sort by time";
    let random_ids = "random ids";
    let slow = Row::ratio(
        "history, random ids",
        what,
        "events/s",
        named(&many, full),
        named(random_ids, random),
        None,
    );
    let (before, after) = (only(&many, full, "WAL B"), only(random_ids, random, "WAL B"));
    let what = "WAL for each event, from a checkpoint on";
    let wal = Row::ratio("history, random ids, WAL", what, "bytes", before, after, None);
    [rate, cost, slow, wal]
        .into_iter()
        .map(|row| row.under(in_force))
        .collect()
}
