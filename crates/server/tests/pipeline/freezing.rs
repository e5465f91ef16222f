//! A worker that stands still for longer than its leases.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rig::{Mode, Plan, Service, Stack, Traffic, event, eventually, failing, number, tests};

tests!([Postgres Pipeline]:
    a_worker_that_stood_still_holds_up_nobody_and_changes_nothing
    a_worker_that_stood_still_inside_a_statement_holds_up_nobody_and_changes_nothing
);

async fn a_worker_that_stood_still_holds_up_nobody_and_changes_nothing(mode: Mode) {
    stands_still(mode, async |_, worker| worker.process.stop().expect("stopped")).await;
}

async fn a_worker_that_stood_still_inside_a_statement_holds_up_nobody_and_changes_nothing(mode: Mode) {
    stands_still(mode, stop_inside_a_statement).await;
}

/// Statements of workers that wait for the table of attempts: the API writes nothing there.
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                       AND state = 'active' AND wait_event_type = 'Lock'";

/// Stops it while every worker waits inside a statement; that ends once nobody holds the table.
async fn stop_inside_a_statement(stack: &Stack, worker: &Service) {
    const LOCK: &str = "BEGIN; LOCK TABLE attempts IN EXCLUSIVE MODE; SELECT pg_sleep(1); COMMIT";
    loop {
        let database = stack.database().clone();
        let holder = tokio::task::spawn_blocking(move || database.try_sql(LOCK));
        let all = stack.workers.len() as u64;
        let mut inside = false;
        while !inside && !holder.is_finished() {
            inside = stack.database().number(WAITING) >= all;
        }
        worker.process.stop().expect("stopped");
        inside &= !holder.is_finished();
        holder.await.expect("it ends").expect("the lock");
        if inside {
            break;
        }
        worker.process.cont().expect("goes on");
    }
    eventually("nobody waits any more", async || {
        match stack.database().number(WAITING) {
            0 => Ok(()),
            n => Err(format!("{n}")),
        }
    })
    .await;
}

async fn stands_still(mode: Mode, stop: impl AsyncFnOnce(&Stack, &Service)) {
    let stall = Duration::from_secs(number("EVENTFLOW_TEST_STALL", 8).into());
    let stack = Plan::new(mode).workers(2).start().await;
    let traffic = Traffic::start([stack.client().clone()], |number, id| match number % 4 {
        0 => failing(id, "slow:1s"),
        1 => event("efctl.sim.order", id),
        _ => event("order.created", id),
    });
    let frozen = &stack.workers[0];
    let id = frozen.worker().0;
    let held = format!("SELECT key FROM work WHERE worker = '{id}' AND lease IS NOT NULL");
    traffic.acks(200).await;
    eventually("it holds leases", async || match stack.database().column(&held).len() {
        n if n >= 5 => Ok(()),
        n => Err(format!("{n}")),
    })
    .await;
    stop(&stack, frozen).await;
    let had: BTreeSet<String> = stack.database().column(&held).into_iter().collect();
    assert!(!had.is_empty(), "it holds leases");

    // Others take over what it held and all that comes, while it stands still.
    traffic.acks(100).await;
    tokio::time::sleep(stall).await;
    traffic.acks(100).await;
    let log = traffic.end().await;
    stack.settled(log.acked.len() as u64).await;
    stack.answers_for(&log).await;
    let by_it = format!("SELECT key FROM attempts WHERE worker = '{id}' AND result = 'done'");
    let before: BTreeSet<String> = stack.database().column(&by_it).into_iter().collect();
    let taken: Vec<&String> = had.difference(&before).collect();
    assert_eq!(taken.len(), had.len(), "it did nothing while it stood still");
    let accused = stack.history();

    frozen.process.cont().expect("goes on");
    // It has found out what it lost once it renews again and runs nothing.
    let view = eventually("it lives again and runs nothing", async || {
        let workers = stack
            .client()
            .workers()
            .await
            .map_err(|error| error.to_string())?
            .workers;
        let view = workers.into_iter().find(|worker| worker.id.0 == id).ok_or("unknown")?;
        let beat = view.beat.as_ref().ok_or("no beat")?;
        let beat: eventflow_core::Beat = serde_json::from_str(beat.get()).expect("a beat");
        let running: u32 = beat.handlers.iter().map(|handler| handler.running).sum();
        // What it had in hand of the queue is gone from there, too.
        if view.living && running == 0 && beat.in_hand == 0 && beat.store_up {
            return Ok(beat);
        }
        Err(format!("{:?} {beat:?}", view.living))
    })
    .await;
    assert!(view.stale > 0 || view.handed_back == 0, "{view:?}");
    stack.answers_for(&log).await;
    let after: BTreeSet<String> = stack.database().column(&by_it).into_iter().collect();
    assert_eq!(before, after, "no outcome of it was counted after it lost its leases");
    stack.each_was_run_once();
    assert_eq!(stack.history(), accused, "nor anything else");
    assert_eq!(accused.0, 0, "failed attempts");

    // And it works on.
    let afterwards = Traffic::mixed([stack.client().clone()]);
    eventually("it works on", async || match stack.database().column(&by_it).len() {
        n if n > after.len() => Ok(()),
        n => Err(format!("{n}")),
    })
    .await;
    afterwards.end().await;
}
