//! Law 6: an event enters and leaves `dead` in the statement that says so, audited, and a job is done once.

use std::time::Duration;

use eventflow_core::{
    AuditEntry, Death, EventKey, EventState, Fate, LetterAction, LetterFilter, Page, Reason, Refusal, RetireOrder,
    Retired, Verdict,
};
use uuid::Uuid;

use crate::build::{self, event};
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

async fn audit(s: &Stage<'_>) -> Vec<AuditEntry> {
    s.archive.audit(0, 1000).await.expect("the audit is read")
}

/// After a requeue the numbers go on, and the budget starts anew.
pub async fn after_a_requeue_the_numbers_go_on(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.end(worker, key, token, Verdict::Retry(Duration::ZERO)).await;
    let leased = s.lease_one(worker, "h").await;
    s.record(build::outcome(worker, &leased, Verdict::Dead(build::permanent("x"))))
        .await;
    s.advance(LEASE).await;
    s.change(LetterAction::Requeue, &[key]).await;
    let leased = s.lease_one(worker, "h").await;
    assert_eq!((leased.attempt, leased.base, leased.crashes), (2, 2, 0));
    s.record(build::outcome(worker, &leased, Verdict::Dead(build::permanent("y"))))
        .await;
    let record = s.get(key).await;
    let letter = record.death.expect("a letter");
    assert_eq!((letter.attempt, letter.requeues, letter.message.as_str()), (3, 1, "y"));
    let numbers: Vec<_> = record.attempts.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    s.change(LetterAction::Requeue, &[key]).await;
    let leased = s.lease_one(worker, "h").await;
    assert_eq!((leased.attempt, leased.base), (3, 3));
    s.record(build::outcome(worker, &leased, Verdict::Dead(build::permanent("z"))))
        .await;
    assert_eq!(s.get(key).await.death.expect("a letter").requeues, 2);
}

/// Three requeues of one letter run it once.
pub async fn three_requeues_run_it_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    assert_eq!(s.change(LetterAction::Requeue, &[key]).await.applied, 1);
    for _ in 0..2 {
        let job = s.change(LetterAction::Requeue, &[key]).await;
        assert_eq!((job.applied, job.refused), (0, vec![(key, Refusal::NotDead)]));
    }
    let leased = s.lease_one(worker, "h").await;
    s.record(build::outcome(worker, &leased, Verdict::Done)).await;
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    s.expect(key, EventState::Done).await;
}

/// A job's name makes it safe to repeat: again, nothing changes and the same is told, whatever has happened since.
pub async fn a_job_is_done_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    let unknown = event("h", "unknown", "1").build().key;
    let order = build::letter_order(LetterAction::Requeue, &[key, unknown]);
    let job = s.archive.change_letters(order.clone()).await.expect("done");
    assert_eq!(
        (job.id, job.action, job.actor.as_str()),
        (order.job, LetterAction::Requeue, "test")
    );
    assert_eq!((job.applied, job.stored), (1, 0));
    assert_eq!(job.refused, [(unknown, Refusal::Unknown)]);
    let leased = s.lease_one(worker, "h").await;
    s.record(build::outcome(
        worker,
        &leased,
        Verdict::Dead(build::permanent("again")),
    ))
    .await;
    let before = (s.get(key).await, audit(&s).await);
    assert_eq!(s.archive.change_letters(order.clone()).await.expect("done"), job);
    assert_eq!((s.get(key).await, audit(&s).await), before);
    assert_eq!(s.archive.job(order.job).await.expect("found"), Some(job));
    assert_eq!(s.archive.job(Uuid::now_v7()).await.expect("looked up"), None);
}

/// A key that an order names twice counts once; refusals come by key.
pub async fn a_key_named_twice_counts_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    let mut unknown: Vec<EventKey> = (0..5)
        .map(|i| event("h", &format!("unknown {i}"), "1").build().key)
        .collect();
    unknown.sort_unstable();
    unknown.reverse();
    let mut keys = vec![key];
    keys.extend(&unknown);
    keys.extend([key, unknown[0]]);
    let job = s.change(LetterAction::Discard, &keys).await;
    unknown.reverse();
    assert_eq!(job.applied, 1);
    assert_eq!(
        job.refused,
        unknown.iter().map(|key| (*key, Refusal::Unknown)).collect::<Vec<_>>()
    );
    let none = s.change(LetterAction::Discard, &[]).await;
    assert_eq!((none.applied, none.refused), (0, vec![]));
}

/// Every letter that changes has its audit row, and what is refused has none.
pub async fn every_changed_letter_is_audited(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let mut keys = [s.dead(worker, "h", "1").await, s.dead(worker, "h", "2").await];
    keys.sort_unstable();
    let alive = s.due("h", "3").await;
    let mut seen = Vec::new();
    for action in [LetterAction::Discard, LetterAction::Restore, LetterAction::Requeue] {
        let after = seen.last().map_or(0, |entry: &AuditEntry| entry.seq);
        let job = s.change(action, &[keys[0], keys[1], alive]).await;
        let entries = s.archive.audit(after, 100).await.expect("read");
        let mut subjects: Vec<_> = entries.iter().map(|entry| entry.subject.clone()).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, keys.iter().map(EventKey::to_string).collect::<Vec<_>>());
        for entry in &entries {
            assert_eq!((entry.action.as_str(), entry.actor.as_str()), (action.as_str(), "test"));
            assert_eq!((entry.job, entry.at), (Some(job.id), job.at));
        }
        seen.extend(entries);
    }
    assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
    assert_eq!(audit(&s).await, seen);
    assert_eq!(s.archive.audit(0, 2).await.expect("read"), seen[..2]);
}

/// A requeue matches the type anew: another handler may take it now.
pub async fn a_requeue_matches_the_type_anew(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["order.*"]).await;
    let event = event("order.paid", "1", "1").shared();
    s.admit_one(event.clone(), Fate::Due(build::pattern("order.*"))).await;
    let leased = s.lease_one(worker, "order.*").await;
    s.record(build::outcome(worker, &leased, Verdict::Dead(build::permanent("x"))))
        .await;
    let better = s.worker(&["order.paid"]).await;
    s.change(LetterAction::Requeue, &[event.key]).await;
    assert!(s.lease(worker, &["order.*"]).await.leased.is_empty());
    assert_eq!(s.lease_one(better, "order.paid").await.event.key, event.key);
}

/// What had a handler once stays dead while nothing takes its type; what died at its admission is done then.
pub async fn without_a_handler_a_requeue_never_stores_what_had_one(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let had_one = s.dead(worker, "h", "1").await;
    let at_admission = event("h", "2", "").binary(b"\xff").shared();
    let death = Death::new(Reason::Unstorable, "the store refuses it");
    s.admit_one(at_admission.clone(), Fate::Dead(death.clone())).await;
    let with_handler = event("i", "3", "").binary(b"\xff").shared();
    s.admit_one(with_handler.clone(), Fate::Dead(death)).await;
    s.ledger.leave(worker).await.expect("it leaves");
    s.worker(&["i"]).await;
    let order = RetireOrder {
        handler: build::pattern("h"),
        lease_time: LEASE,
        actor: "test".to_owned(),
    };
    assert_eq!(s.ledger.retire(order).await.expect("retired"), Retired::Gone);
    let job = s
        .change(LetterAction::Requeue, &[had_one, at_admission.key, with_handler.key])
        .await;
    assert_eq!((job.applied, job.stored), (2, 1));
    assert_eq!(job.refused, [(had_one, Refusal::NoHandler)]);
    s.expect(had_one, EventState::Dead).await;
    s.expect(at_admission.key, EventState::Done).await;
    s.expect(with_handler.key, EventState::Due).await;
    assert_eq!(s.get(at_admission.key).await.death, None);
    assert_eq!(s.archive.letter_counts().await.expect("counted"), (1, 0));
}

/// Letters are listed by what they are, in key order, page by page; counts are of the dead and of the discarded.
pub async fn letters_are_listed_by_filter_and_page(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h", "i"]).await;
    let mut of_h = Vec::new();
    for i in 0..5 {
        of_h.push(s.dead(worker, "h", &i.to_string()).await);
    }
    let before = s.now().await;
    s.advance(LEASE).await;
    let of_i = s.dead(worker, "i", "i").await;
    let discarded = s.dead(worker, "i", "d").await;
    s.change(LetterAction::Discard, &[discarded]).await;
    assert_eq!(s.archive.letter_counts().await.expect("counted"), (6, 1));
    of_h.sort_unstable();
    let page = |after, limit| Page {
        after,
        limit,
        with_data: false,
        with_runs: false,
    };
    let list = async |filter: LetterFilter, page| -> Vec<EventKey> {
        let letters = s.archive.letters(&filter, page).await.expect("listed");
        letters.iter().map(|letter| letter.event.key).collect()
    };
    let by_type = |t: &str| LetterFilter {
        event_type: Some(t.to_owned()),
        ..LetterFilter::default()
    };
    assert_eq!(list(by_type("h"), page(None, 3)).await, of_h[..3]);
    assert_eq!(list(by_type("h"), page(Some(of_h[2]), 3)).await, of_h[3..]);
    assert_eq!(list(by_type("i"), page(None, 10)).await, [of_i]);
    let gone = LetterFilter {
        discarded: true,
        ..LetterFilter::default()
    };
    assert_eq!(list(gone, page(None, 10)).await, [discarded]);
    let recent = LetterFilter {
        from: Some(before.plus(LEASE / 2)),
        ..LetterFilter::default()
    };
    assert_eq!(list(recent.clone(), page(None, 10)).await, [of_i]);
    let old = LetterFilter {
        until: recent.from,
        ..LetterFilter::default()
    };
    assert_eq!(list(old, page(None, 10)).await, of_h);
    let cause = s.get(of_i).await.death.expect("a letter").cause;
    let of_cause = LetterFilter {
        cause: Some(cause),
        reason: Some(Reason::Permanent),
        source: Some("/".to_owned()),
        ..LetterFilter::default()
    };
    assert_eq!(list(of_cause.clone(), page(None, 10)).await.len(), 6);
    for nothing in [
        LetterFilter {
            reason: Some(Reason::Crashed),
            ..of_cause.clone()
        },
        LetterFilter {
            source: Some("x".to_owned()),
            ..of_cause.clone()
        },
        LetterFilter {
            cause: Some("0".repeat(16)),
            ..of_cause
        },
    ] {
        assert!(list(nothing, page(None, 10)).await.is_empty());
    }
}
