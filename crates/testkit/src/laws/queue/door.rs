//! The door: what an append says, and what marks do.

use std::sync::Arc;

use eventflow_core::{Appended, Event, WorkerId};

use crate::build::event;
use crate::laws::desk::{Desk, event_of, keys_of, settlement};
use crate::rig::QueueRig;

/// What is appended is given again as it was, every member of it.
pub async fn what_is_appended_is_given_as_it_was(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events = [
        event("t", "json", "{ \"n\": 1e0,\n \"ü\":\"\\u00e9\"}")
            .source("checkout/ü")
            .subject("a subject")
            .traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .extensions("{\"dataschema\":\"https://example.org\", \"x\" :1}")
            .shared(),
        event("t", "empty", "").generated_id().shared(),
        event("t", "bytes", "").binary(&[0, 255, 0, 13, 10, 128]).shared(),
        event("t", "no bytes", "").binary(&[]).shared(),
    ];
    assert_eq!(d.append_all(&events).await, [Appended::Accepted; 4]);
    let mut reader = d.queue.reader(WorkerId::new());
    let entries = d.claim_all(reader.as_mut()).await;
    assert_eq!(entries.len(), events.len());
    for event in &events {
        let entry = entries
            .iter()
            .find(|entry| event_of(entry).key == event.key)
            .expect("it is given");
        assert_eq!(event_of(entry), event);
        assert_eq!(entry.deliveries, 1);
    }
}

/// The same again is a duplicate, while it waits and while somebody holds it.
pub async fn the_same_again_is_a_duplicate(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "1").shared();
    assert_eq!(d.append(event.clone()).await, Appended::Accepted);
    assert_eq!(d.append(event.clone()).await, Appended::Duplicate);
    let mut reader = d.queue.reader(WorkerId::new());
    assert_eq!(d.claim_all(reader.as_mut()).await.len(), 1);
    assert_eq!(d.append(event).await, Appended::Duplicate);
    assert_eq!(d.depth().await, (1, 1));
}

/// Another payload under an id is told apart, and not taken.
pub async fn another_payload_is_told_apart(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    assert_eq!(d.append(event("t", "1", "1")).await, Appended::Accepted);
    assert_eq!(d.append(event("t", "1", "2")).await, Appended::OtherPayload);
    assert_eq!(d.append(event("u", "1", "1")).await, Appended::OtherPayload);
    assert_eq!(d.append(event("t", "1", "1").source("s")).await, Appended::Accepted);
    assert_eq!(d.depth().await.0, 2);
}

/// Within one call, too, the second of a key is a duplicate or another payload; answers are aligned.
pub async fn within_one_call_the_first_of_a_key_leads(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events: Vec<Arc<Event>> = [("1", "1"), ("2", "1"), ("1", "1"), ("1", "2"), ("2", "1"), ("3", "1")]
        .into_iter()
        .map(|(id, json)| event("t", id, json).shared())
        .collect();
    let said = d.append_all(&events).await;
    assert_eq!(
        said,
        [
            Appended::Accepted,
            Appended::Accepted,
            Appended::Duplicate,
            Appended::OtherPayload,
            Appended::Duplicate,
            Appended::Accepted,
        ]
    );
    assert_eq!(d.depth().await.0, 3);
    assert!(d.queue.append(&[]).await.is_empty());
}

/// A settled event's mark stays for the window where its producer chose the id, and goes at once otherwise.
pub async fn a_mark_outlives_its_entry_for_the_window(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let given = event("t", "given", "1").shared();
    let made = event("t", "made", "1").generated_id().shared();
    d.append_all(&[given.clone(), made.clone()]).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let settlements: Vec<_> = d.claim_all(reader.as_mut()).await.iter().map(settlement).collect();
    assert_eq!(d.settle(&settlements).await, 2);
    assert_eq!(d.append(given.clone()).await, Appended::Duplicate);
    assert_eq!(d.append(event("t", "given", "2")).await, Appended::OtherPayload);
    assert_eq!(d.append(made).await, Appended::Accepted);
    rig.expire_marks().await;
    assert_eq!(d.append(given.clone()).await, Appended::Accepted, "the window is over");
    assert_eq!(d.append(given).await, Appended::Duplicate);
}

/// While its event is pending a mark has no end.
pub async fn a_pending_events_mark_has_no_end(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let (waits, held) = (event("t", "1", "1").shared(), event("t", "2", "1").shared());
    d.append(held.clone()).await;
    let mut reader = d.queue.reader(WorkerId::new());
    d.claim_all(reader.as_mut()).await;
    d.append(waits.clone()).await;
    rig.expire_marks().await;
    assert_eq!(d.append_all(&[waits, held]).await, [Appended::Duplicate; 2]);
}

/// A mark whose entry was destroyed does not count: a producer's repeat is accepted anew, whatever it carries.
pub async fn what_was_destroyed_is_accepted_anew(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let (waits, held, other) = (event("t", "1", "1"), event("t", "2", "1"), event("t", "3", "1"));
    let mut reader = d.queue.reader(WorkerId::new());
    d.append(held.clone()).await;
    d.claim_all(reader.as_mut()).await;
    d.append_all(&[waits.clone().shared(), other.shared()]).await;
    rig.delete_entries().await;
    assert_eq!(d.append(waits.clone()).await, Appended::Accepted);
    assert_eq!(d.append(waits.clone()).await, Appended::Duplicate);
    assert_eq!(d.append(held.clone()).await, Appended::Accepted);
    assert_eq!(d.append(event("t", "3", "2")).await, Appended::Accepted);
    rig.delete_streams().await;
    assert_eq!(d.append(waits.clone()).await, Appended::Accepted);
    rig.flush().await;
    assert_eq!(d.append(waits.clone()).await, Appended::Accepted);
    let entries = d.claim_all(reader.as_mut()).await;
    assert_eq!(
        keys_of(&entries),
        [waits.build().key],
        "later events flow, though the group was gone"
    );
}

/// A full queue takes nothing and says so; what is in it can be read and settled, and it takes again afterwards.
pub async fn a_full_queue_can_be_drained(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let (first, second) = (event("t", "1", "1").shared(), event("t", "2", "1").shared());
    let more = event("t", "3", "1").shared();
    d.append_all(&[first.clone(), second]).await;
    rig.set_full(true).await;
    let said = d.queue.append(std::slice::from_ref(&more)).await;
    let error = said.into_iter().next().expect("one answer").expect_err("it is full");
    assert!(error.is_transient(), "{error}");
    let mut reader = d.queue.reader(WorkerId::new());
    let settlements: Vec<_> = d.claim_all(reader.as_mut()).await.iter().map(settlement).collect();
    assert_eq!(d.settle(&settlements).await, 2);
    assert_eq!(d.depth().await, (0, 0));
    rig.set_full(false).await;
    assert_eq!(d.append(more).await, Appended::Accepted);
    assert_eq!(
        d.append(first).await,
        Appended::Duplicate,
        "its mark was given its end while the queue was full"
    );
}

/// Of many appends of one event at once, exactly one is accepted.
pub async fn of_many_appends_at_once_one_is_accepted(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "1").shared();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (queue, event) = (d.queue.clone(), event.clone());
        tasks.spawn(async move { queue.append(&[event]).await.remove(0).expect("answered") });
    }
    let said = tasks.join_all().await;
    assert_eq!(said.iter().filter(|said| **said == Appended::Accepted).count(), 1);
    assert_eq!(said.iter().filter(|said| **said == Appended::Duplicate).count(), 7);
    assert_eq!(d.depth().await.0, 1);
}
