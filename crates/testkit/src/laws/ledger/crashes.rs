//! Law 5, crashes: a lapse counts a crash and no attempt, suspects run alone, and at seven an event is dead.

use std::time::Duration;

use eventflow_core::{
    AttemptResult, EventState, FATAL_CRASHES, LetterAction, Reason, Recorded, SUSPECT_CRASHES, Verdict,
};

use crate::build;
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// A lapsed lease counts a crash, not an attempt, in the statement that takes the row over.
pub async fn a_lapse_counts_a_crash_and_no_attempt(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let (a, b) = (s.worker(&["h"]).await, s.worker(&["h"]).await);
    let (key, _) = s.started(a, "h", "1").await;
    s.live(&[(b, &[])], &[]).await;
    assert!(
        s.get(key).await.attempts.is_empty(),
        "nothing is counted before somebody takes it over"
    );
    let taken = s.lease_one(b, "h").await;
    assert_eq!((taken.attempt, taken.crashes), (0, 1));
    let attempts = s.get(key).await.attempts;
    assert_eq!(attempts.len(), 1);
    let crash = &attempts[0];
    assert_eq!(
        (crash.number, crash.result, crash.worker),
        (1, AttemptResult::Crashed, a)
    );
    assert_eq!(
        (crash.duration, crash.error.as_deref()),
        (None, Some("the worker's lease lapsed"))
    );
    s.end(b, key, taken.token, Verdict::Done).await;
    let numbers: Vec<_> = s.get(key).await.attempts.iter().map(|a| (a.number, a.result)).collect();
    assert_eq!(numbers, [(1, AttemptResult::Crashed), (1, AttemptResult::Done)]);
}

/// With one crash an event still runs in company.
pub async fn one_crash_makes_no_suspect(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let (key, token) = s.started(worker, "h", "1").await;
    s.live(&[(worker, &[])], &[token]).await;
    assert_eq!(s.suspect(worker, &["h"]).await, None);
    let again = s.lease_one(worker, "h").await;
    assert_eq!((again.event.key, again.crashes), (key, 1));
}

/// From two crashes on, the one that its lapse would add among them, only `lease_suspect` gives it.
pub async fn a_suspect_is_never_leased_in_company(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let key = s.due("h", "1").await;
    let leased = s.crashed(worker, "h", SUSPECT_CRASHES - 1).await;
    s.live(&[(worker, &[])], &[leased.token]).await;
    let reply = s.lease(worker, &["h"]).await;
    assert!(reply.leased.is_empty());
    assert!(reply.suspect_first);
    let alone = s.suspect(worker, &["h"]).await.expect("it is due");
    assert_eq!((alone.event.key, alone.crashes), (key, SUSPECT_CRASHES));
    s.end(worker, key, alone.token, Verdict::HandBack).await;
    assert!(
        s.lease(worker, &["h"]).await.leased.is_empty(),
        "a hand-back forgives nothing"
    );
    assert_eq!(
        s.suspect(worker, &["h"]).await.expect("it is due").crashes,
        SUSPECT_CRASHES
    );
}

/// Whose turn it is: a suspect that is due before the first leased row says so.
pub async fn a_suspect_that_is_due_first_says_so(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h", "i"]).await;
    s.due("h", "suspect").await;
    let leased = s.crashed(worker, "h", SUSPECT_CRASHES).await;
    s.end(worker, leased.event.key, leased.token, Verdict::HandBack).await;
    s.advance(LEASE).await;
    s.due("i", "later").await;
    let reply = s.lease(worker, &["i"]).await;
    assert!(!reply.suspect_first, "a suspect of another handler is another's");
    s.record(build::outcome(worker, &reply.leased[0], Verdict::HandBack))
        .await;
    let reply = s.lease(worker, &["h", "i"]).await;
    assert_eq!((reply.leased.len(), reply.suspect_first), (1, true), "it is due before");
    s.pause(Some("h"), true).await;
    assert!(!s.lease(worker, &["h"]).await.suspect_first, "a paused one has no turn");
    assert_eq!(s.suspect(worker, &["h"]).await, None);
    s.pause(Some("h"), false).await;
    let alone = s.suspect(worker, &["h"]).await.expect("it is due");
    s.end(worker, alone.event.key, alone.token, Verdict::Unavailable(LEASE * 10))
        .await;
    assert!(
        !s.lease(worker, &["h"]).await.suspect_first,
        "what is not due has no turn"
    );
}

/// A suspect that is due later than the first leased row waits for its turn.
pub async fn a_suspect_that_is_due_later_waits(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    s.due("h", "suspect").await;
    let leased = s.crashed(worker, "h", SUSPECT_CRASHES).await;
    s.due("h", "earlier").await;
    s.advance(LEASE / 8).await;
    s.end(worker, leased.event.key, leased.token, Verdict::HandBack).await;
    let reply = s.lease(worker, &["h"]).await;
    assert_eq!((reply.leased.len(), reply.suspect_first), (1, false));
}

/// Of several suspects the oldest due is given, and only one.
pub async fn suspects_come_one_by_one_the_oldest_first(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    s.due("h", "1").await;
    let first = s.crashed(worker, "h", SUSPECT_CRASHES).await;
    s.end(worker, first.event.key, first.token, Verdict::Unavailable(LEASE * 30))
        .await;
    s.due("h", "2").await;
    let second = s.crashed(worker, "h", SUSPECT_CRASHES).await;
    s.end(worker, second.event.key, second.token, Verdict::HandBack).await;
    s.advance(LEASE * 40).await;
    s.live(&[(worker, &[])], &[]).await;
    let given = s.suspect(worker, &["h"]).await.expect("two are due");
    assert_eq!(given.event.key, second.event.key);
    let given = s.suspect(worker, &["h"]).await.expect("one is due");
    assert_eq!(given.event.key, first.event.key);
    assert_eq!(s.suspect(worker, &["h"]).await, None);
    assert_eq!(s.suspect(worker, &[]).await, None);
}

/// Any outcome of a run alone forgives all crashes; one in company forgives nothing.
pub async fn an_outcome_alone_forgives_crashes(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    for (i, verdict) in [Verdict::Retry(Duration::ZERO), Verdict::Unavailable(Duration::ZERO)]
        .into_iter()
        .enumerate()
    {
        let key = s.due("h", &i.to_string()).await;
        let leased = s.crashed(worker, "h", SUSPECT_CRASHES).await;
        s.record(build::outcome(worker, &leased, verdict.clone())).await;
        assert_eq!(s.get(key).await.work.expect("it waits").crashes, SUSPECT_CRASHES);
        let alone = s.suspect(worker, &["h"]).await.expect("it is due");
        let mut finished = build::outcome(worker, &alone, verdict);
        finished.alone = true;
        s.record(finished).await;
        let in_company = s.lease_one(worker, "h").await;
        assert_eq!((in_company.event.key, in_company.crashes), (key, 0));
        s.end(worker, key, in_company.token, Verdict::Done).await;
    }
}

/// A death alone forgives, too; a hand-back never does.
pub async fn a_death_alone_forgives_and_a_hand_back_does_not(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let key = s.due("h", "1").await;
    let leased = s.crashed(worker, "h", SUSPECT_CRASHES).await;
    let mut finished = build::outcome(worker, &leased, Verdict::HandBack);
    finished.alone = true;
    s.record(finished).await;
    assert_eq!(s.get(key).await.work.expect("it waits").crashes, SUSPECT_CRASHES);
    let alone = s.suspect(worker, &["h"]).await.expect("it is due");
    let mut finished = build::outcome(worker, &alone, Verdict::Dead(build::permanent("x")));
    finished.alone = true;
    assert_eq!(s.record(finished).await, Recorded::Counted);
    assert_eq!(s.get(key).await.death.expect("a letter").crashes, 0);
}

/// What would reach seven crashes is dead instead of leased, by either statement.
pub async fn seven_crashes_are_fatal(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    for (id, by_suspect) in [("1", false), ("2", true)] {
        let key = s.due("h", id).await;
        let last = s.crashed(worker, "h", FATAL_CRASHES - 1).await;
        let newcomer = s.worker(&["h"]).await;
        s.live(&[(worker, &[])], &[last.token]).await;
        s.join(newcomer, &["h"]).await;
        assert_eq!(
            s.lease(newcomer, &["h"]).await.died,
            0,
            "only who stands without a gap may judge"
        );
        s.expect(key, EventState::Running).await;
        if by_suspect {
            assert_eq!(s.suspect(worker, &["h"]).await, None);
        } else {
            let reply = s.lease(worker, &["h"]).await;
            assert_eq!((reply.leased.len(), reply.suspect_first, reply.died), (0, false, 1));
        }
        let record = s.get(key).await;
        let letter = record.death.expect("a letter");
        assert_eq!((record.state, letter.reason), (EventState::Dead, Reason::Crashed));
        assert_eq!(letter.message, "its worker's lease lapsed 7 times");
        assert_eq!((letter.attempt, letter.crashes), (0, FATAL_CRASHES));
        assert_eq!(letter.handler, Some(build::pattern("h")));
        let crashes = record.attempts.iter().filter(|a| a.result == AttemptResult::Crashed);
        assert_eq!(crashes.count(), 7);
        assert_eq!(s.lease(worker, &["h"]).await.died, 0);
    }
}

/// A requeue lowers crashes to two where they are higher, so that it runs alone first.
pub async fn a_requeue_lowers_crashes_to_two(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let key = s.due("h", "1").await;
    let last = s.crashed(worker, "h", FATAL_CRASHES - 1).await;
    s.live(&[(worker, &[])], &[last.token]).await;
    assert_eq!(s.lease(worker, &["h"]).await.died, 1);
    assert_eq!(s.change(LetterAction::Requeue, &[key]).await.applied, 1);
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    let alone = s.suspect(worker, &["h"]).await.expect("it is due");
    assert_eq!((alone.crashes, alone.attempt, alone.base), (SUSPECT_CRASHES, 0, 0));
}
