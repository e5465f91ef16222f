//! Laws 2 and 5: an outcome counts only under its lease, and is counted once.

use std::time::Duration;

use eventflow_core::{AttemptResult, EventState, LeaseToken, Recorded, Verdict};

use crate::build;
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

const WAIT: Duration = Duration::from_hours(2);

/// Done is final, and has its row of history.
pub async fn done_is_counted_and_final(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    assert_eq!(s.end(worker, key, token, Verdict::Done).await, Recorded::Counted);
    let record = s.get(key).await;
    assert_eq!((record.state, record.work), (EventState::Done, None));
    assert_eq!(record.attempts.len(), 1);
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.number, attempt.result, attempt.worker),
        (1, AttemptResult::Done, worker)
    );
    assert_eq!(
        (attempt.duration, &attempt.error),
        (Some(Duration::from_millis(5)), &None)
    );
    assert!(attempt.ended_at >= record.admitted_at);
}

/// A failed attempt is counted by the statement that ends its lease, and the row waits.
pub async fn a_failed_attempt_is_counted_once(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    let before = s.now().await;
    assert_eq!(s.end(worker, key, token, Verdict::Retry(WAIT)).await, Recorded::Counted);
    let after = s.now().await;
    assert_eq!(s.end(worker, key, token, Verdict::Retry(WAIT)).await, Recorded::Stale);
    let record = s.get(key).await;
    let work = record.work.expect("it waits");
    assert_eq!(
        (record.state, work.worker, work.attempt, work.base),
        (EventState::Due, None, 1, 0)
    );
    assert!(work.due_at >= before.plus(WAIT) && work.due_at <= after.plus(WAIT));
    assert_eq!(record.attempts.len(), 1);
    let attempt = &record.attempts[0];
    assert_eq!((attempt.number, attempt.result), (1, AttemptResult::Failed));
    assert_eq!(attempt.error.as_deref(), Some("it failed"));
    s.advance(WAIT * 2).await;
    assert_eq!(s.lease_one(worker, "h").await.attempt, 1);
}

/// Dead is dead, with its letter.
pub async fn a_death_is_counted_and_has_its_letter(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.end(worker, key, token, Verdict::Retry(Duration::ZERO)).await;
    let again = s.lease_one(worker, "h").await;
    let death = build::permanent("no such order 17");
    assert_eq!(
        s.end(worker, key, again.token, Verdict::Dead(death.clone())).await,
        Recorded::Counted
    );
    let record = s.get(key).await;
    assert_eq!((record.state, record.work), (EventState::Dead, None));
    let letter = record.death.expect("a letter");
    assert_eq!(
        (letter.reason, &letter.message, letter.cause),
        (death.reason, &death.message, death.cause())
    );
    assert_eq!((letter.attempt, letter.crashes, letter.requeues), (2, 0, 0));
    assert_eq!(letter.handler, Some(build::pattern("h")));
    let numbers: Vec<_> = record.attempts.iter().map(|a| (a.number, a.result)).collect();
    assert_eq!(numbers, [(1, AttemptResult::Failed), (2, AttemptResult::Failed)]);
    assert_eq!(letter.died_at, record.attempts[1].ended_at);
}

/// An unavailable dependency costs nothing but time.
pub async fn unavailable_counts_nothing(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    assert_eq!(
        s.end(worker, key, token, Verdict::Unavailable(WAIT)).await,
        Recorded::Counted
    );
    let record = s.get(key).await;
    let work = record.work.expect("it waits");
    assert_eq!(
        (record.state, work.attempt, work.crashes, work.worker),
        (EventState::Due, 0, 0, None)
    );
    assert!(record.attempts.is_empty());
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    s.advance(WAIT * 2).await;
    assert_eq!(s.lease_one(worker, "h").await.attempt, 0);
}

/// What is handed back is due at once, nothing counted.
pub async fn a_hand_back_counts_nothing(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    assert_eq!(s.end(worker, key, token, Verdict::HandBack).await, Recorded::Counted);
    let record = s.get(key).await;
    let work = record.work.expect("it waits");
    assert_eq!(
        (record.state, work.attempt, work.crashes, work.worker),
        (EventState::Due, 0, 0, None)
    );
    assert!(record.attempts.is_empty());
    assert_eq!(s.lease_one(worker, "h").await.attempt, 0);
}

/// An outcome under another lease, or under none, is stale and changes nothing.
pub async fn an_outcome_without_its_lease_is_stale(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (running, _) = s.started(worker, "h", "running").await;
    let due = s.due("h", "due").await;
    let done = s.stored("done").await;
    let dead = s.dead(worker, "h", "dead").await;
    let verdicts = [
        Verdict::Done,
        Verdict::Retry(WAIT),
        Verdict::Dead(build::permanent("x")),
        Verdict::Unavailable(WAIT),
        Verdict::HandBack,
    ];
    for key in [running, due, done, dead] {
        let before = s.get(key).await;
        for verdict in verdicts.clone() {
            let mut finished = build::finished(worker, key, LeaseToken::new(), verdict);
            finished.alone = true;
            assert_eq!(s.record(finished).await, Recorded::Stale);
        }
        assert_eq!(s.get(key).await, before);
    }
    let nowhere = build::event("h", "nowhere", "{}").build().key;
    assert_eq!(
        s.end(worker, nowhere, LeaseToken::new(), Verdict::Done).await,
        Recorded::Stale
    );
}

/// A zombie's outcome is stale once its row was taken over, and the row's own outcome counts.
pub async fn a_zombies_outcome_changes_nothing(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    let (key, old) = s.started(a, "h", "1").await;
    s.live(&[(b, &[])], &[]).await;
    let taken = s.lease_one(b, "h").await;
    let before = s.get(key).await;
    assert_eq!(
        s.end(a, key, old, Verdict::Dead(build::permanent("x"))).await,
        Recorded::Stale
    );
    assert_eq!(s.get(key).await, before);
    assert_eq!(s.end(b, key, taken.token, Verdict::Done).await, Recorded::Counted);
    assert_eq!(s.end(a, key, old, Verdict::Retry(WAIT)).await, Recorded::Stale);
    s.expect(key, EventState::Done).await;
}

/// An outcome under a lapsed lease counts as long as nobody has taken the row over.
pub async fn a_lapsed_lease_that_nobody_took_still_counts(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.advance(LEASE * 3).await;
    assert_eq!(s.end(worker, key, token, Verdict::Done).await, Recorded::Counted);
    let record = s.get(key).await;
    assert_eq!(record.state, EventState::Done);
    assert_eq!(record.attempts.len(), 1, "no crash is counted");
}

/// A batch records each outcome for itself, in its place.
pub async fn a_batch_of_outcomes_is_aligned(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let mut finished = Vec::new();
    let mut wanted = Vec::new();
    for i in 0..24 {
        let (key, token) = s.started(worker, "h", &i.to_string()).await;
        let (verdict, state) = match i % 5 {
            0 => (Verdict::Done, EventState::Done),
            1 => (Verdict::Retry(WAIT), EventState::Due),
            2 => (Verdict::Dead(build::permanent("x")), EventState::Dead),
            3 => (Verdict::Unavailable(WAIT), EventState::Due),
            _ => (Verdict::HandBack, EventState::Due),
        };
        let forged = i % 4 == 3;
        let token = if forged { LeaseToken::new() } else { token };
        finished.push(build::finished(worker, key, token, verdict));
        wanted.push(if forged {
            (key, Recorded::Stale, EventState::Running)
        } else {
            (key, Recorded::Counted, state)
        });
    }
    let said = s.ledger.record(finished).await.expect("recorded");
    for ((key, recorded, state), said) in wanted.into_iter().zip(said) {
        assert_eq!(said, recorded);
        s.expect(key, state).await;
    }
    assert!(s.ledger.record(Vec::new()).await.expect("recorded").is_empty());
}

/// Recording is safe to repeat: the same statement again is stale and counts nothing.
pub async fn recording_is_safe_to_repeat(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    for (id, verdict) in [
        ("1", Verdict::Done),
        ("2", Verdict::Retry(WAIT)),
        ("3", Verdict::Dead(build::permanent("x"))),
        ("4", Verdict::Unavailable(WAIT)),
        ("5", Verdict::HandBack),
    ] {
        let (key, token) = s.started(worker, "h", id).await;
        assert_eq!(s.end(worker, key, token, verdict.clone()).await, Recorded::Counted);
        let once = s.get(key).await;
        assert_eq!(s.end(worker, key, token, verdict).await, Recorded::Stale);
        assert_eq!(s.get(key).await, once);
    }
}

/// Of two outcomes of one key in one batch the lease decides, not their order: a zombie's does not shadow the current one's.
pub async fn a_zombies_outcome_beside_the_current_one_does_no_harm(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    let mut batch = Vec::new();
    let mut wanted = Vec::new();
    let mut keys = Vec::new();
    for (id, zombie_first) in [("1", true), ("2", false)] {
        let (key, old) = s.started(a, "h", id).await;
        s.live(&[(b, &keys)], &[]).await;
        let taken = s.lease_one(b, "h").await;
        let zombie = build::finished(a, key, old, Verdict::Retry(WAIT));
        let current = build::outcome(b, &taken, Verdict::Done);
        let (both, said) = if zombie_first {
            ([zombie, current], [Recorded::Stale, Recorded::Counted])
        } else {
            ([current, zombie], [Recorded::Counted, Recorded::Stale])
        };
        batch.extend(both);
        wanted.extend(said);
        keys.push((key, taken.token));
    }
    assert_eq!(s.ledger.record(batch).await.expect("recorded"), wanted);
    for (key, _) in keys {
        let record = s.get(key).await;
        assert_eq!(record.state, EventState::Done);
        assert_eq!(record.attempts.last().map(|attempt| attempt.worker), Some(b));
    }
}
