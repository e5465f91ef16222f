//! Handled events at full speed while somebody holds a snapshot, so that no dead row can be removed: minute by minute.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use crate::bench::Bench;
use crate::event::{Kind, Request};
use crate::flow;
use crate::load::{self, Valve};
use crate::row::{Bar, Row, Shot, Side, float};
use crate::text::{figure, say};
use crate::world::World;

const BAR: Bar = Bar::at_least(0.7, 0.5);
/// How long the snapshot is held.
const HELD: u64 = 600;
/// How long each rate is looked at.
const WINDOW: u64 = 60;
/// What is sent before anything is looked at.
const WARM: Duration = Duration::from_secs(10);
/// Unfinished events that are held up at most: enough that the worker never waits for more.
const UNFINISHED: f64 = 30_000.0;
const LOOK: Duration = Duration::from_millis(200);

pub(super) fn run(bench: &Bench) -> Result<Vec<Row>> {
    let world = World::pipeline()?;
    flow::migrate(bench, &world)?;
    let in_force = world.in_force()?;
    let _worker = flow::worker(bench, &world, &[])?;
    let api = flow::api(bench, &world)?;
    let to = api.address();
    let (held, window) = (
        Duration::from_secs(bench.scaled(HELD)),
        Duration::from_secs(bench.scaled(WINDOW)),
    );
    let valve = Arc::new(Valve::default());
    let generator = {
        let (valve, within) = (Arc::clone(&valve), held + window * 4 + WARM * 10);
        let request = Request::batch(Kind::Handled, 100, to);
        std::thread::spawn(move || load::closed_behind(&request, to, u64::MAX, within, &valve))
    };
    let seen = look(&world, &valve, held, window);
    valve.ended.store(true, Ordering::Relaxed);
    let sent = generator.join().ok().context("the generator panicked")??;
    let (before, minutes) = seen?;
    let last = *minutes.last().context("no window was measured")?;
    let worst = minutes.iter().copied().fold(f64::INFINITY, f64::min);
    let what = format!(
        "handled events at full speed, in the last of {} windows of {} s with a snapshot held, one repetition",
        minutes.len(),
        window.as_secs()
    );
    let flow = Shot::new(last)
        .with("worst window", Some(worst))
        .with("refused", Some(float(sent.refused)));
    let (limit, flow) = (
        Side::of("no snapshot", &[Shot::new(before)]),
        Side::of("snapshot held", &[flow]),
    );
    let row = Row::ratio("snapshot", &what, "events/s", limit, flow, Some(BAR));
    Ok(vec![row.under(&in_force)])
}

/// The rate before, and those of all windows under the snapshot.
fn look(world: &World, valve: &Valve, held: Duration, window: Duration) -> Result<(f64, Vec<f64>)> {
    rate(world, valve, WARM)?;
    let before = rate(world, valve, window)?;
    say(&format!("    {} events/s before", figure(before)));
    let _snapshot = Snapshot::take(&world.store_url())?;
    let (began, mut rates) = (Instant::now(), Vec::new());
    while began.elapsed() < held {
        rates.push(rate(world, valve, window)?);
        if let Some(rate) = rates.last() {
            say(&format!(
                "    {} events/s after {} s",
                figure(*rate),
                began.elapsed().as_secs()
            ));
        }
    }
    Ok((before, rates))
}

/// Handled events a second over a while, during which the generator is held back where too many wait.
fn rate(world: &World, valve: &Valve, during: Duration) -> Result<f64> {
    let (began, first) = (Instant::now(), world.worked_off()?);
    loop {
        let ended = world.worked_off()?;
        if began.elapsed() >= during {
            return Ok((ended - first) / began.elapsed().as_secs_f64());
        }
        let unfinished = float(valve.acked.load(Ordering::Relaxed)) - ended;
        valve.shut.store(unfinished > UNFINISHED, Ordering::Relaxed);
        std::thread::sleep(LOOK);
    }
}

/// A transaction that somebody forgot. Ends when it is dropped.
struct Snapshot {
    _session: PgConnection,
    _runtime: tokio::runtime::Runtime,
}

impl Snapshot {
    fn take(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let session = runtime.block_on(async {
            let mut session = PgConnection::connect(url).await?;
            sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ")
                .execute(&mut session)
                .await?;
            sqlx::query("SELECT count(*) FROM handlers")
                .execute(&mut session)
                .await?;
            anyhow::Ok(session)
        })?;
        Ok(Self {
            _session: session,
            _runtime: runtime,
        })
    }
}
