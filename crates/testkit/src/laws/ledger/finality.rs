//! Law 3: `done`, `dead` and `discarded` are final; only a requeue reopens, only a restore takes a discard back.

use std::time::Duration;

use eventflow_core::{EventKey, EventState, LetterAction, Recorded, Refusal, Verdict};

use crate::build;
use crate::laws::{LEASE, Stage};
use crate::rig::LedgerRig;

/// Nothing that workers do touches what has ended.
pub async fn nothing_that_workers_do_touches_what_has_ended(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.mature_worker(&["h"]).await;
    let stored = s.stored("stored").await;
    let (done, done_token) = s.started(worker, "h", "done").await;
    s.end(worker, done, done_token, Verdict::Done).await;
    let dead = s.dead(worker, "h", "dead").await;
    let discarded = s.dead(worker, "h", "discarded").await;
    s.change(LetterAction::Discard, &[discarded]).await;
    let keys = [stored, done, dead, discarded];
    let mut before = Vec::new();
    for key in keys {
        before.push(s.get(key).await);
    }
    assert_eq!(
        s.end(worker, done, done_token, Verdict::Retry(Duration::ZERO)).await,
        Recorded::Stale
    );
    let running: Vec<_> = keys.iter().map(|key| (*key, done_token)).collect();
    assert_eq!(s.renew(worker, &running).await.lost.len(), 4);
    s.live(&[(worker, &[])], &[]).await;
    assert!(s.lease(worker, &["h"]).await.leased.is_empty());
    assert_eq!(s.suspect(worker, &["h"]).await, None);
    assert_eq!(s.ledger.rematch(Some(worker), LEASE, 100).await.expect("matched"), 0);
    s.ledger.leave(worker).await.expect("it leaves");
    for (key, before) in keys.into_iter().zip(before) {
        assert_eq!(s.get(key).await, before);
    }
}

async fn refused(s: &Stage<'_>, action: LetterAction, key: EventKey) {
    let before = s.get(key).await;
    let job = s.change(action, &[key]).await;
    assert_eq!(
        (job.applied, job.refused),
        (0, vec![(key, Refusal::NotDead)]),
        "{action:?} {}",
        before.state
    );
    assert_eq!(s.get(key).await, before);
}

/// Each action has one state that it starts from; from any other it is refused and changes nothing.
pub async fn each_action_has_the_state_it_starts_from(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let due = s.due("h", "due").await;
    let (running, _) = s.started(worker, "h", "running").await;
    let done = s.stored("done").await;
    let dead = s.dead(worker, "h", "dead").await;
    let discarded = s.dead(worker, "h", "discarded").await;
    assert_eq!(s.change(LetterAction::Discard, &[discarded]).await.applied, 1);
    s.expect(discarded, EventState::Discarded).await;
    for key in [due, running, done] {
        for action in [LetterAction::Requeue, LetterAction::Discard, LetterAction::Restore] {
            refused(&s, action, key).await;
        }
    }
    refused(&s, LetterAction::Restore, dead).await;
    refused(&s, LetterAction::Requeue, discarded).await;
    refused(&s, LetterAction::Discard, discarded).await;
    assert_eq!(s.change(LetterAction::Restore, &[discarded]).await.applied, 1);
    s.expect(discarded, EventState::Dead).await;
    assert_eq!(s.change(LetterAction::Requeue, &[discarded]).await.applied, 1);
    s.expect(discarded, EventState::Due).await;
}

/// A discard keeps payload and letter; a restore gives back what was there.
pub async fn a_restore_gives_back_what_was_there(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    let before = s.get(key).await;
    s.change(LetterAction::Discard, &[key]).await;
    let discarded = s.get(key).await;
    assert_eq!((&discarded.event, &discarded.death), (&before.event, &before.death));
    s.change(LetterAction::Restore, &[key]).await;
    assert_eq!(s.get(key).await, before);
}

/// A reopened event that its handler finishes is done for good, and its letter is gone.
pub async fn a_reopened_event_ends_as_done(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let key = s.dead(worker, "h", "1").await;
    s.change(LetterAction::Requeue, &[key]).await;
    let reopened = s.get(key).await;
    assert_eq!((reopened.state, &reopened.death), (EventState::Due, &None));
    let leased = s.lease_one(worker, "h").await;
    s.record(build::outcome(worker, &leased, Verdict::Done)).await;
    let record = s.get(key).await;
    assert_eq!(
        (record.state, record.death, record.work),
        (EventState::Done, None, None)
    );
    refused(&s, LetterAction::Requeue, key).await;
    assert_eq!(s.archive.letter_counts().await.expect("counted"), (0, 0));
}
