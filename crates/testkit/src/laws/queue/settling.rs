//! Law 8: an entry is settled once, and settling touches nothing else.

use eventflow_core::{Appended, Settlement, WorkerId};

use crate::build::event;
use crate::laws::desk::{Desk, IDLE, event_of, settlement};
use crate::rig::QueueRig;

/// A settled entry is gone, and never comes again.
pub async fn a_settled_entry_is_gone(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events: Vec<_> = (0..3).map(|i| event("t", &format!("{i}"), "1").shared()).collect();
    d.append_all(&events).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let entries = d.claim_all(reader.as_mut()).await;
    assert_eq!(d.settle(&[settlement(&entries[0]), settlement(&entries[2])]).await, 2);
    assert_eq!(d.depth().await, (1, 1));
    rig.age(IDLE * 2).await;
    let left = d.take_over_all(reader.as_mut()).await.entries;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, entries[1].id);
    assert_eq!(d.settle(&[]).await, 0);
}

/// Settling is safe to repeat, and a repeat after its event came anew touches nothing of it.
pub async fn settling_is_safe_to_repeat(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "1").shared();
    d.append(event.clone()).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let first = settlement(&d.claim_all(reader.as_mut()).await[0]);
    assert_eq!(d.settle(std::slice::from_ref(&first)).await, 1);
    assert_eq!(d.settle(std::slice::from_ref(&first)).await, 0);
    assert_eq!(d.append(event.clone()).await, Appended::Duplicate);
    rig.expire_marks().await;
    assert_eq!(d.append(event.clone()).await, Appended::Accepted);
    assert_eq!(d.settle(std::slice::from_ref(&first)).await, 0);
    let without_mark = Settlement {
        keep_mark: false,
        ..first
    };
    assert_eq!(d.settle(&[without_mark]).await, 0);
    assert!(d.find(event.key).await.is_some(), "its mark names another entry");
    rig.expire_marks().await;
    assert_eq!(d.append(event).await, Appended::Duplicate);
}

/// What nobody was given is not settled by whoever names it.
pub async fn what_was_not_given_is_not_settled(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "1").shared();
    d.append(event.clone()).await;
    let queued = d.find(event.key).await.expect("it waits");
    let settlement = Settlement {
        id: queued.id,
        key: Some(event.key),
        keep_mark: true,
    };
    assert_eq!(d.settle(&[settlement]).await, 0);
    assert_eq!(d.depth().await, (1, 0));
    let mut reader = d.queue.reader(WorkerId::new());
    assert_eq!(d.claim_all(reader.as_mut()).await.len(), 1);
}

/// Who was overtaken settles what another holds: it is committed, whoever says so.
pub async fn a_zombie_may_settle_what_it_saw_committed(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    d.append(event("t", "1", "1")).await;
    let (mut a, mut b) = (d.queue.reader(WorkerId::new()), d.queue.reader(WorkerId::new()));
    let entry = d.claim_all(a.as_mut()).await.remove(0);
    rig.age(IDLE * 2).await;
    assert_eq!(d.take_over_all(b.as_mut()).await.entries.len(), 1);
    assert_eq!(d.settle(&[settlement(&entry)]).await, 1);
    assert_eq!(d.settle(&[settlement(&entry)]).await, 0);
    assert_eq!(d.depth().await, (0, 0));
}

/// An entry without a key is settled like any other, and touches no mark.
pub async fn an_entry_without_a_key_is_settled(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "1").shared();
    d.append(event.clone()).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let entry = d.claim_all(reader.as_mut()).await.remove(0);
    let keyless = Settlement {
        id: entry.id,
        key: None,
        keep_mark: false,
    };
    assert_eq!(d.settle(&[keyless]).await, 1);
    assert_eq!(
        d.append(event).await,
        Appended::Accepted,
        "a mark without an end whose entry is gone does not count"
    );
}

/// An event is found by its key from its append until it is settled, and no longer.
pub async fn an_event_is_found_until_it_is_settled(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let event = event("t", "1", "{\"a\": 1}").shared();
    assert!(d.find(event.key).await.is_none());
    d.append(event.clone()).await;
    let queued = d.find(event.key).await.expect("it waits");
    assert_eq!(queued.event, event);
    let mut reader = d.queue.reader(WorkerId::new());
    let entry = d.claim_all(reader.as_mut()).await.remove(0);
    assert_eq!((event_of(&entry), &entry.id), (&event, &queued.id));
    assert_eq!(d.find(event.key).await, Some(queued));
    d.settle(&[settlement(&entry)]).await;
    assert!(d.find(event.key).await.is_none());
    d.append(crate::event("t", "2", "1")).await;
    let other = crate::event("t", "2", "1").build().key;
    rig.delete_entries().await;
    assert!(d.find(other).await.is_none(), "it was destroyed");
}

/// The depth is exact: entries, pending, and the time of the oldest.
pub async fn the_depth_is_exact(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    assert_eq!(d.depth().await, (0, 0));
    let depth = d.queue.depth().await.expect("told");
    assert!(!depth.is_empty());
    assert!(
        depth
            .iter()
            .zip(0..)
            .all(|(p, number)| p.partition == number && p.oldest.is_none())
    );
    let events: Vec<_> = (0..10).map(|i| event("t", &format!("{i}"), "1").shared()).collect();
    d.append_all(&events).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let entries = d.claim(reader.as_mut(), 4).await.entries;
    assert_eq!(d.depth().await, (10, 4));
    let depth = d.queue.depth().await.expect("told");
    assert!(depth.iter().all(|p| p.oldest.is_some() == (p.entries > 0)));
    d.settle(&[settlement(&entries[0])]).await;
    assert_eq!(d.depth().await, (9, 3));
}

/// Marks whose entry was destroyed are swept; marks of waiting, pending and settled events stay.
pub async fn marks_without_an_entry_are_swept(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let destroyed: Vec<_> = (0..3).map(|i| event("t", &format!("{i}"), "1").shared()).collect();
    let settled = event("t", "settled", "1").shared();
    d.append(settled.clone()).await;
    let mut reader = d.queue.reader(WorkerId::new());
    let entry = d.claim_all(reader.as_mut()).await.remove(0);
    d.settle(&[settlement(&entry)]).await;
    d.append_all(&destroyed).await;
    rig.delete_streams().await;
    let waits = event("t", "waits", "1").shared();
    d.append(waits.clone()).await;
    d.claim_all(reader.as_mut()).await;
    let mut swept = 0;
    for _ in 0..100 {
        swept += d.queue.tend().await.expect("tended").stale_marks;
    }
    assert_eq!(swept, 3);
    assert_eq!(d.append_all(&[waits, settled]).await, [Appended::Duplicate; 2]);
}

/// Housekeeping says which window is in force.
pub async fn the_window_in_force_is_told(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    assert!(!d.queue.tend().await.expect("tended").window.is_zero());
}
