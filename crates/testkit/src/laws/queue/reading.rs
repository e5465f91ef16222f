//! Reading: what was appended is given, and given again until it is settled.

use std::sync::Arc;
use std::time::Duration;

use eventflow_core::{Appended, Event, WorkerId};

use crate::build::event;
use crate::laws::desk::{Desk, IDLE, keys_of, settlement};
use crate::rig::QueueRig;

async fn appended(d: &Desk<'_>, count: usize) -> Vec<Arc<Event>> {
    let mut events: Vec<_> = (0..count).map(|i| event("t", &format!("{i}"), "1").shared()).collect();
    assert_eq!(d.append_all(&events).await, vec![Appended::Accepted; count]);
    events.sort_by_key(|event| event.key);
    events
}

fn keys(events: &[Arc<Event>]) -> Vec<eventflow_core::EventKey> {
    events.iter().map(|event| event.key).collect()
}

/// Each entry is given to one reader, at most as many at once as were asked for.
pub async fn each_entry_is_given_to_one_reader(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events = appended(&d, 25).await;
    let mut readers = [d.queue.reader(WorkerId::new()), d.queue.reader(WorkerId::new())];
    let mut given = Vec::new();
    for turn in 0..20 {
        let claimed = d.claim(readers[turn % 2].as_mut(), 4).await;
        assert!(claimed.entries.len() <= 4);
        assert_eq!((claimed.destroyed, claimed.group_remade), (0, false));
        given.extend(claimed.entries);
    }
    assert_eq!(keys_of(&given), keys(&events));
    assert_eq!(d.depth().await, (25, 25));
}

/// A reader that waits is woken by an append.
pub async fn a_waiting_reader_is_woken(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let mut reader = d.queue.reader(WorkerId::new());
    let waits = tokio::spawn(async move { reader.claim(10, Duration::from_mins(1)).await });
    tokio::task::yield_now().await;
    let event = event("t", "1", "1").shared();
    d.append(event.clone()).await;
    let claimed = waits.await.expect("it ends").expect("it reads");
    assert_eq!(keys_of(&claimed.entries), [event.key]);
}

/// What is pending is not given again by reading, but taken over once it is idle; each delivery is counted.
pub async fn what_is_idle_is_taken_over(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events = appended(&d, 3).await;
    let (mut a, mut b) = (d.queue.reader(WorkerId::new()), d.queue.reader(WorkerId::new()));
    assert_eq!(d.claim_all(a.as_mut()).await.len(), 3);
    assert!(d.claim_all(b.as_mut()).await.is_empty());
    assert!(
        d.take_over_all(b.as_mut()).await.entries.is_empty(),
        "they are not idle"
    );
    for deliveries in 2..5 {
        rig.age(IDLE * 2).await;
        let taken = d.take_over_all(b.as_mut()).await.entries;
        assert_eq!(keys_of(&taken), keys(&events));
        assert!(taken.iter().all(|entry| entry.deliveries == deliveries), "{taken:?}");
        assert!(
            d.take_over_all(a.as_mut()).await.entries.is_empty(),
            "they were just given"
        );
    }
    rig.age(IDLE * 2).await;
    assert_eq!(
        d.take_over_all(a.as_mut()).await.entries.len(),
        3,
        "anyone takes them over"
    );
    assert_eq!(d.depth().await, (3, 3));
}

/// A take-over goes in steps until nothing idle is left, and leaves alone what is not idle.
pub async fn a_take_over_goes_in_steps(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events = appended(&d, 25).await;
    let (mut a, mut b) = (d.queue.reader(WorkerId::new()), d.queue.reader(WorkerId::new()));
    assert_eq!(d.claim_all(a.as_mut()).await.len(), 25);
    rig.age(IDLE * 2).await;
    let late = event("t", "late", "1").shared();
    d.append(late).await;
    assert_eq!(d.claim_all(a.as_mut()).await.len(), 1);
    let mut taken = Vec::new();
    loop {
        let claimed = b.take_over(IDLE, 4).await.expect("taken over");
        assert!(claimed.entries.len() <= 4);
        if claimed.entries.is_empty() {
            break;
        }
        taken.extend(claimed.entries);
    }
    assert_eq!(keys_of(&taken), keys(&events));
}

/// An entry that was given and that nobody holds is found by housekeeping, and comes round again.
pub async fn a_ghost_comes_round_again(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    let events = appended(&d, 3).await;
    let (gone, here) = (WorkerId::new(), WorkerId::new());
    let mut reader = d.queue.reader(gone);
    let claimed = d.claim(reader.as_mut(), 1).await.entries;
    assert_eq!(claimed.len(), 1);
    let mut other = d.queue.reader(here);
    assert_eq!(d.claim_all(other.as_mut()).await.len(), 2);
    rig.forget_consumer(gone).await;
    rig.age(IDLE * 2).await;
    assert_eq!(
        d.take_over_all(other.as_mut()).await.entries.len(),
        2,
        "nobody holds the third"
    );
    let mut ghosts = 0;
    for _ in 0..100 {
        ghosts += d.queue.tend().await.expect("tended").ghosts;
    }
    assert_eq!(ghosts, 1);
    rig.age(IDLE * 2).await;
    let taken = d.take_over_all(other.as_mut()).await.entries;
    assert_eq!(keys_of(&taken), keys(&events));
    assert_eq!(d.settle(&taken.iter().map(settlement).collect::<Vec<_>>()).await, 3);
    assert_eq!(d.depth().await, (0, 0));
}

/// What was pending and was destroyed is counted as a loss, and does not come again.
pub async fn what_was_destroyed_is_counted(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    appended(&d, 3).await;
    let mut reader = d.queue.reader(WorkerId::new());
    assert_eq!(d.claim_all(reader.as_mut()).await.len(), 3);
    rig.delete_entries().await;
    rig.age(IDLE * 2).await;
    let taken = d.take_over_all(reader.as_mut()).await;
    assert_eq!((taken.entries.len(), taken.destroyed), (0, 3));
    assert_eq!(d.take_over_all(reader.as_mut()).await.destroyed, 0);
    assert_eq!(d.depth().await, (0, 0));
}

/// A group that is gone is made anew at the beginning, so that nothing is skipped, and it is said.
pub async fn a_lost_group_is_made_anew_at_the_beginning(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    appended(&d, 2).await;
    let mut reader = d.queue.reader(WorkerId::new());
    assert_eq!(d.claim_all(reader.as_mut()).await.len(), 2);
    rig.flush().await;
    let event = event("t", "after", "1").shared();
    assert_eq!(d.append(event.clone()).await, Appended::Accepted);
    let mut remade = false;
    let mut entries = Vec::new();
    for _ in 0..10 {
        let claimed = d.claim(reader.as_mut(), 10).await;
        remade |= claimed.group_remade;
        entries.extend(claimed.entries);
    }
    assert!(remade);
    assert_eq!(keys_of(&entries), [event.key]);
}

/// Making what is missing is safe to repeat, and forgets nothing.
pub async fn ensuring_is_safe_to_repeat(rig: &dyn QueueRig) {
    let d = Desk::new(rig);
    appended(&d, 2).await;
    let mut reader = d.queue.reader(WorkerId::new());
    assert_eq!(d.claim(reader.as_mut(), 1).await.entries.len(), 1);
    d.queue.ensure().await.expect("ensured");
    assert_eq!(d.claim_all(reader.as_mut()).await.len(), 1);
    assert_eq!(d.depth().await, (2, 2));
}
