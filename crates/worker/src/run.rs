//! Runs one leased event to its outcome: time-out, panic, lost lease and the end of the grace time included.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{
    Clock as _, Death, Event, Finished, LONGEST_WAIT, LeaseToken, Reason, RetryPolicy, SystemClock, Verdict,
};
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::handler::{Context, Outcome};
use crate::record::Ended;
use crate::settings::ERROR_BYTES;
use crate::shared::Shared;
use crate::slots::{Lane, Slot};
use crate::status::add;

/// An event that this worker may run, with all it needs for it.
pub(crate) struct Run {
    pub(crate) event: Arc<Event>,
    pub(crate) slot: Slot,
    pub(crate) token: LeaseToken,
    pub(crate) lost: CancellationToken,
    pub(crate) attempt: u32,
    pub(crate) base: u32,
    /// It has its process to itself.
    pub(crate) alone: bool,
}

/// How a run ended.
enum End {
    Outcome(Outcome),
    /// It took longer than this.
    TimedOut(Duration),
    /// Through no fault of the event: it is due again.
    HandBack,
    /// The lease is another's.
    Lost,
}

/// Starts the run in a task of its own.
pub(crate) fn start(shared: &Arc<Shared>, mut run: Run) -> tokio::task::JoinHandle<()> {
    run.slot = run.slot.occupied();
    let span = tracing::info_span!(
        "run",
        key = %run.event.key,
        event_type = %eventflow_core::sanitize(&run.event.event_type),
        correlation_id = %run.event.correlation_id,
        attempt = run.attempt.saturating_add(1),
    );
    let tasks = shared.runs.clone();
    let shared = Arc::clone(shared);
    tasks.spawn(async move { execute(&shared, run).await }.instrument(span))
}

async fn execute(shared: &Shared, run: Run) {
    let lane = &shared.lanes[run.slot.lane];
    let policy = lane.options.retry.unwrap_or(shared.settings.retry);
    let started_at = SystemClock.now();
    let started = Instant::now();
    let end = attempt(shared, &run, policy).await;
    let (verdict, error) = match end {
        End::Lost => {
            tracing::warn!("the lease is another's; the run ends and counts nothing");
            shared.held.release(run.event.key, run.token);
            return;
        }
        End::HandBack => {
            add(&shared.status.counters().handed_back, 1);
            (Verdict::HandBack, None)
        }
        End::Outcome(outcome) => {
            let answered = !matches!(outcome, Outcome::Unavailable { .. });
            if answered && shared.slots.is_available(run.slot.lane) {
                tracing::info!(handler = %lane.pattern, "what the handler depends on is back");
            }
            judge(shared, &run, policy, outcome)
        }
        // Says nothing of what the handler depends on, which may be what it waited for.
        End::TimedOut(after) => judge(
            shared,
            &run,
            policy,
            Outcome::retry(format_args!("ran out of time after {after:?}")),
        ),
    };
    let ended = Ended {
        finished: Finished {
            key: run.event.key,
            lease: run.token,
            verdict,
            worker: shared.id,
            started_at,
            duration: started.elapsed(),
            error,
            alone: run.alone,
        },
        lane: run.slot.lane,
    };
    // The recorder outlives every run, so that this fails only when the process is being torn down.
    let _ = shared.outcomes.send(ended).await;
    drop(run.slot);
}

async fn attempt(shared: &Shared, run: &Run, policy: RetryPolicy) -> End {
    let lane = &shared.lanes[run.slot.lane];
    let timeout = lane.options.timeout.unwrap_or(shared.settings.handler_timeout);
    let context = Context {
        attempt: run.attempt.saturating_add(1),
        last_attempt: run.base.saturating_add(policy.attempts.max(1)),
        worker: shared.settings.name.clone(),
        cancelled: CancellationToken::new(),
    };
    let _cancel = context.cancelled.clone().drop_guard();
    // All of it is inside: a handler may also panic before its future exists, or as that is dropped.
    let attempt = async {
        tokio::select! {
            biased;
            outcome = lane.handler.handle(&run.event, &context) => End::Outcome(outcome),
            () = run.lost.cancelled() => End::Lost,
            () = shared.overdue.cancelled() => End::HandBack,
            () = tokio::time::sleep(timeout) => End::TimedOut(timeout),
        }
    };
    let end = AssertUnwindSafe(attempt).catch_unwind().await;
    end.unwrap_or_else(|panic| End::Outcome(Outcome::retry(panic_message(panic.as_ref()))))
}

/// What the handler depends on is away.
fn away(shared: &Shared, lane: Lane, error: String, after: Option<Duration>) -> (Verdict, Option<String>) {
    add(&shared.status.counters().unavailable, 1);
    let error = bounded(error);
    if shared.slots.is_unavailable(lane, after) {
        tracing::warn!(handler = %shared.lanes[lane].pattern, error, "what the handler depends on is away; its events wait");
    }
    let wait = after.unwrap_or(UNAVAILABLE_WAIT).min(LONGEST_WAIT);
    (Verdict::Unavailable(wait), Some(error))
}

fn judge(shared: &Shared, run: &Run, policy: RetryPolicy, outcome: Outcome) -> (Verdict, Option<String>) {
    let counters = shared.status.counters();
    let failed = run.attempt.saturating_add(1);
    match outcome {
        Outcome::Unavailable { error, after } => away(shared, run.slot.lane, error, after),
        Outcome::Done => {
            add(&counters.done, 1);
            tracing::debug!("done");
            (Verdict::Done, None)
        }
        Outcome::Dead { error } => {
            add(&counters.dead, 1);
            let error = bounded(error);
            tracing::warn!(error, "dead: it can never succeed");
            (Verdict::Dead(Death::new(Reason::Permanent, error.clone())), Some(error))
        }
        Outcome::Retry { error, .. } if policy.is_spent(failed, run.base) => {
            add(&counters.dead, 1);
            let error = bounded(error);
            tracing::warn!(error, "dead: its attempts are spent");
            (
                Verdict::Dead(Death::new(Reason::AttemptsSpent, error.clone())),
                Some(error),
            )
        }
        Outcome::Retry { error, after } => {
            add(&counters.retried, 1);
            let wait = policy.wait(failed.saturating_sub(run.base), after, fastrand::f64());
            let error = bounded(error);
            tracing::info!(error, wait_ms = wait.as_millis(), "failed; it will be tried again");
            (Verdict::Retry(wait), Some(error))
        }
    }
}

/// How long the row that found the dependency away waits itself; the others wait for the breaker.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(1);

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.map_or_else(|| "panicked".to_owned(), |text| format!("panicked: {text}"))
}

/// An error text that every store takes: no NUL, and not endless.
fn bounded(mut error: String) -> String {
    if error.contains('\0') {
        error = error.replace('\0', "\u{fffd}");
    }
    if error.len() > ERROR_BYTES {
        let end = (0..=ERROR_BYTES)
            .rev()
            .find(|i| error.is_char_boundary(*i))
            .unwrap_or(0);
        error.truncate(end);
        error.push('…');
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_text_is_one_that_every_store_takes() {
        assert_eq!(bounded("a\0b".into()), "a\u{fffd}b");
        let long = bounded("ü".repeat(ERROR_BYTES));
        assert!(long.len() <= ERROR_BYTES + 3 && long.ends_with("ü…"));
    }
}
