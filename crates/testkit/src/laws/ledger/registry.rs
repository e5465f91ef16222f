//! The handler list: who joins, ties, pause, retiring, matching anew, counting.

use std::time::Duration;

use eventflow_core::{
    AttemptResult, EventState, FATAL_CRASHES, Fate, HandlerEntry, Reason, Registered, RetireOrder, Retired, Verdict,
};

use crate::build::{self, event, pattern};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

async fn retire(s: &Stage<'_>, handler: &str) -> Retired {
    let order = RetireOrder {
        handler: pattern(handler),
        lease_time: LEASE,
        actor: "test".to_owned(),
    };
    s.ledger.retire(order).await.expect("a handler is retired")
}

async fn rematch(s: &Stage<'_>) -> u64 {
    s.ledger.rematch(None, LEASE, 1000).await.expect("matched anew")
}

async fn entry(s: &Stage<'_>, handler: &str) -> HandlerEntry {
    let registry = s.registry().await;
    registry.get(&pattern(handler)).expect("it is on the list").clone()
}

/// New patterns move the version on, and known ones do not.
pub async fn only_new_patterns_move_the_version_on(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let v0 = s.version().await;
    let a = s.worker(&["b", "a.*"]).await;
    let registry = s.registry().await;
    assert_eq!(registry.version.0, v0.0 + 1);
    let names: Vec<_> = registry.handlers.iter().map(|h| h.pattern.as_str()).collect();
    assert_eq!(names, ["a.*", "b"]);
    assert_eq!(s.join(a, &["a.*"]).await.version, registry.version);
    assert_eq!(s.version().await, registry.version);
    s.worker(&["b", "c"]).await;
    assert_eq!(s.version().await.0, registry.version.0 + 1);
    s.worker(&[]).await;
    assert_eq!(s.version().await.0, registry.version.0 + 1);
}

/// A handler is carried by those of its workers that are living.
pub async fn carriers_are_the_living(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h", "i"]).await, s.worker(&["h"]).await);
    assert_eq!(entry(&s, "h").await.carriers, 2);
    assert_eq!(entry(&s, "i").await.carriers, 1);
    s.live(&[(b, &[])], &[]).await;
    assert_eq!(entry(&s, "h").await.carriers, 1);
    assert_eq!(entry(&s, "i").await.carriers, 0);
    s.renew(a, &[]).await;
    assert_eq!(entry(&s, "i").await.carriers, 1);
    s.ledger.leave(a).await.expect("it leaves");
    assert_eq!(entry(&s, "i").await.carriers, 0);
    s.join(b, &["i"]).await;
    assert_eq!((entry(&s, "h").await.carriers, entry(&s, "i").await.carriers), (0, 1));
}

/// Two patterns between which nothing decides refuse the registration, and nothing of it is written.
pub async fn a_tie_is_refused_and_not_written(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["a.*"]).await;
    let before = s.registry().await;
    for patterns in [&["c", "*.b"][..], &["c.*", "*.d", "e"]] {
        let registration = build::registration(eventflow_core::WorkerId::new(), patterns);
        let said = s.ledger.register(registration).await.expect("an answer");
        let Registered::Tie(x, y) = said else {
            panic!("{said:?}")
        };
        assert!(x.ties_with(&y), "{x} {y}");
    }
    assert_eq!(s.registry().await, before);
    assert_eq!(s.archive.workers(LEASE).await.expect("listed").len(), 1);
}

/// Pauses are rows: of one handler, of all, apart from each other; the version stays.
pub async fn pauses_of_one_and_of_all_are_apart(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["h", "i"]).await;
    let version = s.version().await;
    assert!(!s.pause(Some("unknown"), true).await);
    assert!(s.pause(Some("h"), true).await);
    assert!(s.pause(None, true).await);
    let registry = s.registry().await;
    assert_eq!((registry.version, registry.paused), (version, true));
    assert!(entry(&s, "h").await.paused);
    assert!(!entry(&s, "i").await.paused);
    assert!(s.pause(None, false).await);
    assert!(!s.registry().await.paused);
    assert!(entry(&s, "h").await.paused);
    s.worker(&["h"]).await;
    assert!(entry(&s, "h").await.paused, "who joins resumes nothing");
    assert!(s.pause(Some("h"), false).await);
    assert!(!entry(&s, "h").await.paused);
}

/// Changes by a person are audited, and what changes nothing is not.
pub async fn pause_and_retire_are_audited(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    s.pause(Some("h"), false).await;
    s.pause(None, false).await;
    s.pause(Some("unknown"), true).await;
    s.pause(Some("h"), true).await;
    s.pause(Some("h"), true).await;
    s.pause(None, true).await;
    s.pause(None, false).await;
    retire(&s, "h").await;
    s.ledger.leave(worker).await.expect("it leaves");
    retire(&s, "h").await;
    retire(&s, "h").await;
    let entries = s.archive.audit(0, 100).await.expect("read");
    let said: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry.action.as_str(),
                entry.subject.as_str(),
                entry.actor.as_str(),
                entry.job,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            ("pause", "h", "test", None),
            ("pause", "*", "test", None),
            ("resume", "*", "test", None),
            ("retire", "h", "test", None),
        ]
    );
}

/// What a living worker carries is not retired; what nobody carries goes off the list and moves the version on.
pub async fn only_what_nobody_carries_is_retired(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h", "i"]).await);
    assert_eq!(retire(&s, "unknown").await, Retired::Unknown);
    assert_eq!(retire(&s, "h").await, Retired::Carried(2));
    s.ledger.leave(a).await.expect("it leaves");
    assert_eq!(retire(&s, "h").await, Retired::Carried(1));
    s.advance(LEASE * 2).await;
    let other = s.worker(&["j"]).await;
    let version = s.version().await;
    assert_eq!(retire(&s, "h").await, Retired::Gone);
    let registry = s.registry().await;
    assert_eq!(registry.version.0, version.0 + 1);
    let names: Vec<_> = registry.handlers.iter().map(|h| h.pattern.as_str()).collect();
    assert_eq!(names, ["i", "j"]);
    assert_eq!(retire(&s, "h").await, Retired::Unknown);
    assert!(s.renew(b, &[]).await.unknown, "who carried it has to register again");
    assert!(!s.renew(other, &[]).await.unknown);
    s.join(b, &["h", "i"]).await;
    assert_eq!(s.version().await.0, version.0 + 2);
}

/// What waits for a retired handler is matched anew, or is dead with reason `no-handler`, never stored unrun.
pub async fn what_waits_for_a_retired_handler_is_matched_anew(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let old = s.worker(&["order.paid", "user"]).await;
    let (paid, token) = s.started(old, "order.paid", "1").await;
    s.end(old, paid, token, Verdict::Retry(LEASE * 20)).await;
    let user = s.due("user", "2").await;
    let (failed, token) = s.started(old, "user", "3").await;
    s.end(old, failed, token, Verdict::Retry(LEASE * 20)).await;
    assert_eq!(rematch(&s).await, 0, "they are on the list");
    s.ledger.leave(old).await.expect("it leaves");
    let new = s.worker(&["order.*"]).await;
    assert_eq!(retire(&s, "order.paid").await, Retired::Gone);
    assert_eq!(retire(&s, "user").await, Retired::Gone);
    assert_eq!(rematch(&s).await, 3);
    assert_eq!(rematch(&s).await, 0);
    let leased = s.lease_one(new, "order.*").await;
    assert_eq!(
        (leased.event.key, leased.attempt),
        (paid, 1),
        "due at once, nothing counted"
    );
    for (key, attempt) in [(user, 0), (failed, 1)] {
        let record = s.get(key).await;
        let letter = record.death.expect("a letter");
        assert_eq!((record.state, letter.reason), (EventState::Dead, Reason::NoHandler));
        assert_eq!(
            letter.message,
            "its handler `user` was retired and nothing takes `user`"
        );
        assert_eq!(
            (letter.handler, letter.attempt, letter.crashes),
            (Some(pattern("user")), attempt, 0)
        );
    }
}

/// Rows are matched anew in bounded steps.
pub async fn matching_anew_is_bounded(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let rows = (0..7).map(|i| build::row(event("h", &i.to_string(), "1"), Fate::Due(pattern("h"))));
    s.admit(rows.collect(), None).await;
    s.ledger.leave(worker).await.expect("it leaves");
    retire(&s, "h").await;
    let mut moved = Vec::new();
    for _ in 0..4 {
        moved.push(s.ledger.rematch(None, LEASE, 3).await.expect("matched"));
    }
    assert_eq!(moved, [3, 3, 1, 0]);
}

/// A running row of a retired handler ends by its lease; a lapsed one is matched only for who might take it over.
pub async fn a_running_row_of_a_retired_handler_ends_by_its_lease(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let gone = s.worker(&["h"]).await;
    let (finishes, finishes_token) = s.started(gone, "h", "1").await;
    let (lapses, _) = s.started(gone, "h", "2").await;
    let judge = s.mature_worker(&["*"]).await;
    let (runs, _) = s.started(judge, "h", "3").await;
    let newcomer = s.worker(&["*"]).await;
    assert_eq!(retire(&s, "h").await, Retired::Gone);
    assert_eq!(
        s.end(gone, finishes, finishes_token, Verdict::Done).await,
        eventflow_core::Recorded::Counted
    );
    assert_eq!(rematch(&s).await, 0, "nobody asks who may judge");
    let by = async |worker| s.ledger.rematch(Some(worker), LEASE, 100).await.expect("matched");
    assert_eq!(by(newcomer).await, 0);
    assert_eq!(by(judge).await, 1);
    s.expect(runs, EventState::Running).await;
    let record = s.get(lapses).await;
    let work = record.work.expect("it waits");
    assert_eq!((record.state, work.handler), (EventState::Due, pattern("*")));
    assert_eq!((work.attempt, work.crashes, work.worker), (0, 1, None));
    let crash = &record.attempts[0];
    assert_eq!(
        (record.attempts.len(), crash.result, crash.worker),
        (1, AttemptResult::Crashed, gone)
    );
}

/// A lapsed row of a retired handler that has crashed too often is dead for that reason.
pub async fn a_fatal_lapse_of_a_retired_handler_is_a_crash(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let key = s.due("h", "1").await;
    let last = s.crashed(worker, "h", FATAL_CRASHES - 1).await;
    let judge = s.worker(&["i"]).await;
    s.live(&[(judge, &[]), (worker, &[])], &[last.token]).await;
    // Off the list, but not by leaving, which would hand its row back.
    s.join(worker, &["i"]).await;
    assert_eq!(retire(&s, "h").await, Retired::Gone);
    assert_eq!(s.ledger.rematch(Some(judge), LEASE, 10).await.expect("matched"), 1);
    let record = s.get(key).await;
    let letter = record.death.expect("a letter");
    assert_eq!(
        (record.state, letter.reason, letter.crashes),
        (EventState::Dead, Reason::Crashed, FATAL_CRASHES)
    );
}

/// Unfinished rows are counted by handler, once for all who ask within the interval.
pub async fn unfinished_rows_are_counted_for_all(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i"]).await;
    s.due("h", "1").await;
    let oldest = s.get(s.due("i", "2").await).await.work.expect("it waits").due_at;
    s.advance(LEASE / 4).await;
    s.due("i", "3").await;
    s.started(worker, "i", "4").await;
    let h = entry(&s, "h").await;
    assert_eq!((h.due, h.running, h.oldest_due, h.counted_at), (0, 0, None, None));
    assert!(s.ledger.count(LEASE).await.expect("counted"));
    let i = entry(&s, "i").await;
    assert_eq!((i.due, i.running, i.oldest_due), (2, 1, Some(oldest)));
    assert_eq!(entry(&s, "h").await.due, 1);
    assert_eq!(s.registry().await.unfinished(), 4);
    s.lease(worker, &["h", "i"]).await;
    assert!(!s.ledger.count(LEASE).await.expect("asked"), "somebody counted");
    assert_eq!(entry(&s, "i").await, i);
    s.advance(LEASE * 2).await;
    assert!(s.ledger.count(LEASE).await.expect("counted"));
    let again = entry(&s, "i").await;
    assert_eq!((again.due, again.running, again.oldest_due), (0, 3, None));
    assert!(again.counted_at > i.counted_at);
    assert!(s.ledger.count(Duration::ZERO).await.expect("counted"));
}

/// A deploy that brings a new handler: nothing admitted by the new list is merely stored.
pub async fn a_type_that_any_worker_handles_is_never_merely_stored(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["a"]).await;
    let old = s.version().await;
    let new = s.worker(&["b"]).await;
    let event = event("b", "1", "1").shared();
    let by_the_old = build::admission(old, vec![build::row(event.clone(), Fate::Done)], None);
    let said = s.ledger.admit(by_the_old).await.expect("an answer");
    assert_eq!(said, eventflow_core::AdmitReply::StaleRegistry);
    let handler = s.registry().await.handler_of("b").cloned().expect("b is handled");
    s.admit_one(event.clone(), Fate::Due(handler)).await;
    assert_eq!(s.lease_one(new, "b").await.event.key, event.key);
}
