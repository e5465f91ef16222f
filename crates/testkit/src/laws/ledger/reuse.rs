//! Laws 4 and 7: another payload under a taken id is never dropped silently, and a dead letter keeps its payload.

use eventflow_core::{Admitted, Death, EventState, Fate, LetterAction, LetterFilter, Page, Payload, Reason, Refusal};

use crate::build::{self, event, pattern};
use crate::laws::Stage;
use crate::rig::LedgerRig;

/// Another payload under a taken id is told, and nothing is written of it, whatever the row's state.
pub async fn another_payload_is_told_and_not_written(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let worker = s.worker(&["h"]).await;
    let due = s.due("h", "due").await;
    let (running, _) = s.started(worker, "h", "running").await;
    let done = s.stored("done").await;
    let dead = s.dead(worker, "h", "dead").await;
    for key in [due, running, done, dead] {
        let before = s.get(key).await;
        let other = event("h", &before.event.id, "{\"another\": true}").build();
        assert_eq!(other.key, key);
        assert_eq!(s.admit_one(other, Fate::Due(pattern("h"))).await, Admitted::Reused);
        assert_eq!(s.get(key).await, before);
    }
}

/// The same data under another type is another payload.
pub async fn another_type_is_another_payload(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.admit_one(event("t", "1", "{}"), Fate::Done).await;
    assert_eq!(s.admit_one(event("u", "1", "{}"), Fate::Done).await, Admitted::Reused);
    assert_eq!(s.admit_one(event("t", "1", "{ }"), Fate::Done).await, Admitted::Reused);
    assert_eq!(
        s.admit_one(event("t", "1", "{}").subject("s"), Fate::Done).await,
        Admitted::Copy
    );
}

/// It becomes a dead letter of its own, which the first one lists, dead or discarded.
pub async fn another_payload_is_a_dead_letter_that_the_first_lists(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let first = event("t", "1", "1").build();
    s.admit_one(first.clone(), Fate::Done).await;
    let mut keys = Vec::new();
    for json in ["2", "3"] {
        let row = build::reused(&event("t", "1", json).build());
        keys.push(row.event.key);
        let payload = row.event.data.clone();
        let key = row.event.key;
        assert_eq!(
            s.admit(vec![row.clone()], None).await,
            [Admitted::New { started: false }]
        );
        assert_eq!(s.admit(vec![row], None).await, [Admitted::Copy]);
        let record = s.get(key).await;
        let letter = record.death.expect("a letter");
        assert_eq!((record.state, letter.reason), (EventState::Dead, Reason::IdReused));
        assert_eq!((letter.original, record.event.data), (Some(first.key), payload));
    }
    keys.sort_unstable();
    assert_eq!(s.get(first.key).await.id_reused, keys);
    s.change(LetterAction::Discard, &keys[..1]).await;
    assert_eq!(s.get(first.key).await.id_reused, keys);
    assert!(s.get(keys[1]).await.id_reused.is_empty());
}

/// What never was the event of its id, or no event at all, never runs; it can be discarded and restored.
pub async fn what_is_no_event_never_runs(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    s.worker(&["h"]).await;
    s.admit_one(event("h", "1", "1"), Fate::Done).await;
    let reused = build::reused(&event("h", "1", "2").build());
    let unreadable = event("h", "raw", "").binary(b"\x00\xff").shared();
    let keys = [reused.event.key, unreadable.key];
    s.admit(vec![reused], None).await;
    let death = Death::new(Reason::Unreadable, "no event can be made of it");
    s.admit_one(unreadable, Fate::Dead(death)).await;
    for key in keys {
        let job = s.change(LetterAction::Requeue, &[key]).await;
        assert_eq!((job.applied, job.refused), (0, vec![(key, Refusal::NeverRuns)]));
        s.expect(key, EventState::Dead).await;
        assert_eq!(s.change(LetterAction::Discard, &[key]).await.applied, 1);
        assert_eq!(s.change(LetterAction::Restore, &[key]).await.applied, 1);
    }
}

/// What cannot be stored as text is kept as bytes: a dead letter has its payload, byte for byte.
pub async fn a_dead_letter_keeps_its_payload(rig: &dyn LedgerRig) {
    let s = Stage::new(rig);
    let all: Vec<u8> = (0..=255).collect();
    let payloads = [
        all.as_slice(),
        b"{\"nul\": \"\\u0000\"}",
        b"\xed\xa0\x80",
        b"{\"a\": 1e400}",
    ];
    for (i, payload) in payloads.into_iter().enumerate() {
        let event = event("t", &i.to_string(), "").binary(payload).build();
        let death = Death::new(Reason::Unstorable, "the store refuses it");
        s.admit_one(event.clone(), Fate::Dead(death)).await;
        assert_eq!(
            s.get(event.key).await.event.data,
            Payload::Binary(payload.to_vec().into())
        );
    }
    let page = Page {
        after: None,
        limit: 10,
        with_data: true,
        with_runs: false,
    };
    let letters = s.archive.letters(&LetterFilter::default(), page).await.expect("listed");
    assert_eq!(letters.len(), 4);
    assert!(
        letters
            .iter()
            .all(|letter| matches!(letter.event.data, Payload::Binary(_)))
    );
}
