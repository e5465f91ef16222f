//! What people and crashes do to a queue: wiped, trimmed, without its group, with entries that nobody holds.

use std::time::Duration;

use eventflow_core::{Appended, Queue as _, WorkerId};
use eventflow_testkit::QueueRig as _;

use crate::rig::{BRIEF, Rig, claim, events, read};

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn after_a_flush_the_group_is_back_and_later_events_flow() {
    let rig = Rig::with_partitions(3).await;
    rig.append_new(&events(0..10)).await;
    let mut reader = rig.reader();
    claim(&mut reader, 10).await;
    rig.queue.tend().await.expect("tended");
    rig.flush().await;
    rig.append_new(&events(0..5)).await;
    // Without its group the stream is not what is looked for: what was seen before stands.
    rig.queue.tend().await.expect("tended");
    let claimed = claim(&mut reader, 5).await;
    assert!(claimed.group_remade);
    assert_eq!(claimed.destroyed, 10, "as many as stood there at the last look");
    assert_eq!(rig.settle(&claimed.entries).await, 5);
    assert!(!reader.claim(10, BRIEF).await.expect("read").group_remade, "said once");
    let partitions: String = rig.run(&["GET", "ef:{events}:partitions"]).await;
    assert_eq!(partitions, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waits_while_the_stream_is_deleted_goes_on() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    let deleted = async {
        loop {
            let info: String = rig.run(&["INFO", "clients"]).await;
            if info.contains("blocked_clients:1") {
                break;
            }
            tokio::task::yield_now().await;
        }
        rig.delete_streams().await;
    };
    let (claimed, ()) = tokio::join!(reader.claim(10, Duration::from_mins(1)), deleted);
    assert!(claimed.expect("no error").group_remade);
    rig.append_new(&events(0..1)).await;
    assert_eq!(claim(&mut reader, 1).await.entries.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_vanishes_again_and_again_is_no_tight_loop() {
    let rig = Rig::start().await;
    let mut reader = rig.reader();
    let mut remade = 0;
    for _ in 0..20 {
        rig.delete_streams().await;
        remade += u32::from(reader.claim(1, Duration::ZERO).await.expect("no error").group_remade);
    }
    assert!(remade < 20, "made anew at every single read");
    rig.append_new(&events(0..1)).await;
    claim(&mut reader, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trimmed_unread_is_gone_and_accepted_anew() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..10)).await;
    rig.delete_entries().await;
    assert_eq!(rig.depth().await, (0, 0));
    rig.append_new(&events(0..10)).await;
    assert_eq!(read(&claim(&mut rig.reader(), 10).await.entries), events(0..10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_trimmed_while_pending_is_reported_once_as_destroyed() {
    let rig = Rig::with_partitions(2).await;
    rig.append_new(&events(0..300)).await;
    let mut dead = rig.reader();
    claim(&mut dead, 300).await;
    rig.delete_entries().await;
    rig.append_new(&events(0..1)).await;
    rig.age(HOUR).await;
    let mut heir = rig.reader();
    let claimed = heir.take_over(HOUR, 128).await.expect("taken over");
    assert_eq!((claimed.entries.len(), claimed.destroyed), (0, 300));
    assert_eq!(heir.take_over(HOUR, 128).await.expect("taken over").destroyed, 0);
    assert_eq!(rig.depth().await, (1, 0));
    // Deleted ids are a reason to sweep: 299 marks have no entry any more.
    assert_eq!(rig.queue.tend().await.expect("tended").stale_marks, 299);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_destroyed_in_hand_is_settled_like_anything() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    let mut reader = rig.reader();
    let entries = claim(&mut reader, 1).await.entries;
    rig.delete_entries().await;
    assert_eq!(rig.settle(&entries).await, 0);
    assert!(
        rig.mark_left(&events(0..1)[0]).await > 0,
        "it is in the ledger: the window began"
    );
    assert_eq!(rig.depth().await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_nobody_holds_are_taken_up_in_steps_and_given_again() {
    let rig = Rig::with_partitions(2).await;
    rig.append_new(&events(0..500)).await;
    let forgotten = WorkerId::new();
    let (mut a, mut b) = (rig.queue.reader(forgotten), rig.reader());
    let mut held = 0;
    let mut lost = 0;
    while held + lost < 500 {
        lost += a.claim(40, BRIEF).await.expect("read").entries.len();
        held += b.claim(30, BRIEF).await.expect("read").entries.len();
    }
    rig.append_new(&events(500..510)).await;
    rig.forget_consumer(forgotten).await;
    assert_eq!(rig.depth().await, (510, held as u64));

    let mut found = 0;
    crate::rig::until("all ghosts are found", async || {
        found += rig.queue.tend().await.expect("tended").ghosts;
        (found >= lost as u64).then_some(())
    })
    .await;
    assert_eq!(found, lost as u64);
    assert_eq!(rig.depth().await, (510, 500));

    // At once for whoever takes over, and without touching what is held or unread.
    let mut heir = rig.reader();
    let mut taken = 0;
    loop {
        let claimed = heir.take_over(HOUR, 128).await.expect("taken over");
        if claimed.entries.is_empty() {
            break;
        }
        taken += claimed.entries.len();
        rig.settle(&claimed.entries).await;
    }
    assert_eq!(taken, lost);
    for _ in 0..10 {
        assert_eq!(rig.queue.tend().await.expect("tended").ghosts, 0);
    }
    assert_eq!(claim(&mut heir, 10).await.entries.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_what_became_a_ghost_leaves_it_to_be_given_again() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    let worker = WorkerId::new();
    let mut reader = rig.queue.reader(worker);
    let entries = claim(&mut reader, 1).await.entries;
    rig.forget_consumer(worker).await;
    assert_eq!(
        rig.settle(&entries).await,
        0,
        "nothing is deleted that was not acknowledged"
    );
    assert_eq!(rig.queue.tend().await.expect("tended").ghosts, 1);
    let again = reader.take_over(HOUR, 10).await.expect("taken over").entries;
    assert_eq!(rig.settle(&again).await, 1);
    let answers = rig.queue.append(&events(0..1)).await;
    assert_eq!(*answers[0].as_ref().expect("answered"), Appended::Duplicate);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_group_the_depth_is_told_and_nothing_is_tended() {
    let rig = Rig::start().await;
    rig.append_new(&events(0..3)).await;
    let _: i64 = rig.run(&["XGROUP", "DESTROY", &rig.stream(0), "workers"]).await;
    assert_eq!(rig.depth().await, (3, 0));
    assert_eq!(rig.queue.tend().await.expect("tended").ghosts, 0);
    assert!(rig.reader().take_over(HOUR, 10).await.expect("no error").group_remade);
    assert_eq!(claim(&mut rig.reader(), 3).await.entries.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_of_the_gone_are_removed_and_never_one_that_holds_something() {
    const SCRIPT: &str = include_str!("../../src/scripts/consumers.lua");
    let rig = Rig::start().await;
    rig.append_new(&events(0..1)).await;
    claim(&mut rig.reader(), 1).await;
    rig.append_new(&events(1..2)).await;
    let mut here = rig.reader();
    rig.settle(&claim(&mut here, 1).await.entries).await;
    let consumers = async || -> usize {
        let list: Vec<redis::Value> = rig.run(&["XINFO", "CONSUMERS", &rig.stream(0), "workers"]).await;
        list.len()
    };
    rig.queue.tend().await.expect("tended");
    assert_eq!(consumers().await, 2, "both are young");
    // As if both had not asked for long.
    let removed: u64 = rig.run(&["EVAL", SCRIPT, "1", &rig.stream(0), "workers", "-1"]).await;
    assert_eq!((removed, consumers().await), (1, 1));
    assert_eq!(rig.depth().await, (1, 1));
    rig.append_new(&events(2..3)).await;
    assert_eq!(
        claim(&mut here, 1).await.entries.len(),
        1,
        "who lives comes back by itself"
    );
}
