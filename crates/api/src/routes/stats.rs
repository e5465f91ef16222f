//! `/stats`: what this process knows now. What is not known is absent.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::extract::State;
use eventflow_core::{Registry, WorkerEntry};
use eventflow_wire::{
    BackendView, BacklogStats, FindingView, HandlerView, IntakeStats, LedgerStats, LetterStats, PartitionView, Problem,
    QueueStats, Stats, WorkerStats,
};
use tokio::time::Instant;

use crate::inspect::Condition;
use crate::shared::Shared;
use crate::watch::Sight;

/// Numbers of this process and of what it sees.
#[utoipa::path(
    get, path = "/stats", tag = "operation",
    responses(
        (status = 200, body = Stats),
        (status = "default", description = "Not answered", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn stats(State(shared): State<Arc<Shared>>) -> Json<Stats> {
    let (letters, workers) = tokio::join!(
        shared.answer("counting dead letters", shared.archive.letter_counts()),
        shared.answer("listing workers", shared.archive.workers(shared.settings.lease)),
    );
    let now = Instant::now();
    let sight = shared.watch.sight();
    let registry = sight.registry.last.as_ref().map(|(registry, _)| Arc::clone(registry));
    let conditions = shared.inspector.conditions();
    Json(Stats {
        version: shared.settings.version.clone(),
        at: shared.clock.now(),
        uptime_s: now.saturating_duration_since(shared.started).as_secs_f64(),
        durability: shared.settings.durability,
        intake: intake(&shared, now),
        backlog: BacklogStats {
            events: sight.waiting(),
            cap: shared.settings.backlog_cap,
            estimate: true,
        },
        queue: shared.queue.is_some().then(|| QueueStats {
            bypassed: shared.intake.bypasses_queue(),
            ..queue(&sight, now)
        }),
        ledger: ledger(&sight, now),
        letters: letters.ok().map(|(dead, discarded)| LetterStats { dead, discarded }),
        workers: workers.ok().map(|workers| count(&workers)),
        paused: registry.as_ref().map(|registry| registry.paused),
        handlers: registry.map(handlers).unwrap_or_default(),
        backends: conditions
            .into_iter()
            .map(|condition| backend(&shared, condition, now))
            .collect(),
    })
}

fn intake(shared: &Shared, now: Instant) -> IntakeStats {
    let counters = &shared.counters;
    let accepted = counters.accepted.load(Relaxed);
    IntakeStats {
        accepted,
        direct: counters.direct.load(Relaxed),
        duplicates: counters.duplicates.load(Relaxed),
        rejected: counters.rejected(),
        in_flight: counters.in_flight(),
        accepted_per_s: shared.rate.per_second(now, accepted),
    }
}

fn queue(sight: &Sight, now: Instant) -> QueueStats {
    let last = sight.depth.last.as_ref();
    QueueStats {
        partitions: last.map(|(depth, _)| depth.iter().copied().map(PartitionView::from).collect()),
        age_s: last.map(|(_, at)| age(now, *at)),
        bypassed: false,
    }
}

fn ledger(sight: &Sight, now: Instant) -> LedgerStats {
    let last = sight.registry.last.as_ref();
    let counted = last.filter(|(registry, _)| registry.handlers.iter().all(|h| h.counted_at.is_some()));
    let sum = |of: fn(&eventflow_core::HandlerEntry) -> u64| {
        counted.map(|(registry, _)| registry.handlers.iter().map(of).sum())
    };
    LedgerStats {
        due: sum(|h| h.due),
        running: sum(|h| h.running),
        counted_at: counted.and_then(|(registry, _)| registry.handlers.iter().filter_map(|h| h.counted_at).min()),
        age_s: last.map(|(_, at)| age(now, *at)),
        estimate: true,
    }
}

fn handlers(registry: Arc<Registry>) -> Vec<HandlerView> {
    let handlers = Arc::unwrap_or_clone(registry).handlers;
    handlers.into_iter().map(HandlerView::from).collect()
}

fn count(workers: &[WorkerEntry]) -> WorkerStats {
    let living = workers.iter().filter(|worker| worker.living).count();
    WorkerStats {
        living: living as u64,
        gone: (workers.len() - living) as u64,
    }
}

pub(super) fn backend(shared: &Shared, condition: Condition, now: Instant) -> BackendView {
    let reachable = condition.reachable();
    let (inspection, at) = condition.answer.unzip();
    BackendView {
        name: condition.name.to_owned(),
        reachable,
        level_asked: shared.settings.durability,
        level_in_force: inspection.as_ref().and_then(|i| i.level),
        assumed: condition.assumed,
        round_trip_us: inspection.as_ref().map(|i| i.round_trip_us),
        version: inspection.as_ref().map(|i| i.version.clone()),
        age_s: at.map(|at| age(now, at)),
        error: condition
            .error
            .map(|error| eventflow_core::sanitize(&error).into_owned()),
        facts: inspection
            .as_ref()
            .map(|i| i.facts.iter().cloned().collect())
            .unwrap_or_default(),
        findings: inspection
            .map(|i| i.findings)
            .unwrap_or_default()
            .into_iter()
            .map(FindingView::from)
            .collect(),
    }
}

fn age(now: Instant, at: Instant) -> f64 {
    now.saturating_duration_since(at).as_secs_f64()
}
