//! Leases what is due into free slots, and gives a suspect the process to itself.

use std::sync::Arc;

use eventflow_core::{LeaseRequest, LeaseToken, Leased};
use tokio::time::Instant;

use crate::run::{self, Run};
use crate::settings::BATCH_BYTES;
use crate::shared::Shared;
use crate::slots::{Gate, Lane, Slot};
use crate::status::{Loop, add};
use crate::tick::{POLL, TICK};

/// What one lease statement showed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing more is due for now, or there is no slot for it.
    Enough,
    /// More may be due.
    Again,
    /// A suspect is due longest.
    Suspect,
}

/// Runs until the worker drains.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut normal_until = Instant::now();
    while !shared.draining.is_cancelled() {
        shared.status.progress(Loop::Leaser);
        tokio::select! {
            () = shared.draining.cancelled() => break,
            () = shared.pulse.noticed() => {}
            () = shared.slots.freed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
        while shared.store.is_up() && !shared.draining.is_cancelled() {
            shared.status.progress(Loop::Leaser);
            match turn(&shared).await {
                Turn::Enough => break,
                Turn::Again => {}
                Turn::Suspect if Instant::now() < normal_until => break,
                Turn::Suspect => {
                    let began = Instant::now();
                    isolate(&shared).await;
                    // At least a turn, so that a suspect whom nobody can have is not asked for without pause.
                    normal_until = Instant::now() + began.elapsed().max(TICK);
                }
            }
        }
    }
    shared.status.ended(Loop::Leaser);
}

/// One lease statement.
async fn turn(shared: &Arc<Shared>) -> Turn {
    let registry = shared.list.current();
    let mut lanes = shared.slots.wants(&registry);
    if lanes.is_empty() {
        return Turn::Enough;
    }
    let token = shared.held.expect();
    let request = request(shared, token, lanes.iter().map(|(lane, slots)| (*lane, slots.len())));
    let lease = shared.patiently(Loop::Leaser, shared.store.probe().lease(request));
    let reply = match shared.store.report(lease.await) {
        Ok(reply) => reply,
        Err(error) => {
            shared.held.give_up(token);
            tracing::debug!(%error, "no lease");
            for (lane, _) in &lanes {
                shared.slots.unanswered(*lane);
            }
            return Turn::Enough;
        }
    };
    if reply.died > 0 {
        add(
            &shared.status.counters().dead,
            usize::try_from(reply.died).unwrap_or(usize::MAX),
        );
        tracing::warn!(events = reply.died, "dead: they ended their worker's process too often");
    }
    let asked: Vec<(Lane, usize)> = lanes.iter().map(|(lane, slots)| (*lane, slots.len())).collect();
    let lost = shared
        .held
        .take(token, reply.leased.iter().map(|leased| leased.event.key));
    let mut runs = Vec::with_capacity(lost.len());
    for (leased, lost) in reply.leased.into_iter().zip(lost) {
        let Some(slot) = slot_of(shared, &mut lanes, &leased) else {
            // Not asked for: the next renewal hands it back.
            shared.held.release(leased.event.key, token);
            tracing::error!(handler = %leased.handler, "the ledger leased a row for a handler that was not asked for");
            continue;
        };
        runs.push(into_run(leased, slot, lost, false));
    }
    let mut again = false;
    for (lane, asked) in asked {
        let left = lanes
            .iter()
            .find(|(l, _)| *l == lane)
            .map_or(0, |(_, slots)| slots.len());
        shared.slots.gave(lane, asked, asked - left);
        again |= left == 0;
    }
    for run in runs {
        run::start(shared, run);
    }
    match (reply.suspect_first, again) {
        (true, _) => Turn::Suspect,
        (false, true) => Turn::Again,
        (false, false) => Turn::Enough,
    }
}

/// Lets the slots empty, runs the suspect that is due longest with nothing beside it, then opens the gate again.
async fn isolate(shared: &Arc<Shared>) {
    shared.slots.set_gate(Gate::Shut);
    let emptied = waited(shared, shared.slots.emptied()).await;
    if emptied && shared.store.is_up() {
        run_suspect(shared).await;
    }
    shared.slots.set_gate(Gate::Open);
}

async fn run_suspect(shared: &Arc<Shared>) {
    let registry = shared.list.current();
    let lanes = shared.slots.open_lanes(&registry);
    let token = shared.held.expect();
    let request = request(shared, token, lanes.into_iter().map(|lane| (lane, 1)));
    let lease = shared.patiently(Loop::Leaser, shared.store.probe().lease_suspect(request));
    let leased = match shared.store.report(lease.await) {
        Ok(Some(leased)) => leased,
        Ok(None) => return shared.held.give_up(token),
        Err(error) => {
            tracing::debug!(%error, "no lease of a suspect");
            return shared.held.give_up(token);
        }
    };
    let lost = shared.held.take(token, [leased.event.key]).remove(0);
    let Some(lane) = shared.lane(&leased.handler) else {
        return shared.held.release(leased.event.key, token);
    };
    tracing::warn!(
        key = %leased.event.key,
        correlation_id = %leased.event.correlation_id,
        crashes = leased.crashes,
        "an event that ended processes before runs alone"
    );
    let slot = shared.slots.alone(lane);
    let task = run::start(shared, into_run(leased, slot, lost, true));
    waited(shared, async {
        // A run's own panic is its outcome; the task itself does not fail.
        let _ = task.await;
    })
    .await;
}

/// Waits while showing that the loop lives. False where the worker drains first.
async fn waited(shared: &Shared, what: impl Future<Output = ()>) -> bool {
    tokio::select! {
        () = shared.alive(Loop::Leaser, what) => true,
        () = shared.draining.cancelled() => false,
    }
}

fn request(shared: &Shared, token: LeaseToken, wants: impl Iterator<Item = (Lane, usize)>) -> LeaseRequest {
    LeaseRequest {
        worker: shared.id,
        token,
        lease_time: shared.settings.lease,
        wants: wants
            .map(|(lane, n)| (shared.lanes[lane].pattern.clone(), u32::try_from(n).unwrap_or(u32::MAX)))
            .collect(),
        max_bytes: BATCH_BYTES,
    }
}

fn slot_of(shared: &Shared, lanes: &mut [(Lane, Vec<Slot>)], leased: &Leased) -> Option<Slot> {
    let lane = shared.lane(&leased.handler)?;
    lanes.iter_mut().find(|(l, _)| *l == lane)?.1.pop()
}

fn into_run(leased: Leased, slot: Slot, lost: tokio_util::sync::CancellationToken, alone: bool) -> Run {
    Run {
        event: Arc::new(leased.event),
        slot,
        token: leased.token,
        lost,
        attempt: leased.attempt,
        base: leased.base,
        alone,
    }
}
